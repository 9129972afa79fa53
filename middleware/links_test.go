package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// send sends a call through rt and returns its status.
func send(t *testing.T, rt http.RoundTripper, url string, options ...policy.Option) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(policy.With(t.Context(), options...), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// Each link works on any base, alone and in any company, foreign links among them.
func TestLinksAlone(t *testing.T) {
	flex := policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}
	foreign := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) { return next.RoundTrip(req) })
	for _, test := range []struct {
		name   string
		links  func(ledger.Store) []transport.Middleware
		status int
		tiers  string // on the wire
		rows   int
	}{
		{"retry", func(ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Retry(policy.Policy{})}
		}, 200, "-", 0},
		{"tier", func(ledger.Store) []transport.Middleware { return []transport.Middleware{middleware.Tier(flex)} }, 429, "flex", 0},
		{"ledger", func(s ledger.Store) []transport.Middleware { return []transport.Middleware{middleware.Ledger(s)} }, 200, "-", 1},
		{"limit", func(ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Limit(policy.Limit{Concurrency: 1})}
		}, 200, "-", 0},
		{"budget", func(ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Budget(policy.Policy{})}
		}, 200, "-", 0},
		{"identify", func(ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Identify(policy.Policy{})}
		}, 200, "-", 0},
		{"identify, retry and tier", func(ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Identify(flex), middleware.Retry(policy.Policy{}), middleware.Tier(policy.Policy{})}
		}, 200, "flex default", 0},
		{"each with its own part", func(ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Retry(policy.Policy{MaxAttempts: 3}), middleware.Tier(flex)}
		}, 200, "flex default", 0},
		{"tier before retry", func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Tier(flex), middleware.Retry(flex), middleware.Ledger(s)}
		}, 200, "flex default", 2},
		{"retry and ledger", func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Retry(policy.Policy{}), middleware.Ledger(s)}
		}, 200, "-", 1},
		{"ledger, retry and tier", func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(flex), middleware.Tier(flex)}
		}, 200, "flex default", 2},
		{"between foreign links", func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{foreign, middleware.Ledger(s), middleware.Retry(flex), middleware.Tier(flex), foreign}
		}, 200, "flex default", 2},
		{"two retries are one", func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(flex), middleware.Retry(flex), middleware.Tier(flex)}
		}, 200, "flex default", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := llmtest.NewServer(llmtest.Config{Flex: llmtest.Refuse(1)})
			defer server.Close()
			store := ledger.NewMemory(0)
			rt := transport.Chain(server.Transport(), test.links(store)...)
			status, err := send(t, rt, server.URL)
			if err != nil || status != test.status {
				t.Errorf("status %d, %v", status, err)
			}
			var tiers []string
			for _, r := range server.Requests() {
				tiers = append(tiers, r.Tier)
				if r.Tier == "" {
					tiers[len(tiers)-1] = "-"
				}
			}
			if got := strings.Join(tiers, " "); got != test.tiers {
				t.Errorf("tiers on the wire %q, want %q", got, test.tiers)
			}
			if got := len(store.Rows()); got != test.rows {
				t.Errorf("%d rows, want %d", got, test.rows)
			}
		})
	}
}

