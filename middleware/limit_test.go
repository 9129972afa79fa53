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
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func perMinute(n int) policy.Policy {
	return policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: n, Burst: 1}}}
}

// inOrder starts n calls a millisecond apart. It returns how long after the start each was answered, in seconds.
func (w *world) inOrder(n int, call func(i int) error) []float64 {
	took := make([]float64, n)
	start := time.Now()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := call(i); err != nil {
				w.Error(err)
			}
			took[i] = time.Since(start).Round(100 * time.Millisecond).Seconds()
		})
		time.Sleep(time.Millisecond)
	}
	all.Wait()
	return took
}

// simple makes a call that must be answered with 200.
func (w *world) simple(int) error {
	status, _, err := w.call(w.Context(), chatBody)
	if err == nil && status != 200 {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

func TestRateIsKeptInOrder(t *testing.T) {
	inWorld(t, llmtest.Config{}, perMinute(60), func(w *world) {
		got := w.inOrder(5, w.simple)
		if want := []float64{0, 1, 2, 3, 4}; !slices.Equal(got, want) {
			t.Errorf("answered after %v, want %v", got, want)
		}
	})
}

// A burst is admitted at once, and later calls at the limit's rate.
func TestBurst(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 60, Burst: 3}}}, func(w *world) {
		got := w.inOrder(5, w.simple)
		if want := []float64{0, 0, 0, 1, 2}; !slices.Equal(got, want) {
			t.Errorf("answered after %v, want %v", got, want)
		}
	})
}

// Callers that give up take no tokens from those that wait.
func TestCancelledWaitersCostNothing(t *testing.T) {
	inWorld(t, llmtest.Config{}, perMinute(60), func(w *world) {
		if err := w.simple(0); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(w.Context())
		var quitters sync.WaitGroup
		for range 50 {
			quitters.Go(func() {
				if _, _, err := w.call(ctx, chatBody); !errors.Is(err, context.Canceled) || !errors.Is(err, middleware.ErrLimit) {
					t.Errorf("a cancelled wait: %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		quitters.Wait()
		start := time.Now()
		if err := w.simple(0); err != nil || time.Since(start) > time.Second {
			t.Errorf("the next caller waited %v, %v", time.Since(start), err)
		}
		if n := len(w.provider.Requests()); n != 2 {
			t.Errorf("%d requests sent", n)
		}
	})
}

// When the first waiter gives up, the second takes its place.
func TestCancelledHeadOfTheQueue(t *testing.T) {
	inWorld(t, llmtest.Config{}, perMinute(60), func(w *world) {
		got := w.inOrder(4, func(i int) error {
			ctx := w.Context()
			if i == 1 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithCancel(ctx)
				time.AfterFunc(500*time.Millisecond, cancel)
			}
			_, _, err := w.call(ctx, chatBody)
			if i == 1 && errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		})
		if want := []float64{0, 0.5, 1, 2}; !slices.Equal(got, want) {
			t.Errorf("answered after %v, want %v", got, want)
		}
	})
}

// A wait for a rate that is longer than the deadline allows fails at once, and takes no token.
func TestRateBeyondTheDeadline(t *testing.T) {
	inWorld(t, llmtest.Config{}, perMinute(6), func(w *world) {
		if err := w.simple(0); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, _, err := w.call(policy.With(w.Context(), policy.FinishBy(start.Add(5*time.Second))), chatBody)
		var refusal *middleware.Error
		if !errors.As(err, &refusal) || !errors.Is(err, middleware.ErrLimit) {
			t.Fatal(err)
		}
		if time.Since(start) != 0 || refusal.Wait < 9*time.Second || refusal.Wait > 10*time.Second {
			t.Errorf("after %v, wait %v", time.Since(start), refusal.Wait)
		}
		const want = "skinflint: limit for gpt-5: our limit of 6 requests per minute would hold it back for 10s, and it has 5s left (nothing was sent); send less at once, or allow more time"
		if refusal.Error() != want {
			t.Errorf("got  %s\nwant %s", refusal, want)
		}
		w.wantRows("1 billed", "0 refused")
		// It has taken no token.
		if err := w.simple(0); err != nil || time.Since(start) > 10*time.Second {
			t.Errorf("the next waited %v, %v", time.Since(start), err)
		}
	})
}

// A permit is held until the answer has been read to its end.
func TestConcurrency(t *testing.T) {
	limit := policy.Policy{Limits: []policy.Limit{{Concurrency: 2}}}
	inWorld(t, llmtest.Config{ChunkDelay: time.Second, Chunks: 1}, limit, func(w *world) {
		busy, most := 0, 0
		var mu sync.Mutex
		w.inOrder(6, func(int) error {
			resp, err := w.client.Do(w.request(w.Context(), streamBody))
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			mu.Lock()
			busy++
			most = max(most, busy)
			mu.Unlock()
			io.ReadFull(resp.Body, make([]byte, 10))
			time.Sleep(time.Minute) // reads slowly
			mu.Lock()
			busy--
			mu.Unlock()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		})
		if most != 2 {
			t.Errorf("%d at once, want 2", most)
		}
	})
}

// Permits come back however an attempt ends.
func TestPermitsComeBack(t *testing.T) {
	faults := []llmtest.Fault{llmtest.ResetBeforeAccept, llmtest.ResetAfterAccept, llmtest.CutStream, llmtest.ServerError, llmtest.BadRequest, llmtest.NoFault}
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(faults...), RefuseDials: func(n int) bool { return n == 1 }},
		policy.Policy{MaxAttempts: 1, Limits: []policy.Limit{{Concurrency: 1}}}, func(w *world) {
			for range faults {
				ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
				w.call(ctx, chatBody)
				cancel()
			}
			resp, err := w.client.Do(w.request(w.Context(), chatBody))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close() // unread
			ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
			defer cancel()
			if status, _, err := w.call(ctx, chatBody); status != 200 || err != nil {
				t.Errorf("a permit is lost: %d, %v", status, err)
			}
		})
}

// Each attempt waits for the limits that match its call, and no other.
func TestLimitsMatch(t *testing.T) {
	p := policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, Limits: []policy.Limit{
		{Match: policy.Match{Tags: map[string]string{"job": "slow"}}, RequestsPerMinute: 60, Burst: 1},
		{Match: policy.Match{Model: "gpt-5*"}, Concurrency: 100},
	}}
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, p, func(w *world) {
		slow := policy.With(w.Context(), policy.Tag("job", "slow"))
		start := time.Now()
		if status, _, err := w.call(slow, chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("two attempts took %v, want a second", got)
		}
		blocked := make(chan error)
		go func() { _, _, err := w.call(slow, chatBody); blocked <- err }()
		synctest.Wait()
		if err := w.simple(0); err != nil || time.Since(start) != time.Second {
			t.Errorf("a call without the tag waited: %v, %v", time.Since(start), err)
		}
		if err := <-blocked; err != nil {
			t.Error(err)
		}
	})
}

