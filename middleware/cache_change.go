package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// This file changes and ends caches. A cache ends in one of these ways:
//
//	expired  its time is over, or nearly. It is removed if an answer was not seen by which it may live for longer
//	lost     the provider does not know it any more, or rejects a call that used it
//	delete   it does not pay, or its registration has ended
//	close    the stack is closed
//
// Each of them first has it forgotten, so that no call uses it from then on. What may still be charged for is then removed: the
// provider is asked to delete it, up to three times. What it did not delete is kept, and close tries again.

// changeTimeout bounds how long it may take to extend or to delete a context cache.
const changeTimeout = time.Minute

// follow does what package reuse advises, in the background.
func (s *scope) follow(changes []reuse.Change, parent string, set policy.Cache) {
	for _, change := range changes {
		s.mu.Lock()
		h := s.byID(change.Hash)
		registered := h != nil && h.handles > 0
		s.mu.Unlock()
		switch {
		case h == nil:
			s.holder.get().Gone(change.Hash, time.Now())
		case !change.Until.IsZero():
			s.caching.background(func() { s.extend(h, change.Until.Add(reuseMargin), parent, set) })
		case !registered:
			s.caching.background(func() { s.delete(context.Background(), h, parent) })
		}
	}
}

// byID returns the cache that exists of a prefix, by the part of its sum that package reuse knows; nil if there is none.
func (s *scope) byID(id uint64) *held {
	for _, h := range s.held {
		if h.name != "" && h.sum.id() == id {
			return h
		}
	}
	return nil
}

// extend lets a cache live until a time. If its further storage is not within the caps, or the provider does not extend it, it
// expires as it would have.
func (s *scope) extend(h *held, until time.Time, parent string, set policy.Cache) {
	now := time.Now()
	s.mu.Lock()
	name, before := h.name, h.until
	if h.busy || name == "" || until.Sub(before) < until.Sub(now)/8 || now.Before(h.fixed) { // or each call would change it
		s.mu.Unlock()
		return
	}
	h.busy = true
	l := h.lease
	s.mu.Unlock()
	err := s.extendWithin(h, name, l, &errand{parent: parent, tags: h.tags}, until, set, now)
	s.mu.Lock()
	h.busy = false
	if err != nil {
		h.fixed = now.Add(before.Sub(now) / 4) // a few more tries before it expires
	}
	s.mu.Unlock()
	if err != nil {
		s.log("is not extended", err)
	}
}

func (s *scope) extendWithin(h *held, name string, l *lease, e *errand, until time.Time, set policy.Cache, now time.Time) error {
	more, err := s.affords(h, until, &set)
	if err != nil {
		return err
	}
	if err := s.spent.reserve(more, &set, now, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), changeTimeout)
	defer cancel()
	e.most = more
	err = s.send(ctx, e, http.MethodPatch, name, []byte(`{"ttl":"`+seconds(until.Sub(now))+`"}`))
	cost := e.cost()
	if err != nil || e.unpriced { // it may have been extended
		cost = max(cost, more)
	}
	if err != nil || e.row.Outcome == policy.Ambiguous {
		s.spent.lives(l, until)
	}
	s.spent.settle(more, cost, time.Now())
	switch {
	case err != nil:
		return err
	case e.row.Reason == policy.CacheDead:
		s.lost(h, name, policy.CacheDead)
		return e.rejection()
	case !e.served():
		return e.rejection()
	}
	s.mu.Lock()
	if !e.stored.Expires.IsZero() {
		until = e.stored.Expires.Add(-h.skew)
	}
	if h.name == name {
		h.until = until
		s.spent.lives(l, until)
	}
	s.mu.Unlock()
	s.holder.get().Extended(h.sum.id(), until.Add(-reuseMargin))
	if r := s.caching.registry; r != nil {
		_, err = r.Renew(ctx, s.key(h), name, until)
	}
	return err
}

// affords returns what it costs to hold a cache until a time instead of until its end. The error says why it must not be held
// for so long.
func (s *scope) affords(h *held, until time.Time, set *policy.Cache) (price.Pico, error) {
	s.mu.Lock()
	tokens, from, before, q, created := h.tokens, h.from, h.until, h.query, h.cost
	s.mu.Unlock()
	if tokens <= 0 {
		return 0, errors.New("it is not known how many tokens it holds")
	}
	catalog := s.caching.prices()
	all, err := catalog.Storage(q, tokens, from, until)
	if err != nil {
		return 0, fmt.Errorf("what its storage would cost is not known: %w", err)
	}
	if created+all.Cost > set.MaxCost {
		return 0, fmt.Errorf("with its creation ($%s) it would cost $%s by then, and max_cost is $%s", created, created+all.Cost, set.MaxCost)
	}
	more, err := catalog.Storage(q, tokens, before, until)
	return more.Cost, err
}

// delete deletes a cache, unless it is registered, or another replica has created it. One that cannot be deleted is charged until it expires, which
// the error says.
func (s *scope) delete(ctx context.Context, h *held, parent string) error {
	s.mu.Lock()
	var gone *held
	if h.handles == 0 {
		gone = s.forget(h)
	}
	s.mu.Unlock()
	return s.deleteForgotten(ctx, gone, parent)
}

// deleteForgotten is delete for what forget returned.
func (s *scope) deleteForgotten(ctx context.Context, gone *held, parent string) error {
	if gone == nil || gone.others {
		return nil
	}
	s.holder.get().Gone(gone.sum.id(), time.Now())
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if r := s.caching.registry; r != nil {
		if _, err := r.Forget(ctx, s.key(gone), gone.name); err != nil {
			s.log("stays in the registry", err)
		}
	}
	return s.remove(ctx, gone, parent)
}

