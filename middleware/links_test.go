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
		{"retry", func(ledger.Store) []transport.Middleware { return []transport.Middleware{middleware.Retry(flex)} }, 200, "-", 0},
		{"tier", func(ledger.Store) []transport.Middleware { return []transport.Middleware{middleware.Tier(flex)} }, 429, "flex", 0},
		{"ledger", func(s ledger.Store) []transport.Middleware { return []transport.Middleware{middleware.Ledger(s)} }, 200, "-", 1},
		{"limit", func(ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Limit(policy.Limit{Concurrency: 1})}
		}, 200, "-", 0},
		{"budget", func(ledger.Store) []transport.Middleware { return []transport.Middleware{middleware.Budget(flex)} }, 200, "-", 0},
		{"identify", func(ledger.Store) []transport.Middleware { return []transport.Middleware{middleware.Identify(flex)} }, 200, "-", 0},
		{"retry and ledger", func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Retry(flex), middleware.Ledger(s)}
		}, 200, "-", 1},
		{"ledger, retry and tier", func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(flex), middleware.Tier(flex)}
		}, 200, "flex default", 2},
		{"parted by a foreign link", func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{foreign, middleware.Ledger(s), middleware.Retry(flex), foreign, middleware.Tier(flex), foreign}
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
