package middleware

import (
	"hash/maphash"
	"net/http"
	"strings"
	"sync"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// SDKs made by Stainless (OpenAI's, Anthropic's) send a request again on their own, and number their tries in a header.
// A repeatGuard recognises such a repetition of a try that was billed, may have been, or still runs: an SDK behind a proxy
// may give a try up, and repeat it, before that is noticed here. The zero guard is ready.
type repeatGuard struct {
	uncertain recent[try] // tries that may have been billed
	answered  recent[try] // tries that were billed
	running   running
}

// A try identifies what such an SDK sends: for whom, where, and which body.
type try struct {
	tracked     *policy.Call
	where, body uint64
}

// lost returns the try by which one that may have been billed is recognised. If the program tracks its call, the body does
// not count: the SDK may write it in another way the next time.
func (t try) lost() try {
	if t.tracked != nil {
		t.body = 0
	}
	return t
}

// first notes that the program makes a call. If it makes the same call as before, the SDK may also repeat that one.
func (g *repeatGuard) first(t try) {
	if !g.answered.empty() {
		g.answered.forget(t)
	}
}

// knows reports whether the try repeats one that was billed, may have been, or still runs.
func (g *repeatGuard) knows(t try) bool {
	if g.uncertain.empty() && g.answered.empty() && g.running.empty() {
		return false
	}
	_, lost := g.uncertain.has(t.lost()) // if there were too many to remember, it may have been one
	answered, _ := g.answered.has(t)
	return lost || answered || g.running.has(t)
}

// note remembers the outcome of a try, even of a complete answer: the SDK's own timeout may pass before the SDK has read it.
func (g *repeatGuard) note(t try, o policy.Outcome) {
	switch o {
	case policy.Ambiguous, policy.Partial:
		g.uncertain.add(t.lost())
	case policy.Billed:
		g.answered.add(t)
	}
}

// running counts the tries that are under way. The zero running is empty.
type running struct {
	mu    sync.Mutex
	tries map[try]int
}

func (u *running) empty() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.tries) == 0
}

func (u *running) has(t try) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.tries[t] > 0
}

func (u *running) add(t try) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tries == nil {
		u.tries = make(map[try]int)
	}
	u.tries[t]++
}

func (u *running) remove(t try) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tries[t]--; u.tries[t] == 0 {
		delete(u.tries, t)
	}
}

// A repeatable is the request of a client that may repeat it. The zero repeatable is of another client.
type repeatable struct {
	known  bool   // the client may repeat it
	key    uint64 // of its credentials
	hashed bool   // try has the hash of the body
	try    try
}

// repeatableOf returns what is known before the body is read. any says that any client may repeat a request, and not only
// one that numbers its tries.
func repeatableOf(req *http.Request, headers *transport.Headers, any bool) repeatable {
	switch {
	case headers.RetryCount == "" && !any:
		return repeatable{}
	case renewed(headers.Credentials.Authorization):
		return repeatable{known: true}
	}
	return repeatable{known: true, key: maphash.Comparable(hashSeed, credentialsOf(req, headers))}
}

// renewed reports whether an authorization may be another one at the next try: a token that expires (a JWT, or Google's),
// or a signature.
func renewed(authorization string) bool {
	scheme, token, _ := strings.Cut(authorization, " ")
	return strings.HasPrefix(scheme, "AWS4") || strings.HasPrefix(token, "eyJ") || strings.HasPrefix(token, "ya29.")
}

// complete adds what identifies the try. Without a body's hash, all calls of a key to a path are one try.
func (r *repeatable) complete(tracked *policy.Call, provider, path string, body uint64, hashed bool) {
	where := struct {
		provider, path string
		key            uint64
	}{provider, path, r.key}
	if tracked != nil {
		where.key = 0
	}
	r.try, r.hashed = try{tracked: tracked, where: maphash.Comparable(hashSeed, where), body: body}, hashed
}

var hashSeed = maphash.MakeSeed()

var hashes = sync.Pool{New: func() any { return new(maphash.Hash) }}
