package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// changeTimeout bounds how long it may take to extend or to delete a context cache.
const changeTimeout = time.Minute

// follow does what package reuse advises, in the background.
func (s *scope) follow(changes []reuse.Change, parent string, set policy.Cache) {
	for _, change := range changes {
		s.mu.Lock()
		h := s.byID(change.Hash)
		s.mu.Unlock()
		switch {
		case h == nil:
			s.holder.Gone(change.Hash, time.Now())
		case !change.Until.IsZero():
			s.engine.caching.background(func() { s.extend(h, change.Until, parent, set) })
		case h.handles == 0:
			s.engine.caching.background(func() { s.delete(context.Background(), h, parent) })
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
	if h.busy || name == "" || !before.Before(until) {
		s.mu.Unlock()
		return
	}
	h.busy = true
	more, all := s.storage(h, before, until), s.storage(h, h.from, until)
	e := &errand{parent: parent, tags: h.tags}
	s.mu.Unlock()
	err := s.extendWithin(h, e, until, more, all, set, now)
	s.mu.Lock()
	h.busy = false
	s.mu.Unlock()
	if err != nil {
		s.log("is not extended", err)
	}
}

func (s *scope) extendWithin(h *held, e *errand, until time.Time, more, all price.Pico, set policy.Cache, now time.Time) error {
	if all > set.MaxCost {
		return fmt.Errorf("its storage would cost $%s by then, and max_cost is $%s", all, set.MaxCost)
	}
	if err := s.spent.reserve(more, &set, now, false); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), changeTimeout)
	defer cancel()
	name := h.name
	err := s.send(ctx, e, http.MethodPatch, name, []byte(`{"ttl":"`+seconds(until.Sub(now))+`"}`))
	s.spent.settle(more, e.cost(), time.Now())
	switch {
	case err != nil:
		return err
	case e.row.Reason == policy.CacheDead:
		s.lost(h, name, policy.CacheDead)
		return e.rejection()
	case !e.served():
		return e.rejection()
	}
	if !e.stored.Expires.IsZero() {
		until = e.stored.Expires
	}
	s.mu.Lock()
	if h.name == name {
		h.until = until
	}
	s.mu.Unlock()
	s.holder.Extended(h.sum.id(), until)
	if r := s.engine.caching.registry; r != nil {
		_, err = r.Renew(ctx, s.key(h), name, until)
	}
	return err
}

// storage returns what it costs to hold a cache for a time; 0 if that is not known.
func (s *scope) storage(h *held, from, until time.Time) price.Pico {
	cost, err := s.engine.book.Catalog().Storage(h.query, h.tokens, from, until)
	if err != nil {
		return 0
	}
	return cost.Cost
}

// delete deletes a cache, unless another replica has created it. One that cannot be deleted is charged until it expires, which
// the error says.
func (s *scope) delete(ctx context.Context, h *held, parent string) error {
	s.mu.Lock()
	name, others := h.name, h.others
	s.forget(h)
	s.mu.Unlock()
	if name == "" || others {
		return nil
	}
	s.holder.Gone(h.sum.id(), time.Now())
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if r := s.engine.caching.registry; r != nil {
		if _, err := r.Forget(ctx, s.key(h), name); err != nil {
			s.log("stays in the registry", err)
		}
	}
	return s.remove(ctx, name, h)
}

// remove deletes the cache with a name.
func (s *scope) remove(ctx context.Context, name string, h *held) error {
	e := &errand{tags: h.tags}
	err := s.send(ctx, e, http.MethodDelete, name, nil)
	if err == nil && !e.served() && e.row.Reason != policy.CacheDead {
		err = e.rejection()
	}
	if err != nil {
		err = fmt.Errorf("skinflint: the context cache %s is not deleted, and is charged until it expires: %w", name, err)
		s.log("is not deleted, and is charged until it expires", err)
	}
	return err
}

// forget notes that a cache does not exist any more. s.mu is held.
func (s *scope) forget(h *held) {
	if h.name == "" {
		return
	}
	h.name = ""
	s.spent.live.Add(-1)
	if h.handles == 0 {
		delete(s.held, h.sum)
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
	s.forget(h)
	if reason != policy.CacheDead {
		h.failed(now.Add(time.Hour), "the provider rejected a call that used it: %s", reason)
		s.held[h.sum] = h
	}
	s.mu.Unlock()
	s.holder.Gone(h.sum.id(), now)
	r := s.engine.caching.registry
	if r == nil {
		return
	}
	s.engine.caching.background(func() {
		ctx, cancel := context.WithTimeout(context.Background(), changeTimeout)
		defer cancel()
		if _, err := r.Forget(ctx, s.key(h), name); err != nil {
			s.log("stays in the registry", err)
		}
	})
}

// close waits for what is under way, and deletes all caches that were created.
func (k *caching) close(ctx context.Context) error {
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
		for _, h := range s.existing() {
			room <- struct{}{}
			all.Go(func() {
				err := s.delete(ctx, h, "")
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

// existing returns the caches that exist.
func (s *scope) existing() (all []*held) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		if h.name != "" && now.Before(h.until) {
			all = append(all, h)
		}
	}
	return all
}
