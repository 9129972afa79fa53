package cachedcontent_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
)

// Content that is wrong is an error that names the field, and nothing is sent.
func TestBadContent(t *testing.T) {
	part := func(p cachedcontent.Part) func(*cachedcontent.Content) {
		return func(c *cachedcontent.Content) {
			c.Turns = append(c.Turns, cachedcontent.Model(cachedcontent.Text("x"), p))
		}
	}
	const at = "Turns[1].Parts[1]"
	soon := time.Now().Add(time.Hour)
	for name, test := range map[string]struct {
		field string
		spoil func(*cachedcontent.Content)
	}{
		"no model":              {"Model", func(c *cachedcontent.Content) { c.Model = "" }},
		"a path as model":       {"Model", func(c *cachedcontent.Content) { c.Model = "models/" }},
		"a query as model":      {"Model", func(c *cachedcontent.Content) { c.Model = "m?x=" + secretKey[:3] }},
		"gemini 4":              {"Model", func(c *cachedcontent.Content) { c.Model = "gemini-4-argon" }},
		"gemini 4 in full":      {"Model", func(c *cachedcontent.Content) { c.Model = "models/Gemini-4.5-carbon-preview" }},
		"gemini 10":             {"Model", func(c *cachedcontent.Content) { c.Model = "publishers/google/models/gemini-10-pro" }},
		"empty":                 {"Turns", func(c *cachedcontent.Content) { c.Turns = nil }},
		"only a tool config":    {"Turns", func(c *cachedcontent.Content) { c.Turns, c.ToolConfig = nil, json.RawMessage("{}") }},
		"a turn of nobody":      {"Turns[1].Role", func(c *cachedcontent.Content) { c.Turns = append(c.Turns, cachedcontent.Turn{Role: "assistant"}) }},
		"a turn of nothing":     {"Turns[1].Parts", func(c *cachedcontent.Content) { c.Turns = append(c.Turns, cachedcontent.User()) }},
		"an empty part":         {at, part(cachedcontent.Part{})},
		"an empty text":         {at, part(cachedcontent.Text(""))},
		"two in one":            {at, part(cachedcontent.Part{Text: "x", FileURI: "gs://x/y"})},
		"bad UTF-8":             {at + ".Text", part(cachedcontent.Text("\xff"))},
		"bad UTF-8 in system":   {"System[0].Text", func(c *cachedcontent.Content) { c.System = []cachedcontent.Part{cachedcontent.Text("a\xc3\x28")} }},
		"no bytes":              {at + ".Data", part(cachedcontent.Data("application/pdf", []byte{}))},
		"data of no type":       {at + ".MIMEType", part(cachedcontent.Data("", []byte("x")))},
		"data of a bad type":    {at + ".MIMEType", part(cachedcontent.Data("pdf", []byte("x")))},
		"a type in two lines":   {at + ".MIMEType", part(cachedcontent.Data("text/plain\n", []byte("x")))},
		"a file of a path":      {at + ".FileURI", part(cachedcontent.FileURI("", "/tmp/x"))},
		"a file with a space":   {at + ".FileURI", part(cachedcontent.FileURI("", "gs://x/a b"))},
		"a bad type of file":    {at + ".MIMEType", part(cachedcontent.FileURI("pdf", "gs://x/y"))},
		"raw of a list":         {at + ".Raw", part(cachedcontent.Part{Raw: json.RawMessage("[]")})},
		"raw that is cut":       {at + ".Raw", part(cachedcontent.Part{Raw: json.RawMessage(`{"text":`)})},
		"raw of bad UTF-8":      {at + ".Raw", part(cachedcontent.Part{Raw: json.RawMessage("{\"text\":\"\xff\"}")})},
		"tools of an object":    {"Tools", func(c *cachedcontent.Content) { c.Tools = json.RawMessage("{}") }},
		"no tools at all":       {"Tools", func(c *cachedcontent.Content) { c.Tools = json.RawMessage("") }},
		"a config of a list":    {"ToolConfig", func(c *cachedcontent.Content) { c.ToolConfig = json.RawMessage("[]") }},
		"a long name":           {"DisplayName", func(c *cachedcontent.Content) { c.DisplayName = strings.Repeat("ä", 129) }},
		"a name of bytes":       {"DisplayName", func(c *cachedcontent.Content) { c.DisplayName = "\xff" }},
		"no time to live":       {"TTL", func(c *cachedcontent.Content) { c.TTL = 0 }},
		"a negative one":        {"TTL", func(c *cachedcontent.Content) { c.TTL = -time.Second }},
		"a negative and a time": {"ExpireTime", func(c *cachedcontent.Content) { c.TTL, c.ExpireTime = -1, soon }},
		"in the past":           {"ExpireTime", func(c *cachedcontent.Content) { c.TTL, c.ExpireTime = 0, time.Now().Add(-time.Minute) }},
		"now":                   {"ExpireTime", func(c *cachedcontent.Content) { c.TTL, c.ExpireTime = 0, time.Now() }},
		"a year of 5 digits":    {"ExpireTime", func(c *cachedcontent.Content) { c.TTL, c.ExpireTime = 0, soon.AddDate(9000, 0, 0) }},
		"both":                  {"ExpireTime", func(c *cachedcontent.Content) { c.ExpireTime = soon }},
		"a key of KMS":          {"KMSKey", func(c *cachedcontent.Content) { c.KMSKey = "projects/p/locations/l/keyRings/r/cryptoKeys/k" }},
		"too much data":         {"Turns", part(cachedcontent.Data("application/pdf", make([]byte, 15_000_001)))},
		"too much text":         {"Turns", part(cachedcontent.Text(strings.Repeat("x", cachedcontent.MaxBody)))},
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			client := gemini(t, roundTrip(func(*http.Request) (*http.Response, error) { sent++; return nil, errors.New("sent") }))
			c := content()
			test.spoil(&c)
			_, err := client.Create(t.Context(), c)
			asFieldError(t, err, test.field)
			_, err = client.Hash(c)
			asFieldError(t, err, test.field)
			if sent != 0 {
				t.Errorf("%d requests", sent)
			}
		})
	}
}

