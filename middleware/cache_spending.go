package middleware

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// spending is what the context caches of an account have cost in the last hour, what those that are being created may cost,
// and which may exist. The zero spending is nothing.
type spending struct {
	mu   sync.Mutex
	held price.Pico // of creations and extensions under way, at most
	paid []payment  // the oldest first
	live []*lease
}

// A lease is for a context cache that exists, that is being created, or that may exist because an answer was not seen.
type lease struct{ until time.Time } // guarded by the spending's mu

type payment struct {
	at   time.Time
	cost price.Pico
}

// reserve sets an amount aside, for a new cache or, without a lease, for an old one. Otherwise it returns which cap would be
// exceeded.
func (s *spending) reserve(most price.Pico, set *policy.Cache, now time.Time, create *lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = slices.DeleteFunc(s.live, func(l *lease) bool { return !now.Before(l.until) })
	if n := len(s.live); create != nil && n >= set.MaxLive {
		return &causedError{fmt.Sprintf("%d context caches exist, and max_live is %d", n, set.MaxLive), ErrCost}
	}
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
		return &causedError{fmt.Sprintf("the context cache may cost $%s, and $%s of max_cost_per_hour, $%s, are spent or set aside", most, sum, set.MaxCostPerHour), ErrCost}
	}
	s.held += most
	if create != nil {
		s.live = append(s.live, create)
	}
	return nil
}

// lives notes until when a cache lives, or may live.
func (s *spending) lives(l *lease, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.until = until
}

// end returns until when a cache lives, or may live.
func (s *spending) end(l *lease) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.until
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
