package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is asked so often whether it is back, at first and after a while.
const (
	probeFirst = 100 * time.Millisecond
	probeLast  = 250 * time.Millisecond
)

// lookAgain is how often a Store looks whether another process has opened its budgets.
const lookAgain = 500 * time.Millisecond

// tend does what must be done from time to time: it renews the leases of what this process holds, ends the attempts of
// processes that have died, opens budgets, and asks whether Redis is back.
func (s *Store) tend(ctx context.Context) {
	probe := probeFirst
	for ctx.Err() == nil {
		d := s.config.Lease / 3
		if s.health.isDown() {
			d = probe
			probe = min(probe*2, probeLast)
		} else if probe = probeFirst; s.areClosed() {
			d = min(d, lookAgain)
		}
		d += time.Duration(rand.Int64N(int64(d)/4 + 1))
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-s.health.recheck:
		case <-ctx.Done():
			t.Stop()
			return
		}
		t.Stop()
		s.tendOnce(ctx)
	}
}

func (s *Store) tendOnce(ctx context.Context) {
	if s.health.isDown() {
		s.recover(ctx)
		return
	}
	sent := time.Now()
	for err := s.hello(ctx); err != nil; err = s.hello(ctx) {
		s.failed(ctx, sent, err)
		if sent = time.Now(); s.health.isDown() || ctx.Err() != nil {
			return
		}
	}
	s.worked()
	if s.areClosed() {
		s.openBudgets(ctx)
	}
	sent = time.Now()
	if err := s.renew(ctx); err != nil {
		s.failed(ctx, sent, err)
	}
}

// areClosed reports whether budgets are closed, as far as is known.
func (s *Store) areClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.someClosed()
}

// someClosed is areClosed with the Store's lock held.
func (s *Store) someClosed() bool {
	for _, l := range s.limiters {
		for _, b := range l.budgets {
			if !s.opened[b.id] {
				return true
			}
		}
	}
	return false
}

// renew renews the leases of what this process holds, and ends the attempts whose leases have ended.
func (s *Store) renew(ctx context.Context) error {
	s.mu.Lock()
	held := make([]any, 1, 1+len(s.live))
	held[0] = int64(s.config.Lease / time.Microsecond)
	for p := range s.live {
		if p.local == nil || p.adopted {
			held = append(held, p.ask.record)
		}
	}
	s.mu.Unlock()
	const most, page = 1000, 500
	for {
		n := min(len(held), most)
		due, err := leaseScript.Run(ctx, s.client, []string{s.keyDue, s.keySeq}, held[:n]...).StringSlice()
		if err != nil {
			return err
		}
		if held = append(held[:1:1], held[n:]...); len(held) > 1 {
			continue // nothing has ended before all leases are renewed
		}
		ended, err := s.settleDue(ctx, due)
		if err != nil || ended || len(due) < page {
			return err
		}
	}
}

// settleDue ends the attempts whose lease has ended, and forgets what is no longer needed. It reports whether there were such
// attempts.
func (s *Store) settleDue(ctx context.Context, due []string) (ended bool, err error) {
	idle := []string{s.keyDue}
	for _, key := range due {
		if !strings.HasPrefix(key, s.prefix+keyRecord) {
			idle = append(idle, key)
			continue
		}
		ended = true
		if err := s.inherit(ctx, key); err != nil {
			return ended, err
		}
	}
	if len(idle) == 1 {
		return ended, nil
	}
	if err := sweepScript.Run(ctx, s.client, idle).Err(); err != nil && !errors.Is(err, redis.Nil) {
		return ended, err
	}
	return ended, nil
}

// inherit ends an attempt whose lease has ended. Several processes may do so at once, and it ends once.
func (s *Store) inherit(ctx context.Context, record string) error {
	text, err := s.client.Get(ctx, record).Result()
	if errors.Is(err, redis.Nil) {
		return s.client.ZRem(ctx, s.keyDue, record).Err()
	}
	if err != nil {
		return err
	}
	estate, ok := estateOf(text)
	if !ok {
		return nil
	}
	s.put(s.heir(record, estate))
	return nil
}

// estateOf returns the fourth value of a record: see reserve.lua.
func estateOf(record string) (string, bool) {
	b := record
	for range 3 {
		n := size(b)
		if n == 0 || n > len(b) {
			return "", false
		}
		b = b[n:]
	}
	start, n := textSize(b)
	if start == 0 || start+n > len(b) {
		return "", false
	}
	return b[start : start+n], true
}

// recover finds out whether Redis is back, and if so tells it what was admitted meanwhile, before it is asked again.
func (s *Store) recover(ctx context.Context) {
	err := s.hello(ctx)
	if err != nil && reload(s.client) {
		pause(ctx, 50*time.Millisecond) // another node may be the primary now
		err = s.hello(ctx)
	}
	if err != nil {
		s.isAway()
		return
	}
	if !s.repay(ctx) {
		return
	}
	s.mu.Lock()
	s.adoptLive()
	after := s.health.setUp()
	s.mu.Unlock()
	s.log.Info("Redis is back", "group", s.config.Group, "after", after)
	s.chargeLater() // what was admitted between repay and now
	s.outbox.poke()
	s.lines.wakeAll()
}

// adoptLive has Redis count the attempts under way that it does not know: those that this process admitted by its share, and
// those that Redis has forgotten. The Store's lock is held.
func (s *Store) adoptLive() {
	for p := range s.live {
		p.adopt()
	}
}

// adopt has Redis count the attempt. The Store's lock is held.
func (p *permit) adopt() {
	if p.ask.uses {
		p.adopted = true
		p.store.put(&op{ask: p.ask, mode: modeAdopt})
	}
}
