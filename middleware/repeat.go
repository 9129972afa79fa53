package middleware

import (
	"errors"
	"hash/maphash"
	"io"
	"net/http"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// SDKs made by Stainless (OpenAI's, Anthropic's) number their own retries in this header.
const stainlessRetry = "X-Stainless-Retry-Count"

// A try is what an SDK has tried once: the request, and whose it was. Where the program tracks its calls, that is by the
// call; else by the key.
type try struct {
	tracked *policy.Call
	sum     uint64
}

var trySeed = maphash.MakeSeed()

// A repeater knows the try that a request of such an SDK is. The zero repeater is of another client.
type repeater struct {
	known bool
	key   uint64
	try   *try // if it had to be known beforehand
}

// repeaterOf notes what is needed to know the request again, as its header may change when the chain has returned.
func repeaterOf(req *http.Request) repeater {
	if transport.HeaderValue(req.Header, stainlessRetry) == "" || req.GetBody == nil {
		return repeater{}
	}
	var sum maphash.Hash
	sum.SetSeed(trySeed)
	writeCredentials(&sum, req)
	return repeater{known: true, key: sum.Sum64()}
}

// lookAhead knows the try of a request whose body is sent as it is, before it is sent.
func (r *record) lookAhead(req *http.Request) {
	if !r.repeater.known {
		return
	}
	t, ok := r.tryOf(func(w io.Writer) error {
		body, err := req.GetBody()
		if err != nil {
			return err
		}
		if _, err = io.Copy(w, body); transport.Same(body, req.Body) {
			_, again := req.GetBody() // some SDKs rewind the one reader that they have
			return errors.Join(err, again)
		}
		return errors.Join(err, body.Close())
	})
	if r.repeater.known = ok; ok {
		r.repeater.try = &t
	}
}

// try returns the try that the call is; false if it cannot be known again.
func (r *record) try() (t try, ok bool) {
	switch {
	case !r.repeater.known:
		return t, false
	case r.repeater.try != nil:
		return *r.repeater.try, true
	}
	return r.tryOf(r.body.Copy)
}

func (r *record) tryOf(copyBody func(io.Writer) error) (t try, ok bool) {
	t.tracked = r.options.Tracked()
	var sum maphash.Hash
	sum.SetSeed(trySeed)
	sum.WriteString(r.call.Provider)
	sum.WriteByte(0)
	sum.WriteString(r.path)
	sum.WriteByte(0)
	if t.tracked == nil {
		maphash.WriteComparable(&sum, r.repeater.key)
	}
	if copyBody(&sum) != nil {
		return t, false
	}
	t.sum = sum.Sum64()
	return t, true
}

// remember notes that the call has been tried, and was or may have been billed, in case that the SDK above repeats it. It
// does so even with an answer that arrived, if the SDK's own deadline passes before it has taken notice.
func (r *record) remember(o policy.Outcome) {
	tries := &r.engine.tries
	switch o {
	case policy.Ambiguous, policy.Partial:
	case policy.Billed:
		if _, ends := r.Deadline(); !ends {
			return
		}
		tries = &r.engine.answered // of which there are many
	default:
		return
	}
	if t, ok := r.try(); ok {
		tries.add(t)
	}
}

// repeated refuses a call that the SDK above repeats of itself although it was billed, or may have been.
func (r *record) repeated(s *policy.Settings) error {
	if r.sdkRetry == 0 || s.AllowDoubleBilling || r.engine.tries.empty() && r.engine.answered.empty() {
		return nil
	}
	t, ok := r.try()
	if !ok || !r.engine.tries.has(t) && !r.engine.answered.has(t) {
		return nil
	}
	return r.refuse(&Error{Kind: ErrRepeat,
		Detail: "the SDK above sends it again of itself, and what it sent before may have been billed",
		Hint:   "turn the SDK's own retries off, or allow this by policy.AllowDoubleBilling"})
}
