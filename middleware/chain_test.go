package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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

// Each link works over any base, alone, with others and with foreign links.
func TestLinksAlone(t *testing.T) {
	flex := policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}
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
			return []transport.Middleware{foreignLink, middleware.Ledger(s), middleware.Retry(flex), middleware.Tier(flex), foreignLink}
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

// A link with an invalid policy refuses every call, says why, and sends nothing.
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

// A chain refuses settings and context options that none of its links enforces, and names them.
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
			policy.OnTier(policy.Flex), policy.MaxCost(price.MustUSD("2")), policy.Tag("a", "b"), policy.MaxAttempts(1),
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

// A chain beneath another chain refuses the call, which leaves one row and no attempt. A stack that is wrapped in
// itself lets the call through.
func TestChainBeneathAChain(t *testing.T) {
	base := newScript(says(200, "application/json", served))
	inner := stackOver(t, base, policy.Policy{})
	for name, beneath := range map[string]http.RoundTripper{
		"a stack":                       inner,
		"a link behind a foreign one":   transport.Chain(base, foreignLink, middleware.Limit(policy.Limit{Concurrency: 1})),
		"a client of a stack":           transport.RoundTripperFunc(inner.Client().Transport.RoundTrip),
		"links that another chain made": transport.Chain(base, middleware.Retry(policy.Policy{})),
	} {
		t.Run(name, func(t *testing.T) {
			outer := stackOver(t, beneath, policy.Policy{})
			_, err := chat(t, t.Context(), outer, chatBody)
			if !errors.Is(err, middleware.ErrPolicy) || !strings.Contains(err.Error(), "beneath another") {
				t.Fatal(err)
			}
			rows := outer.Rows()
			if len(rows) != 1 || rows[0].Outcome != policy.Refused || rows[0].Attempt != 0 || outer.Totals().Exposure.Sign() != 0 {
				t.Errorf("%+v", rows)
			}
		})
	}
	if len(base.bodies) != 0 {
		t.Errorf("sent %q", base.bodies)
	}
	twice := inner.Chain(transport.Chain(inner, foreignLink))
	if _, err := chat(t, t.Context(), twice, chatBody); err != nil {
		t.Fatal(err)
	}
	if rows := inner.Rows(); len(base.bodies) != 1 || len(rows) != 1 || rows[0].Outcome != policy.Billed {
		t.Errorf("sent %d times, %+v", len(base.bodies), rows)
	}
}

// A nil base is http.DefaultTransport.
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

// A foreign link between ours that answers on its own takes no permit with it.
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

// A request that is no call, and its response, are not changed.
func TestOtherRequestsAreUntouched(t *testing.T) {
	stack, err := middleware.New(middleware.WithBase(transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: req.Body, Request: req}, nil
	})))
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "http://example.com/v1/files", strings.NewReader("x"))
	resp, err := stack.RoundTrip(req)
	if err != nil || resp.Request != req || resp.Body != req.Body || len(stack.Rows()) != 0 {
		t.Errorf("%v, rows %v", err, stack.Rows())
	}
}

// Operations that cost nothing leave no row, and are not changed.
func TestFreeOperations(t *testing.T) {
	for _, request := range []string{
		"POST https://api.openai.com/v1/files", "POST https://api.openai.com/v1/uploads",
		"POST https://api.openai.com/v1/uploads/u/parts", "POST https://api.openai.com/v1/batches/b/cancel", "GET https://api.openai.com/v1/files/f/content",
		"POST https://api.openai.com/v1/responses/resp_1/cancel", "DELETE https://api.openai.com/v1/responses/resp_1",
		"HEAD https://api.openai.com/v1/responses/resp_1", "GET https://api.openai.com/v1/responses/resp_1/input_items",
		"POST https://generativelanguage.googleapis.com/upload/v1beta/files",
		"POST https://api.openai.com/v1/moderations",
	} {
		var got *http.Request
		answer := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(completed))}
		stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) { got = req; return answer, nil }), policy.Policy{Tier: policy.Flex})
		method, url, _ := strings.Cut(request, " ")
		req, err := http.NewRequestWithContext(policy.With(t.Context(), policy.CachedContent("cachedContents/abc")), method, url, strings.NewReader(`{"model":"gpt-5"}`))
		if err != nil {
			t.Fatal(err)
		}
		body := answer.Body
		resp, err := stack.RoundTrip(req)
		if err != nil || got != req || resp != answer || resp.Body != body || len(stack.Rows()) != 0 {
			t.Errorf("%s: %v, rows %+v", request, err, stack.Rows())
		}
	}
}

