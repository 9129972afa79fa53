package middleware

import (
	"fmt"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// spending is what context caches have cost in the last hour, and what those that are being created may cost. The zero
// spending is nothing.
type spending struct {
	mu   sync.Mutex
	held price.Pico // of creations and extensions under way, at most
	paid []payment  // the oldest first
}

type payment struct {
	at   time.Time
	cost price.Pico
}

// reserve sets an amount aside, or returns why it cannot: the sum of the last hour would be more than the cap.
func (s *spending) reserve(most, limit price.Pico, now time.Time) error {
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
	if most > limit-sum {
		return fmt.Errorf("the context cache could cost $%s, and $%s of max_cost_per_hour, $%s, are spent or set aside", most, sum, limit)
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
