package wire_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// Every dialect writes a problem as JSON, with any message, and with the status as its code if it has a numeric one.
func TestProblems(t *testing.T) {
	for url, want := range map[string]string{
		"https://api.openai.com/v1/chat/completions":                                                              `"type":"skinflint_limit"`,
		"https://api.openai.com/v1/videos":                                                                        `"type":"skinflint_limit"`,
		"https://api.anthropic.com/v1/messages":                                                                   `{"type":"error","error":{"type":"skinflint_limit"`,
		"https://api.anthropic.com/v1/complete":                                                                   `{"type":"error","error":{"type":"skinflint_limit"`,
		"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent":                `"status":"RESOURCE_EXHAUSTED"`,
		"https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:countTokens": `"status":"RESOURCE_EXHAUSTED"`,
		"https://generativelanguage.googleapis.com/v1beta/openai/chat/completions":                                `"type":"skinflint_limit"`,
		"https://me.openai.azure.com/openai/deployments/d/chat/completions":                                       `"type":"skinflint_limit"`,
		"https://openrouter.ai/api/v1/chat/completions":                                                           `"type":"skinflint_limit"`,
	} {
		req := httptest.NewRequest("POST", url, nil)
		d, c, ok := new(wire.Router).Recognise(req.Method, req.URL)
		if !ok {
			t.Fatal(url)
		}
		p := wire.Problem{Status: 429, Code: "skinflint_limit", Message: "\"quoted\"\x00\xff <&> \u2028"}
		body := wire.OpenAIProblem(p)
		if w, ok := d.(wire.ProblemWriter); ok {
			body = w.Problem(&c, p)
		}
		if !json.Valid(body) || !strings.Contains(string(body), want) || !strings.Contains(want, "error") && !strings.Contains(string(body), `"code":429`) {
			t.Errorf("%s: %s", url, body)
		}
	}
	for status, want := range map[int]string{400: "INVALID_ARGUMENT", 402: "FAILED_PRECONDITION", 424: "FAILED_PRECONDITION", 429: "RESOURCE_EXHAUSTED"} {
		req := httptest.NewRequest("POST", "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent", nil)
		d, c, _ := new(wire.Router).Recognise(req.Method, req.URL)
		if body := d.(wire.ProblemWriter).Problem(&c, wire.Problem{Status: status}); !strings.Contains(string(body), want) {
			t.Errorf("%d: %s", status, body)
		}
	}
}

func ExampleOpenAIProblem() {
	fmt.Printf("%s\n", wire.OpenAIProblem(wire.Problem{Status: 429, Code: "skinflint_limit", Message: "too fast"}))
	// Output: {"error":{"message":"too fast","type":"skinflint_limit","param":null,"code":429}}
}

// With any message, the body is JSON that has the message.
func FuzzProblem(f *testing.F) {
	f.Add(424, "skinflint_ambiguous", "it may have been billed, for $0.1 at most: EOF")
	f.Add(0, "", "\"}\x00\xff\u2028</script>")
	f.Fuzz(func(t *testing.T, status int, code, message string) {
		for _, url := range []string{
			"https://api.openai.com/v1/chat/completions", "https://api.anthropic.com/v1/messages",
			"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
		} {
			d, c, _ := new(wire.Router).Recognise("POST", httptest.NewRequest("POST", url, nil).URL)
			p := wire.Problem{Status: status, Code: code, Message: message}
			body := wire.OpenAIProblem(p)
			if w, ok := d.(wire.ProblemWriter); ok {
				body = w.Problem(&c, p)
			}
			var got struct{ Error struct{ Message string } }
			if err := json.Unmarshal(body, &got); err != nil || utf8.ValidString(message) && got.Error.Message != message {
				t.Errorf("%s: %v, %s", url, err, body)
			}
		}
	})
}