// The answers of calls that cost nothing are not changed, errors among them.
func TestFreeCallsAreUnchanged(t *testing.T) {
	for method, path := range map[string]string{"GET": "https://api.openai.com/v1/models", "POST": "https://api.anthropic.com/v1/messages/count_tokens"} {
		base := newScript(says(500, "application/json", `{}`))
		req := httptest.NewRequest(method, path, strings.NewReader(`{}`))
		resp, err := stackOver(t, base, policy.Policy{}).RoundTrip(req)
		if err != nil || resp.Header["X-Should-Retry"] != nil {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
	}
}

// Calls of an unknown operation are sent once. The SDK above must not repeat what may have been billed, and may repeat
// what the provider rejected.
func TestUnknownOperations(t *testing.T) {
	for status, forbidden := range map[int]string{200: "false", 429: "", 500: "false", 400: ""} {
		base := newScript(says(status, "application/json", `{"error":{"message":"no"}}`))
		stack := stackOver(t, base, policy.Policy{})
		req := httptest.NewRequest(http.MethodPost, "https://api.openai.com/v1/videos", strings.NewReader(`{}`))
		resp, err := stack.RoundTrip(req)
		if err != nil || resp.Header.Get("X-Should-Retry") != forbidden || len(base.bodies) != 1 {
			t.Errorf("%d: %v, %v", status, resp, err)
		}
	}
	// Work that is submitted now and charged later counts as such a call. Options for calls that are charged at once do not apply to it.
	lost := errors.New("lost")
	stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		return nil, lost
	}), policy.Policy{})
	for _, path := range []string{"https://api.openai.com/v1/batches", "https://api.openai.com/v1/fine_tuning/jobs", "https://api.anthropic.com/v1/messages/batches"} {
		ctx := policy.With(t.Context(), policy.MaxCost(1), policy.AllowDeferredCost(), policy.CachedContent("cachedContents/abc"))
		for n, want := range []string{"ambiguous", "repeat"} {
			req := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(`{}`))
			req.Header.Set("X-Stainless-Retry-Count", fmt.Sprint(n))
			if resp, err := stack.RoundTrip(req); err != nil || resp.StatusCode != 424 || resp.Header.Get("Skinflint-Refusal") != want {
				t.Errorf("%s: %v, %v", path, resp, err)
			}
		}
	}
	req := httptest.NewRequest(http.MethodPost, "https://api.openai.com/v1/videos", strings.NewReader(`{}`))
	req.Header.Set("X-Stainless-Lang", "go")
	if resp, err := stack.RoundTrip(req); err != nil || resp.StatusCode != 424 {
		t.Errorf("%v, %v", resp, err)
	}
}

// An attempt that times out before anything is sent was not billed.
func TestTimeoutBeforeSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			time.Sleep(time.Minute)
			return nil, context.DeadlineExceeded
		}}
		stack := stackOver(t, base, policy.Policy{AttemptTimeout: time.Second})
		ctx, call := policy.Track(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://llm.invalid/v1/chat/completions", strings.NewReader(chatBody))
		_, err := stack.RoundTrip(req)
		if strings.Contains(err.Error(), "may have been billed") {
			t.Errorf("row %s; %v; tracked: %v", stack.Rows()[0].Outcome, err, call.Err())
		}
		time.Sleep(time.Hour)
	})
}

// A link that stands alone, put around a Stack's chain, must not take the Stack's policy out of force: the call is refused.
func TestLinkAroundAStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			io.Copy(io.Discard, r.Body)
			sent++
			return &http.Response{StatusCode: 429, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: io.NopCloser(strings.NewReader(`{"error":{"code":"rate_limit_exceeded","type":"requests","message":"Rate limit reached"}}`))}, nil
		})
		s, err := middleware.New(middleware.WithPolicy(policy.Policy{MaxAttempts: 1, Tier: policy.Flex}), middleware.WithBase(base))
		if err != nil {
			t.Fatal(err)
		}
		mem := ledger.NewMemory(0)
		rt := middleware.Ledger(mem)(s.Chain(base))
		req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
		resp, err := rt.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		if errors.Is(err, middleware.ErrPolicy) {
			return
		}
		if sent != 1 {
			t.Errorf("sent %d times, and the Stack's policy says MaxAttempts 1", sent)
		}
		for _, r := range mem.Rows() {
			if r.AskedTier != policy.Flex {
				t.Errorf("asked for tier %q, and the Stack's policy says flex", r.AskedTier)
			}
		}
	})
}

