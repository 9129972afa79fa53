package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"sync"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// paidTools are parts of the names of tools that are charged for, in a request whose list of tools is too long to be read.
var paidTools = [][]byte{
	[]byte(`"web_search`), []byte(`"file_search"`), []byte(`"code_interpreter"`), []byte(`"image_generation"`), []byte(`"mcp"`),
	[]byte(`"computer`), []byte(`"shell"`), []byte(`oogleSearch`), []byte(`"google_`), []byte(`oogleMaps`), []byte(`rlContext`),
	[]byte(`"url_context"`), []byte(`odeExecution`), []byte(`"code_execution`), []byte(`"browser_`), []byte(`"wolfram_`),
}

// longWrites are parts of a request that has something written to a cache for more than the shortest time, or that may write
// the same in escapes.
var longWrites = [][]byte{[]byte(`"1h"`), []byte(`"12h"`), []byte(`"24h"`), []byte(`\u003`), []byte(`\u006`)}

// added is how many tokens of its own a provider, or a gateway, adds to a request at most, if its dialect does not say.
const added = 1024

// An input bounds the input of a request. It is safe for concurrent use.
type input struct {
	body *transport.Body
	once sync.Once
	most *extent
}

// An extent is the most input that a request can have; its output is not set.
type extent struct {
	size price.Size
	err  error // why the cost has no bound
}

// size returns the most input that the request can have, or an error if there is no bound of what the call can cost: see
// [wire.Outline]. Each byte of the request is at most one token.
func (in *input) size(c *wire.Call, cache string) (price.Size, error) {
	in.once.Do(func() {
		in.most = new(extent)
		in.most.size, in.most.err = in.measure(c, cache)
	})
	return in.most.size, in.most.err
}

// An unlistedError is for a request with a member that its dialect does not list.
type unlistedError struct{ member string }

func (e *unlistedError) Error() string {
	return fmt.Sprintf("it is not known what %q in the request costs", e.member)
}

func (in *input) measure(c *wire.Call, cache string) (price.Size, error) {
	extent, ok := c.Harmless.Compare(in.body)
	switch {
	case !ok && c.Harmless == nil:
		return price.Size{}, errors.New("it is not known what in such a request costs how much")
	case !ok:
		return price.Size{}, errors.New("the request cannot be read: " + cmp.Or(in.body.Skipped(), transport.SkippedInvalid))
	case extent.Unlisted != "":
		return price.Size{}, &unlistedError{extent.Unlisted}
	}
	size := price.Size{Inputs: max(1, extent.Inputs), Unlimited: c.Unlimited, ShortWrites: !in.body.Contains(longWrites...)}
	if cache != "" || c.Refers || c.Tools != wire.NoTools || extent.Unsized != "" {
		size.Input = -1
		return size, nil
	}
	size.Text = true
	allowance := c.Added
	if allowance <= 0 || c.Foreign {
		allowance = max(allowance, added) // a gateway may add something as well
	}
	size.Input = in.body.Size() + allowance
	return size, nil
}

// mixesTTLs reports whether the request may ask for several times to live of what it has written to a cache: in parts of its
// content, besides the one for all of it. It also reports true if finding out would take time.
func (in *input) mixesTTLs(c *wire.Call) bool {
	if !in.body.InMemory() || c.NotRead {
		return true
	}
	if c.TTL() == "" {
		return in.body.Contains([]byte(`"ttl"`))
	}
	return in.body.Contains([]byte(`_breakpoint"`), []byte(`"cache_control"`))
}
