package redis

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxRounds is how many round trips for attempts are under way at once. An attempt that comes when there are so many waits
	// until one of them ends, and is then sent together with all others that wait. With many attempts this costs Redis less than
	// a round trip for each.
	maxRounds = 8
	// maxTogether is how many scripts are sent in one round trip.
	maxTogether = 32
)

// rounds are the round trips for attempts.
type rounds struct {
	mu      sync.Mutex
	free    int // how many may begin
	waiting []*errand
}

// An errand is a script that waits to be sent with others.
type errand struct {
	cmd  *redis.StringCmd
	sent time.Time
	// turn gets a value when the errand is done, which is nil, or when it must send those in the value, of which it is the first.
	turn chan []*errand
}

// begin reports whether a round trip may begin at once. If not, it returns an errand that waits.
func (r *rounds) begin(cmd *redis.StringCmd) (*errand, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free > 0 {
		r.free--
		return nil, true
	}
	e := &errand{cmd: cmd, turn: make(chan []*errand, 1)}
	r.waiting = append(r.waiting, e)
	return e, false
}

// end ends a round trip, and has one of those that wait begin the next.
func (r *rounds) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), maxTogether)
	if n == 0 {
		r.free++
		return
	}
	batch := slices.Clone(r.waiting[:n])
	r.waiting = slices.Delete(r.waiting, 0, n)
	batch[0].turn <- batch
}

// leave takes an errand from those that wait, and reports whether it still did.
func (r *rounds) leave(e *errand) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.waiting, e)
	if i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
	}
	return i >= 0
}

// process runs a script for an attempt, and returns when it was sent. It fails with errDown if Redis counts as down when it is its
// turn.
func (s *Store) process(ctx context.Context, cmd *redis.StringCmd) (sent time.Time, err error) {
	e, now := s.rounds.begin(cmd)
	if now {
		defer s.rounds.end()
		if s.health.isDown() {
			return sent, errDown
		}
		sent = time.Now()
		return sent, s.client.Process(ctx, cmd)
	}
	select {
	case batch := <-e.turn:
		if batch != nil {
			s.processAll(ctx, batch)
		}
		return e.sent, cmd.Err()
	case <-ctx.Done():
	}
	if !s.rounds.leave(e) {
		select {
		case batch := <-e.turn:
			if batch != nil {
				go s.processAll(ctx, batch) // the others must not wait for nothing
			}
		default: // another sends it
		}
	}
	return time.Now(), context.Cause(ctx)
}

// processAll sends errands in one round trip. The context of the first does not end it: it is about the others, too.
func (s *Store) processAll(ctx context.Context, batch []*errand) {
	defer s.rounds.end()
	if s.health.isDown() {
		for _, e := range batch {
			e.cmd.SetErr(errDown)
		}
	} else {
		ctx = context.WithoutCancel(ctx)
		pipe := s.client.Pipeline()
		now := time.Now()
		for _, e := range batch {
			e.sent = now
			_ = pipe.Process(ctx, e.cmd) // only adds it
		}
		_, _ = pipe.Exec(ctx) // each command has its own error
	}
	for _, e := range batch[1:] {
		e.turn <- nil
	}
}
