package middleware

import (
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A PromptTally counts what answers say of the provider's caches.
type PromptTally struct {
	Calls    int64     // that were answered, and whose usage is known
	Read     int64     // of these, those that read something from a cache of any kind
	Wrote    int64     // of these, those that wrote something to a cache at a price
	Tokens   int64     // of all prompts
	Cached   int64     // of these tokens, those that were read from a cache
	Written  int64     // of these tokens, those that were written to one at a price
	Explicit price.Sum // what explicit caches saved in these calls, without what they cost, and writes that we chose, less their price
	Implicit price.Sum // what the provider's own cache saved, less the price of writes to it that we did not choose; it may be negative
}

// add counts an answer.
func (t *PromptTally) add(row *ledger.Row) {
	u := &row.Usage
	written := u.CacheWrite + u.CacheWrite1h + u.CacheWrite12h
	t.Calls++
	if u.CachedInput > 0 {
		t.Read++
	}
	if written > 0 {
		t.Wrote++
	}
	t.Tokens, t.Cached, t.Written = t.Tokens+u.Prompt(), t.Cached+u.CachedInput, t.Written+written
	t.Explicit.Add(row.Explicit.Pico)
	t.Implicit.Add(row.Implicit.Pico)
}
