package middleware

import (
	"io"
	"net/http"
	"reflect"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Tier returns the link that asks for a service tier: the one that the call's plan has come to, or the plan's first
// where no [Retry] stands above. A tier that a model refuses is remembered for an hour, for each key apart, and not
// asked for again meanwhile.
func Tier(p policy.Policy) transport.Middleware { return newEngine(p).tier() }

func (e *engine) tier() transport.Middleware {
	return e.link(func(r *record, req *http.Request, next hop) (*http.Response, error) {
		s := r.settle(e)
		if r.step.Tier == "" && len(r.results) == 0 {
			r.step.Tier = s.FirstTier(r.left(r.elapsed()))
		}
		r.tiers = true
		for r.step.Tier != "" && r.call.Tiers != nil && r.refuses(req, string(r.step.Tier)) {
			r.step.Tier, _ = s.Plan.After(r.step.Tier)
		}
		if r.sending {
			return r.retier(req, next)
		}
		before := len(r.results)
		resp, err := next.send(r, req)
		if n := len(r.results); n > before && r.results[n-1].Reason == policy.TierRefused && r.results[n-1].Step.Tier != "" {
			r.engine.refused.add(refusalOf(r, req, string(r.results[n-1].Step.Tier)))
		}
		return resp, err
	})
}

// retier gives the request of an attempt that began above a foreign link the tier's body. A body that the foreign link
// has changed is not ours to replace.
func (r *record) retier(req *http.Request, next hop) (*http.Response, error) {
	a := r.attempt
	if a.row.AskedTier == r.step.Tier || !r.body.Replayable() || !sameBody(req.Body, a.body) {
		return next.send(r, req)
	}
	closeBody(req)
	req = req.WithContext(req.Context())
	if err := a.attach(req); err != nil {
		return nil, r.refuse(&Error{Kind: ErrBody, Err: err})
	}
	return next.send(r, req)
}

// usageRefusal stands for the request for a stream's usage; no tier is called that.
const usageRefusal = "usage"

// A refusal is what a model refuses to a key: a tier, or the request for a stream's usage.
type refusal struct {
	provider, model, what string
	key                   fingerprint
}

func refusalOf(r *record, req *http.Request, what string) refusal {
	return refusal{r.call.Provider, r.call.Model, what, fingerprintOf(req)}
}

// refuses reports whether the model is remembered to refuse it.
func (r *record) refuses(req *http.Request, what string) bool {
	m := &r.engine.refused
	if m.empty() {
		return false
	}
	known, _ := m.has(refusalOf(r, req, what))
	return known
}

// sameBody reports whether two bodies are one; of types that cannot be compared, none is another.
func sameBody(a, b io.ReadCloser) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && t != nil && t.Comparable() && a == b
}
