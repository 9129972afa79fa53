package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func reader(t testing.TB, set settings) *requestReader {
	t.Helper()
	r, err := newRequestReader(&set)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		text, id, path, body string
		to                   *service
		set                  settings
	}{
		{
			text: `{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-5"}}`,
			id:   "a", path: "/v1/chat/completions", body: `{"model":"gpt-5"}`, to: openAI,
		},
		{
			text: ` {"body":{"model":"gpt-5","stream":false,"background":null},"url":"/v1/responses","custom_id":"é\n"} `,
			id:   "é\n", path: "/v1/responses", body: `{"model":"gpt-5","stream":false,"background":null}`, to: openAI,
		},
		{
			text: `{"custom_id":"a","body":{"input":"x"}}`, set: settings{endpoint: "/v1/embeddings", model: "m"},
			id: "a", path: "/v1/embeddings", body: `{"model":"m","input":"x"}`, to: openAI,
		},
		{
			text: `{"custom_id":"a","url":"/v1/responses","body":{}}`, set: settings{model: `q"`},
			id: "a", path: "/v1/responses", body: `{"model":"q\""}`, to: openAI,
		},
		{
			text: `{"custom_id":"a","url":"/v1beta/openai/chat/completions","body":{"model":"gemini-2.5-flash"}}`,
			id:   "a", path: "/v1beta/openai/chat/completions", body: `{"model":"gemini-2.5-flash"}`, to: geminiCompatible,
		},
		{
			text: `{"custom_id":"a","url":"/v1/messages","body":{"model":"claude"}}`,
			id:   "a", path: "/v1/messages", body: `{"model":"claude"}`, to: anthropic,
		},
		{
			text: `{"custom_id":"a","params":{"model":"claude","max_tokens":1}}`,
			id:   "a", path: "/v1/messages", body: `{"model":"claude","max_tokens":1}`, to: anthropic,
		},
		{
			text: `{"key":"k","request":{"contents":[]}}`, set: settings{model: "models/gemini-2.5-pro"},
			id: "k", path: "/v1beta/models/gemini-2.5-pro:generateContent", body: `{"contents":[]}`, to: gemini,
		},
		{
			text: `{"contents":[]}`, set: settings{model: "gemini-2.5-pro"},
			id: "7", path: "/v1beta/models/gemini-2.5-pro:generateContent", body: `{"contents":[]}`, to: gemini,
		},
		{text: `{"model":"m","messages":[]}`, id: "7", path: "/v1/chat/completions", body: `{"model":"m","messages":[]}`, to: openAI},
		{text: `{"model":"m","input":[]}`, id: "7", path: "/v1/responses", body: `{"model":"m","input":[]}`, to: openAI},
		{
			text: `{"model":"m","input":"x"}`, set: settings{endpoint: "/v1/embeddings"},
			id: "7", path: "/v1/embeddings", body: `{"model":"m","input":"x"}`, to: openAI,
		},
	} {
		got, err := reader(t, c.set).read(line{number: 7, text: []byte(c.text)})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got.id != c.id || got.line != 7 || got.path != c.path || string(got.body) != c.body || got.to != c.to || got.sum == 0 {
			t.Errorf("%s: %+v with body %s", c.text, got, got.body)
		}
	}
}

