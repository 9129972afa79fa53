package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Budget returns the link that keeps a call from being sent if it could cost more than its context allows (see
// [policy.MaxCost]). What it could cost is a bound, not an estimate: every byte of the request a token, and all the
// output that the request or the model allows, on the dearest tier of the call's plan. What has no bound is refused: an
// input that is not in the request, or tools that cost by the use.
func Budget(p policy.Policy) transport.Middleware { return newEngine(p).budget() }

func (e *engine) budget() transport.Middleware {
	return e.watcher(func(r *record, req *http.Request, next hop) (*http.Response, error) {
		if r.most, r.limited = r.options.MaxCost(); !r.limited || r.call.Kind == wire.Free || r.call.Kind == wire.Poll || r.call.Kind == wire.Submission {
			r.limited = false
			return next.send(r, req)
		}
		if r.call.Fees != wire.NoTools {
			return nil, r.refuse(&Error{Kind: ErrCost,
				Detail: fmt.Sprintf("it lets the model use tools that cost by the use, such as searches, as often as it likes, and may cost $%s", r.most),
				Hint:   "take these tools out, or lift MaxCost"})
		}
		worst, err := r.worst(r.settle(e).Plan)
		if err := r.afford(worst, err); err != nil {
			return nil, err
		}
		if worst > 0 {
			r.maxBilled = int(min(r.most/worst, 1<<30))
		}
		return next.send(r, req)
	})
}

// afford refuses the call if it could cost more than its limit, or if nobody can say.
func (r *record) afford(worst price.Pico, err error) error {
	switch {
	case err != nil:
		return r.refuse(&Error{Kind: ErrCost, Err: err,
			Detail: fmt.Sprintf("nobody can say that it costs at most $%s", r.most),
			Hint:   "give the model a price, or lift MaxCost"})
	case worst > r.most:
		return r.refuse(&Error{Kind: ErrCost,
			Detail: fmt.Sprintf("it could cost $%s, and may cost $%s", worst, r.most),
			Hint:   "lower max_tokens, or raise MaxCost"})
	}
	return nil
}

// worst returns the bound of an attempt on the dearest tier of the plan.
func (r *record) worst(plan policy.Plan) (worst price.Pico, err error) {
	for _, tier := range plan {
		most, err := r.bound(tier, r.start)
		if err != nil {
			return 0, err
		}
		worst = max(worst, most)
	}
	return worst, nil
}

// bound returns the most that an attempt can cost which asks for the tier. Where that leaves the choice to the
// provider, it is the dearest of the tiers that may serve.
func (r *record) bound(tier policy.Tier, at time.Time) (price.Pico, error) {
	c, prices := &r.call, r.engine.book.Catalog()
	q := price.Query{Provider: cmp.Or(c.Prices, c.Provider), Model: c.Model, At: at, Regional: c.Regional}
	bound := func(tier policy.Tier) (price.Pico, error) {
		q.Tier = r.priceTier(tier)
		one, err := prices.Bound(q, r.maxInput(), maxOutput(c))
		switch {
		case c.Choices <= 0:
			return 0, errors.New("the request does not say in plain digits how many answers it asks for")
		case err != nil || c.Choices == 1:
			return one, err
		}
		// Further choices cost output only.
		input, err := prices.Bound(q, r.maxInput(), 0)
		if err != nil {
			return 0, err
		}
		if c.Choices > int64(math.MaxInt64/max(one, 1)) {
			return math.MaxInt64, nil
		}
		return one + (one-input)*price.Pico(c.Choices-1), nil
	}
	if tier.Askable() {
		return bound(tier)
	}
	most, err := bound(policy.Standard)
	if priority, noPriority := bound(policy.Priority); err == nil && noPriority == nil {
		most = max(most, priority)
	}
	return most, err
}

// maxOutput returns the most output tokens of one answer, as [price.Catalog.Bound] has it: -1 if it is not known.
func maxOutput(c *wire.Call) int64 {
	switch {
	case c.NoOutput:
		return 0
	case c.MaxOutput <= 0:
		return -1
	}
	return c.MaxOutput
}

// priceTier returns the tier whose price holds.
func (r *record) priceTier(tier policy.Tier) string {
	if r.call.OnePrice {
		return string(policy.Standard)
	}
	return string(tier)
}

// references are parts of member names by which a request has more input than its bytes: what they refer to is not in
// it, or is counted otherwise (an image by its size, a document by its pages).
var references = [][]byte{[]byte(`_url"`), []byte(`"file`), []byte(`"image"`), []byte(`"document"`), []byte(`cached_content"`), []byte(`cachedContent"`), []byte(`inlineData"`), []byte(`inline_data"`), []byte(`"input_audio"`)}

// maxInput returns the most input tokens that the request can have: a token is at least a byte. Where the request
// refers to something, nobody can say (-1), nor where finding out could take its time while the caller reads the answer:
// a limit on the cost asks before anything is sent.
func (r *record) maxInput() int64 {
	r.inputOnce.Do(func() {
		if r.input = r.body.Size(); !r.limited && !r.body.InMemory() || r.cache != "" || r.call.Refers || r.call.Tools != wire.NoTools || r.body.Contains(references...) {
			r.input = -1
		}
	})
	return r.input
}
