package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// An openStore is a Memory that is told of attempts before they are sent.
type openStore struct {
	ledger.Memory
	mu    sync.Mutex
	opens []ledger.Row
}

func (s *openStore) Open(r ledger.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opens = append(s.opens, r)
}

// unended returns the open rows that no row has followed.
func (s *openStore) unended() (left []ledger.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.opens {
		ended := func(r ledger.Row) bool { return r.Call == o.Call && r.Attempt == o.Attempt && r.At.Equal(o.At) }
		if !slices.ContainsFunc(s.Rows(), ended) {
			left = append(left, o)
		}
	}
	return left
}

// The ledger knows of an attempt, and what it may cost at most, before its request is written; the row of each attempt has
// the same call, number and time.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var store openStore
		sent := 0
		refused := says(429, jsonType, `{"error":{"code":"rate_limit_exceeded","type":"requests","message":"slow down"}}`)
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			sent++
			open := store.unended()
			if len(open) != 1 || open[0].Attempt != sent || open[0].Outcome != policy.Open || open[0].Exposure.Pico <= 0 || open[0].Cost.Known ||
				open[0].Tags["tenant"] != "acme" || open[0].Model != "gpt-5" || open[0].AskedTier != policy.Flex {
				t.Errorf("before request %d is sent: %+v", sent, open)
			}
			if sent == 1 {
				return refused(req)
			}
			return nil, errors.New("reset")
		})
		stack := stackOver(t, base, policy.Policy{Tier: policy.Flex}, middleware.WithStore(&store))
		if _, err := askFor(t, policy.With(t.Context(), policy.Tag("tenant", "acme")), stack, `{"model":"gpt-5","max_tokens":10,"messages":[]}`); err == nil {
			t.Error("it has an answer")
		}
		if left := store.unended(); len(left) > 0 || sent != 2 || len(store.opens) != 2 {
			t.Errorf("%d sent, %d opened, still open: %+v", sent, len(store.opens), left)
		}
	})
}

// What costs nothing is not noted, and what is refused by us before it is sent is not left open, not even by a second chain
// beneath.
func TestOpenOfWhatIsNotSent(t *testing.T) {
	var store openStore
	base := newAPI()
	count := "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:countTokens"
	base.on("POST "+count, says(200, jsonType, `{"totalTokens":5}`))
	stack := stackOver(t, base, policy.Policy{}, middleware.WithStore(&store))
	mustDo(t, stack, "POST", count, `{"contents":[]}`)
	if len(store.opens) != 0 {
		t.Errorf("opened %+v", store.opens)
	}

	foreign := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) { return next.RoundTrip(req) })
	never := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, errors.New("no")
	})
	rt := transport.Chain(never, middleware.Ledger(&store), middleware.Retry(policy.Policy{}), foreign, middleware.Budget(policy.Policy{}))
	if _, err := askFor(t, t.Context(), rt, `{"model":"gpt-5","max_tokens":10,"messages":[]}`); !errors.Is(err, middleware.ErrPolicy) {
		t.Fatalf("%v", err)
	}
	if left := store.unended(); len(left) != 0 || len(store.opens) != 1 {
		t.Errorf("opened %d, still open: %+v, rows %+v", len(store.opens), left, store.Rows())
	}
	if rows := store.Rows(); rows[len(rows)-1].Outcome != policy.Refused {
		t.Errorf("%+v", rows)
	}
}

// A store that panics when it is told costs the call nothing.
func TestOpenPanics(t *testing.T) {
	stack := stackOver(t, newAnswering(), policy.Policy{}, middleware.WithStore(panickingOpener{}))
	if got, err := askFor(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil || got == "" {
		t.Errorf("%q, %v", got, err)
	}
}

type panickingOpener struct{}

func (panickingOpener) Add(ledger.Row)  {}
func (panickingOpener) Open(ledger.Row) { panic("store") }

func newAnswering() http.RoundTripper {
	return transport.RoundTripperFunc(says(200, jsonType,
		`{"id":"c","model":"gpt-5","service_tier":"default","choices":[{}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`))
}

// A policy is replaced for calls that begin from then on: one that is under way ends by its own.
func TestSetPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var tiers []string
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(req.Body)
			tier := "none"
			if _, after, ok := strings.Cut(string(body), `"service_tier":"`); ok {
				tier, _, _ = strings.Cut(after, `"`)
			}
			mu.Lock()
			tiers = append(tiers, tier)
			mu.Unlock()
			if tier == "flex" {
				return says(429, jsonType, `{"error":{"code":"resource_unavailable","type":"invalid_request_error","message":"no capacity"}}`)(req)
			}
			return newAnswering().RoundTrip(req)
		})
		stack := stackOver(t, base, policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, Patience: 2 * time.Second})
		ended := make(chan error)
		go func() {
			_, err := askFor(t, context.Background(), stack, `{"model":"gpt-5"}`)
			ended <- err
		}()
		synctest.Wait()
		var bad *policy.FieldError
		if err := stack.SetPolicy(policy.Policy{MaxAttempts: -1}); !errors.As(err, &bad) || bad.Field != "MaxAttempts" {
			t.Errorf("%v", err)
		}
		if err := stack.SetPolicy(policy.Policy{}); err != nil {
			t.Fatal(err)
		}
		if _, err := askFor(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if tiers[0] != "flex" || tiers[1] != "none" || tiers[len(tiers)-1] != "default" {
			t.Errorf("sent with the tiers %v", tiers)
		}
	})
}

