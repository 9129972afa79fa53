package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// maxBody is the length of the longest answer that is read, in bytes.
const maxBody = 64 << 20

// A result is what came of a line.
type result struct {
	answer *answer // nil if the line is left for another run: nothing was paid for it
	stop   error   // why no further line is to be sent; nil to go on
}

// Why a run stops before its end.
var (
	errInterrupted = errors.New("interrupted")
	errBudget      = errors.New("the budget is used up")
	errLate        = errors.New("the time of -finish-by or -within has come")
	errFailures    = errors.New("-stop-after")

	errFlagBudget = fmt.Errorf("%w (-budget)", errBudget)
)

// call sends the request of a line, and waits for its answer.
func (b *batch) call(ctx context.Context, req request) result {
	options := []policy.Option{policy.Tag(batchTag, b.set.name), policy.Tag(lineTag, tagOf(req.id))}
	if b.set.maxCost > 0 {
		options = append(options, policy.MaxCost(b.set.maxCost))
	}
	if !b.set.finishBy.IsZero() {
		options = append(options, policy.FinishBy(b.set.finishBy))
	}
	ctx, done := b.account.guard(ctx, tagOf(req.id))
	defer done()
	ctx, tracked := policy.Track(policy.With(ctx, options...))
	response, err := b.send(ctx, req)

	a := b.newAnswer(req)
	cost, complete := tracked.Cost()
	if pico, ok := cost.Pico(); ok && complete {
		a.Cost = ledger.Known(pico)
	}
	if pico, ok := tracked.Exposure().Pico(); ok && pico > 0 {
		a.Exposure = ledger.Known(pico)
	}
	a.Tier, a.Attempts = tracked.Tier(), tracked.Attempts()
	mayBePaid := !complete || cost.Sign() > 0 || a.Exposure.Known

	if err != nil {
		stop := b.stopFor(ctx, err)
		if stop != nil && !mayBePaid {
			return result{stop: stop}
		}
		a.Error, a.MaybePaid = problemOf(err), mayBePaid
		return result{answer: a, stop: stop}
	}
	a.Response = response
	if response.Status < 200 || response.Status > 299 {
		a.Error, a.MaybePaid = rejection(response.Status, response.Body), mayBePaid
	}
	return result{answer: a}
}

func (b *batch) newAnswer(req request) *answer {
	return &answer{ID: req.id, Request: sumText(req.sum), Simulated: !b.set.live}
}

// send sends a request and reads the response.
func (b *batch) send(ctx context.Context, req request) (*response, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", req.to.base(b.set)+req.path, bytes.NewReader(req.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	req.to.auth(r.Header, b.keys[req.to])
	resp, err := b.client.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("it is longer than %d bytes", maxBody)
	}
	if err != nil {
		return nil, fmt.Errorf("the answer could not be read: %w", err)
	}
	return &response{
		Status:    resp.StatusCode,
		RequestID: cmp.Or(resp.Header.Get("X-Request-Id"), resp.Header.Get("Request-Id")),
		Body:      bodyOf(body),
	}, nil
}

// stopFor returns why no further line is to be sent after an error; nil if the error is of this line only.
func (b *batch) stopFor(ctx context.Context, err error) error {
	var spent *budget.Error
	var refusal *middleware.Error
	late := func() bool { return !b.set.finishBy.IsZero() && errors.As(err, &refusal) && refusal.Wait > 0 }
	switch {
	case errors.Is(context.Cause(ctx), errLedger):
		return cmp.Or(b.account.failure(), errLedger)
	case ctx.Err() != nil:
		return errInterrupted
	case errors.As(err, &spent) && spent.NoBound == "" && spent.Most <= spent.Cap: // later lines would be refused as well
		return spentBy(spent, err)
	case errors.Is(err, middleware.ErrPolicy):
		return err
	case errors.Is(err, middleware.ErrDeadline), late():
		return fmt.Errorf("%w: %w", errLate, err)
	}
	return nil
}

// spentBy says that a budget is used up.
func spentBy(e *budget.Error, err error) error {
	if e.Budget != budgetName {
		return fmt.Errorf("%w: %w", errBudget, err)
	}
	return fmt.Errorf("%w: $%s spent and $%s held of $%s, and the next line can cost $%s", errFlagBudget, e.Spent, e.Held, e.Cap, e.Most)
}

// codes are the codes of errors that are not the provider's.
var codes = []struct {
	kind error
	code string
}{
	{middleware.ErrCost, "max_cost"}, {middleware.ErrBudget, "budget"}, {middleware.ErrAmbiguous, "ambiguous"}, {middleware.ErrNotSent, "not_sent"},
	{middleware.ErrTimeout, "timeout"}, {middleware.ErrRedirect, "redirect"}, {middleware.ErrLimit, "limit"},
	{middleware.ErrDeadline, "deadline"}, {middleware.ErrWait, "wait"}, {middleware.ErrBody, "body"},
	{context.Canceled, "interrupted"},
}

// problemOf returns an error for the output.
func problemOf(err error) *problem {
	for _, c := range codes {
		if errors.Is(err, c.kind) {
			return &problem{Code: c.code, Message: err.Error()}
		}
	}
	return &problem{Code: "no_answer", Message: err.Error()}
}