// What only one of the providers has.
func TestProviders(t *testing.T) {
	send := roundTrip(func(req *http.Request) (*http.Response, error) {
		return answer(req, 200, `{"name":"cachedContents/x"}`), nil
	})
	const uploaded = "https://generativelanguage.googleapis.com/v1beta/files/abc"
	file, object, inSystem, kms, long := content(), content(), content(), content(), content()
	file.Turns[0].Parts = []cachedcontent.Part{cachedcontent.FileURI("application/pdf", uploaded)}
	object.Turns[0].Parts = []cachedcontent.Part{cachedcontent.FileURI("application/pdf", "gs://bucket/object")}
	inSystem.System = []cachedcontent.Part{cachedcontent.FileURI("", uploaded)}
	kms.KMSKey = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
	long.Turns[0].Parts = []cachedcontent.Part{cachedcontent.Text(strings.Repeat("x", 10_000_000))}
	for _, test := range []struct {
		name           string
		content        cachedcontent.Content
		gemini, vertex string // the field of the error; "": none
	}{
		{"uploaded", file, "", "Turns[0].Parts[0].FileURI"},
		{"uploaded, in the system instruction", inSystem, "", "System[0].FileURI"},
		{"an object", object, "", ""},
		{"a key of KMS", kms, "KMSKey", ""},
		{"10 MB", long, "", "Turns"},
	} {
		for client, field := range map[*cachedcontent.Client]string{gemini(t, send): test.gemini, vertex(t, send): test.vertex} {
			_, err := client.Create(t.Context(), test.content)
			if field == "" && err != nil {
				t.Errorf("%s on %s: %v", test.name, client.Provider(), err)
			}
			if field != "" {
				asFieldError(t, err, field)
			}
		}
	}
}

func TestExplicitCaching(t *testing.T) {
	for model, want := range map[string]bool{
		"gemini-2.5-flash": true, "models/gemini-3.1-pro-preview": true, "gemini-1.5-flash-002": true, "gemini-flash-latest": true,
		"gemini-4": false, "gemini-4-argon": false, "GEMINI-4-NEON": false, "models/gemini-12.5": false, "tuned/my-gemini-4": true,
		"gemini-": true, "": true, "gemini-99999999999999999999-x": true,
	} {
		if got := cachedcontent.ExplicitCaching(model); got != want {
			t.Errorf("%q: %v", model, got)
		}
	}
}
