package middleware

import (
	"crypto/sha256"
	"io"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

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
		for r.step.Tier != "" && r.call.Tiers != nil && r.engine.refused.has(r, req, string(r.step.Tier)) {
			r.step.Tier, _ = s.Plan.After(r.step.Tier)
		}
		if r.sending {
			return r.retier(req, next)
		}
		before := len(r.results)
		resp, err := next.send(r, req)
		if n := len(r.results); n > before && r.results[n-1].Reason == policy.TierRefused && r.results[n-1].Step.Tier != "" {
			r.engine.refused.add(r, req, string(r.results[n-1].Step.Tier))
		}
		return resp, err
	})
}

// retier gives the request of an attempt that began above a foreign link the tier's body. A body that the foreign link
// has changed is not ours to replace.
func (r *record) retier(req *http.Request, next hop) (*http.Response, error) {
	a := r.attempt
	if a.row.AskedTier == r.step.Tier || !r.body.Replayable() || !same(req.Body, a.body) {
		return next.send(r, req)
	}
	closeBody(req)
	req = req.WithContext(req.Context())
	if err := a.attach(req); err != nil {
		return nil, r.refuse(&Error{Kind: ErrBody, Err: err})
	}
	return next.send(r, req)
}

// same reports whether two bodies are one; a type that cannot be compared is not.
func same(a, b io.ReadCloser) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && t != nil && t.Comparable() && a == b
}

const (
	refusalTime = time.Hour
	refusalsMax = 4096

	usageRefusal = "usage" // no tier is called that
)

// refusals remember what which models refuse to which keys: tiers, and the request for a stream's usage. The zero
// refusals are ready.
type refusals struct {
	any  atomic.Bool
	mu   sync.Mutex
	when map[refusal]time.Time
}

type refusal struct {
	provider, model, what string
	key                   [sha256.Size]byte // of the credentials; it never leaves the process
}

func refusalOf(r *record, req *http.Request, what string) refusal {
	h := sha256.New()
	for _, name := range []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key"} {
		h.Write([]byte(transport.HeaderValue(req.Header, name)))
		h.Write([]byte{0})
	}
	k := refusal{provider: r.call.Provider, model: r.call.Model, what: what}
	h.Sum(k.key[:0])
	return k
}

func (m *refusals) has(r *record, req *http.Request, what string) bool {
	if !m.any.Load() {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := refusalOf(r, req, what)
	at, ok := m.when[k]
	if ok && time.Since(at) >= refusalTime {
		delete(m.when, k)
		return false
	}
	return ok
}

func (m *refusals) add(r *record, req *http.Request, what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.when == nil {
		m.when = make(map[refusal]time.Time)
		m.any.Store(true)
	}
	for k, at := range m.when {
		if len(m.when) < refusalsMax && time.Since(at) < refusalTime {
			break
		}
		delete(m.when, k)
	}
	m.when[refusalOf(r, req, what)] = time.Now()
}
