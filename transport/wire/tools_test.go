package wire_test

import (
	"net/http"
	"testing"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// Tools that run at the client cost nothing but their tokens, and a tool that is null is none.
func TestClientTools(t *testing.T) {
	const (
		gemini       = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
		interactions = "https://generativelanguage.googleapis.com/v1beta/interactions"
	)
	for _, test := range []struct {
		url, tools string
		want       wire.Tools
		refers     bool
		added      bool // more text than for other calls
	}{
		{responsesURL, `[{"type":"local_shell"},{"type":"apply_patch"},{"type":"function","name":"f"}]`, wire.NoTools, true, false},
		{responsesURL, `[{"type":"local_shell"},{"type":"web_search"}]`, wire.CountedTools, true, false},
		{responsesURL, `[{"type":"shell"}]`, wire.PaidTools, true, false},
		{responsesURL, `[{"type":"local_shell_2"}]`, wire.PaidTools, true, false},
		{interactions, `[{"type":"local_shell"}]`, wire.PaidTools, false, false},
		{chatURL, `[{"type":"local_shell"}]`, wire.PaidTools, false, false},
		{anthropicURL, `[{"type":"bash_20250124","name":"bash"}]`, wire.NoTools, false, true},
		{anthropicURL, `[{"type":"text_editor_20250728"},{"type":"memory_20250818"},{"name":"f"}]`, wire.NoTools, false, true},
		{anthropicURL, `[{"type":"custom","name":"f"}]`, wire.NoTools, false, false},
		{anthropicURL, `[{"type":"bash_20250124"},{"type":"web_search_20250305"}]`, wire.PaidTools, true, true},
		{gemini, `[{"googleSearch":null}]`, wire.NoTools, false, false},
		{gemini, `[{"functionDeclarations":[],"googleSearch":null,"codeExecution":null}]`, wire.NoTools, false, false},
		{gemini, `[{"googleSearch":null},{"google_search":{}}]`, wire.CountedTools, false, false},
		{gemini, `[{"googleSearch":null,"codeExecution":{}}]`, wire.PaidTools, false, false},
	} {
		d, call, ok := recognise(t, http.MethodPost, test.url)
		if !ok {
			t.Fatal(test.url)
		}
		before := call.Added
		d.Request(&call, nil, fields(t, call.RequestPaths, `{"tools":`+test.tools+`}`))
		if got := max(call.Tools, call.Fees); got != test.want || call.Refers != test.refers || (call.Added > before) != test.added {
			t.Errorf("%s %s: tools %d, refers %v, %d added, want %d, %v, more %v", test.url, test.tools, got, call.Refers, call.Added, test.want, test.refers, test.added)
		}
	}
}
