package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is asked so often whether it is back, at first and after a while.
const (
	probeFirst = 100 * time.Millisecond
	probeLast  = 250 * time.Millisecond
)

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
			d = min(d, time.Second)
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
	if s.areClosed() && s.config.Ledger != nil {
		s.rebuildFromLedger(ctx)
	}
	sent = time.Now()
	if err := s.renew(ctx); err != nil {
		s.failed(ctx, sent, err)
		return
	}
	sent = time.Now()
	if err := s.sweep(ctx); err != nil {
		s.failed(ctx, sent, err)
	}
}

// sweep forgets the limits, budgets and processes that are no longer needed.
func (s *Store) sweep(ctx context.Context) error {
	const most, rounds = 500, 20
	for range rounds {
		due := &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(s.now().UnixMicro(), 10), Count: most}
		keys, err := s.client.ZRangeByScore(ctx, s.keyIdle, due).Result()
		if err != nil || len(keys) == 0 {
			return err
		}
		if err := sweepScript.Run(ctx, s.client, append([]string{s.keyIdle}, keys...)).Err(); err != nil && err != redis.Nil {
			return err
		}
		if len(keys) < most {
			return nil
		}
	}
	return nil
}

// areClosed reports whether budgets are closed, as far as is known.
func (s *Store) areClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want == "" && slices.ContainsFunc(s.limiters, func(l *Limiter) bool { return len(l.budgets) > 0 })
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
	const most = 1000
	var ended []string
	for first := true; first || len(held) > 1; first = false {
		n := min(len(held), most)
		list, err := leaseScript.Run(ctx, s.client, []string{s.keyLeases, s.keySeq, s.keyIdle}, held[:n]...).StringSlice()
		if err != nil {
			return err
		}
		ended, held = list, append(held[:1:1], held[n:]...)
	}
	for _, record := range ended {
		if err := s.inherit(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

// inherit ends an attempt whose lease has ended. Several processes may do so at once, and it ends once.
func (s *Store) inherit(ctx context.Context, record string) error {
	if !strings.HasPrefix(record, s.prefix+keyRecord) {
		return nil
	}
	text, err := s.client.Get(ctx, record).Result()
	if errors.Is(err, redis.Nil) {
		return s.client.ZRem(ctx, s.keyLeases, record).Err()
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
	b := []byte(record)
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
	return string(b[start : start+n]), true
}

// recover finds out whether Redis is back, and if so tells it what was admitted meanwhile, before it is asked again.
func (s *Store) recover(ctx context.Context) {
	s.mu.Lock()
	limiters := s.limiters
	s.mu.Unlock()
	err := s.hello(ctx)
	if err != nil && reload(s.client) {
		pause(ctx, 50*time.Millisecond) // another node may be the primary now
		err = s.hello(ctx)
	}
	if err != nil {
		for _, l := range limiters {
			l.share.isAway()
		}
		return
	}
	for _, l := range limiters {
		if !l.share.repay(ctx) {
			return
		}
	}
	s.mu.Lock()
	s.adoptLive()
	after := s.health.setUp()
	s.mu.Unlock()
	s.log.Info("Redis is back", "group", s.config.Group, "after", after)
	for _, l := range limiters { // what was admitted between repay and now
		l.share.chargeLater()
	}
	s.outbox.poke()
	s.wakeLines()
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
