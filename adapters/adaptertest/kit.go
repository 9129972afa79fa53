package adaptertest

import (
	"maps"
	"slices"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Test runs every case that the description allows, each as a subtest. A case about calls and streams runs for both, and a
// case about retries runs with the SDK's own retries off and on, as in "refusals/limit/stream/retries". These are the cases:
//
//	answers         every answer has a row, and the rows equal the provider's meter
//	answer/...      the program sees the served tier and the usage
//	fallback        a call without room on the flex tier is served on the standard tier
//	tier_rejected   a call to a model without the tier is served on the standard tier (Azure only)
//	context         a context sets the tier, a tag and a time to finish by
//	tracked         policy.Track follows a call of two attempts
//	cache           a context cache is read, and a dead one is the provider's error
//	concurrent      50 calls and streams at once
//	stream/...      streams are read, closed early, cut by a deadline, and have their usage
//	refusals/...    what the stack refuses is not sent, and the program sees why
//	dial_refused    the stack alone tries again when the provider cannot be reached
//	context/...     a deadline, a cancellation, and a context that is done before the call
//	http_client/... the program's http.Client is used, and its timeout is never paid for twice
//	timeout/...     the SDK's own timeout is never paid for twice
//	faults/...      every fault of package llmtest, over HTTP/1 and HTTP/2, once and each time
//
// The cases read the environment as the SDK does: see [Unsetenv]. They do not run in parallel.
func Test(t *testing.T, a Adapter) {
	t.Helper()
	if fault := a.fault(); fault != "" {
		t.Fatal("adaptertest: ", fault)
	}
	for _, what := range slices.Sorted(maps.Keys(a.Cannot)) {
		t.Logf("this SDK cannot %s: %s", what, a.Cannot[what])
	}
	for _, c := range cases(&a) {
		t.Run(c.name, func(t *testing.T) {
			if what, reason := c.missing(&a); reason != "" {
				t.Logf("left out, as this SDK cannot %s: %s", what, reason)
				return
			}
			for _, v := range c.variants(&a) {
				t.Run(v.name(), func(t *testing.T) { c.run(t, &a, v) })
			}
		})
	}
}

// A testCase is one rule that all adapters follow.
type testCase struct {
	name    string
	setup   Setup
	needs   []Ability // what the SDK must be able to do
	modes   modes
	retries bool // it also runs with the SDK's own retries

	streamNeeds Ability // what the SDK must be able to do for the variants with a stream; "": nothing

	test func(w *World)
}

// modes are the ways to make a call that a case is about.
type modes uint8

const (
	both modes = iota
	unaryOnly
	streamOnly
)

// A variant is one run of a case: with a stream or without, with the SDK's own retries or without.
type variant struct{ stream, retries bool }

func (v variant) name() string {
	name := "unary"
	if v.stream {
		name = "stream"
	}
	if v.retries {
		name += "/retries"
	}
	return name
}

// missing returns an ability that the case needs and the SDK lacks, with the reason.
func (c *testCase) missing(a *Adapter) (Ability, string) {
	for _, what := range c.needs {
		if reason, cannot := a.Cannot[what]; cannot {
			return what, reason
		}
	}
	return "", ""
}

// variants returns the variants that the case runs in.
func (c *testCase) variants(a *Adapter) (vs []variant) {
	for _, retries := range []bool{false, true} {
		for _, stream := range []bool{false, true} {
			switch {
			case retries && !(c.retries && a.can(Retries)):
			case stream && c.modes == unaryOnly, !stream && c.modes == streamOnly:
			case stream && !a.can(c.streamNeeds):
			default:
				vs = append(vs, variant{stream, retries})
			}
		}
	}
	return vs
}

// run runs one variant of the case.
func (c *testCase) run(t *testing.T, a *Adapter, v variant) {
	t.Helper()
	a.run(t, c.setup, c.test, &World{stream: v.stream, retries: v.retries})
}

// cases returns the cases for an adapter.
func cases(a *Adapter) []testCase {
	return slices.Concat(callCases(a), streamCases(), refusalCases(a), clientCases(), faultCases())
}

// always is a script of one fault.
func always(f llmtest.Fault) llmtest.Script {
	return llmtest.ScriptFunc(func(int) llmtest.Fault { return f })
}