// Cancellations that race with permits lose none, and free none twice.
func TestPermitsUnderCancellation(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	stack, err := middleware.New(middleware.WithBase(server.Transport()), middleware.WithPolicy(policy.Policy{
		MaxAttempts: 1, Limits: []policy.Limit{{Concurrency: 3}, {RequestsPerMinute: 100_000, Burst: 5}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	client := stack.Client()
	call := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(chatBody))
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		io.Copy(io.Discard, resp.Body)
		return resp.Body.Close()
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for n := range 30 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration((i*n)%7)*time.Millisecond)
				call(ctx)
				cancel()
			}
		})
	}
	all.Wait()
	var last sync.WaitGroup
	for range 3 {
		last.Go(func() {
			if err := call(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	last.Wait()
}

// A wait for a busy limit ends at the deadline.
func TestLimitGivesUpAtTheDeadline(t *testing.T) {
	inWorld(t, llmtest.Config{ChunkDelay: time.Hour}, policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}, func(w *world) {
		resp, err := w.client.Do(w.request(w.Context(), streamBody))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		start := time.Now()
		_, _, err = w.call(policy.With(w.Context(), policy.FinishBy(start.Add(time.Minute))), chatBody)
		if !errors.Is(err, middleware.ErrLimit) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A limit also holds for calls of unknown operations, but not for calls that cost nothing.
func TestLimitsOfUnknownCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newScript(says(200, jsonType, "{}"))
		stack := stackOver(t, base, policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 60, Burst: 1}}})
		start := time.Now()
		for _, path := range []string{"audio/speech", "audio/speech", "responses/r"} {
			method := http.MethodPost
			if path == "responses/r" {
				method = http.MethodGet
			}
			req, err := http.NewRequest(method, "https://api.openai.com/v1/"+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := stack.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("three calls took %v", took)
		}
	})
}

// An invalid limit refuses every call, also if Identify sets the policy.
func TestInvalidLimitBesideIdentify(t *testing.T) {
	sent := 0
	base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		sent++
		return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
	})
	rt := transport.Chain(base, middleware.Identify(policy.Policy{}), middleware.Limit(policy.Limit{Concurrency: -1}))
	req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
	if resp, err := rt.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Errorf("a call was sent %d times under Limit(Concurrency: -1)", sent)
	}
}

// A link that was given nil refuses every call.
func TestLinksByNil(t *testing.T) {
	for name, link := range map[string]transport.Middleware{"LimitBy": middleware.LimitBy(nil), "Ledger": middleware.Ledger(nil)} {
		base := newScript(says(200, jsonType, served))
		_, err := chat(t, t.Context(), transport.Chain(base, link), chatBody)
		if !errors.Is(err, middleware.ErrPolicy) || !strings.Contains(err.Error(), name+": ") || len(base.bodies) != 0 {
			t.Errorf("%s(nil): sent %d times, %v", name, len(base.bodies), err)
		}
	}
}

type panickingLimiter struct{ closed chan bool }

func (l panickingLimiter) Wait(context.Context, *limit.Request) (limit.Permit, error) { return l, nil }
func (l panickingLimiter) Release(limit.Count)                                        { defer close(l.closed); panic("redis is away") }

