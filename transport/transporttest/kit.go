package transporttest

import (
	"net/http"
	"testing"
)

// TestRoundTripper tests the RoundTrippers that wrap returns. Each item of the contract is a subtest, such as
// "A01_request_untouched". Items that depend on the transport have subtests /h1 and /h2, for HTTP/1.1 and HTTP/2. Some
// also have a subtest /fake, over a RoundTripper in place of the network.
//
// wrap is called at least once for each subtest, within its bubble, and must return a RoundTripper over base. Everything
// that the RoundTripper uses must be made in wrap, because a channel or a timer from outside of the bubble stops the
// bubble's time. A nil base stands for [http.DefaultTransport]. For a nil base, wrap may return nil, which [http.Client]
// takes for the same. If the RoundTripper has a method Close() error, it is called when the subtest ends.
//
// The requests are chat completions (POST /v1/chat/completions with JSON, whose responses are JSON or server-sent
// events), and a few that do not call a model. A RoundTripper may send a request more than once, wait, refuse it, and add
// members to its JSON object. No item requires any of this. The items check only what base gets and what the caller gets.
//
// If an item fails, hangs, leaks goroutines or panics, the others still run. Only a panic on a goroutine that the
// RoundTripper itself has started ends the program. Run the test with -race too.
//
// The test replaces http.DefaultTransport for moments and counts allocations, so it must not run in parallel with others.
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

// report runs the item over one of the ways, and reports its failures.
func (it *item) report(t *testing.T, via string, wrap wrapper) {
	t.Helper()
	for _, failure := range it.run(t, via, wrap) {
		t.Error(failure)
	}
}