// Limits that stay as they are keep their state when the policy is replaced.
func TestSetPolicyKeepsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := policy.Limit{RequestsPerMinute: 1}
		stack := stackOver(t, newAnswering(), policy.Policy{Limits: []policy.Limit{limit}})
		took := func() time.Duration {
			start := time.Now()
			if _, err := askFor(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		took()
		if err := stack.SetPolicy(policy.Policy{Tier: policy.Flex, Limits: []policy.Limit{limit}}); err != nil {
			t.Fatal(err)
		}
		if waited := took(); waited != time.Minute {
			t.Errorf("the second call waited %v", waited)
		}
		if err := stack.SetPolicy(policy.Policy{}); err != nil {
			t.Fatal(err)
		}
		if waited := took(); waited != 0 {
			t.Errorf("without a limit it waited %v", waited)
		}
		limit.RequestsPerMinute = 2
		if err := stack.SetPolicy(policy.Policy{Limits: []policy.Limit{limit}}); err != nil {
			t.Fatal(err)
		}
		if first, second := took(), took(); first != 0 || second != 30*time.Second {
			t.Errorf("with a new one they waited %v and %v", first, second)
		}
	})
}

// Contract prices come before a feed, a feed before the catalog, and each can be replaced while calls run. The row says
// which it was.
func TestWithPrices(t *testing.T) {
	catalog := func(name, input string) *price.Catalog {
		c, err := price.Parse(name, strings.NewReader(fmt.Sprintf(`{"providers":{"openai":{"models":{"gpt-5":{"periods":[
			{"source":"a contract","tiers":{"standard":[{"usd_per_million":{"input":"%s","output":"0"}}]}}]}}}}}`, input)))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	stack := stackOver(t, newAnswering(), policy.Policy{}, middleware.WithPrices(catalog("contract", "7")))
	want := func(cost, id string) {
		t.Helper()
		if _, err := askFor(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil {
			t.Fatal(err)
		}
		rows := stack.Rows()
		if row := rows[len(rows)-1]; row.Cost.String() != cost || row.PriceID != id {
			t.Errorf("%s by %s, want %s by %s", row.Cost, row.PriceID, cost, id)
		}
	}
	want("0.00007", "contract/openai/gpt-5/-/standard")
	stack.Prices().SetFeed(catalog("feed", "3"))
	want("0.00007", "contract/openai/gpt-5/-/standard")
	stack.Prices().SetUser(nil)
	want("0.00003", "feed/openai/gpt-5/-/standard")
	stack.Prices().SetFeed(nil)
	want("0.0000625", "embedded/openai/gpt-5/-/standard")
	for _, option := range []middleware.Option{middleware.WithPrices(nil), middleware.WithBook(nil), middleware.WithCatalog(nil)} {
		if _, err := middleware.New(option); err == nil {
			t.Error("nil is taken")
		}
	}
	book := new(price.Book)
	shared := stackOver(t, newAnswering(), policy.Policy{}, middleware.WithBook(book))
	book.SetUser(catalog("contract", "7"))
	if shared.Prices() != book {
		t.Error("it has another book")
	}
	stack = shared
	want("0.00007", "contract/openai/gpt-5/-/standard")
}

// Close has the store's rows safe.
func TestCloseFlushes(t *testing.T) {
	dir := t.TempDir()
	jsonl, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		t.Fatal(err)
	}
	w := ledger.NewWriter(jsonl, ledger.WriterConfig{})
	defer w.Close(t.Context())
	stack := stackOver(t, newAnswering(), policy.Policy{}, middleware.WithStore(w))
	for range 3 {
		if _, err := askFor(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil {
			t.Fatal(err)
		}
	}
	if err := stack.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	totals, err := ledger.TotalsOf(ledger.ReadJSONL(t.Context(), dir, ledger.Filter{}))
	if err != nil || totals.Attempts != 3 || totals.Total != stack.Totals().Total {
		t.Errorf("%+v, want %+v: %v", totals.Total, stack.Totals().Total, err)
	}
}
