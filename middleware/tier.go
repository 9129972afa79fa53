package middleware

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Tier returns the link that asks for a service tier: the one that the call's plan has come to, or the plan's first
// where no [Retry] stands above. A tier that a model refuses is remembered for an hour, for each key apart, and not
// asked for again meanwhile.
func Tier(p policy.Policy) transport.Middleware { return newEngine(p).tier() }

func (e *engine) tier() transport.Middleware {
	var refused tierMemory
	return e.link(func(r *record, req *http.Request, next hop) (*http.Response, error) {
		s := r.settle(e)
		if r.step.Tier == "" && len(r.results) == 0 {
			r.step.Tier = s.FirstTier(r.left(r.elapsed()))
		}
		r.tiers = true
		for r.step.Tier != "" && r.call.Tiers && refused.has(r, req) {
			r.step.Tier, _ = s.Plan.After(r.step.Tier)
		}
		resp, err := next.send(r, req)
		if n := len(r.results); n > 0 && r.results[n-1].Reason == policy.TierRefused {
			refused.add(r, req)
		}
		return resp, err
	})
}

const (
	tierMemoryTime = time.Hour
	tierMemorySize = 4096
)

// A tierMemory remembers which tiers which models refuse to which keys. The zero tierMemory is ready.
type tierMemory struct {
	mu      sync.Mutex
	refused map[tierKey]time.Time
}

type tierKey struct {
	provider, model string
	tier            policy.Tier
	key             [sha256.Size]byte // of the credentials; it never leaves the process
}

func keyOf(r *record, req *http.Request) tierKey {
	h := sha256.New()
	for _, name := range []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key"} {
		for _, v := range req.Header[name] {
			h.Write([]byte(v))
		}
		h.Write([]byte{0})
	}
	k := tierKey{provider: r.call.Provider, model: r.call.Model, tier: r.step.Tier}
	h.Sum(k.key[:0])
	return k
}

func (m *tierMemory) has(r *record, req *http.Request) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.refused) == 0 {
		return false
	}
	k := keyOf(r, req)
	at, ok := m.refused[k]
	if ok && time.Since(at) >= tierMemoryTime {
		delete(m.refused, k)
		return false
	}
	return ok
}

func (m *tierMemory) add(r *record, req *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused == nil {
		m.refused = make(map[tierKey]time.Time)
	}
	for k, at := range m.refused {
		if len(m.refused) < tierMemorySize && time.Since(at) < tierMemoryTime {
			break
		}
		delete(m.refused, k)
	}
	m.refused[keyOf(r, req)] = time.Now()
}