func TestBadRequests(t *testing.T) {
	chat := `"url":"/v1/chat/completions"`
	for text, want := range map[string]string{
		`{"custom_id":"a",`:               "byte 17: it is not valid JSON",
		`{} {}`:                           "byte 4: it is not valid JSON",
		`[1]`:                             `want a JSON object, not one that begins with '['`,
		`null`:                            "want a JSON object, not null",
		`{"custom_id":1,"url":"/v1/x"}`:   `"custom_id": want a text`,
		`{"custom_id":"",` + chat + `}`:   `"custom_id": it is empty`,
		`{"custom_id":null,` + chat + `}`: `"custom_id": want a text`,
		`{` + chat + `,"body":{}}`:        `there is no "custom_id"`,
		`{"custom_id":"a",` + chat + `}`:  `there is no "body"`,
		`{"custom_id":"a",` + chat + `,"body":[]}`:                                       `"body": want a JSON object`,
		`{"custom_id":"a",` + chat + `,"body":null}`:                                     `"body": want a JSON object`,
		`{"custom_id":"a","body":{}}`:                                                    `there is no "url"`,
		`{"custom_id":"a","url":"v1/responses","body":{"model":"m"}}`:                    `"url": "v1/responses": want a path`,
		`{"custom_id":"a","url":"https://api.openai.com/v1/responses","body":{}}`:        `want a path`,
		`{"custom_id":"a","method":"GET",` + chat + `,"body":{}}`:                        `"method": want "POST"`,
		`{"custom_id":"a","method":7,` + chat + `,"body":{}}`:                            `"method": want "POST", not 7`,
		`{"custom_id":"a","metod":"POST",` + chat + `,"body":{}}`:                        `"metod": unknown member; want only custom_id, method, url, body`,
		`{"custom_id":"a",` + chat + `,"body":{}}`:                                       `no "model"`,
		`{"custom_id":"a",` + chat + `,"body":{"model":"m","stream":true}}`:              `"stream": leave it out`,
		`{"custom_id":"a",` + chat + `,"body":{"model":"m","stream":"yes"}}`:             `"stream": leave it out`,
		`{"custom_id":"a","url":"/v1/responses","body":{"model":"m","background":true}}`: `"background": leave it out`,
		`{"custom_id":"a","url":"/v1/batches","body":{"model":"m"}}`:                     "is no call that is answered at once",
		`{"custom_id":"a","url":"/v1/files","body":{"model":"m"}}`:                       "is no call that is answered at once",
		`{"custom_id":"a","url":"/v1/messages/count_tokens","body":{"model":"m"}}`:       "is no call that is answered at once",
		`{"custom_id":"a","url":"/v1beta/models/m:streamGenerateContent","body":{}}`:     "answers with a stream",
		`{"custom_id":"a","url":"/%zz","body":{"model":"m"}}`:                            "the path",
		`{"custom_id":"a","params":{"model":"m"},"x":1}`:                                 `"x": unknown member`,
		`{"custom_id":"a","params":{"model":"m","stream":true}}`:                         `"stream": leave it out`,
		`{"key":"k","request":{}}`:                                                       "name one by -model",
		`{"key":"k"}`:                                                                    `there is no "request"`,
		`{"request":{}}`:                                                                 `there is no "key"`,
		`{"contents":[]}`:                                                                "name one by -model",
		`{"prompt":"x"}`:                                                                 "want a line of a batch API",
		`{}`:                                                                             "want a line of a batch API",
		`{"messages":[]}`:                                                                `no "model"`,
	} {
		if got, err := reader(t, settings{}).read(line{number: 7, text: []byte(text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", text, got, err, want)
		}
	}
}

// TestRequestSum changes what is asked for.
func TestRequestSum(t *testing.T) {
	sums := map[uint64]string{}
	for _, text := range []string{
		`{"custom_id":"a","url":"/v1/responses","body":{"model":"m","input":"x"}}`,
		`{"custom_id":"a","url":"/v1/responses","body":{"model":"m","input":"y"}}`,
		`{"custom_id":"a","url":"/v1/embeddings","body":{"model":"m","input":"x"}}`,
	} {
		req, err := reader(t, settings{}).read(line{number: 1, text: []byte(text)})
		if err != nil || sums[req.sum] != "" {
			t.Errorf("%s has the sum of %s: %v", text, sums[req.sum], err)
		}
		sums[req.sum] = text
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(chatLine("a"))
	f.Add(`{"key":"k","request":{"contents":[]}}`)
	f.Add(`{"custom_id":"c","params":{"model":"claude"}}`)
	f.Add(`{"model":"m","input":"x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		req, err := reader(t, settings{model: "m"}).read(line{number: 3, text: []byte(text)})
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x00") && !strings.Contains(text, "\\") && !strings.ContainsAny(text, "\n\x00") {
				t.Errorf("the error is %q", err)
			}
			return
		}
		var body map[string]json.RawMessage
		if req.id == "" || req.path == "" || req.to == nil || json.Unmarshal(req.body, &body) != nil || body == nil {
			t.Errorf("%s: %+v", text, req)
		}
	})
}
