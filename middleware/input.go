package middleware

import (
	"sync"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// references are parts of member names that show that a request may have more input than its bytes: what they refer to is
// not in it, or is counted in another way (an image by its size, a document by its pages).
var references = [][]byte{
	[]byte(`_url"`), []byte(`"file`), []byte(`"image"`), []byte(`"document"`), []byte(`cached_content"`),
	[]byte(`cachedContent"`), []byte(`inlineData"`), []byte(`inline_data"`), []byte(`"input_audio"`),
}

// paidTools are parts of the names of tools that are charged for, in a request whose list of tools is too long to be read.
var paidTools = [][]byte{
	[]byte(`"web_search`), []byte(`"file_search"`), []byte(`"code_interpreter"`), []byte(`"image_generation"`), []byte(`"mcp"`),
	[]byte(`"computer`), []byte(`"shell"`), []byte(`oogleSearch`), []byte(`"google_`), []byte(`oogleMaps`), []byte(`rlContext`),
	[]byte(`"url_context"`), []byte(`odeExecution`), []byte(`"code_execution`),
}

// An input bounds the input tokens of a request. It is safe for concurrent use.
type input struct {
	body    *transport.Body
	limited bool // a limit on the cost needs the result, so finding out may take time

	once sync.Once
	most int64
}

// max returns the most input tokens that the request can have, as a token is at least a byte. It returns -1, not known, if
// the request refers to input that it does not hold, uses a context cache, or lets the model use tools that bring in input,
// or if finding out would take time while the caller reads the answer.
func (in *input) max(c *wire.Call, cache string) int64 {
	in.once.Do(func() {
		in.most = in.body.Size()
		if !in.limited && !in.body.InMemory() || cache != "" || c.Refers || c.Tools != wire.NoTools || in.body.Contains(references...) {
			in.most = -1
		}
	})
	return in.most
}

// mixesTTLs reports whether the request may ask for several times to live of what it has written to a cache: in parts of its
// content, besides the one for all of it. It also reports true if finding out would take time.
func (in *input) mixesTTLs(c *wire.Call) bool {
	if !in.body.InMemory() {
		return true
	}
	if c.TTL() == "" {
		return in.body.Contains([]byte(`"ttl"`))
	}
	return in.body.Contains([]byte(`_breakpoint"`), []byte(`"cache_control"`))
}
