package wire_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An outline says whether the bytes of a request bound what it costs.
func ExampleOutline_Compare() {
	outline := wire.MustOutline("model messages{role content{type=text text ...} ...} max_tokens")
	for _, text := range []string{
		`{"model":"m","messages":[{"role":"user","content":"hi"}]}`,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"https://example.com/cat.png"}]}]}`,
		`{"model":"m","messages":[],"turbo":true}`,
	} {
		req, _ := http.NewRequest(http.MethodPost, "https://llm.example.com", strings.NewReader(text))
		var body transport.Body
		if err := body.Load(req, transport.MustPaths("model")); err != nil {
			fmt.Println(err)
			return
		}
		extent, ok := outline.Compare(&body)
		fmt.Printf("%t unlisted %q unsized %q\n", ok, extent.Unlisted, extent.Unsized)
	}
	// Output:
	// true unlisted "" unsized ""
	// true unlisted "" unsized "messages.content.type"
	// true unlisted "turbo" unsized ""
}
