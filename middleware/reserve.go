package middleware

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/middleware/tokens"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// reserves reports whether the attempt asks anything of a limiter: it costs money, or has a context cache held for longer.
func (c *call) reserves(needs limit.Needs) bool {
	if c.wire.Operation != wire.UpdateCache {
		return c.costs()
	}
	if !needs.Cost {
		return false
	}
	most, _ := c.most(c.tierAsked())
	return most != ledger.Known(0)
}

// reserve waits until a limiter admits the next attempt, and has the permit given back when that has ended.
func (c *call) reserve(l limit.Limiter, needs limit.Needs) error {
	if c.reserved == nil {
		c.reserved = new(reservation)
	}
	ctx, stop := c.cancelable()
	defer stop()
	for {
		c.prepare(needs)
		start := time.Now()
		permit, err := l.Wait(ctx, &c.reserved.request)
		c.waited += time.Since(start)
		if err != nil && isNil(err) { // a limiter of the program's own may return a nil *limit.Error
			err = errors.New("it returned a nil pointer as its error")
		}
		var e *budget.Error
		switch {
		case err == nil && c.changedByWait(needs, start):
			if permit != nil {
				permit.Release(limit.Count{})
			}
		case err == nil:
			c.holdPermit(l, needs, permit)
			return nil
		case !errors.As(err, &e) || !e.OnlyCheapest || !c.onlyCheapest(e):
			return c.refuse(admissionError(ctx, err))
		}
	}
}

// changedByWait reports whether the attempt asks for another tier than it did when it began to wait, because too little time is
// left for that one, or can cost more than what is held for it, because a price has changed.
func (c *call) changedByWait(needs limit.Needs, start time.Time) bool {
	now := time.Now()
	switch {
	case now.Sub(start) < time.Millisecond:
		return false
	case c.wire.Operation == wire.UpdateCache:
		return now.Sub(start) > maxSkew // what is held covers less
	}
	held, tier := c.reserved.request.Cost, c.step.Tier
	if c.tiers {
		c.tierInTime(c.left(now.Sub(c.start)))
	}
	switch {
	case tier != c.step.Tier:
		return needs.Cost || needs.Tier
	case !needs.Cost || !held.Known:
		return false
	}
	most, _ := c.most(c.tierAsked())
	return !most.Known || most.Pico > held.Pico
}

// tierAsked returns the tier that the next attempt asks for.
func (c *call) tierAsked() policy.Tier {
	if c.tiers {
		return c.step.Tier
	}
	return c.wire.Tier
}

// prepare writes what the next attempt asks for.
func (c *call) prepare(needs limit.Needs) {
	c.identify()
	r := &c.reserved.request
	if r.Attempt != c.attempts+1 {
		c.reserved.learners = c.reserved.learners[:0]
	}
	subject, tags := c.asks(needs)
	*r = limit.Request{
		Subject: subject, Tier: c.tierAsked(), Tags: tags, MoneyOnly: c.wire.Operation == wire.UpdateCache, Class: c.settings.Class,
		Call: c.id, Attempt: c.attempts + 1,
		Deadline: c.deadline, MaxWait: c.settings.MaxWait, Zone: c.wire.Metering.Location(), Stalled: c.engine.stalled,
	}
	if needs.Key {
		r.Key = c.keyName()
	}
	if needs.Cost {
		r.Cheapest = !c.tiers || r.Tier == c.cheapest()
		r.Cost, r.NoBound = c.most(r.Tier)
	}
	if needs.Tokens && !r.MoneyOnly {
		r.Tokens = c.askedTokens()
	}
}

// asks returns what limits and budgets match. What a context cache costs later counts where its creation does. If it is not known
// of which model it is, the budgets of all models are asked, which then refuse it.
func (c *call) asks(needs limit.Needs) (s policy.Subject, tags map[string]string) {
	s, tags = c.subject(), c.options.Tags()
	switch c.wire.Operation {
	case wire.UpdateCache:
		s.Operation = wire.CreateCache
		if create := c.engine.stored.creation(c.wire.Cache); create != nil {
			s.Model, tags = create.Model, create.Tags
		}
	case wire.CreateCache:
	default:
		return s, tags
	}
	s.AnyModel = s.Model == "" && needs.Cost
	return s, tags
}

// askedTokens returns what the attempt is estimated to count for in limits on tokens.
func (c *call) askedTokens() limit.Tokens {
	r := c.reserved
	if !r.counted && r.counter != nil {
		subject := c.subject()
		r.tokens, r.counted = r.counter.Estimate(&subject), true
		r.counter.Release()
		r.counter = nil
	}
	if !c.body.Written() { // it is too long to be read before it is sent
		r.tokens.Text = max(r.tokens.Text, c.body.Size()/4)
	}
	if name := cmp.Or(c.wire.Cache, c.cache); name != "" && c.prefix.uses() == nil {
		r.tokens.Held = c.engine.stored.tokens(name)
	}
	_, most, _ := c.engine.book.Catalog().Limits(cmp.Or(c.wire.Prices, c.wire.Provider), c.wire.Model)
	return c.engine.learned.Asked(&c.wire, c.wire.Metering, r.tokens, most)
}