// removals is how often it is tried to delete a cache, before the rest is left to [caching.close].
const removals = 3

// remove deletes a cache that is not used any more. To delete it twice does no harm, so it is tried again after a failure that
// may pass.
func (s *scope) remove(ctx context.Context, gone *held, parent string) (err error) {
	for n := range removals {
		var again bool
		if again, err = s.removeOnce(ctx, gone, parent); err == nil || !again {
			break
		}
		select {
		case <-time.After(time.Second << n):
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.spent.lives(gone.lease, time.Time{})
		return nil
	}
	s.kept = append(s.kept, gone)
	err = fmt.Errorf("skinflint: the context cache %s is not deleted, and is charged until it expires: %w", gone.name, err)
	s.log("is not deleted, and is charged until it expires", err)
	return err
}

// removeOnce is one attempt of remove. It reports whether another one may succeed. "Not found (or permission denied)" says that the
// cache is gone only if it may be: after its end, or if an earlier attempt was not answered. Otherwise the key is another one.
func (s *scope) removeOnce(ctx context.Context, gone *held, parent string) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout/removals)
	defer cancel()
	e := &errand{parent: parent, tags: gone.tags}
	err = s.send(ctx, e, http.MethodDelete, gone.name, nil)
	switch ended := !time.Now().Before(s.spent.end(gone.lease)); {
	case e.served():
		return false, nil
	case err != nil || e.row.Outcome == policy.Ambiguous:
		gone.asked = true
		return true, cmp.Or(err, e.rejection())
	case e.row.Reason == policy.CacheDead && (!mayLive(&e.row) || gone.asked || ended):
		return false, nil
	case e.row.Reason == policy.CacheDead:
		return false, errForeign
	}
	return e.row.Status == http.StatusTooManyRequests || e.row.Status >= 500, e.rejection()
}

// errForeign says why a cache that lives is not deleted.
var errForeign = errors.New("the provider does not know it, or the key may not delete it (403)")

// mayLive reports whether the cache may live that a deletion did not find: Google answers so to the key of another project.
func mayLive(row *ledger.Row) bool { return row.Status == http.StatusForbidden }

// forget has a cache not used any more, and returns what it was; nil if there is none. s.mu is held.
func (s *scope) forget(h *held) *held {
	if h.name == "" {
		return nil
	}
	gone := *h
	h.name = ""
	if h.handles == 0 && h.making == nil {
		delete(s.held, h.sum)
	}
	return &gone
}

// expired forgets a cache, if there is one, that has expired or is about to. If it may live for longer, because an answer was
// not seen, it is deleted. s.mu is held.
func (s *scope) expired(h *held, now time.Time) {
	gone := s.forget(h)
	if gone == nil || gone.others || !gone.until.Before(s.spent.end(gone.lease)) {
		return
	}
	if !s.caching.background(func() { _ = s.remove(context.Background(), gone, "") }) {
		s.kept = append(s.kept, gone)
	}
}

// lost notes that the provider does not serve from a cache any more, or rejects how it is used. In the latter case it is not
// used again for an hour.
func (s *scope) lost(h *held, name string, reason policy.Reason) {
	now := time.Now()
	s.mu.Lock()
	if h.name != name { // it has been replaced since
		s.mu.Unlock()
		return
	}
	gone := s.forget(h)
	if reason == policy.CacheDead {
		s.spent.lives(h.lease, now)
		h.from = time.Time{}
	} else {
		h.failed(now.Add(time.Hour), fmt.Errorf("the provider rejected a call that used it: %s", cmp.Or(reason, "it does not say why")))
		s.held[h.sum] = h
	}
	s.mu.Unlock()
	if reason != policy.CacheDead {
		s.caching.background(func() { _ = s.deleteForgotten(context.Background(), gone, "") })
		return
	}
	s.holder.get().Gone(h.sum.id(), now)
	r := s.caching.registry
	if r == nil {
		return
	}
	s.caching.background(func() {
		ctx, cancel := context.WithTimeout(context.Background(), changeTimeout)
		defer cancel()
		if _, err := r.Forget(ctx, s.key(h), name); err != nil {
			s.log("stays in the registry", err)
		}
	})
}

// closeTime is how long close takes at most if its context is done already.
const closeTime = 10 * time.Second

// close waits for what is under way, and deletes all caches that were created.
func (k *caching) close(ctx context.Context) error {
	if ctx.Err() != nil { // what ended the program must not leave caches that are charged for
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
	}
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	done := make(chan struct{})
	go func() {
		k.work.Wait()
		close(done)
	}()
	var errs []error
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("skinflint: context caches are still being created or changed: %w", context.Cause(ctx)))
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	room := make(chan struct{}, 8)
	for _, s := range k.all() {
		for _, gone := range s.existing() {
			room <- struct{}{}
			all.Go(func() {
				err := s.deleteForgotten(ctx, gone, "")
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
				<-room
			})
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

// existing forgets the caches that may exist, and returns them.
func (s *scope) existing() []*held {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.kept
	s.kept = nil
	for _, h := range s.held {
		if gone := s.forget(h); gone != nil {
			all = append(all, gone)
		}
	}
	return slices.DeleteFunc(all, func(gone *held) bool { return !now.Before(s.spent.end(gone.lease)) })
}
