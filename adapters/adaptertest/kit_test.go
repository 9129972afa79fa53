package adaptertest_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/middleware"
)

// bugVariable names the bug that TestPlain runs with.
const bugVariable = "ADAPTERTEST_BUG"

func TestPlain(t *testing.T) {
	adapter := plain(newSDK)
	if bug := os.Getenv(bugVariable); bug != "" {
		adapter = bugs[bug].adapter
	}
	adaptertest.Test(t, adapter)
}

// bugs are what adapters, SDKs and descriptions get wrong, and the cases that find it.
var bugs = map[string]struct {
	adapter adaptertest.Adapter
	found   []string // none: before any case runs
}{
	"no stack": {
		func() adaptertest.Adapter {
			a := plain(newSDK)
			a.New = func(w *adaptertest.World, _ adaptertest.Options) adaptertest.Client {
				sdk := &plainSDK{client: &http.Client{Transport: w.Base}}
				return adaptertest.Client{Ask: sdk.ask, Stream: sdk.stream, Open: sdk.open, StreamUsage: sdk.ask}
			}
			return a
		}(),
		[]string{"answers", "fallback", "tracked"},
	},
	"the SDK retries": {
		plain(func(stack *middleware.Stack, hc *http.Client) *plainSDK {
			sdk := newSDK(stack, hc)
			sdk.retries = 2
			return sdk
		}),
		[]string{"dial_refused", "faults/ResetAfterAccept/http1/once", "faults/ServerErrorAfterWork/http2/always"},
	},
	"the http.Client is dropped": {
		plain(func(stack *middleware.Stack, _ *http.Client) *plainSDK { return newSDK(stack, nil) }),
		[]string{"http_client/kept", "http_client/timeout"},
	},
	"refusals have another form": {
		plain(func(stack *middleware.Stack, hc *http.Client) *plainSDK {
			return &plainSDK{client: stack.ErrorsAs(middleware.AsResponse).Wrap(hc)}
		}),
		[]string{"refusals/max_cost", "refusals/limit", "refusals/policy", "refusals/deadline", "faults/RedirectAway/http1/once"},
	},
	"a cut stream is no error": {
		describe(func(c *adaptertest.Client) {
			stream := c.Stream
			c.Stream = func(ctx context.Context, model, text string) (adaptertest.Answer, error) {
				answer, err := stream(ctx, model, text)
				if answer.Text != "" {
					err = nil
				}
				return answer, err
			}
		}),
		[]string{"faults/CutStream/http1/once", "faults/ErrorInStream/http1/once", "stream/late"},
	},
	"the context is dropped": {
		describe(func(c *adaptertest.Client) {
			ask := c.Ask
			c.Ask = func(_ context.Context, model, text string) (adaptertest.Answer, error) {
				return ask(context.Background(), model, text)
			}
		}),
		[]string{"tracked", "context", "refusals/max_cost", "context/deadline"},
	},
	"the usage is wrong": {
		describe(func(c *adaptertest.Client) {
			ask := c.Ask
			c.Ask = func(ctx context.Context, model, text string) (adaptertest.Answer, error) {
				answer, err := ask(ctx, model, text)
				answer.Input, answer.Tier = answer.Input+1, "other"
				return answer, err
			}
		}),
		[]string{"answer/usage", "answer/tier"},
	},
	"Open is missing": {describe(func(c *adaptertest.Client) { c.Open = nil }), []string{"answers"}},
	"a reason is missing": {func() adaptertest.Adapter {
		a := plain(newSDK)
		a.Cannot[adaptertest.UseHTTPClient] = ""
		return a
	}(), nil},
	"the model is missing": {func() adaptertest.Adapter {
		a := plain(newSDK)
		a.Models = nil
		return a
	}(), nil},
}

// describe returns the description of the plain SDK with another client.
func describe(change func(*adaptertest.Client)) adaptertest.Adapter {
	a := plain(newSDK)
	build := a.New
	a.New = func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
		c := build(w, o)
		change(&c)
		return c
	}
	return a
}

// TestBugsAreFound runs TestPlain with each bug, in another process, because a failure there is expected.
func TestBugsAreFound(t *testing.T) {
	for bug, want := range bugs {
		t.Run(bug, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPlain$")
			cmd.Env = append(os.Environ(), bugVariable+"="+bug)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("the kit does not fail")
			}
			failed := failures(string(out))
			if len(want.found) == 0 && len(failed) > 0 {
				t.Errorf("cases ran: %v", failed)
			}
			for _, name := range want.found {
				if !slices.Contains(failed, name) {
					t.Errorf("case %s does not fail; those that do: %v\n%.2000s", name, failed, out)
				}
			}
		})
	}
}

// failures returns the names of the cases that fail in the output of a test.
func failures(out string) (names []string) {
	for line := range strings.Lines(out) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: TestPlain/")
		if ok {
			name, _, _ = strings.Cut(name, " ")
			names = append(names, name)
		}
	}
	return names
}