// A panic of the program's own Permit is logged: an attempt may end on a goroutine of ours, where a panic would end the
// program.
func TestPermitPanics(t *testing.T) {
	base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	})
	rt := transport.Chain(base, middleware.Ledger(ledger.NewMemory(0)), middleware.LimitBy(panickingLimiter{make(chan bool)}))
	req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("the caller's Read panics: %v; on a context's end it would be the program's end", p)
		}
	}()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// A forgotten body holds its permit until the stream is idle for too long. Meanwhile the log says who holds it, Explain and
// Limits say it, and no key is named.
func TestForgottenBodyIsSaid(t *testing.T) {
	var log warnings
	inWorld(t, llmtest.Config{ChunkDelay: time.Second}, policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}, func(w *world) {
		forgotten, err := w.client.Do(w.request(w.Context(), streamBody))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if err := w.simple(0); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(4 * time.Second)
		const line = "calls wait for a limit whose permits are all held"
		if got := log.of(line); len(got) != 0 {
			t.Errorf("after 4 s: %q", got)
		}
		time.Sleep(time.Minute)
		got := log.of(line, `limit="1 at once"`, "held=1", "waiting=3", "openai chat of gpt-5 for 5s, call ")
		if len(got) != 1 || strings.Contains(got[0], "sk-") {
			t.Errorf("after a minute: %q", log.of(""))
		}
		e, err := w.stack.Explain(w.request(w.Context(), chatBody))
		if want := "1 at once; all are held, and 3 wait; openai chat of gpt-5 for 1m4s, call "; err != nil || len(e.Limits) != 1 || !strings.HasPrefix(e.Limits[0], want) {
			t.Errorf("%q, %v", e.Limits, err)
		}
		if s := w.stack.Limits(); len(s) != 1 || s[0].Waiting != 3 || len(s[0].Holders) != 1 || s[0].Holders[0].For != 64*time.Second {
			t.Errorf("%+v", s)
		}
		all.Wait()
		if took := time.Since(start); took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("the permit came back after %v", took)
		}
		rows := w.stack.Rows()
		if got := log.of(line, "call "+rows[0].Call); len(got) != 10 {
			t.Errorf("%d lines in 10 minutes: %q", len(got), log.of(""))
		}
		forgotten.Body.Close()
	}, middleware.WithLogger(log.logger()))
}

// A limit holds back every call that costs something, also one that is sent as it is.
func TestLimitsOfObservedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newScript(says(200, jsonType, "{}"))
		stack := stackOver(t, base, policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 60, Burst: 1}}})
		start := time.Now()
		for i, url := range []string{
			"https://generativelanguage.googleapis.com/v1beta/cachedContents", "https://api.openai.com/v1/batches", "https://api.openai.com/v1/audio/speech", openaiURL,
		} {
			mustDo(t, stack, http.MethodPost, url, "{}")
			if took := time.Since(start); took != time.Duration(i)*time.Second {
				t.Errorf("%s was sent after %v", url, took)
			}
		}
	})
}

// A limit that can match nothing is refused, also where no Stack is.
func TestLimitThatMatchesNothing(t *testing.T) {
	for field, m := range map[string]policy.Match{
		"Limits[0].Match.Provider": {Provider: "opnai"}, "Limits[0].Match.Operation": {Provider: "openai", Operation: "chat/completions"},
	} {
		l := policy.Limit{Match: m, Concurrency: 1}
		if _, err := middleware.New(middleware.WithPolicy(policy.Policy{Limits: []policy.Limit{l}})); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("New: %v", err)
		}
		_, err := chat(t, t.Context(), transport.Chain(answering(), middleware.Limit(l)), chatBody)
		if !errors.Is(err, middleware.ErrPolicy) || !strings.Contains(err.Error(), field) {
			t.Errorf("Limit: %v", err)
		}
	}
}

// Each attempt of a call passes the limiter again, and has a row of its own with the time for which it waited.
func TestLimit38RetriesPassTheLimiterAgain(t *testing.T) {
	p := policy.Policy{BackoffBase: time.Nanosecond, BackoffMax: time.Nanosecond, Limits: []policy.Limit{{RequestsPerMinute: 6, Burst: 1, Concurrency: 1}}}
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.RateLimited)}, p, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 {
			t.Fatal(status, err)
		}
		rows := w.stack.Rows()
		if len(rows) != 3 || len(w.provider.Requests()) != 3 {
			t.Fatalf("%d rows, %d requests", len(rows), len(w.provider.Requests()))
		}
		for i, row := range rows {
			if gap := row.At.Sub(rows[0].At); gap < time.Duration(i)*10*time.Second || i > 0 && row.WaitMS < 9_000 {
				t.Errorf("attempt %d was sent %v after the first, and waited %d ms", row.Attempt, gap, row.WaitMS)
			}
		}
		if s := w.stack.Limits()[0]; s.Busy != 0 {
			t.Errorf("%d permits are held", s.Busy)
		}
	})
}
