package cachedcontent

import (
	"context"
	"sync"
	"time"
)

// DefaultMemoryKeys is how many keys a [Memory] holds by default.
const DefaultMemoryKeys = 10_000

// Memory is a [Registry] in the memory of one process. Its zero value is ready to use. It must not be copied.
type Memory struct {
	// Keys is how many keys with a live cache or a claim it holds at most; 0 means [DefaultMemoryKeys]. It must not change
	// after the first use.
	Keys int

	mu    sync.Mutex
	slots map[Key]*slot
}

// A slot is what is known of a key.
type slot struct {
	entry Entry
	owner string    // who has the claim; "": no replica
	until time.Time // when the claim ends. It has a monotonic reading, so a jump of the clock does not move it
}

// alive reports whether the slot has a cache.
func (s *slot) alive(now time.Time) bool { return s.entry.Name != "" && now.Before(s.entry.Expires) }

// claimed reports whether somebody has the claim.
func (s *slot) claimed(now time.Time) bool { return s.owner != "" && now.Before(s.until) }

// slot returns the slot of a key; nil if it has none. Without room for a new one it fails. m.mu is held.
func (m *Memory) slot(key Key, make bool, now time.Time) (*slot, error) {
	if s := m.slots[key]; s != nil || !make {
		return s, nil
	}
	most := m.Keys
	if most <= 0 {
		most = DefaultMemoryKeys
	}
	if len(m.slots) >= most {
		m.sweep(now)
	}
	if len(m.slots) >= most {
		return nil, ErrFull
	}
	if m.slots == nil {
		m.slots = map[Key]*slot{}
	}
	s := new(slot)
	m.slots[key] = s
	return s, nil
}

// sweep removes the slots in which nothing is left. m.mu is held.
func (m *Memory) sweep(now time.Time) {
	for key, s := range m.slots {
		if !s.alive(now) && !s.claimed(now) {
			delete(m.slots, key)
		}
	}
}

// Claim implements [Registry].
func (m *Memory) Claim(ctx context.Context, key Key, owner string, lease time.Duration) (Claim, error) {
	switch {
	case ctx.Err() != nil:
		return Claim{}, context.Cause(ctx)
	case owner == "":
		return Claim{}, invalid("owner", `""`, "want a name of the replica")
	case lease <= 0:
		return Claim{}, invalid("lease", lease.String(), "want more than 0")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	s, err := m.slot(key, true, now)
	switch {
	case err != nil:
		return Claim{}, err
	case s.alive(now):
		return Claim{Entry: s.entry}, nil
	case s.claimed(now) && s.owner != owner:
		return Claim{Wait: s.until.Sub(now)}, nil
	}
	s.owner, s.until = owner, now.Add(lease)
	return Claim{Mine: true}, nil
}

// Publish implements [Registry].
func (m *Memory) Publish(ctx context.Context, key Key, e Entry) (Entry, error) {
	switch {
	case ctx.Err() != nil:
		return Entry{}, context.Cause(ctx)
	case e.Name == "":
		return Entry{}, invalid("Name", `""`, "want the name of a cache")
	case e.Owner == "":
		return Entry{}, invalid("Owner", `""`, "want a name of the replica")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	s, err := m.slot(key, now.Before(e.Expires), now)
	if s == nil {
		return Entry{}, err
	}
	if s.owner == e.Owner {
		s.owner = ""
	}
	if !s.alive(now) {
		s.entry = Entry{}
		if now.Before(e.Expires) {
			s.entry = e
		}
	}
	m.tidy(key, s, now)
	return s.entry, nil
}

// Release implements [Registry].
func (m *Memory) Release(ctx context.Context, key Key, owner string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.slots[key]; s != nil && s.owner == owner {
		s.owner = ""
		m.tidy(key, s, time.Now())
	}
	return nil
}

// Renew implements [Registry].
func (m *Memory) Renew(ctx context.Context, key Key, name string, expires time.Time) (bool, error) {
	return m.change(ctx, key, name, func(e *Entry) { e.Expires = expires })
}

// Forget implements [Registry].
func (m *Memory) Forget(ctx context.Context, key Key, name string) (bool, error) {
	return m.change(ctx, key, name, func(e *Entry) { *e = Entry{} })
}

// change changes the live cache of a key if it has that name.
func (m *Memory) change(ctx context.Context, key Key, name string, f func(*Entry)) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	s := m.slots[key]
	if s == nil || !s.alive(now) || s.entry.Name != name {
		return false, nil
	}
	f(&s.entry)
	m.tidy(key, s, now)
	return true, nil
}

// tidy removes a slot in which nothing is left. m.mu is held.
func (m *Memory) tidy(key Key, s *slot, now time.Time) {
	if !s.alive(now) && !s.claimed(now) {
		delete(m.slots, key)
	}
}

// Own implements [Registry].
func (m *Memory) Own(ctx context.Context, owner string) ([]Held, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var held []Held
	now := time.Now()
	for key, s := range m.slots {
		if s.alive(now) && s.entry.Owner == owner {
			held = append(held, Held{key, s.entry})
		}
	}
	return held, nil
}
