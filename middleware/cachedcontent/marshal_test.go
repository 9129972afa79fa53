package cachedcontent_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
)

func TestBody(t *testing.T) {
	tools, err := cachedcontent.FunctionTools(cachedcontent.Function{
		Name: "look", Description: "looks <up>", Parameters: json.RawMessage(`{"type":"OBJECT"}`),
	}, cachedcontent.Function{Name: "stop"})
	if err != nil {
		t.Fatal(err)
	}
	full := cachedcontent.Content{
		Model: flash, DisplayName: "Opticks", TTL: 1500 * time.Millisecond,
		System:     []cachedcontent.Part{cachedcontent.Text(`a "b" <c> & é`)},
		Tools:      tools,
		ToolConfig: cachedcontent.ToolMode("ANY", "look"),
		Turns: []cachedcontent.Turn{
			{Parts: []cachedcontent.Part{cachedcontent.FileURI("application/pdf", "gs://b/o"), cachedcontent.FileURI("", "https://x/files/y")}},
			cachedcontent.Model(cachedcontent.Data("image/png", []byte{0, 1, 2, 255})),
			cachedcontent.User(cachedcontent.Part{Raw: json.RawMessage(`{"functionResponse": {"name":"look","response":{"n":1.50}}}`)}),
		},
	}
	for _, test := range []struct {
		name   string
		change func(*cachedcontent.Content)
		want   string
	}{
		{"full", func(*cachedcontent.Content) {}, `{"model":"models/gemini-2.5-flash","displayName":"Opticks",` +
			`"systemInstruction":{"parts":[{"text":"a \"b\" <c> & é"}]},` +
			`"tools":[{"functionDeclarations":[{"name":"look","description":"looks <up>","parameters":{"type":"OBJECT"}},{"name":"stop"}]}],` +
			`"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["look"]}},` +
			`"contents":[{"role":"user","parts":[{"fileData":{"mimeType":"application/pdf","fileUri":"gs://b/o"}},{"fileData":{"fileUri":"https://x/files/y"}}]},` +
			`{"role":"model","parts":[{"inlineData":{"mimeType":"image/png","data":"AAEC/w=="}}]},` +
			`{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"n":1.50}}}]}],"ttl":"1.5s"}`},
		{"system only, until", func(c *cachedcontent.Content) {
			*c = cachedcontent.Content{Model: c.Model, System: c.System[:1], ExpireTime: time.Date(2100, 1, 2, 3, 4, 5, 600, time.FixedZone("", 3600))}
		}, `{"model":"models/gemini-2.5-flash","systemInstruction":{"parts":[{"text":"a \"b\" <c> & é"}]},"expireTime":"2100-01-02T02:04:05.0000006Z"}`},
		{"a whole hour", func(c *cachedcontent.Content) {
			*c = cachedcontent.Content{Model: c.Model, Tools: json.RawMessage(` [ {"googleSearch": {}} ] `), TTL: time.Hour}
		}, `{"model":"models/gemini-2.5-flash","tools":[{"googleSearch":{}}],"ttl":"3600s"}`},
		{"a nanosecond", func(c *cachedcontent.Content) {
			*c = cachedcontent.Content{Model: c.Model, Tools: json.RawMessage(`[]`), TTL: 1}
		}, `{"model":"models/gemini-2.5-flash","tools":[],"ttl":"0.000000001s"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := full
			test.change(&c)
			got, err := gemini(t, nil).Body(c)
			if err != nil || string(got) != test.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, test.want)
			}
		})
	}
	full.KMSKey = "k"
	got, err := vertex(t, nil).Body(cachedcontent.Content{Model: flash, Tools: json.RawMessage(`[{}]`), TTL: 10 * time.Second, KMSKey: "k"})
	want := `{"model":"projects/my-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash","tools":[{}],` +
		`"encryptionSpec":{"kmsKeyName":"k"},"ttl":"10s"}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestFunctionToolsErrors(t *testing.T) {
	for _, f := range []cachedcontent.Function{
		{},
		{Name: "x", Parameters: json.RawMessage(`{`)},
		{Name: "x", Parameters: json.RawMessage(`[]`)},
	} {
		if _, err := cachedcontent.FunctionTools(f); err == nil {
			t.Errorf("%+v: no error", f)
		}
	}
}