// Nor must it take the Stack's limits out of force.
func TestLinkAroundAStackWithLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
		})
		s, err := middleware.New(middleware.WithPolicy(policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}), middleware.WithBase(base))
		if err != nil {
			t.Fatal(err)
		}
		rt := middleware.Ledger(ledger.NewMemory(0))(s.Chain(base))
		got := make(chan int, 2)
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		for i := range 2 {
			go func() {
				req, _ := http.NewRequestWithContext(ctx, "POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
				if _, err := rt.RoundTrip(req); !errors.Is(err, middleware.ErrPolicy) {
					got <- i // and the body is left open
				}
			}()
		}
		synctest.Wait()
		if len(got) > 1 {
			t.Error("two calls at once, and the Stack's policy allows one")
		}
	})
}

// Links that are put together in two steps are one chain.
func TestChainInTwoSteps(t *testing.T) {
	base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, r.Body)
		return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
	})
	mem := ledger.NewMemory(0)
	rt := transport.Chain(transport.Chain(base, middleware.Retry(policy.Policy{})), middleware.Ledger(mem))
	req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if n := len(mem.Rows()); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// A link around a Stack is refused, whether it is around the Stack or around a chain of it.
func TestLinkAroundAStackIsRefused(t *testing.T) {
	base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, r.Body)
		return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
	})
	s, _ := middleware.New(middleware.WithBase(base))
	_, errChain := middleware.Ledger(ledger.NewMemory(0))(s.Chain(base)).RoundTrip(newChatRequest())
	_, errStack := middleware.Ledger(ledger.NewMemory(0))(s).RoundTrip(newChatRequest())
	if (errChain == nil) != (errStack == nil) {
		t.Errorf("over s.Chain(base): %v; over s: %v", errChain, errStack)
	}
}

func newChatRequest() *http.Request {
	req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
	return req
}

// A hedging RoundTripper between two chains sends a request twice at once: both are refused, and the call has one row.
func TestHedgingBaseBetweenChains(t *testing.T) {
	hedge := func(next http.RoundTripper) http.RoundTripper {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			errs := make(chan error, 2)
			for range 2 {
				go func() {
					_, err := next.RoundTrip(r.Clone(r.Context()))
					errs <- err
				}()
			}
			return nil, <-errs // the first answer wins
		})
	}
	base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
	})
	mem := ledger.NewMemory(0)
	rt := transport.Chain(base, middleware.Ledger(mem), hedge, middleware.Retry(policy.Policy{}))
	for range 200 {
		req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
		_, err := rt.RoundTrip(req)
		if !errors.Is(err, middleware.ErrPolicy) {
			t.Fatal(err)
		}
	}
	for _, r := range mem.Rows() {
		if r.Outcome != policy.Refused || r.Exposure.Pico > 0 {
			t.Errorf("a row of a call that was refused, and never sent: %s, exposure %v, %s", r.Outcome, r.Exposure, r.Unpriced)
			break
		}
	}
}

// A RoundTripper between two chains puts a gateway's prefix before the path. The call is still one.
func TestPathPrefixBetweenChains(t *testing.T) {
	for _, same := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			sent := 0
			base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				io.Copy(io.Discard, r.Body)
				sent++
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
					Body: io.NopCloser(strings.NewReader(`{"model":"gpt-5","usage":{"prompt_tokens":100,"completion_tokens":100,"total_tokens":200}}`))}, nil
			})
			gateway := func(next http.RoundTripper) http.RoundTripper {
				return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
					q := r.Clone(r.Context())
					q.URL.Path = "/gateway" + q.URL.Path
					return next.RoundTrip(q)
				})
			}
			mem := ledger.NewMemory(0)
			s, _ := middleware.New(middleware.WithStore(mem), middleware.WithBase(base))
			rt := s.Chain(gateway(s.Chain(base)))
			if !same {
				rt = transport.Chain(base, middleware.Ledger(mem), middleware.Retry(policy.Policy{}), gateway, middleware.Ledger(mem), middleware.Retry(policy.Policy{}))
			}
			req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
			resp, err := rt.RoundTrip(req)
			if errors.Is(err, middleware.ErrPolicy) {
				return
			}
			if err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			if n := len(mem.Rows()); n != sent {
				t.Errorf("same stack %v: %d requests were billed, and %d rows", same, sent, n)
			}
		})
	}
}
