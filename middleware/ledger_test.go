package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// An openStore is a Memory that is also shown attempts before they are sent.
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

// The ledger is shown an attempt, and the most that it can cost, before the request is written. The attempt's row has
// the same call, number and time.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var store openStore
		sent := 0
		rejected := says(429, jsonType, `{"error":{"code":"rate_limit_exceeded","type":"requests","message":"slow down"}}`)
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			sent++
			open := store.unended()
			if len(open) != 1 || open[0].Attempt != sent || open[0].Outcome != policy.Open || open[0].Exposure.Pico <= 0 || open[0].Cost.Known ||
				open[0].Tags["tenant"] != "acme" || open[0].Model != "gpt-5" || open[0].AskedTier != policy.Flex {
				t.Errorf("before request %d is sent: %+v", sent, open)
			}
			if sent == 1 {
				return rejected(req)
			}
			return nil, errors.New("reset")
		})
		stack := stackOver(t, base, policy.Policy{Tier: policy.Flex}, middleware.WithStore(&store))
		if _, err := chat(t, policy.With(t.Context(), policy.Tag("tenant", "acme")), stack, `{"model":"gpt-5","max_tokens":10,"messages":[]}`); err == nil {
			t.Error("it has an answer")
		}
		if left := store.unended(); len(left) > 0 || sent != 2 || len(store.opens) != 2 {
			t.Errorf("%d sent, %d opened, still open: %+v", sent, len(store.opens), left)
		}
	})
}

// A call that costs nothing is not opened, and an attempt that we refuse before it is sent is not left open, not even
// if a second chain beneath refuses it.
func TestOpenNotSent(t *testing.T) {
	var store openStore
	base := newAPI()
	count := "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:countTokens"
	base.on("POST "+count, says(200, jsonType, `{"totalTokens":5}`))
	stack := stackOver(t, base, policy.Policy{}, middleware.WithStore(&store))
	mustDo(t, stack, "POST", count, `{"contents":[]}`)
	if len(store.opens) != 0 {
		t.Errorf("opened %+v", store.opens)
	}

	never := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, errors.New("no")
	})
	rt := transport.Chain(never, middleware.Ledger(&store), middleware.Retry(policy.Policy{}), foreignLink, middleware.Budget(policy.Policy{}))
	if _, err := chat(t, t.Context(), rt, `{"model":"gpt-5","max_tokens":10,"messages":[]}`); !errors.Is(err, middleware.ErrPolicy) {
		t.Fatalf("%v", err)
	}
	if left := store.unended(); len(left) != 0 || len(store.opens) != 1 {
		t.Errorf("opened %d, still open: %+v, rows %+v", len(store.opens), left, store.Rows())
	}
	if rows := store.Rows(); rows[len(rows)-1].Outcome != policy.Refused {
		t.Errorf("%+v", rows)
	}
}

// A store that panics in Open does not disturb the call.
func TestOpenPanics(t *testing.T) {
	stack := stackOver(t, answering(), policy.Policy{}, middleware.WithStore(panickingOpener{}))
	if got, err := chat(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil || got == "" {
		t.Errorf("%q, %v", got, err)
	}
}

type panickingOpener struct{}

func (panickingOpener) Add(ledger.Row) {}

func (panickingOpener) Open(ledger.Row) { panic("store") }

// Each of two ledgers gets a row for each attempt.
func TestTwoLedgers(t *testing.T) {
	base := newScript(
		says(429, "application/json", `{"error":{"code":"slow_down"}}`), says(200, "application/json", served),
	)
	a, b := ledger.NewMemory(0), ledger.NewMemory(0)
	rt := transport.Chain(base, middleware.Retry(policy.Policy{BackoffBase: 1, BackoffMax: 1}), middleware.Ledger(a), middleware.Ledger(b))
	if _, err := chat(t, t.Context(), rt, chatBody); err != nil {
		t.Fatal(err)
	}
	if len(a.Rows()) != 2 || len(b.Rows()) != 2 {
		t.Errorf("%d and %d rows", len(a.Rows()), len(b.Rows()))
	}
}

// A store that panics, and a watcher that ends its goroutine, disturb neither calls nor Close.
func TestPanickingStore(t *testing.T) {
	base := newScript(says(200, "application/json", served))
	seen := 0
	stack := stackOver(t, base, policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}},
		middleware.WithStore(storeFunc(func(ledger.Row) { panic("store") })),
		middleware.OnRow(func(ledger.Row) { seen++; runtime.Goexit() }))
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if _, err := chat(t, ctx, stack, chatBody); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := stack.Close(ctx); err != nil || seen != 3 {
		t.Errorf("%v, %d rows seen", err, seen)
	}
}

type storeFunc func(ledger.Row)

func (f storeFunc) Add(r ledger.Row) { f(r) }

// No row, error or log line holds a key, a prompt or an answer.
func TestRowsHoldNoSecrets(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ServerError, llmtest.BadRequest, llmtest.NoFault)}, policy.Policy{}, func(w *world) {
		for range 3 {
			w.call(w.Context(), chatBody)
		}
		text, err := json.Marshal(w.stack.Rows())
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"sk-secret", "Who saves", "messages"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%q in %s", secret, text)
			}
		}
	})
}

// A ledger without a store refuses every call, instead of losing its rows or panicking.
func TestNilStore(t *testing.T) {
	var memory *ledger.Memory
	for name, store := range map[string]ledger.Store{"nil": nil, "a nil pointer": memory} {
		base := newScript(says(200, jsonType, served))
		for _, rt := range []http.RoundTripper{
			transport.Chain(base, middleware.Ledger(store)),
			transport.Chain(base, middleware.Ledger(new(ledger.Memory)), middleware.Ledger(store), middleware.Retry(policy.Policy{})),
		} {
			_, err := chat(t, t.Context(), rt, `{"model":"gpt-5"}`)
			if !errors.Is(err, middleware.ErrPolicy) || !strings.Contains(err.Error(), "Ledger: the store is nil") || len(base.bodies) > 0 {
				t.Errorf("%s: %v, %d sent", name, err, len(base.bodies))
			}
		}
		if _, err := middleware.New(middleware.WithStore(store)); err == nil || !strings.Contains(err.Error(), "WithStore") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An open row says why the cost is not known, and why it has no bound if it has none. If the program then ends, so does the row
// that replaces it.
func TestOpenWithoutBound(t *testing.T) {
	for body, bounded := range map[string]bool{`{"model":"gpt-5","max_completion_tokens":9}`: true, `{"model":"my-alias"}`: false} {
		var store openStore
		stack := stackOver(t, newScript(says(200, jsonType, served)), policy.Policy{}, middleware.WithStore(&store))
		if _, err := chat(t, t.Context(), stack, body); err != nil {
			t.Fatal(err)
		}
		open := store.opens[0]
		abandoned := ledger.Abandoned(open)
		for _, r := range []ledger.Row{open, abandoned} {
			if r.Cost.Known || r.Exposure.Known != bounded || strings.Contains(r.Unpriced, "has no bound: ") == bounded {
				t.Errorf("%s: exposure %s, unpriced %q", body, r.Exposure, r.Unpriced)
			}
		}
		if !strings.HasPrefix(open.Unpriced, ledger.OpenReason) || !strings.HasPrefix(abandoned.Unpriced, ledger.AbandonedReason) {
			t.Errorf("%q, then %q", open.Unpriced, abandoned.Unpriced)
		}
	}
}
