package middleware

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

const (
	// hiddenTime is how long a request is refused that is the same as one that may have been billed. The clients in use
	// send a request again for two minutes at most.
	hiddenTime = 5 * time.Minute

	// hiddenWait is how long a request waits while the same one runs. The client may have given that one up and sent it
	// again, which shows only when its connection closes.
	hiddenWait = 100 * time.Millisecond
)

// A hiddenGuard recognises what a client sends again without saying so. The zero guard is off.
type hiddenGuard struct {
	on   bool
	lost recent[try] // requests that may have been billed, and whose answers did not arrive

	mu   sync.Mutex
	runs map[try]runs
}

// runs are the calls of one try that are under way.
type runs struct {
	all  int
	left int // those whose client has left
}

// add counts calls of a try that are under way.
func (g *hiddenGuard) add(t try, all, left int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.runs == nil {
		g.runs = make(map[try]runs)
	}
	r := g.runs[t]
	if r.all, r.left = r.all+all, r.left+left; r.all == 0 {
		delete(g.runs, t)
		return
	}
	g.runs[t] = r
}

// repeated returns why a try is refused; "" if it is not. busy says that the same one runs, and that its client waits for it.
func (g *hiddenGuard) repeated(t try) (why string, busy bool) {
	g.mu.Lock()
	r := g.runs[t]
	g.mu.Unlock()
	if r.left > 0 {
		return "the same request still runs, although its client has left, and may be billed", false
	}
	if ago, ok := g.lost.age(t); ok && ago < hiddenTime {
		return fmt.Sprintf("the same request was lost %v ago, and may have been billed", ago.Round(time.Millisecond)), false
	}
	return "", r.all > 0
}

// An awaited is a call under way that a client waits for.
type awaited struct {
	guard  *hiddenGuard
	try    try
	client context.Context // ends when the client leaves
	stop   func() bool     // stops waiting for that

	mu     sync.Mutex
	parts  int  // that are under way: the call with its attempts, and the answer to the client
	over   bool // whether the client leaves does not count any more
	gone   bool // the client has left without the answer
	billed bool
}

// left notes that the client has left.
func (a *awaited) left() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leave()
}

func (a *awaited) leave() {
	if !a.over && !a.gone {
		a.gone = true
		a.guard.add(a.try, 0, 1)
	}
}

// note remembers the outcome of an attempt. A complete answer may still not reach the client.
func (a *awaited) note(o policy.Outcome) {
	switch o {
	case policy.Ambiguous, policy.Partial:
		a.guard.lost.add(a.try)
	case policy.Billed:
		a.mu.Lock()
		defer a.mu.Unlock()
		a.billed = true
	}
}

// ended notes that the call has ended with all of its attempts. Its answer is complete, but for its last piece it has not
// reached the client. A client that leaves now may have that piece too.
func (a *awaited) ended() {
	a.stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client.Err() != nil {
		a.leave()
	}
	a.over = true
	a.end()
}

// answered notes that the server has written the answer to the client, or could not.
func (a *awaited) answered(written bool) {
	a.stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !written {
		a.over = false
		a.leave()
	}
	a.over = true
	a.end()
}

// end ends a part.
func (a *awaited) end() {
	if a.parts--; a.parts > 0 {
		return
	}
	left := 0
	if a.gone {
		left = 1
	}
	if a.gone && a.billed {
		a.guard.lost.add(a.try)
	}
	a.guard.add(a.try, -1, -left)
}
