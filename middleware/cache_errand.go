package middleware

import (
	"context"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An errand is a call that the chain makes itself, to create, extend or delete a context cache. It goes through the chain like
// a call of the program, so it has rows and is held to limits.
type errand struct {
	parent string // the call that caused it; "" if none did
	model  string
	tags   map[string]string // of that call
	most   price.Pico        // that it may cost, with the storage; 0 if it creates nothing

	// What became of it, once it has ended:
	row     ledger.Row
	storage price.Pico // that the row of its storage adds
	stored  wire.Stored
	least   int64 // the fewest tokens of a cache, if a rejection says so
}

type errandKey struct{}

// context returns the context of the errand's request. Of the options of the call that caused it, only its tags hold for it.
func (e *errand) context(ctx context.Context, next any) context.Context {
	if next != nil {
		ctx = context.WithValue(ctx, nextKey{}, next)
	}
	var options []policy.Option
	for name, value := range e.tags {
		options = append(options, policy.Tag(name, value))
	}
	return context.WithValue(policy.With(ctx, options...), errandKey{}, e)
}

// errandOf returns the errand that a call is; nil if it is the program's.
func errandOf(c *call) *errand {
	switch c.wire.Operation {
	case wire.CreateCache, wire.UpdateCache, wire.DeleteCache:
		e, _ := c.Context.Value(errandKey{}).(*errand)
		return e
	}
	return nil
}

// served reports whether the provider did what it was asked.
func (e *errand) served() bool { return e.row.Status >= 200 && e.row.Status <= 299 }
