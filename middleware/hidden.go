package middleware

import (
	"context"
	"fmt"
	"sync"
)

// RefuseRepeats refuses a request that is the same as one that may have been billed and whose answer did not reach its
// client: one that failed, was cut off, or was given up by the client. The same means the same credentials, path and body,
// or the same call that the program tracks. It is refused for five minutes, with [ErrRepeat].
//
// It is for a server between clients and providers, such as a proxy: clients may send a request again on their own without
// a header that says so. It is off by default, because a program may send the same request twice on purpose. Calls with
// [policy.AllowDoubleBilling] are not refused. A request whose answer arrived may be sent again. While a request runs, the
// same one waits 100 ms, in case the first client has just left. A body that can be read only once, and is longer than 64 KB,
// is not compared.
//
// The server calls [ForClient] for each request.
func RefuseRepeats() Option {
	return func(c *config) error { c.refuseRepeats = true; return nil }
}

// ForClient returns a context for the calls that a server makes for one request of a client. ctx is that request's own
// context, which ends when the client leaves. The calls may go on when it has ended, under a context that was derived from
// the returned one by [context.WithoutCancel].
//
// The server calls done, once, when it has written the answer or can write no more. written says whether the client has the
// whole answer: it is false if a write failed, or if the client had left before the last write. A client that leaves after
// the last write counts as having it.
//
// It matters to a [Stack] with [RefuseRepeats] only.
func ForClient(ctx context.Context) (_ context.Context, done func(written bool)) {
	v := &visitor{ctx: ctx}
	return context.WithValue(ctx, visitorKey{}, v), v.leave
}

type visitorKey struct{}

// A visitor is a client of a server, with the calls that are made for it.
type visitor struct {
	ctx context.Context // ends when the client leaves

	mu    sync.Mutex
	calls []*awaited
	done  bool
}

// add adds a call. It returns false if the request is over.
func (v *visitor) add(a *awaited) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.done {
		v.calls = append(v.calls, a)
	}
	return !v.done
}

func (v *visitor) leave(written bool) {
	v.mu.Lock()
	calls := v.calls
	v.calls, v.done = nil, true
	v.mu.Unlock()
	for _, a := range calls {
		a.answered(written)
	}
}

// hidden reports whether a client may send the call again without saying so.
func (c *call) hidden() bool {
	return c.engine.hidden.on && c.repeat.hashed && c.costs() && !c.settings.AllowDoubleBilling
}

// refuseHidden refuses the call if it repeats one that may have been billed.
func (c *call) refuseHidden() error {
	if !c.hidden() {
		return nil
	}
	g, t := &c.engine.hidden, c.repeat.try.lost()
	why, busy := g.repeated(t)
	if busy {
		if err := c.wait(hiddenWait); err != nil {
			c.body.Close()
			return err
		}
		why, _ = g.repeated(t)
	}
	if why == "" {
		return nil
	}
	return c.refuse(&Error{Kind: ErrRepeat, Detail: why,
		Hint: fmt.Sprintf("to send it all the same, wait %v, change its body, or use policy.AllowDoubleBilling", hiddenTime)})
}

// await notes that the call is under way, for the guard.
func (c *call) await() {
	if !c.hidden() {
		return
	}
	a := &awaited{guard: &c.engine.hidden, try: c.repeat.try.lost(), client: c.Context, parts: 1}
	v, served := c.Value(visitorKey{}).(*visitor)
	if served {
		a.client, a.parts = v.ctx, 2
	}
	a.guard.add(a.try, 1, 0)
	a.stop = context.AfterFunc(a.client, a.left)
	if served && !v.add(a) {
		a.answered(false)
	}
	c.awaited = a
}
