package redis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxQueued is how many ends of attempts wait to be sent while Redis is away: some 50 MB.
	maxQueued = 100_000
	// maxBatch is how many are sent at once.
	maxBatch = 64
)

// An outbox holds the ends of attempts, and the like, until Redis has them. A single goroutine sends them in their order.
type outbox struct {
	mu      sync.Mutex
	queue   []*op
	sending int            // at the front of the queue, being sent
	parked  []*op          // that wait until budgets are open
	full    bool           // that the last one was dropped
	ends    map[string]int // of attempts in the queue, by their records
	moved   chan struct{}  // closed when some were sent; nil if no one waits for that
	signal  chan struct{}
	empty   chan struct{} // closed when the queue is empty; nil if nothing waits for that
}

func (b *outbox) init() { b.signal, b.ends = make(chan struct{}, 1), make(map[string]int) }

// ends reports whether the op is about the end of an attempt, before which the attempt must not be asked for again.
func (o *op) ends() bool { return o.mode == modeEnd || o.mode == modeCancel }

// ending returns a channel that is closed when more ops have been sent, while the end of an attempt waits to be sent; else nil.
func (b *outbox) ending(record string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ends) == 0 || b.ends[record] == 0 {
		return nil
	}
	if b.moved == nil {
		b.moved = make(chan struct{})
	}
	return b.moved
}

// forget removes an op from ends.
func (b *outbox) forget(o *op) {
	if !o.ends() {
		return
	}
	if b.ends[o.record]--; b.ends[o.record] <= 0 {
		delete(b.ends, o.record)
	}
}

// poke has the goroutine look again.
func (b *outbox) poke() {
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// put adds an op.
func (s *Store) put(o *op) {
	b := &s.outbox
	b.mu.Lock()
	if len(b.queue)+len(b.parked) >= maxQueued {
		first := !b.full
		b.full = true
		b.mu.Unlock()
		s.counts.dropped.Add(1)
		if first {
			s.log.Error("too many ends of attempts wait for Redis: from now on they are dropped, and what they held counts as spent when its lease ends",
				"group", s.config.Group, "waiting", maxQueued)
		}
		return
	}
	b.full = false
	b.queue = append(b.queue, o)
	if o.ends() {
		b.ends[o.record]++
	}
	b.mu.Unlock()
	b.poke()
}

// unpark has the ops sent that waited until budgets are open.
func (b *outbox) unpark() {
	b.mu.Lock()
	if len(b.parked) > 0 {
		b.queue = append(b.queue, b.parked...)
		for _, o := range b.parked {
			if o.ends() {
				b.ends[o.record]++
			}
		}
		b.parked = nil
	}
	b.mu.Unlock()
	b.poke()
}

func (b *outbox) length() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) + len(b.parked)
}

// flush returns when nothing waits to be sent.
func (b *outbox) flush(ctx context.Context) error {
	for {
		b.mu.Lock()
		if len(b.queue) == 0 {
			parked := len(b.parked)
			b.mu.Unlock()
			if parked > 0 {
				return errors.Join(errors.New("redis: ends of attempts wait until budgets are open"), errClosed)
			}
			return nil
		}
		if b.empty == nil {
			b.empty = make(chan struct{})
		}
		empty := b.empty
		b.mu.Unlock()
		b.poke()
		select {
		case <-empty:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take returns the ops to send next.
func (b *outbox) take() []*op {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sending = min(len(b.queue), maxBatch)
	return b.queue[:b.sending:b.sending]
}

// sent drops those that were sent, except for some that are to be sent again, and parks others.
func (b *outbox) sent(again, parked []*op) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.queue[:b.sending] {
		if !slices.Contains(again, o) {
			b.forget(o)
		}
	}
	if b.moved != nil {
		close(b.moved)
		b.moved = nil
	}
	rest := b.queue[b.sending:]
	if len(again) > 0 {
		rest = append(again, rest...)
	}
	b.queue, b.sending = rest, 0
	b.parked = append(b.parked, parked...)
	if len(b.queue) == 0 {
		b.queue = nil
		if b.empty != nil {
			close(b.empty)
			b.empty = nil
		}
	}
}

// sendAll sends ops until ctx is done.
func (s *Store) sendAll(ctx context.Context) {
	for {
		select {
		case <-s.outbox.signal:
		case <-ctx.Done():
			return
		}
		for ctx.Err() == nil {
			if back, err := s.outage(); err != nil {
				select {
				case <-back:
				case <-ctx.Done():
					return
				}
			}
			ops := s.outbox.take()
			if len(ops) == 0 {
				break
			}
			if !s.send(ctx, ops) {
				pause(ctx, 20*time.Millisecond)
			}
		}
	}
}

// send sends ops that were taken from the outbox, and reports whether Redis answered.
func (s *Store) send(ctx context.Context, ops []*op) bool {
	again, parked, ok := s.exec(ctx, ops)
	s.outbox.sent(again, parked)
	s.lines.wakeAll()
	return ok
}

// exec runs ops in one round trip. It returns those to run again, and those that wait until budgets are open, and reports
// whether Redis answered. Settling twice does what settling once does, so what was not answered is run again.
func (s *Store) exec(ctx context.Context, ops []*op) (again, parked []*op, ok bool) {
	sent := time.Now()
	found, err := s.lookUpAll(ctx, ops)
	if err != nil {
		s.failed(ctx, sent, err)
		return ops, nil, false
	}
	if ops = found; len(ops) == 0 {
		return nil, nil, true
	}
	cmds := make([]*redis.StringCmd, len(ops))
	wants, seqs := make([]string, len(ops)), make([]int64, len(ops))
	before := time.Now()
	pipe := s.client.Pipeline()
	for i, o := range ops {
		var acked int64
		wants[i], acked, seqs[i] = s.known(len(o.budgets) > 0)
		cmds[i] = evalSha(ctx, o.script(), o.keys, o.arg(wants[i], acked, seqs[i], s.now()))
		_ = pipe.Process(ctx, cmds[i]) // only adds it
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	var failure error
	var loaded map[*script]error
	for i, o := range ops {
		r, err := replyOf(cmds[i].Result())
		if isNoScript(err) {
			used := o.script()
			if _, ok := loaded[used]; !ok {
				if loaded == nil {
					loaded = make(map[*script]error, 1)
				}
				loaded[used] = used.load(ctx, s.client)
			}
			if err = loaded[used]; err == nil {
				again = append(again, o)
				continue
			}
		}
		if err != nil {
			failure = err
			again = append(again, o)
			continue
		}
		switch s.settled(o, &r, before, wants[i], seqs[i]) {
		case toAgain:
			again = append(again, o)
		case toPark:
			parked = append(parked, o)
		}
	}
	if failure != nil {
		s.failed(ctx, before, failure)
	} else {
		s.worked()
	}
	return again, parked, failure == nil
}

// What becomes of an op after its script has replied.
const (
	toForget = iota
	toAgain
	toPark
)

// settled takes the reply to an op into account.
func (s *Store) settled(o *op, r *reply, before time.Time, want string, seq int64) int {
	again, err := s.learn(r, before, want, seq)
	switch {
	case err != nil: // the keys are of another version
		s.counts.dropped.Add(1)
		s.log.Error("the end of an attempt was not sent to Redis", "group", s.config.Group, "error", err)
	case again:
		return toAgain
	case r.code() == replyClosed, r.code() == replyUncounted:
		if o.mode == modeExpire {
			return toForget // it is found again
		}
		return toPark
	case o.mode == modeExpire && r.code() == replyDone:
		s.counts.expired.Add(1)
	}
	return toForget
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
