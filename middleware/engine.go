package middleware

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
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
	if before != nil && reflect.DeepEqual(limits, before.resolver.Limits()) && reflect.DeepEqual(budgets, before.resolver.Budgets()) {
		now.limiter, now.spender = before.limiter, before.spender
		return nil
	}
	l, err := r.limiterOf(limits, budgets, e)
	if err != nil {
		return err
	}
	if e.limiter != nil {
		retire(before)
	}
	if now.limiter = l; len(budgets) > 0 {
		now.spender, _ = l.(limit.Spender)
	}
	return nil
}

// limiterOf returns the limiter of limits and budgets; nil if there are none. r.mu is held.
func (r *ruling) limiterOf(limits []policy.Limit, budgets []policy.Budget, e *engine) (limit.Limiter, error) {
	none := len(limits)+len(budgets) == 0
	switch {
	case none && (e.limiter != nil || r.local == nil):
		return nil, nil
	case e.limiter != nil:
		l, err := e.limiter(limits, budgets)
		if err == nil && isNil(l) {
			err = errors.New("skinflint: the func of WithLimiter returned no limiter and no error")
		}
		return l, err
	case r.local == nil:
		r.local = limit.NewLocal(nil, nil)
	}
	if err := r.local.Update(limits, budgets, e.reloads); err != nil || none {
		return nil, err
	}
	return r.local, nil
}

// retire calls Retire of the limiter of rules that were replaced.
func retire(r *rules) {
	if r == nil {
		return
	}
	if l, ok := r.limiter.(limit.Retirer); ok {
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

// spend gives a limiter a row that is money for which no permit stands: of storage, or of the result of an earlier call.
func (e *engine) spend(l limit.Spender, kind wire.Kind, row *ledger.Row) {
	if row.Outcome == policy.Storage || row.Settles || kind == wire.Poll {
		l.Spend(row)
		e.logNotices(l)
	}
}

// logNotices logs what budgets have to say: that much is spent, or more than the cap.
func (e *engine) logNotices(limiter any) {
	l, ok := limiter.(limit.Noticer)
	if !ok {
		return
	}
	for _, n := range l.Notices() {
		e.logger().Warn("skinflint: " + n.String())
	}
}
