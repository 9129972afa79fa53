// Package registrytest tests that an implementation of [cachedcontent.Registry] keeps its contract.
//
//	func TestRegistry(t *testing.T) {
//		registrytest.Run(t, registrytest.Config{
//			Open: func(t *testing.T) cachedcontent.Registry { return new(cachedcontent.Memory) },
//		})
//	}
package registrytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
)

// A Config says how to test an implementation.
type Config struct {
	// Open returns a new Registry without entries and claims, which holds at least 100 keys. It must not be nil.
	Open func(t *testing.T) cachedcontent.Registry

	// Wait lets time pass for the Registry, a little more than d. nil is for a Registry whose clock is that of this process:
	// each test then runs in a bubble of [synctest]. A Registry in another process takes [time.Sleep], or what moves the
	// clock of that process on. The tests wait for 6 times Unit in all.
	Wait func(d time.Duration)

	// Unit is the time of one lease; 0 means a second. It must be longer than several round trips.
	Unit time.Duration
}

// Run tests the Registry that c.Open returns, each property in a test of its own.
func Run(t *testing.T, c Config) {
	if c.Open == nil {
		t.Fatal("registrytest: Config.Open is nil")
	}
	if c.Unit <= 0 {
		c.Unit = time.Second
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if c.Wait != nil {
				test.run(&kit{t: t, Registry: c.Open(t), Config: c})
				return
			}
			synctest.Test(t, func(t *testing.T) {
				k := &kit{t: t, Registry: c.Open(t), Config: c}
				k.Wait = func(d time.Duration) { time.Sleep(d + time.Millisecond) }
				test.run(k)
			})
		})
	}
}

var tests = []struct {
	name string
	run  func(*kit)
}{
	{"ClaimThenPublish", (*kit).claimThenPublish},
	{"ConcurrentClaims", (*kit).concurrentClaims},
	{"ConcurrentPublishes", (*kit).concurrentPublishes},
	{"ClaimOfADeadOwner", (*kit).claimOfADeadOwner},
	{"ClaimIsProlonged", (*kit).claimIsProlonged},
	{"Release", (*kit).release},
	{"PublishAfterLosingTheClaim", (*kit).publishAfterLosingTheClaim},
	{"PublishWithoutAClaim", (*kit).publishWithoutAClaim},
	{"PublishTwice", (*kit).publishTwice},
	{"PublishOfAnExpiredCache", (*kit).publishOfAnExpiredCache},
	{"EntryExpires", (*kit).entryExpires},
	{"ForgetOfAnOldName", (*kit).forgetOfAnOldName},
	{"ForgetTwice", (*kit).forgetTwice},
	{"ForgetKeepsTheClaim", (*kit).forgetKeepsTheClaim},
	{"Renew", (*kit).renew},
	{"ClockJump", (*kit).clockJump},
	{"Own", (*kit).own},
	{"KeysAreApart", (*kit).keysAreApart},
	{"DoneContext", (*kit).doneContext},
	{"BadArguments", (*kit).badArguments},
}

// A kit is one test at work.
type kit struct {
	cachedcontent.Registry
	Config
	t *testing.T
}

// key returns the n-th key.
func key(n int) cachedcontent.Key {
	k := cachedcontent.Key{Provider: "gemini", Account: "account", Model: "gemini-2.5-flash"}
	k.Content[0] = byte(n)
	return k
}

// entry returns a cache that lives for an hour.
func entry(name, owner string) cachedcontent.Entry {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return cachedcontent.Entry{Name: "cachedContents/" + name, Tokens: 5000, Created: now, Expires: now.Add(time.Hour), Owner: owner}
}

// sameEntry reports whether two entries are equal. A Registry may keep times to the millisecond.
func sameEntry(a, b cachedcontent.Entry) bool {
	return a.Name == b.Name && a.Tokens == b.Tokens && a.Owner == b.Owner &&
		a.Created.Sub(b.Created).Abs() <= time.Millisecond && a.Expires.Sub(b.Expires).Abs() <= time.Millisecond
}

func (k *kit) claim(n int, owner string) cachedcontent.Claim {
	k.t.Helper()
	c, err := k.Claim(k.t.Context(), key(n), owner, k.Unit)
	if err != nil {
		k.t.Fatalf("Claim by %s: %v", owner, err)
	}
	return c
}

