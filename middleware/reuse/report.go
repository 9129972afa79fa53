package reuse

import (
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

type books struct{}

func newBooks() books                             { return books{} }
func (b *books) ended(c *cache, at time.Duration) {}

// Prefix is what a [Report] says of one prefix.
type Prefix struct {
	Hash     uint64
	Tokens   int64
	Uses     int64     // requests that had this prefix and could have been served from it
	Explicit int64     // of these, those that were served from its cache
	Implicit int64     // of these, those that the provider cached by itself
	Created  int64     // caches that were created for it
	Spent    price.Sum // on creation and storage, until the time of the report
	Saved    price.Sum // by its hits, less what implicit hits would have saved
	Net      price.Sum // Saved less Spent
}
