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

// A wrapper makes the RoundTripper under test.
type wrapper = func(base http.RoundTripper) http.RoundTripper

// An item is one rule of the contract.
type item struct {
	name string
	over []string // what it is run over, each time in a bubble of its own
	test func(c *check)
}

// What an item is run over.
const (
	overFake = "fake" // a RoundTripper that plays the network
	overH1   = "h1"
	overH2   = "h2"
)

var (
	fakeOnly = []string{overFake}
	wires    = []string{overH1, overH2}
	both     = []string{overFake, overH1, overH2}
)

var items = []item{
	{"A01_request_untouched", fakeOnly, requestUntouched},
	{"A02_body_closed", fakeOnly, bodyClosed},
	{"A03_response_or_error", fakeOnly, responseOrError},
	{"A04_status_is_no_error", fakeOnly, statusIsNoError},
	{"A05_concurrent_calls", fakeOnly, concurrentCalls},
	{"A06_no_redirect_cookie_auth", fakeOnly, noClientWork},
	{"A07_response_trailers", wires, responseTrailers},
	{"A08_request_trailers", wires, requestTrailers},
	{"A09_response_request", both, responseRequest},

	{"B10_body_without_getbody", fakeOnly, bodyWithoutGetBody},
	{"B11_fresh_reader", both, freshReader},
	{"B12_getbody_fails", fakeOnly, getBodyFails},
	{"B13_four_agree", both, fourAgree},
	{"B14_length_left_alone", wires, lengthLeftAlone},
	{"B15_not_json", fakeOnly, notJSON},
	{"B16_json_kept", fakeOnly, jsonKept},
	{"B17_signed_body", fakeOnly, signedBody},
	{"B18_known_reader", fakeOnly, knownReader},

	{"E40_stream_without_delay", both, streamWithoutDelay},
	{"E41_close_while_read", fakeOnly, closeWhileRead},
	{"E42_odd_reads", fakeOnly, oddReads},
	{"E43_any_split", fakeOnly, anySplit},
	{"E44_compressed", wires, compressed},
	{"E45_stopped_early", wires, stoppedEarly},
	{"E46_slow_close", fakeOnly, slowClose},
	{"E47_upgrade", []string{overFake, overH1}, upgrade},
	{"E48_no_body", wires, noBody},

	{"F49_trace_of_every_attempt", wires, traceOfEveryAttempt},
	{"F50_close_idle_connections", fakeOnly, closeIdleConnections},
	{"F51_cancel_and_timeout", fakeOnly, cancelAndTimeout},
	{"F52_client_timeout", wires, clientTimeout},
	{"F53_read_after_cancel", wires, readAfterCancel},
	{"F54_expect_continue", wires, expectContinue},
	{"F55_http2_replay", []string{overFake, overH2}, http2Replay},
	{"F56_early_answer", wires, earlyAnswer},
	{"F57_other_origin", fakeOnly, otherOrigin},
	{"F58_redirect_to_self", fakeOnly, redirectToSelf},
	{"F59_nil_base", fakeOnly, nilBase},
	{"F60_no_goroutine_left", both, noGoroutineLeft},
	{"F61_panics", fakeOnly, panics},
	{"F62_allocations", fakeOnly, allocations},
}