// wantMine checks that the owner gets the claim.
func (k *kit) wantMine(n int, owner string) {
	k.t.Helper()
	if c := k.claim(n, owner); !c.Mine || c.Entry.Name != "" || c.Wait != 0 {
		k.t.Fatalf("Claim by %s = %+v, want it to be its own", owner, c)
	}
}

// wantWait checks that another has the claim.
func (k *kit) wantWait(n int, owner string) {
	k.t.Helper()
	if c := k.claim(n, owner); c.Mine || c.Entry.Name != "" || c.Wait <= 0 || c.Wait > k.Unit+time.Second {
		k.t.Fatalf("Claim by %s = %+v, want to wait for at most %v", owner, c, k.Unit)
	}
}

// wantEntry checks that the key has a live cache.
func (k *kit) wantEntry(n int, want cachedcontent.Entry) {
	k.t.Helper()
	if c := k.claim(n, "reader"); c.Mine || c.Wait != 0 || !sameEntry(c.Entry, want) {
		k.t.Fatalf("Claim = %+v, want the entry %+v", c, want)
	}
}

// publish publishes e, and checks which cache is the key's then.
func (k *kit) publish(n int, e, want cachedcontent.Entry) {
	k.t.Helper()
	got, err := k.Publish(k.t.Context(), key(n), e)
	if err != nil || !sameEntry(got, want) {
		k.t.Fatalf("Publish of %s = %+v, %v; want %+v", e.Name, got, err, want)
	}
}

func (k *kit) forget(n int, name string, want bool) {
	k.t.Helper()
	if got, err := k.Forget(k.t.Context(), key(n), name); err != nil || got != want {
		k.t.Fatalf("Forget of %s = %v, %v; want %v", name, got, err, want)
	}
}

func (k *kit) claimThenPublish() {
	e := entry("one", "a")
	k.wantMine(1, "a")
	k.wantWait(1, "b")
	k.publish(1, e, e)
	k.wantEntry(1, e)
	k.forget(1, e.Name, true)
	k.wantMine(1, "b") // the claim of a ended when it published
}

func (k *kit) concurrentClaims() {
	const owners = 50
	var mine []string
	var mu sync.Mutex
	k.together(owners, func(i int) error {
		owner := fmt.Sprint("owner", i)
		c, err := k.Claim(k.t.Context(), key(1), owner, time.Hour)
		if c.Mine {
			mu.Lock()
			mine = append(mine, owner)
			mu.Unlock()
		}
		return err
	})
	if len(mine) != 1 {
		k.t.Fatalf("%d of %d owners have the claim: %v", len(mine), owners, mine)
	}
}

func (k *kit) concurrentPublishes() {
	const owners = 50
	names := make([]string, owners)
	k.together(owners, func(i int) error {
		owner := fmt.Sprint("owner", i)
		got, err := k.Publish(k.t.Context(), key(1), entry(owner, owner))
		names[i] = got.Name
		return err
	})
	slices.Sort(names)
	if all := slices.Compact(names); len(all) != 1 || all[0] == "" {
		k.t.Fatalf("the owners learned different caches: %v", all)
	}
}

// together calls f in n goroutines.
func (k *kit) together(n int, f func(i int) error) {
	k.t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := f(i); err != nil {
				k.t.Error(err)
			}
		})
	}
	all.Wait()
}

func (k *kit) claimOfADeadOwner() {
	k.wantMine(1, "a")
	k.wantWait(1, "b")
	k.Wait(k.Unit)
	k.wantMine(1, "b")
	k.wantWait(1, "a")
}

func (k *kit) claimIsProlonged() {
	k.wantMine(1, "a")
	k.Wait(k.Unit * 3 / 5)
	k.wantMine(1, "a")
	k.Wait(k.Unit * 3 / 5)
	k.wantWait(1, "b")
}

func (k *kit) release() {
	k.wantMine(1, "a")
	for range 2 {
		if err := k.Release(k.t.Context(), key(1), "b"); err != nil {
			k.t.Fatal(err)
		}
	}
	k.wantWait(1, "b") // another's release does nothing
	for range 2 {
		if err := k.Release(k.t.Context(), key(1), "a"); err != nil {
			k.t.Fatal(err)
		}
	}
	k.wantMine(1, "b")
}

