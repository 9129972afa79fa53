package reuse

import (
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// Node is a place in a prompt where a cached prefix may end.
type Node struct {
	Hash   uint64 // of the whole prefix up to here, with all that has to be equal for a cache to serve it
	Tokens int64  // of the whole prefix up to here
}

// Prompt is what a request brings.
type Prompt struct {
	At     time.Time
	Nodes  []Node // in their order, each with more tokens than the one before; from one that has not on, they are ignored
	Tokens int64  // of the whole prompt; at least those of the last node
	Least  int64  // the fewest tokens that a cache may have
	Fixed  Node   // a beginning that no write can end at, such as tools at OpenAI; without Tokens: none. Only a Writer looks at it
}

// Rates are prices in force for a request. A policy for caches needs Cached to be less than Input; where it is not, nothing is
// created.
type Rates struct {
	Input   price.Pico // of a token that no cache has
	Cached  price.Pico // of a token that is read from a cache
	Create  price.Pico // of a token of a cache when it is created; 0: as Input. It differs where a tier is cheaper only for requests
	Storage price.Pico // of holding a token for an hour
}

// ok reports whether a cache can earn at all.
func (r Rates) ok() bool {
	return r.Input > 0 && r.Cached >= 0 && r.Cached < r.Input && r.Create >= 0 && r.Storage >= 0
}

// Mode is when a cache is created.
type Mode uint8

const (
	// Beside creates it while the call is under way: the call does not wait, and is charged without it.
	Beside Mode = iota
	// Before creates it first: the call waits, and reads it.
	Before
	// Never creates none for this call. Caches that live are read, and the Holder learns from the call.
	Never
)

// checked returns the prompt without the nodes that are out of order.
func (p Prompt) checked() Prompt {
	p.Least = max(p.Least, 1)
	before := int64(0)
	for i, n := range p.Nodes {
		if n.Tokens <= before {
			p.Nodes = p.Nodes[:i]
			break
		}
		before = n.Tokens
	}
	p.Tokens = max(p.Tokens, before)
	return p
}
