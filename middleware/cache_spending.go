package middleware

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// spending is what the context caches of an account have cost in the last hour, what those that are being created may cost,
// and how many exist. The zero spending is nothing.
type spending struct {
	live atomic.Int32

	mu   sync.Mutex
	held price.Pico // of creations and extensions under way, at most
	paid []payment  // the oldest first
}

type payment struct {
	at   time.Time
	cost price.Pico
}

// reserve sets an amount aside, for a new cache or for an old one, or returns why it cannot: which cap would be exceeded.
func (s *spending) reserve(most price.Pico, set *policy.Cache, now time.Time, create bool) error {
	if n := int(s.live.Load()); create && n >= set.MaxLive {
		return fmt.Errorf("%d context caches exist, and max_live is %d", n, set.MaxLive)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := s.held
	live := s.paid[:0]
	for _, p := range s.paid {
		if age := now.Sub(p.at); age >= 0 && age < time.Hour {
			live = append(live, p)
			sum += p.cost
		}
	}
	s.paid = live
	if most > set.MaxCostPerHour-sum {
		return fmt.Errorf("the context cache may cost $%s, and $%s of max_cost_per_hour, $%s, are spent or set aside", most, sum, set.MaxCostPerHour)
	}
	s.held += most
	return nil
}

// settle replaces what was set aside by what it has cost.
func (s *spending) settle(most, cost price.Pico, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= most
	if cost > 0 {
		s.paid = append(s.paid, payment{now, cost})
	}
}