func (k *kit) publishAfterLosingTheClaim() {
	late, winner := entry("late", "a"), entry("winner", "b")
	k.wantMine(1, "a")
	k.Wait(k.Unit)
	k.wantMine(1, "b")
	k.publish(1, winner, winner)
	k.publish(1, late, winner) // so a deletes its own
	k.wantEntry(1, winner)
}

func (k *kit) publishWithoutAClaim() {
	e, other := entry("one", "a"), entry("two", "b")
	k.wantMine(1, "b")
	k.publish(1, e, e) // the first cache counts, whoever has the claim
	k.wantEntry(1, e)
	k.publish(1, other, e)
	k.forget(1, e.Name, true)
	k.wantMine(1, "c") // the claim of b ended when it published
}

func (k *kit) publishTwice() {
	e := entry("one", "a")
	k.wantMine(1, "a")
	k.publish(1, e, e)
	k.publish(1, e, e)
	k.wantEntry(1, e)
}

func (k *kit) publishOfAnExpiredCache() {
	dead := entry("dead", "a")
	dead.Created, dead.Expires = dead.Created.Add(-time.Hour), dead.Created.Add(-time.Minute)
	k.wantMine(1, "a")
	got, err := k.Publish(k.t.Context(), key(1), dead)
	if err != nil || got.Name != "" {
		k.t.Fatalf("Publish of an expired cache = %+v, %v; want no entry", got, err)
	}
	k.wantMine(1, "b")
	e := entry("one", "b")
	k.publish(1, e, e)
	k.publish(1, dead, e)
}

func (k *kit) entryExpires() {
	e, next := entry("one", "a"), entry("two", "b")
	e.Expires = time.Now().Add(k.Unit / 2)
	k.publish(1, e, e)
	k.wantEntry(1, e)
	k.Wait(k.Unit / 2)
	k.forget(1, e.Name, false)
	if own, err := k.Own(k.t.Context(), "a"); err != nil || len(own) != 0 {
		k.t.Fatalf("Own = %v, %v; want nothing", own, err)
	}
	k.wantMine(1, "b")
	k.publish(1, next, next)
	k.wantEntry(1, next)
}

func (k *kit) forgetOfAnOldName() {
	old, e := entry("old", "a"), entry("new", "b")
	k.publish(1, old, old)
	k.forget(1, old.Name, true)
	k.publish(1, e, e)
	k.forget(1, old.Name, false)
	k.wantEntry(1, e)
}

func (k *kit) forgetTwice() {
	e := entry("one", "a")
	k.forget(1, e.Name, false)
	k.publish(1, e, e)
	k.forget(1, e.Name, true)
	k.forget(1, e.Name, false)
}

func (k *kit) forgetKeepsTheClaim() {
	e := entry("one", "a")
	k.wantMine(1, "b")
	k.publish(1, e, e)
	k.forget(1, e.Name, true)
	k.wantWait(1, "c")
	k.wantMine(1, "b")
}

func (k *kit) renew() {
	e := entry("one", "a")
	k.publish(1, e, e)
	set := func(name string, expires time.Time, want bool) {
		k.t.Helper()
		for range 2 {
			if got, err := k.Renew(k.t.Context(), key(1), name, expires); err != nil || got != want {
				k.t.Fatalf("Renew of %s = %v, %v; want %v", name, got, err, want)
			}
		}
	}
	set("cachedContents/other", e.Expires.Add(time.Hour), false)
	k.wantEntry(1, e)
	e.Expires = e.Expires.Add(time.Hour)
	set(e.Name, e.Expires, true)
	k.wantEntry(1, e)
	e.Expires = time.Now().Add(k.Unit / 2) // earlier than before
	set(e.Name, e.Expires, true)
	k.Wait(k.Unit / 2)
	set(e.Name, time.Now().Add(time.Hour), false)
	k.wantMine(1, "b")
}

