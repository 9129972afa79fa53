package middleware

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
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
	most   price.Pico        // that it may cost, with the storage; 0 if it neither creates nor extends a cache

	// What became of it, once it has ended:
	row     ledger.Row
	storage price.Pico // that the row of its storage adds
	stored  wire.Stored
	// unpriced: the provider did it, and not all of what that costs is known
	unpriced bool
	least    int64 // the fewest tokens of a cache, if a rejection says so
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

// served reports whether the provider did what it was asked.
func (e *errand) served() bool { return e.row.Status >= 200 && e.row.Status <= 299 }

// note is called when the attempt of an errand has ended.
func (e *errand) note(row, storage *ledger.Row, is wire.Stored) {
	e.row, e.stored = *row, is
	if storage != nil {
		e.storage = storage.Cost.Pico
	}
	e.unpriced = row.Outcome == policy.Ambiguous || e.served() && (storage == nil || storage.Unpriced != "" || row.Unpriced != "")
}

// cost returns what the errand has cost, or may have cost.
func (e *errand) cost() price.Pico { return max(0, e.row.Cost.Pico+e.row.Exposure.Pico+e.storage) }

// rejection returns the error of an errand that the provider did not do. Its cause is a [cachedcontent.Error].
func (e *errand) rejection() error {
	row := &e.row
	typed := &cachedcontent.Error{Op: row.Operation, Status: row.Status, Code: row.ErrorCode, Kind: kindOf(row), Minimum: e.least}
	text := fmt.Sprintf("the provider answers %d", row.Status)
	switch {
	case typed.Kind == cachedcontent.TooSmall && e.least > 0:
		text = fmt.Sprintf("the provider rejects it as too small for a context cache: the least is %d tokens", e.least)
	case typed.Kind == cachedcontent.TooSmall:
		text = "the provider rejects it as too small for a context cache"
	case typed.Kind == cachedcontent.FreeTier:
		text = "the provider has no context caches for this model and key, as on its free tier"
	case row.Status == 0:
		text = "the provider did not answer"
	case row.ErrorCode != "":
		text += " (" + row.ErrorCode + ")"
	}
	return &causedError{text, typed}
}

// kindOf returns what package cachedcontent calls a rejection.
func kindOf(row *ledger.Row) cachedcontent.Kind {
	switch {
	case row.Reason == policy.CacheTooSmall:
		return cachedcontent.TooSmall
	case row.Reason == policy.NoCaches:
		return cachedcontent.FreeTier
	case row.Reason == policy.CacheDead:
		return cachedcontent.Dead
	case row.Status == http.StatusTooManyRequests:
		return cachedcontent.Rate
	case row.Status == http.StatusUnauthorized, row.Status == http.StatusForbidden:
		return cachedcontent.Denied
	case row.Status >= 500, row.Status == 0:
		return cachedcontent.Unavailable
	}
	return cachedcontent.Invalid
}

// seconds writes a duration as Google's APIs want it.
func seconds(d time.Duration) string {
	return fmt.Sprintf("%d.%03ds", d/time.Second, d%time.Second/time.Millisecond)
}
