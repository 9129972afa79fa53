package adaptertest

import (
	"slices"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Test runs every case that the description allows, each as a subtest: "refusals/limit/stream/retries" and so on. A case
// about calls and streams runs for both, and a case about retries runs with the SDK's own retries off and on.
//
// The cases change no environment variables and share nothing, but each runs on its own: a bubble of testing/synctest
// cannot be run in parallel with its parent.
func Test(t *testing.T, a Adapter) {
	t.Helper()
	if fault := a.fault(); fault != "" {
		t.Fatal("adaptertest: ", fault)
	}
	for _, c := range cases(&a) {
		t.Run(c.name, func(t *testing.T) {
			if what, reason := c.missing(&a); reason != "" {
				t.Logf("left out: this SDK cannot %s: %s", what, reason)
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
	needs   []Ability
	modes   modes
	retries bool // it runs with the SDK's own retries, too
	test    func(w *World)
}

// modes are the ways to make a call that a case is about.
type modes uint8

const (
	both modes = iota
	unaryOnly
	streamOnly
)

// A variant is one run of a case.
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

func (c *testCase) variants(a *Adapter) (vs []variant) {
	for _, retries := range []bool{false, true} {
		for _, stream := range []bool{false, true} {
			switch {
			case retries && !(c.retries && a.can(Retries)):
			case stream && c.modes == unaryOnly, !stream && c.modes == streamOnly:
			default:
				vs = append(vs, variant{stream, retries})
			}
		}
	}
	return vs
}

func (c *testCase) run(t *testing.T, a *Adapter, v variant) {
	t.Helper()
	a.run(t, c.setup, c.test, &World{stream: v.stream, retries: v.retries})
}

// cases returns the cases for an adapter.
func cases(a *Adapter) []testCase {
	return slices.Concat(callCases(a), streamCases(), refusalCases(a), clientCases(a), faultCases(a))
}

func always(f llmtest.Fault) llmtest.Script {
	return llmtest.ScriptFunc(func(int) llmtest.Fault { return f })
}
