package transporttest

import (
	"net/http"
	"testing"
)

// TestRoundTripper tests the RoundTrippers that wrap makes, one item of the contract in each subtest: "A01_request_untouched"
// and so on. Items that depend on the transport have subtests /h1 and /h2, for HTTP/1.1 and HTTP/2, and some also
// /fake, over a RoundTripper that can do what a network does only by chance.
//
// wrap is called at least once for each subtest, within its bubble, and must return a RoundTripper over base. It must
// make anew whatever that needs: a channel or a timer from outside of the bubble would stop its time. A nil base stands
// for [http.DefaultTransport]; for that, wrap may also return nil, as [http.Client] takes it for the same. If what it
// returns has a method Close() error, that is called when the subtest ends.
//
// Requests are chat completions (POST /v1/chat/completions, JSON, with answers that are JSON or server-sent events) and
// such as are no call of a model. A RoundTripper may send a request more than once, wait, refuse it, and add members to
// the JSON object that it carries; no item asks that it does. What must hold is said in terms of what base gets and what
// the caller gets.
//
// An item that fails does not keep the others from running, nor does one that hangs, leaks goroutines or panics. Only a
// panic on a goroutine that the RoundTripper itself has started cannot be caught. Run it with -race too: it finds
// earlier what the items find only by its consequences.
//
// The test sets http.DefaultTransport for moments and counts allocations, so it must not run in parallel with others.
func TestRoundTripper(t *testing.T, wrap func(base http.RoundTripper) http.RoundTripper) {
	t.Helper()
	for _, it := range items {
		t.Run(it.name, func(t *testing.T) {
			if len(it.over) == 1 {
				it.report(t, it.over[0], wrap)
				return
			}
			for _, via := range it.over {
				t.Run(via, func(t *testing.T) { it.report(t, via, wrap) })
			}
		})
	}
}

func (it *item) report(t *testing.T, via string, wrap wrapper) {
	t.Helper()
	for _, failure := range it.run(t, via, wrap) {
		t.Error(failure)
	}
}
