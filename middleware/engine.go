package middleware

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/middleware/tokens"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An engine is what the calls of a chain share: how they are recognised and priced, and what is remembered from one call
// to the next. It knows no call.
//
// All chains of a [Stack] share the Stack's engine. A chain of links that stand alone uses the engine of its outermost
// link, which is made with its [transport.Middleware]. What belongs to a single link is in that link: the store of a
// ledger, the limiter of a limit, the quota of a retry.
type engine struct {
	router   *wire.Router
	book     *price.Book
	log      *slog.Logger // nil: the program set none
	bodies   transport.Watcher
	rejected recent[rejection]
	skips    recent[tierSkip] // that were logged
	repeats  repeatGuard
	hidden   hiddenGuard
	pending  pendings
	stored   caches
	caching  caching
	warned   sync.Once // about the timeout of an http.Client
	stalled  func(limit.State)

	reloads   bool        // budgets count what a store has of their windows
	limiter   LimiterFunc // nil: limits and budgets are those of this process alone
	limitSalt string      // of the fingerprints of keys that a limiter gets
	counts    tokens.Estimator
	learned   tokens.Learner
}

func newEngine() *engine {
	e := &engine{router: new(wire.Router), book: new(price.Book), limitSalt: rand.Text(), counts: tokens.Heuristic{}}
	e.stalled = e.logStall // once, and not for each call
	e.caching.prices = func() *price.Catalog { return e.book.Catalog() }
	e.caching.logger = e.logger
	e.caching.found = e.stored.found
	return e
}

// logStall logs that calls wait for a limit, and who keeps them waiting.
func (e *engine) logStall(s limit.State) {
	var holders []string
	for _, h := range s.Holders {
		holders = append(holders, h.String())
	}
	name := limit.NameOf(s.Limit)
	if s.Key != "" {
		name += " (" + s.Key + ")"
	}
	e.logger().Warn("skinflint: calls wait for a limit whose permits are all held; a permit is held until the answer has been read to its end, or closed",
		"limit", name, "held", s.Busy, "waiting", s.Waiting, "longest", holders)
}

// logger returns the program's logger, or the default one.
func (e *engine) logger() *slog.Logger {
	if e.log != nil {
		return e.log
	}
	return slog.Default()
}

// warnOfTimeout logs once that the http.Client above has a Timeout. The Cancel channel of a request shows it: http.Client
// sets that for transports that are not net/http's own.
func (e *engine) warnOfTimeout(req *http.Request) {
	//lint:ignore SA1019 it is how the timeout of http.Client shows
	if req.Cancel == nil {
		return
	}
	e.warned.Do(func() {
		attrs := []any{}
		if deadline, ok := req.Context().Deadline(); ok {
			attrs = append(attrs, "timeout", time.Until(deadline).Round(time.Millisecond))
		}
		e.logger().Warn("skinflint: the http.Client has a Timeout, which ends attempts and streams that are billed all the same; give calls a context with a deadline instead", attrs...)
	})
}

// A rejection is something that a model rejects for a key: a tier, or the request for a stream's usage.
type rejection struct {
	provider, model, what string
	key                   fingerprint
}

// usageRejection is the rejection of the request for a stream's usage, and writeRejection that of the request for writes to a
// prompt cache. No tier has such a name.
const (
	usageRejection = "usage"
	writeRejection = "write"
)

// rules are a policy at work. They do not change: a call keeps those that it began with.
type rules struct {
	resolver    *policy.Resolver
	limiter     limit.Limiter        // of the policy's limits and budgets; nil if it has none
	needs       limit.Needs          // of the limiter
	spender     limit.Spender        // the limiter, if the policy has budgets
	ineffective []*policy.FieldError // what of the policy has no effect
	caches      bool                 // it says something about context caches
}

// states returns how the limits stand.
func (r *rules) states() []limit.State {
	if l, ok := r.limiter.(limit.Stater); ok {
		return l.States()
	}
	return nil
}

// budgets returns how the budgets stand, as far as that is known. What a limiter without [limit.Loader] has not counted itself is
// not.
func (r *rules) budgets() []budget.State {
	l, ok := r.limiter.(limit.Accountant)
	if !ok {
		return nil
	}
	states := l.Budgets()
	if _, ok := l.(limit.Loader); !ok {
		for i := range states {
			states[i].Unread = true
		}
	}
	return states
}

// A ruling holds the rules in force, which may be replaced while calls run.
type ruling struct {
	atomic.Pointer[rules]

	mu    sync.Mutex   // held while they are replaced
	local *limit.Local // of all policies so far; nil if none had limits or budgets of this process
}

// set puts a policy in force, or returns an error and changes nothing. Limits and budgets that stay as they are keep their
// state.
func (r *ruling) set(p policy.Policy, e *engine) error {
	resolver, err := policy.NewResolver(p)
	if err != nil {
		return err
	}
	ineffective, err := e.review(&p)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := &rules{resolver: resolver, ineffective: ineffective, caches: cachesBy(&p)}
	if err := r.limit(now, e); err != nil {
		return err
	}
	r.Store(now)
	return nil
}

// limit gives the rules the limiter of their policy. r.mu is held.
func (r *ruling) limit(now *rules, e *engine) error {
	limits, budgets, before := now.resolver.Limits(), now.resolver.Budgets(), r.Load()
	now.needs = limit.NeedsOf(limits, budgets)
	switch {
	case before != nil && reflect.DeepEqual(limits, before.resolver.Limits()) && reflect.DeepEqual(budgets, before.resolver.Budgets()):
		now.limiter = before.limiter
	case e.limiter != nil && len(limits)+len(budgets) > 0:
		l, err := e.limiter(limits, budgets)
		if err != nil {
			return err
		}
		now.limiter = l
		retire(before)
	case e.limiter != nil:
		retire(before)
	case r.local != nil || len(limits)+len(budgets) > 0:
		if r.local == nil {
			r.local = limit.NewLocal(nil, nil)
		}
		if err := r.local.Update(limits, budgets, e.reloads); err != nil {
			return err
		}
	}
	if now.limiter == nil && r.local != nil && len(limits)+len(budgets) > 0 {
		now.limiter = r.local
	}
	if len(budgets) > 0 {
		now.spender, _ = now.limiter.(limit.Spender)
	}
	return nil
}

// retire tells the limiter of rules that were replaced that it is no longer in use, except by calls that began with it.
func retire(r *rules) {
	if r == nil {
		return
	}
	if l, ok := r.limiter.(interface{ Retire() }); ok {
		l.Retire()
	}
}

// warn logs what of the policy in force has no effect.
func (r *ruling) warn(e *engine) {
	for _, f := range r.Load().ineffective {
		e.logger().Warn("skinflint: a part of the policy has no effect, or may have none", "field", f.Field, "value", fmt.Sprint(f.Value), "why", f.Problem)
	}
}

// cachesBy reports whether a policy says something about context caches.
func cachesBy(p *policy.Policy) bool {
	return p.Cache != (policy.Cache{}) || slices.ContainsFunc(p.Rules, func(r policy.Rule) bool { return r.Set.Cache != (policy.Cache{}) })
}
