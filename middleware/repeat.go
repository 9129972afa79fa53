package middleware

import (
	"crypto/sha256"
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
	sum     [sha256.Size]byte
}

// A repeater knows the try that a request of such an SDK is. The zero repeater is of another client.
type repeater struct {
	known   bool
	key     fingerprint
	getBody func() (io.ReadCloser, error)
}

// repeaterOf notes what is needed to know the request again, as it may change when the chain has returned.
func repeaterOf(req *http.Request) repeater {
	if transport.HeaderValue(req.Header, stainlessRetry) == "" || req.GetBody == nil {
		return repeater{}
	}
	return repeater{true, fingerprintOf(req.Header), req.GetBody}
}

// try returns the try that the call is; false if it cannot be known again.
func (r *record) try() (t try, ok bool) {
	if !r.repeater.known {
		return t, false
	}
	t.tracked = r.options.Tracked()
	sum := sha256.New()
	io.WriteString(sum, r.call.Provider+"\x00"+r.path+"\x00")
	if t.tracked == nil {
		sum.Write(r.repeater.key[:])
	}
	body, err := r.repeater.getBody()
	if err != nil {
		return t, false
	}
	defer body.Close()
	if _, err := io.Copy(sum, body); err != nil {
		return t, false
	}
	sum.Sum(t.sum[:0])
	return t, true
}

// remember notes that the call has been tried, and may have been billed, in case that the SDK above repeats it.
func (r *record) remember() {
	if t, ok := r.try(); ok {
		r.engine.tries.add(t)
	}
}

// repeated refuses a call that the SDK above repeats of itself although it may have been billed.
func (r *record) repeated(s *policy.Settings) error {
	if r.sdkRetry == 0 || s.AllowDoubleBilling || r.engine.tries.empty() {
		return nil
	}
	t, ok := r.try()
	if !ok || !r.engine.tries.has(t) {
		return nil
	}
	return r.refuse(&Error{Kind: ErrRepeat,
		Detail: "the SDK above sends it again of itself, and what it sent before may have been billed",
		Hint:   "turn the SDK's own retries off, or allow this by policy.AllowDoubleBilling"})
}