// keyName returns the fingerprint of the request's credentials that limiters get.
func (c *call) keyName() string {
	print := credentialsOf(c.request, c.headers).fingerprint()
	mac := hmac.New(sha256.New, []byte(c.engine.limitSalt))
	mac.Write(print[:])
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// most returns the most that the next attempt can cost, or why that is not known.
func (c *call) most(tier policy.Tier) (ledger.Amount, string) {
	switch {
	case c.wire.Kind == wire.Submission && c.options.AllowsDeferredCost():
		if why := "budgets: what it submits is charged for later, and has no bound"; !strings.Contains(c.skipped, why) {
			c.skipped = both(c.skipped, why)
		}
		return ledger.Known(0), ""
	case c.wire.Kind == wire.Submission:
		return ledger.Amount{}, "it submits work that is charged for when it is done; policy.AllowDeferredCost lets it through"
	case c.wire.Fees != wire.NoTools && !c.wire.NotRead:
		return ledger.Amount{}, "it lets the model use tools that cost by the use, such as searches, as often as it likes"
	}
	at := c.start
	if c.attempts > 0 || c.waited > 0 {
		at = time.Now()
	}
	most, err := c.account(at).bound(tier)
	if err != nil {
		return ledger.Amount{}, reasonOf(err)
	}
	return ledger.Known(most), ""
}

// cheapest returns the cheapest tier of the call's plan, of those that the model is not known to reject.
func (c *call) cheapest() policy.Tier {
	plan := c.settings.Plan
	rejects := func(t policy.Tier) bool { return t != "" && c.wire.Tiers != nil && c.rejects(string(t)) }
	if slices.ContainsFunc(plan, rejects) {
		plan = slices.DeleteFunc(slices.Clone(plan), rejects)
	}
	return plan.Cheapest()
}

// onlyCheapest restricts a call that has not been sent yet to the cheapest tier of its plan. It reports false if the call has
// been sent, or if nothing is cheaper.
func (c *call) onlyCheapest(e *budget.Error) bool {
	cheapest := c.cheapest()
	if c.attempts > 0 || !c.tiers || c.step.Tier == cheapest {
		return false
	}
	for _, t := range c.settings.Plan {
		if t != cheapest {
			c.skipped = both(c.skipped, fmt.Sprintf("%s: the budget %s allows only the cheapest tier of the plan", t, e.Budget))
		}
	}
	settings := *c.settings
	settings.Plan = policy.Plan{cheapest}
	c.settings, c.step.Tier = &settings, cheapest
	return true
}

// holdPermit has a permit given back at the attempt's end, with what the attempt counts for.
func (c *call) holdPermit(l limit.Limiter, needs limit.Needs, permit limit.Permit) {
	if permit == nil {
		return
	}
	r := c.reserved
	if spender, ok := l.(limit.Spender); ok && c.holds() {
		r.storage = append(r.storage, spender)
	}
	if learner, ok := permit.(limit.LearningPermit); ok {
		r.learners = append(r.learners, learner)
	}
	asked := r.request.Tokens
	c.atEnd = append(c.atEnd, guarded(func(row *ledger.Row) {
		if row != nil && r.counted && needs.Tokens {
			c.engine.learned.Learn(&c.wire, r.tokens, row)
		}
		count := tokens.Counted(&c.wire, c.wire.Metering, asked, row)
		if row != nil {
			count.Storage = c.storage
		}
		permit.Release(count)
		c.engine.logNotices(l)
	}, c.engine.logger(), "the limiter"))
}

// learn gives the permits of the attempt what the headers of an answer, or a rejection, say about the provider's limits.
func (c *call) learn(resp *http.Response, f *wire.Rejection) {
	if c.reserved == nil || len(c.reserved.learners) == 0 {
		return
	}
	now := time.Now()
	a := limit.Answer{At: now, Quotas: wire.ReadQuotas(&c.wire, resp.Header, now)}
	if f != nil {
		a.Quotas = append(a.Quotas, f.Quotas...)
		a.Limited, a.RetryAfter = f.Reason == policy.Rate, f.RetryAfter
	}
	for _, learner := range c.reserved.learners {
		learner.Learn(a)
	}
}

// cancelable returns a context that is done when the request's is, or when the request's Cancel channel is closed.
func (c *call) cancelable() (ctx context.Context, stop func()) {
	cancel := c.request.Cancel //lint:ignore SA1019 http.Client sets it for a transport that is not net/http's own
	if cancel == nil {
		return c.Context, func() {}
	}
	ctx, end := context.WithCancel(c.Context)
	go func() {
		select {
		case <-cancel:
			end()
		case <-ctx.Done():
		}
	}()
	return ctx, end
}

// admissionError is the refusal of an attempt that a limiter did not admit.
func admissionError(ctx context.Context, err error) *Error {
	var overspent *budget.Error
	if errors.As(err, &overspent) {
		return budgetError(ctx, overspent)
	}
	var e *limit.Error
	if !errors.As(err, &e) {
		e = &limit.Error{Limit: "the program's own limiter", Err: err}
	}
	refusal := &Error{Kind: ErrLimit, Wait: e.Wait, Detail: e.Detail(), Err: e.Err, admission: e}
	switch {
	case e.Err == nil:
		refusal.Hint = "send less at once, or allow more time"
	case ctx.Err() != nil:
		refusal.Err = contextError(ctx)
	}
	return refusal
}

// budgetError is the refusal of an attempt that a budget did not admit.
func budgetError(ctx context.Context, e *budget.Error) *Error {
	refusal := &Error{Kind: ErrBudget, Detail: strings.TrimPrefix(e.Detail(), "budget "), Hint: e.Hint(), Err: e.Err, admission: e}
	if !e.Frees.IsZero() {
		refusal.Wait = max(0, time.Until(e.Frees))
	}
	if e.Err != nil && ctx.Err() != nil {
		refusal.Err = contextError(ctx)
	}
	return refusal
}