// clockJump has entries whose times disagree with the clock of the Registry, as after a jump of a clock.
func (k *kit) clockJump() {
	ahead := entry("ahead", "a")
	ahead.Created, ahead.Expires = ahead.Created.Add(24*time.Hour), ahead.Expires.Add(24*time.Hour)
	k.wantMine(1, "a")
	k.publish(1, ahead, ahead) // the provider's clock is a day ahead
	k.wantEntry(1, ahead)
	k.forget(1, ahead.Name, true) // its first use finds out that it is dead
	k.wantMine(1, "b")

	far := entry("far", "c")
	far.Expires = far.Expires.AddDate(5, 0, 0)
	k.publish(2, far, far)
	k.wantEntry(2, far)
	if got, err := k.Renew(k.t.Context(), key(2), far.Name, time.Now().Add(-time.Hour)); err != nil || !got {
		k.t.Fatalf("Renew = %v, %v; want true", got, err)
	}
	k.wantMine(2, "d") // it has expired
	k.Wait(k.Unit)
	k.wantMine(2, "e") // a claim lasts as long as its lease, whatever the entries say
}

func (k *kit) own() {
	want := []string{}
	for i := range 5 {
		e := entry(fmt.Sprint("a", i), "a")
		want = append(want, e.Name)
		k.publish(i, e, e)
	}
	k.publish(5, entry("b", "b"), entry("b", "b"))
	k.wantMine(6, "a") // a claim is no cache
	held, err := k.Own(k.t.Context(), "a")
	if err != nil {
		k.t.Fatal(err)
	}
	var got []string
	for _, h := range held {
		if h.Key.Content[0] > 4 || h.Key != key(int(h.Key.Content[0])) || h.Entry.Owner != "a" {
			k.t.Errorf("Own has %+v", h)
		}
		got = append(got, h.Entry.Name)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		k.t.Errorf("Own = %v, want %v", got, want)
	}
	if held, err := k.Own(k.t.Context(), "nobody"); err != nil || len(held) != 0 {
		k.t.Errorf("Own of nobody = %v, %v", held, err)
	}
}

func (k *kit) keysAreApart() {
	base := key(1)
	keys := []cachedcontent.Key{base, base, base, base, base, base}
	keys[1].Provider = "vertex"
	keys[2].Account = "another"
	keys[3].Location = "europe-west4"
	keys[4].Model = "gemini-2.5-pro"
	keys[5].Content[31] = 1
	for i, key := range keys {
		c, err := k.Claim(k.t.Context(), key, fmt.Sprint("owner", i), time.Hour)
		if err != nil || !c.Mine {
			k.t.Errorf("Claim of %+v = %+v, %v; want it to be its own", key, c, err)
		}
	}
	// Names that contain what an implementation may separate them with.
	first, second := base, base
	first.Account, first.Model = "a:b", "c"
	second.Account, second.Model = "a", "b:c"
	for i, key := range []cachedcontent.Key{first, second} {
		if c, err := k.Claim(k.t.Context(), key, fmt.Sprint("other", i), time.Hour); err != nil || !c.Mine {
			k.t.Errorf("Claim of %+v = %+v, %v; want it to be its own", key, c, err)
		}
	}
}

func (k *kit) doneContext() {
	ctx, cancel := context.WithCancel(k.t.Context())
	cancel()
	e := entry("one", "a")
	_, claim := k.Claim(ctx, key(1), "a", k.Unit)
	_, publish := k.Publish(ctx, key(1), e)
	_, renew := k.Renew(ctx, key(1), e.Name, e.Expires)
	_, forget := k.Forget(ctx, key(1), e.Name)
	_, own := k.Own(ctx, "a")
	for i, err := range []error{claim, publish, renew, forget, own, k.Release(ctx, key(1), "a")} {
		if !errors.Is(err, context.Canceled) {
			k.t.Errorf("method %d with a done context: %v", i, err)
		}
	}
	k.wantMine(1, "b")
}

func (k *kit) badArguments() {
	_, owner := k.Claim(k.t.Context(), key(1), "", k.Unit)
	_, lease := k.Claim(k.t.Context(), key(1), "a", 0)
	nameless, ownerless := entry("x", "a"), entry("x", "")
	nameless.Name = ""
	_, name := k.Publish(k.t.Context(), key(1), nameless)
	_, nobody := k.Publish(k.t.Context(), key(1), ownerless)
	for i, err := range []error{owner, lease, name, nobody} {
		if err == nil {
			k.t.Errorf("bad arguments %d: no error", i)
		}
	}
	k.wantMine(1, "b")
}
