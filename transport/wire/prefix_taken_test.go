package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
)

const (
	prefixGenerateURL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
	prefixVertexURL   = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash:streamGenerateContent"
	prefixChatURL     = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"
	prefixOpenAIURL   = "https://api.openai.com/v1/chat/completions"
)

// takenOut sends a body through the dialect of a URL without its head and its first turns, and returns what is left, and the
// edits.
func takenOut(t testing.TB, url, body string, turns int) (string, *Edits) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	d, call, ok := new(Router).Recognise(http.MethodPost, req.URL)
	if !ok || call.Prefix == nil {
		t.Fatalf("%s has no prefix", url)
	}
	r := NewPrefixReader(call.Prefix)
	defer r.Release()
	var b transport.Body
	if err := b.Load(req, call.Prefix.Paths, r); err != nil {
		t.Fatal(err)
	}
	d.Request(&call, req.Header, b.Fields())
	edits := new(Edits)
	name := "cachedContents/1"
	d.Edit(&call, b.Fields(), Want{Cache: name, Held: Held{Prefix: r.Prefix(), Turns: turns}}, edits)
	if !edits.Taken {
		return "", edits
	}
	if err := b.Attach(req, false, edits.Body...); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	left, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(left), edits
}

func TestTakeOut(t *testing.T) {
	const (
		google = `"cachedContent":"cachedContents/1"`
		chat   = `"extra_body":{"google":{"cached_content":"cachedContents/1"}}`
	)
	for name, test := range map[string]struct {
		url, body string
		turns     int
		want      string
	}{
		"all of the head": {
			prefixGenerateURL, `{"tools":[{"googleSearch":{}}],"contents":[{"parts":[{"text":"a"}]},{"role":"model","parts":[]},{"parts":[{"text":"b"}]}],"systemInstruction":{"parts":[]},"toolConfig":{},"generationConfig":{"topK":1}}`, 2,
			`{` + google + `,"contents":[{"parts":[{"text":"b"}]}],"generationConfig":{"topK":1}}`,
		},
		"the other names": {
			prefixGenerateURL, `{"system_instruction":{"parts":[]},"tool_config":{},"contents":[{"parts":[{"text":"a"}]},{"parts":[{"text":"b"}]}]}`, 1,
			`{` + google + `,"contents":[{"parts":[{"text":"b"}]}]}`,
		},
		"the head alone": {
			prefixGenerateURL, `{"contents":[{"parts":[{"text":"a"}]}],"systemInstruction":{"parts":[]}}`, 0,
			`{` + google + `,"contents":[{"parts":[{"text":"a"}]}]}`,
		},
		"one turn that is no array": {
			prefixGenerateURL, `{"contents":{"parts":{"text":"a"}},"systemInstruction":{"parts":{"text":"s"}}}`, 0,
			`{` + google + `,"contents":{"parts":{"text":"a"}}}`,
		},
		"pretty": {
			prefixGenerateURL, "{\n  \"contents\" : [\n    {\"parts\": [{\"text\": \"a\"}]} ,\n    {\"parts\": [{\"text\": \"b\"}]}\n  ],\n  \"systemInstruction\" : {\"parts\": []},\n  \"safetySettings\": [ ]\n}\n", 1,
			"{" + google + ",\n  \"contents\" : [\n    {\"parts\": [{\"text\": \"b\"}]}\n  ],\n  \"safetySettings\": [ ]\n}\n",
		},
		"names in escapes": {
			prefixGenerateURL, `{"c\u006fntents":[{"parts":[{"text":"a"}]},{"parts":[{"text":"b"}]}],"system\u0049nstruction":{"parts":[]}}`, 1,
			`{` + google + `,"c\u006fntents":[{"parts":[{"text":"b"}]}]}`,
		},
		"an empty name of a cache": {
			prefixGenerateURL, `{"contents":[{"parts":[{"text":"a"}]},{"parts":[{"text":"b"}]}],"cached_content":null}`, 1,
			`{"contents":[{"parts":[{"text":"b"}]}],"cached_content":"cachedContents/1"}`,
		},
		"Vertex AI": {
			prefixVertexURL, `{"systemInstruction":{"parts":[]},"contents":[{"role":"user","parts":[]},{"role":"user","parts":[{"text":"b"}]}]}`, 1,
			`{"cachedContent":"projects/p/locations/us-central1/cachedContents/1","contents":[{"role":"user","parts":[{"text":"b"}]}]}`,
		},
		"chat": {
			prefixChatURL, `{"model":"gemini-2.5-flash","messages":[{"role":"system","content":"s"}, {"role":"user","content":"a"}, {"role":"assistant","content":"b"}, {"role":"user","content":"c"}],"n":1}`, 2,
			`{` + chat + `,"model":"gemini-2.5-flash","messages":[{"role":"user","content":"c"}],"n":1}`,
		},
		"chat, its system message alone": {
			prefixChatURL, `{"messages":[{"content":[{"type":"text","text":"s"}],"role":"system"},{"role":"user","content":"a"}],"extra_body":{"google":{"thinking_config":{}}}}`, 0,
			`{"messages":[{"role":"user","content":"a"}],"extra_body":{"google":{"cached_content":"cachedContents/1","thinking_config":{}}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, edits := takenOut(t, test.url, test.body, test.turns)
			if got != test.want {
				t.Errorf("left is\n%s\nwant\n%s\nproblem: %q", got, test.want, edits.Problem)
			}
		})
	}
}

// TestTakeOutNothing has requests of which nothing may be taken out. Nothing else is changed then.
func TestTakeOutNothing(t *testing.T) {
	const turns = `[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"role":"user","parts":[{"functionResponse":{"name":"f"}}]},{"role":"user","parts":[{"text":"b"}]}]`
	for name, test := range map[string]struct {
		url, body string
		turns     int
		problem   string
	}{
		"a cut between a call and its result": {prefixGenerateURL, `{"contents":` + turns + `}`, 2, "a cache may not end there"},
		"the last turn":                       {prefixGenerateURL, `{"contents":` + turns + `}`, 4, "a cache may not end there"},
		"nothing":                             {prefixGenerateURL, `{"contents":` + turns + `}`, 0, "a cache may not end there"},
		"a negative cut":                      {prefixGenerateURL, `{"contents":` + turns + `}`, -1, "a cache may not end there"},
		"a cache of the caller's":             {prefixGenerateURL, `{"contents":` + turns + `,"cachedContent":"cachedContents/2"}`, 3, "not the one that the request names"},
		"turns twice":                         {prefixGenerateURL, `{"contents":` + turns + `,"contents":` + turns + `}`, 3, "twice"},
		"both names of a field":               {prefixGenerateURL, `{"systemInstruction":{},"system_instruction":{},"contents":` + turns + `}`, 3, "twice"},
		"not valid":                           {prefixGenerateURL, `{"contents":` + turns + `,}`, 3, "not valid JSON"},
		"tools of a chat":                     {prefixChatURL, `{"tools":[],"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}`, 1, "a cache may not end there"},
		"media of a chat":                     {prefixChatURL, `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x"}}]},{"role":"user","content":"b"}]}`, 1, "a cache may not end there"},
		"a name in a chat":                    {prefixChatURL, `{"messages":[{"role":"user","content":"a","name":"x"},{"role":"user","content":"b"}]}`, 1, "a cache may not end there"},
		"two system messages":                 {prefixChatURL, `{"messages":[{"role":"system","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"b"}]}`, 0, "a cache may not end there"},
		"a late system message":               {prefixChatURL, `{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"b"}]}`, 2, "follows the first turn"},
		"no context caches":                   {prefixOpenAIURL, `{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}`, 1, "no context that a cache could hold"},
	} {
		if _, edits := takenOut(t, test.url, test.body, test.turns); edits.Taken || !strings.Contains(edits.Problem, test.problem) {
			t.Errorf("%s: taken is %t, and the problem %q, want %q", name, edits.Taken, edits.Problem, test.problem)
		}
	}
}

// TestTakeOutAnotherPrefix gives a dialect the prefix of another request.
func TestTakeOutAnotherPrefix(t *testing.T) {
	p := prefixOf(t, generatePrefix, `{"contents":[{"parts":[{"text":"aa"}]},{"parts":[{"text":"b"}]}]}`)
	for _, body := range []string{
		`{"contents":[{"parts":[{"text":"a"}]},{"parts":[{"text":"b"}]}]}`,
		`{"contents":[{"parts":[{"text":"aa"}]}]}`,
		`{"contents":[{"parts":[{"text":"aa"}]},{"parts":[{"text":"b"}]},{}]}`,
		`{"contents":{}}`, `{}`,
	} {
		fields, err := transport.Find([]byte(body), generatePrefix.Paths)
		if err != nil {
			t.Fatal(err)
		}
		call := newCall(&geminiModelShapes.generate)
		edits := new(Edits)
		geminiNative.Edit(&call, fields, Want{Cache: "cachedContents/1", Held: Held{Prefix: &p, Turns: 1}}, edits)
		if edits.Taken || edits.Problem == "" {
			t.Errorf("taken out of %s", body)
		}
	}
}

// TestTakeOutRandom takes every possible cut out of many requests, in memory and streamed, and compares what is left with the
// original: all other members are the same, byte for byte, and so are the turns that stay.
func TestTakeOutRandom(t *testing.T) {
	taken := 0
	for seed := range uint64(400) {
		url, format := prefixGenerateURL, googleFormat
		if seed%2 == 1 {
			url, format = prefixChatURL, chatFormat
		}
		m := &bodyMaker{rand.New(rand.NewPCG(seed, 5)), format}
		out := new(bytes.Buffer)
		original := m.body()
		scramble(m.Rand, out, parseNode([]byte(original)))
		body := out.String()
		if seed%3 == 0 { // so long that the edits are made while it is read
			body = `{"padding":"` + strings.Repeat("x", 70<<10) + `",` + strings.TrimPrefix(strings.TrimSpace(body), "{")
			if !json.Valid([]byte(body)) {
				continue
			}
		}
		p := prefixOf(t, prefixShapes[map[bool]string{true: "generate", false: "google chat"}[format == googleFormat]], body)
		for cut := range p.Cuts() {
			left, edits := takenOut(t, url, body, cut)
			if !edits.Taken {
				t.Fatalf("cut %d of %s: %s", cut, body, edits.Problem)
			}
			taken++
			checkLeft(t, body, left, format, &p, cut)
		}
	}
	if taken < 50 {
		t.Errorf("only %d cuts: too few to show anything", taken)
	}
}

// checkLeft checks what is left of a body.
func checkLeft(t *testing.T, body, left string, format prefixFormat, p *Prefix, cut int) {
	t.Helper()
	var was, is map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &was) != nil || json.Unmarshal([]byte(left), &is) != nil {
		t.Fatalf("not an object: %s", left)
	}
	array, gone := "contents", []string{"tools", "toolConfig", "tool_config", "systemInstruction", "system_instruction"}
	delete(is, "cachedContent")
	if format == chatFormat {
		array, gone = "messages", nil
		delete(is, "extra_body")
		cut += len(p.Head())
	}
	for _, name := range gone {
		delete(was, name)
	}
	var before, after []json.RawMessage
	if json.Unmarshal(was[array], &before) == nil {
		if json.Unmarshal(is[array], &after) != nil || fmt.Sprintf("%s", before[cut:]) != fmt.Sprintf("%s", after) {
			t.Fatalf("the turns after %d of\n%s\nare\n%s", cut, was[array], is[array])
		}
		delete(was, array)
		delete(is, array)
	}
	if fmt.Sprintf("%s", was) != fmt.Sprintf("%s", is) {
		t.Fatalf("left of\n%s\nis\n%s", body, left)
	}
}