// A link whose policy makes no sense refuses every call, says why, and sends nothing.
func TestLinksRefuseABadPolicy(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	bad := policy.Policy{MaxAttempts: -1}
	for name, link := range map[string]transport.Middleware{
		"Retry": middleware.Retry(bad), "Tier": middleware.Tier(bad), "Budget": middleware.Budget(bad), "Identify": middleware.Identify(bad),
		"Limit": middleware.Limit(policy.Limit{Concurrency: -1}),
	} {
		for _, links := range [][]transport.Middleware{{link}, {middleware.Retry(policy.Policy{}), link}} {
			_, err := send(t, transport.Chain(server.Transport(), links...), server.URL)
			var field *policy.FieldError
			if !errors.As(err, &field) || !errors.Is(err, middleware.ErrPolicy) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests sent", n)
	}
}

// A chain refuses what its links were given, or the context asks for, and none of them does. It names the field.
func TestChainRefusesWhatNoLinkEnforces(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	flex := policy.Policy{Tier: policy.Flex}
	limits := policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}
	for _, test := range []struct {
		name    string
		links   []transport.Middleware
		options []policy.Option
		names   string // "" if it is sent
	}{
		{"limits for retry", []transport.Middleware{middleware.Retry(limits)}, nil, "Limits"},
		{"limits for retry, and another limit", []transport.Middleware{middleware.Retry(limits), middleware.Limit(limits.Limits...)}, nil, "Limits"},
		{"tier for retry", []transport.Middleware{middleware.Retry(flex)}, nil, "Tier"},
		{"tier for identify", []transport.Middleware{middleware.Identify(flex), middleware.Retry(policy.Policy{})}, nil, "Tier"},
		{"tier for budget", []transport.Middleware{middleware.Budget(flex)}, nil, "Tier"},
		{"retries for tier", []transport.Middleware{middleware.Tier(policy.Policy{MaxAttempts: 2})}, nil, "MaxAttempts"},
		{"two tiers", []transport.Middleware{middleware.Retry(flex), middleware.Tier(policy.Policy{Tier: policy.Priority})}, nil, "Tier"},
		{"a rule for retry", []transport.Middleware{middleware.Retry(policy.Policy{Rules: []policy.Rule{{Set: flex}}})}, nil, "Rules[0].Set.Tier"},
		{"a cost limit", []transport.Middleware{middleware.Retry(policy.Policy{})}, []policy.Option{policy.MaxCost(1)}, "MaxCost"},
		{"a tier by context", []transport.Middleware{middleware.Retry(policy.Policy{})}, []policy.Option{policy.OnTier(policy.Flex)}, "OnTier"},
		{"a fallback by context", []transport.Middleware{middleware.Ledger(ledger.NewMemory(1))}, []policy.Option{policy.FallBackTo(policy.Standard)}, "FallBackTo"},
		{"all is enforced", []transport.Middleware{middleware.Tier(flex), middleware.Budget(policy.Policy{})}, []policy.Option{
			policy.OnTier(policy.Flex), policy.MaxCost(price.MustUSD("1")), policy.Tag("a", "b"), policy.MaxAttempts(1),
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := ledger.NewMemory(0)
			links := append([]transport.Middleware{middleware.Ledger(store)}, test.links...)
			_, err := send(t, transport.Chain(server.Transport(), links...), server.URL, test.options...)
			rows := store.Rows()
			if test.names == "" {
				if err != nil || rows[0].Outcome != policy.Billed {
					t.Errorf("%v, %+v", err, rows)
				}
				return
			}
			if !errors.Is(err, middleware.ErrPolicy) || !strings.Contains(err.Error(), test.names) {
				t.Errorf("%v", err)
			}
			if len(rows) != 1 || rows[0].Outcome != policy.Refused || rows[0].ErrorCode != "skinflint_policy" {
				t.Errorf("%+v", rows)
			}
		})
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests were sent, want 1", n)
	}
}

// A link over http.DefaultTransport, which is what a nil base means.
func TestLinkOverNil(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	store := ledger.NewMemory(1)
	if status, err := send(t, middleware.Ledger(store)(nil), server.URL); status != 200 || err != nil {
		t.Error(status, err)
	}
	if len(store.Rows()) != 1 {
		t.Error("no row")
	}
}

// A foreign link that answers by itself, between ours, costs nothing and hangs nothing.
func TestForeignAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := llmtest.NewPipe(llmtest.Config{})
		defer provider.Close()
		refuses := true
		gate := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if refuses {
				req.Body.Close()
				return nil, errors.New("gate")
			}
			return next.RoundTrip(req)
		})
		rt := transport.Chain(provider.Transport(), middleware.Limit(policy.Limit{Concurrency: 1}), gate)
		for range 3 {
			if _, err := send(t, rt, provider.URL); err == nil || err.Error() != "gate" {
				t.Fatal(err)
			}
		}
		refuses = false
		done := time.AfterFunc(time.Minute, func() { t.Error("the permit is lost") })
		if status, err := send(t, rt, provider.URL); status != 200 || err != nil {
			t.Error(status, err)
		}
		done.Stop()
	})
}

func TestBudgetAlone(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	rt := transport.Chain(server.Transport(), middleware.Budget(policy.Policy{}))
	if _, err := send(t, rt, server.URL, policy.MaxCost(price.MustUSD("0.000001"))); !errors.Is(err, middleware.ErrCost) {
		t.Error(err)
	}
}
