package middleware

import (
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// A try is what an SDK has tried once: whose it was, where it went, and its body.
type try struct {
	tracked   *policy.Call
	sum, body uint64
}

// lost returns the try as one is known that may have been billed: where the program tracks its call, by that, however
// the SDK words it the next time.
func (t try) lost() try {
	if t.tracked != nil {
		t.body = 0
	}
	return t
}

var trySeed = maphash.MakeSeed()

// A repeater knows the try that a request of such an SDK is. The zero repeater is of another client.
type repeater struct {
	known bool
	read  bool // the body has been, and its hash is
	body  uint64
	key   uint64
	tried bool // try is known
	try   try
}

// repeaterOf notes what is needed to know the request again, as its header may change when the chain has returned.
func repeaterOf(req *http.Request, headers *transport.Headers) repeater {
	if headers.RetryCount == "" {
		return repeater{}
	}
	who := headers.Credentials
	if renewed(who.Authorization) {
		return repeater{known: true}
	}
	return repeater{known: true, key: maphash.Comparable(trySeed, credential{who, queryKey(req)})}
}

// renewed reports whether an authorization may be another at the next try: a token with an end (a JWT, or Google's), or a
// signature.
func renewed(authorization string) bool {
	scheme, token, _ := strings.Cut(authorization, " ")
	return strings.HasPrefix(scheme, "AWS4") || strings.HasPrefix(token, "eyJ") || strings.HasPrefix(token, "ya29.")
}

// lookAhead knows the try of a request whose body is sent as it is, before it is sent.
func (r *record) lookAhead(req *http.Request) {
	if !r.repeater.known {
		return
	}
	t := r.tryOf(func(w io.Writer) error {
		if req.GetBody == nil {
			return errNoBody
		}
		body, err := req.GetBody()
		if err != nil {
			return err
		}
		if _, err = io.Copy(w, body); sameBody(body, req.Body) {
			_, again := req.GetBody() // some SDKs rewind the one reader that they have
			return errors.Join(err, again)
		}
		return errors.Join(err, body.Close())
	})
	r.repeater.try, r.repeater.tried = t, true
}

var errNoBody = errors.New("skinflint: the body cannot be had again")

// try returns the try that the call is.
func (r *record) try() try {
	if !r.repeater.tried {
		r.repeater.try, r.repeater.tried = r.tryOf(func(io.Writer) error { return errNoBody }), true
	}
	return r.repeater.try
}

// tryOf returns the try, given who copies the body. Without a body, all calls of a key to a path are one.
func (r *record) tryOf(copyBody func(io.Writer) error) (t try) {
	t.tracked = r.options.Tracked()
	where := struct {
		provider, path string
		key            uint64
	}{r.call.Provider, r.path, r.repeater.key}
	if t.tracked != nil {
		where.key = 0
	}
	t.sum, t.body = maphash.Comparable(trySeed, where), r.repeater.body
	if !r.repeater.read {
		sum := newSum()
		if copyBody(sum) == nil {
			t.body = sum.Sum64()
		}
		sums.Put(sum)
	}
	return t
}

var sums = sync.Pool{New: func() any { return new(maphash.Hash) }}

func newSum() *maphash.Hash {
	sum := sums.Get().(*maphash.Hash)
	sum.SetSeed(trySeed)
	return sum
}

// load reads the body, and hashes it along the way if it may have to be known again.
func (r *record) load(req *http.Request) error {
	if !r.repeater.known {
		return r.body.Load(req, r.call.RequestPaths)
	}
	sum := newSum()
	err := r.body.Load(req, r.call.RequestPaths, sum)
	r.repeater.body, r.repeater.read = sum.Sum64(), r.body.Written()
	sums.Put(sum)
	return err
}

// remember notes that the call has been tried, and was or may have been billed, in case that the SDK above repeats it. It
// does so even with an answer that arrived: the SDK's own timeout may pass before it has taken notice.
func (r *record) remember(o policy.Outcome) {
	if !r.repeater.known {
		return
	}
	switch o {
	case policy.Ambiguous, policy.Partial:
		r.engine.tries.add(r.try().lost())
	case policy.Billed:
		r.engine.answered.add(r.try())
	}
}

// repeated refuses a call that the SDK above repeats of itself although it was billed, may have been, or still runs.
func (r *record) repeated(s *policy.Settings) error {
	e := r.engine
	switch {
	case !r.repeater.known:
		return nil
	case r.sdkRetry == 0:
		if !e.answered.empty() {
			e.answered.forget(r.try()) // the program asks the same once more, and its SDK may repeat that
		}
		return nil
	case s.AllowDoubleBilling || e.tries.empty() && e.answered.empty() && e.running.empty():
		return nil
	}
	t := r.try()
	_, lost := e.tries.has(t.lost()) // if there were too many to remember, it may have been one
	if answered, _ := e.answered.has(t); !lost && !answered && !e.running.has(t) {
		return nil
	}
	return r.refuse(&Error{Kind: ErrRepeat,
		Detail: "the SDK above sends it again of itself, and what it sent before may have been billed",
		Hint:   "turn the SDK's own retries off, or allow this by policy.AllowDoubleBilling"})
}

// running are the tries that are under way: an SDK behind a proxy may have given one up, and repeat it, before that is
// noticed here. The zero running is empty.
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

// hold notes that the call runs, until there were as many releases; it reports false if nobody has to know.
func (r *record) hold() bool {
	if !r.repeater.known {
		return false
	}
	if r.holds.Add(1) > 1 {
		return true
	}
	u, t := &r.engine.running, r.try()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tries == nil {
		u.tries = make(map[try]int)
	}
	u.tries[t]++
	return true
}

func (r *record) release() {
	if r.holds.Add(-1) > 0 {
		return
	}
	u, t := &r.engine.running, r.try()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tries[t]--; u.tries[t] == 0 {
		delete(u.tries, t)
	}
}

// sendHeld sends an attempt, and has the call run until its answer has ended.
func (r *record) sendHeld(req *http.Request, next hop) (*http.Response, error) {
	r.holding = r.hold()
	defer func() {
		if r.holding { // it never began, and never ends
			r.holding = false
			r.release()
		}
	}()
	return next.send(r, req)
}
