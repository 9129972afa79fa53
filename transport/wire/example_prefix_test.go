package wire_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A request is sent without what a context cache holds: its system instruction, and the turns before the last question.
func ExampleNewPrefixReader() {
	req, _ := http.NewRequest(http.MethodPost, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent",
		strings.NewReader(`{"system_instruction":{"parts":[{"text":"Be brief."}]},"contents":[`+
			`{"role":"user","parts":[{"text":"A long text."}]},{"role":"model","parts":[{"text":"Ask."}]},`+
			`{"role":"user","parts":[{"text":"Why?"}]}]}`))
	var router wire.Router
	dialect, call, _ := router.Recognise(req.Method, req.URL)

	r := wire.NewPrefixReader(call.Prefix)
	defer r.Release()
	var body transport.Body
	if err := body.Load(req, call.Prefix.Paths, r); err != nil {
		fmt.Println(err)
		return
	}
	dialect.Request(&call, req.Header, body.Fields())
	prefix := r.Prefix()
	cut, _ := prefix.LastCut()
	fmt.Println(len(prefix.Elements), "elements,", prefix.Size, "bytes of text, a cache may end before turn", cut)

	var edits wire.Edits
	want := wire.Want{Cache: "cachedContents/1", Held: wire.Held{Prefix: prefix, Turns: cut}}
	dialect.Edit(&call, body.Fields(), want, &edits)
	if !edits.Taken {
		fmt.Println(edits.Problem)
		return
	}
	if err := body.Attach(req, false, edits.Body...); err != nil {
		fmt.Println(err)
		return
	}
	sent, _ := io.ReadAll(req.Body)
	fmt.Println(string(sent))
	// Output:
	// 4 elements, 29 bytes of text, a cache may end before turn 2
	// {"cachedContent":"cachedContents/1","contents":[{"role":"user","parts":[{"text":"Why?"}]}]}
}
