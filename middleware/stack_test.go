package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A world is a stack over a simulated provider, in a bubble of its own time.
type world struct {
	*testing.T
	provider *llmtest.Server
	stack    *middleware.Stack
	client   *http.Client
}

// inWorld runs f in a bubble: waits take no real time, and a goroutine left behind fails the test.
func inWorld(t *testing.T, cfg llmtest.Config, p policy.Policy, f func(w *world), options ...middleware.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		provider := llmtest.NewPipe(cfg)
		defer provider.Close()
		stack, err := middleware.New(append([]middleware.Option{middleware.WithPolicy(p), middleware.WithBase(provider.Transport())}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		f(&world{t, provider, stack, stack.Client()})
		if err := stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

const chatBody = `{"model":"gpt-5","messages":[{"role":"user","content":"Who saves?"}]}`

func (w *world) request(ctx context.Context, body string) *http.Request {
	w.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.provider.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk-secret")
	return req
}

// call makes a call and returns its status (0 if it failed), its answer and its error.
func (w *world) call(ctx context.Context, body string) (status int, answer string, err error) {
	w.Helper()
	resp, err := w.client.Do(w.request(ctx, body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(got), err
}

// rows returns the rows in short: "1 flex rejected documented capacity".
func (w *world) rows() (short []string) {
	for _, r := range w.stack.Rows() {
		short = append(short, strings.Join(strings.Fields(fmt.Sprint(r.Attempt, " ", r.AskedTier, " ", r.Outcome, " ", r.Evidence, " ", r.Reason)), " "))
	}
	return short
}

func (w *world) wantRows(want ...string) {
	w.Helper()
	if got := w.rows(); !slices.Equal(got, want) {
		w.Errorf("rows\n%q, want\n%q", got, want)
	}
}

func (w *world) wantBilled(n int) {
	w.Helper()
	if got := len(w.provider.Meter()); got != n {
		w.Errorf("%d generations billed, want %d", got, n)
	}
}

// balance checks that the ledger's measured rows are the meter's generations, count for count.
func (w *world) balance() {
	w.Helper()
	measured := map[string]price.Usage{}
	for _, r := range w.stack.Rows() {
		if r.UsageSource == ledger.Measured {
			measured[r.ResponseID] = r.Usage
		}
	}
	for _, g := range w.provider.Meter() {
		u, ok := measured[g.ID]
		if ok && (u.Input != g.Prompt-g.Cached || u.CachedInput != g.Cached || u.Output != g.Completion || u.Reasoning != g.Reasoning) {
			w.Errorf("the meter has %+v, the ledger %+v", g, u)
		}
		delete(measured, g.ID)
	}
	if len(measured) > 0 {
		w.Errorf("rows for what was never billed: %v", measured)
	}
}

var flexFirst = policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}

func TestFlexThenStandard(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1), CachedPercent: 50}, flexFirst, func(w *world) {
		start := time.Now()
		status, answer, err := w.call(w.Context(), chatBody)
		if status != 200 || err != nil || !strings.Contains(answer, `"service_tier":"default"`) {
			t.Fatal(status, err, answer)
		}
		if time.Since(start) != 0 {
			t.Errorf("it waited %v", time.Since(start))
		}
		w.wantRows("1 flex rejected documented capacity", "2 standard billed")
		w.wantBilled(1)
		w.balance()
		rows := w.stack.Rows()
		if rows[0].Call != rows[1].Call || rows[0].Call == "" {
			t.Errorf("calls %q and %q", rows[0].Call, rows[1].Call)
		}
		if rows[0].ErrorCode != "flex_unavailable" || rows[0].Cost != ledger.Known(0) || rows[0].UsageSource != ledger.None {
			t.Errorf("%+v", rows[0])
		}
		if got := w.stack.Totals(); got.Calls != 1 || got.Attempts != 2 || got.Unpriced != 0 || got.Exposure.Sign() != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// The body's bytes but for the tier reach the provider as they were.
func TestTheBodyIsOtherwiseLeftAlone(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		body := "{ \"messages\":[{\"role\":\"user\",\"content\":\"\\u003c\"}],\n \"seed\": 12345678901234567890, \"x\":1e400, \"model\":\"gpt-5\" }\n"
		if status, _, err := w.call(w.Context(), body); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		got := string(w.provider.Requests()[0].Body)
		if want := `{"service_tier":"flex",` + body[1:]; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

func TestZeroPolicyChangesNothing(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		if got := string(w.provider.Requests()[0].Body); got != chatBody {
			t.Errorf("sent %q", got)
		}
		w.wantRows("1 billed")
	})
}

func TestFlexAloneWaits(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		start := time.Now()
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		// The provider asked for 300 s; at most a tenth is added.
		if waited := time.Since(start); waited < 300*time.Second || waited > 330*time.Second {
			t.Errorf("waited %v", waited)
		}
		w.wantRows("1 flex rejected documented capacity", "2 flex billed")
		if got := w.stack.Rows()[1].WaitMS; got < 300_000 {
			t.Errorf("wait_ms %d", got)
		}
	})
}

func TestWaitThatTheDeadlineForbids(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(9)}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		ctx := policy.With(w.Context(), policy.FinishBy(time.Now().Add(2*time.Minute)))
		start := time.Now()
		status, answer, err := w.call(ctx, chatBody)
		if status != 429 || err != nil || !strings.Contains(answer, "flex_unavailable") {
			t.Errorf("the provider's answer does not reach the caller: %d %q %v", status, answer, err)
		}
		if time.Since(start) != 0 {
			t.Errorf("waited %v for nothing", time.Since(start))
		}
		w.wantBilled(0)
	})
}

func TestRateLimitIsWaitedFor(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.RateLimited)}, flexFirst, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 flex rejected inferred rate", "2 flex rejected inferred rate", "3 flex billed")
		w.balance()
	})
}

// What each fault does: to the call, to the ledger, and to the bill.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		fault  llmtest.Fault
		status int // 0: an error
		rows   []string
		billed int
	}{
		{llmtest.ResetBeforeAccept, 0, []string{"1 ambiguous transport_error"}, 0},
		{llmtest.ResetAfterAccept, 0, []string{"1 ambiguous transport_error"}, 1},
		{llmtest.CutStream, 0, []string{"1 partial"}, 1},
		{llmtest.ServerError, 500, []string{"1 ambiguous server_error"}, 0},
		{llmtest.ServerErrorAfterWork, 500, []string{"1 ambiguous server_error"}, 1},
		{llmtest.Overloaded, 200, []string{"1 rejected reported overloaded", "2 billed"}, 1},
		{llmtest.QuotaExceeded, 429, []string{"1 rejected inferred quota"}, 0},
		{llmtest.BadRequest, 400, []string{"1 rejected inferred bad_request"}, 0},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			inWorld(t, llmtest.Config{Faults: llmtest.Sequence(test.fault)}, policy.Policy{}, func(w *world) {
				status, answer, err := w.call(w.Context(), chatBody)
				if test.status == 0 && err == nil || test.status != 0 && status != test.status {
					t.Errorf("status %d, error %v, %q", status, err, answer)
				}
				w.wantRows(test.rows...)
				w.wantBilled(test.billed)
				w.balance()
				w.bounded()
			})
		})
	}
}

// bounded checks 0 <= meter <= cost + exposure, by the catalog's own prices.
func (w *world) bounded() {
	w.Helper()
	var meter price.Sum
	for _, g := range w.provider.Meter() {
		tier := g.Tier
		if tier == "default" {
			tier = "standard"
		}
		cost, err := price.Embedded().Cost(price.Query{Provider: "openai", Model: g.Model, Tier: tier, At: g.At},
			price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion})
		if err != nil {
			w.Fatal(err)
		}
		meter.Add(cost.Cost)
	}
	totals := w.stack.Totals()
	sum := totals.Cost
	sum.AddSum(totals.Exposure)
	if totals.Cost.Cmp(meter) > 0 || sum.Cmp(meter) < 0 {
		w.Errorf("the meter says %v, the ledger %v and %v exposed", meter, totals.Cost, totals.Exposure)
	}
}

func TestStalledCall(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.Stall)}, policy.Policy{AttemptTimeout: time.Minute}, func(w *world) {
		start := time.Now()
		_, _, err := w.call(w.Context(), chatBody)
		if !errors.Is(err, middleware.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		w.wantRows("1 ambiguous transport_error")
		w.wantBilled(1)
		w.bounded()
	})
}

func TestAllowDoubleBilling(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.ServerErrorAfterWork)}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(policy.With(w.Context(), policy.AllowDoubleBilling()), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 ambiguous transport_error", "2 ambiguous server_error", "3 billed")
		w.wantBilled(3)
		w.bounded()
	})
}

// A connection that is refused has cost nothing, so the call is sent again.
func TestNotSent(t *testing.T) {
	inWorld(t, llmtest.Config{RefuseDials: func(n int) bool { return n < 2 }}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 not_sent transport_error", "2 not_sent transport_error", "3 billed")
		w.wantBilled(1)
	})
}

func TestTierRefusedIsRemembered(t *testing.T) {
	inWorld(t, llmtest.Config{FlexModels: []string{"o3"}}, flexFirst, func(w *world) {
		for range 2 {
			if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		other := w.request(w.Context(), chatBody)
		other.Header.Set("Authorization", "Bearer sk-another")
		resp, err := w.client.Do(other)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		time.Sleep(time.Hour)
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		refused, served := "1 flex rejected inferred tier_refused", "2 standard billed"
		w.wantRows(refused, served, "1 standard billed", refused, served, refused, served)
	})
}

// A tier that the body names goes first, and falls back as the policy says.
func TestTierOfTheBody(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, policy.Policy{Fallback: policy.Standard}, func(w *world) {
		body := `{"service_tier":"flex",` + chatBody[1:]
		if status, _, err := w.call(w.Context(), body); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 flex rejected documented capacity", "2 standard billed")
		if got := string(w.provider.Requests()[0].Body); got != body {
			t.Errorf("first sent %q", got)
		}
		if got := w.provider.Requests()[1].Tier; got != "default" {
			t.Errorf("then on tier %q", got)
		}
	})
}

const streamBody = `{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"Who streams?"}]}`

func TestStream(t *testing.T) {
	for _, crlf := range []bool{false, true} {
		inWorld(t, llmtest.Config{CRLF: crlf, ChunkDelay: time.Second}, policy.Policy{Tier: policy.Flex}, func(w *world) {
			start := time.Now()
			resp, err := w.client.Do(w.request(w.Context(), streamBody))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			first := make([]byte, 1)
			if _, err := io.ReadFull(resp.Body, first); err != nil || time.Since(start) > time.Second {
				t.Errorf("the first byte took %v, %v", time.Since(start), err)
			}
			rest, err := io.ReadAll(resp.Body)
			if err != nil || strings.Contains(string(rest), `"choices":[]`) || !strings.Contains(string(rest), "[DONE]") {
				t.Errorf("%v, %s", err, rest)
			}
			w.wantRows("1 flex billed")
			w.balance()
			if row := w.stack.Rows()[0]; row.UsageSource != ledger.Measured || !row.Stream || row.ServedTier != policy.Flex {
				t.Errorf("%+v", row)
			}
		})
	}
}

func TestStreamUsageRefused(t *testing.T) {
	inWorld(t, llmtest.Config{NoStreamOptions: true}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(w.Context(), streamBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 rejected inferred usage_refused", "2 billed")
		row := w.stack.Rows()[1]
		if row.UsageSource != ledger.Unknown || row.Unpriced == "" || row.Cost.Known || !row.Exposure.Known {
			t.Errorf("a stream without usage: %+v", row)
		}
		w.bounded()
	})
}

func TestLeaveStreams(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{LeaveStreams: true}, func(w *world) {
		if status, _, err := w.call(w.Context(), streamBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		if got := string(w.provider.Requests()[0].Body); got != streamBody {
			t.Errorf("sent %q", got)
		}
		w.bounded()
	})
}

func TestStreamsThatEndBadly(t *testing.T) {
	for fault, want := range map[llmtest.Fault]string{
		llmtest.CutStream: "1 partial", llmtest.ErrorInStream: "1 partial", llmtest.ResetAfterAccept: "1 ambiguous transport_error",
	} {
		t.Run(fault.String(), func(t *testing.T) {
			inWorld(t, llmtest.Config{Faults: llmtest.Sequence(fault)}, policy.Policy{}, func(w *world) {
				w.call(w.Context(), streamBody)
				w.wantRows(want)
				w.wantBilled(1)
				w.bounded()
			})
		})
	}
}

func TestStreamClosedEarly(t *testing.T) {
	inWorld(t, llmtest.Config{ChunkDelay: time.Second}, policy.Policy{}, func(w *world) {
		ctx, call := policy.Track(w.Context())
		resp, err := w.client.Do(w.request(ctx, streamBody))
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(resp.Body, make([]byte, 10))
		resp.Body.Close()
		w.wantRows("1 partial")
		if _, complete := call.Cost(); complete || call.Err() == nil {
			t.Error("the caller is told that the cost is known")
		}
		w.bounded()
	})
}

func TestStreamForgotten(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}, func(w *world) {
		if _, err := w.client.Do(w.request(w.Context(), streamBody)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		w.wantRows("1 partial")
		// Its permit is free again.
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
	})
}

func TestStreamCancelled(t *testing.T) {
	inWorld(t, llmtest.Config{ChunkDelay: time.Second}, policy.Policy{}, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		resp, err := w.client.Do(w.request(ctx, streamBody))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(2 * time.Second)
		cancel()
		synctest.Wait()
		w.wantRows("1 partial")
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("reading on: %v", err)
		}
	})
}

func TestCancelledWait(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(9)}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		ctx, cancel := context.WithCancelCause(w.Context())
		stop := errors.New("the user pressed stop")
		time.AfterFunc(time.Minute, func() { cancel(stop) })
		start := time.Now()
		_, _, err := w.call(ctx, chatBody)
		var refusal *middleware.Error
		if !errors.Is(err, context.Canceled) || !errors.Is(err, stop) || !errors.Is(err, middleware.ErrWait) || !errors.As(err, &refusal) {
			t.Fatalf("%v", err)
		}
		if time.Since(start) != time.Minute || refusal.Attempts != 1 || !strings.Contains(err.Error(), "after 1 attempt") {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		w.wantRows("1 flex rejected documented capacity", "2 flex refused")
		if got := w.stack.Totals(); got.Calls != 1 || got.Attempts != 1 {
			t.Errorf("%+v", got.Total)
		}
	})
}

func TestClientTimeoutEndsAWait(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(9)}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		w.client.Timeout = 30 * time.Second
		start := time.Now()
		// The wait asked for is longer than the timeout: the answer comes at once.
		if status, _, err := w.call(w.Context(), chatBody); status != 429 || err != nil || time.Since(start) != 0 {
			t.Errorf("%d, %v after %v", status, err, time.Since(start))
		}
	})
}

func TestMaxCost(t *testing.T) {
	for _, test := range []struct {
		name, body string
		most       string
		sent       bool
	}{
		{"enough", `{"max_tokens":100,` + chatBody[1:], "0.01", true},
		{"a little", `{"max_tokens":100,` + chatBody[1:], "0.001", false},
		{"without max_tokens the model's own limit counts", chatBody, "0.1", false},
		{"unknown model", `{"max_tokens":1,"model":"mystery","messages":[1]}`, "100", false},
		{"refers to an image", `{"max_tokens":1,"model":"gpt-5","messages":[{"image_url":"https://x"}]}`, "0.1", false},
		{"several choices", `{"max_tokens":100,"n":10,` + chatBody[1:], "0.01", false},
		{"zero", chatBody, "0", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
				status, _, err := w.call(policy.With(w.Context(), policy.MaxCost(price.MustUSD(test.most))), test.body)
				if test.sent && (status != 200 || err != nil) || !test.sent && !errors.Is(err, middleware.ErrCost) {
					t.Errorf("%d, %v", status, err)
				}
				if !test.sent {
					w.wantRows("0 refused")
					w.wantBilled(0)
				}
			})
		})
	}
}

// With a cost limit, attempts that may have been billed are repeated only while the limit can pay for all of them.
func TestMaxCostBoundsDoubleBilling(t *testing.T) {
	faults := llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.ServerErrorAfterWork })
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{AllowDoubleBilling: true}, func(w *world) {
		body := `{"max_tokens":100,` + chatBody[1:]
		e, err := w.stack.Explain(w.request(w.Context(), body))
		if err != nil || e.Worst == nil {
			t.Fatal(e, err)
		}
		w.call(policy.With(w.Context(), policy.MaxCost(*e.Worst*3)), body)
		w.wantBilled(3)
		w.bounded()
	})
}

func TestBadPolicy(t *testing.T) {
	var field *policy.FieldError
	_, err := middleware.New(middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Flex}))
	if !errors.As(err, &field) || field.Field != "Fallback" {
		t.Errorf("%v", err)
	}
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		_, _, err := w.call(policy.With(w.Context(), policy.OnTier("turbo")), chatBody)
		if !errors.As(err, &field) || field.Field != "OnTier" || !errors.Is(err, middleware.ErrPolicy) {
			t.Errorf("%v", err)
		}
		w.wantRows("0 refused")
		w.wantBilled(0)
	})
	for name, option := range map[string]middleware.Option{
		"OnRow": middleware.OnRow(nil), "WithStore": middleware.WithStore(nil), "WithCatalog": middleware.WithCatalog(nil), "WithDialects": middleware.WithDialects(nil),
	} {
		if _, err := middleware.New(nil, option); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLongBodyWithoutGetBody(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1), Faults: llmtest.Sequence(llmtest.RateLimited)}, flexFirst, func(w *world) {
		body := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("x", 70_000) + `"}]}`
		req := w.request(w.Context(), "")
		req.Body, req.GetBody, req.ContentLength = io.NopCloser(strings.NewReader(body)), nil, int64(len(body))
		resp, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 429 {
			t.Errorf("status %d", resp.StatusCode)
		}
		w.wantRows("1 rejected inferred rate")
		if got := w.stack.Rows()[0].Skipped; got != transport.SkippedOnce {
			t.Errorf("skipped %q", got)
		}
		if got := string(w.provider.Requests()[0].Body); got != body {
			t.Error("the body was changed")
		}
	})
}

// The caller's request is left as it was, to the last field.
func TestRequestIsUntouched(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, flexFirst, func(w *world) {
		req := w.request(w.Context(), chatBody)
		req.Header["idempotency-key"] = []string{"k"}
		req.Header["content-length"] = []string{"70"}
		header, url, size := maps.Clone(req.Header), *req.URL, req.ContentLength
		body := req.Body
		resp, err := w.stack.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if !reflect.DeepEqual(req.Header, header) || *req.URL != url || req.ContentLength != size || req.Body != body {
			t.Errorf("the request was changed: %+v", req)
		}
		for _, got := range w.provider.Requests() {
			if got.Header.Get("Idempotency-Key") != "" {
				t.Error("an idempotency key reached the wire")
			}
		}
	})
}

func TestWhatIsNoCallPassesUntouched(t *testing.T) {
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

func TestAnswersThatAreNotWhatTheySeem(t *testing.T) {
	for _, test := range []struct {
		name, contentType, encoding, body string
		outcome                           policy.Outcome
		unpriced                          string
	}{
		{"a page", "text/html", "", "<html>", policy.Billed, "the answer does not say what was used"},
		{"a page that says it is JSON", "application/json", "", "<html>", policy.Billed, "the answer does not say what was used"},
		{"half a document", "application/json", "", `{"usage":{"prompt_tokens":1`, policy.Partial, "the answer does not say what was used"},
		{"compressed", "application/json", "br", "\x01\x02", policy.Billed, "in an encoding that is not read: br"},
		{"no usage", "application/json", "", `{"model":"gpt-5"}`, policy.Billed, "the answer does not say what was used"},
		{"absurd usage", "application/json", "", `{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":-1,"completion_tokens":1}}`, policy.Billed, "usage.prompt_tokens is no count"},
		{"unknown model", "application/json", "", `{"model":"mystery","service_tier":"default","usage":{"prompt_tokens":1,"completion_tokens":1}}`, policy.Billed, "mystery"},
		{"unknown tier", "application/json", "", `{"model":"gpt-5","service_tier":"scale","usage":{"prompt_tokens":1,"completion_tokens":1}}`, policy.Billed, "scale"},
		{"an error in a 200", "application/json", "", `{"error":{"code":"oops"}}`, policy.Partial, "the answer does not say what was used"},
		{"nothing", "application/json", "", "", policy.Partial, "the answer does not say what was used"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				io.Copy(io.Discard, req.Body)
				h := http.Header{"Content-Type": {test.contentType}}
				if test.encoding != "" {
					h.Set("Content-Encoding", test.encoding)
				}
				return &http.Response{StatusCode: 200, Header: h, Body: io.NopCloser(iotest.OneByteReader(strings.NewReader(test.body))), Request: req}, nil
			})
			stack, err := middleware.New(middleware.WithBase(base))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := stack.Client().Post("https://api.openai.com/v1/chat/completions", "application/json", strings.NewReader(chatBody))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(got) != test.body || err != nil {
				t.Errorf("the caller got %q, %v", got, err)
			}
			rows := stack.Rows()
			if len(rows) != 1 || rows[0].Outcome != test.outcome || !strings.Contains(rows[0].Unpriced, test.unpriced) || rows[0].Cost.Known {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// A 429 without end: the attempt counts as refused, and its beginning and the rest reach the caller.
func TestEndlessRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			req.Body.Close()
			return &http.Response{StatusCode: 429, Header: http.Header{}, Body: r, Request: req}, nil
		})
		go func() {
			for {
				if _, err := io.WriteString(w, "x"); err != nil {
					return
				}
				time.Sleep(300 * time.Millisecond)
			}
		}()
		stack, err := middleware.New(middleware.WithBase(base), middleware.WithPolicy(policy.Policy{MaxAttempts: 1}))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		resp, err := stack.Client().Post("https://api.openai.com/v1/chat/completions", "", strings.NewReader(chatBody))
		if err != nil || resp.StatusCode != 429 || time.Since(start) > 2*time.Second {
			t.Fatal(err, time.Since(start))
		}
		buf := make([]byte, 10)
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "xxxxxxxxxx" {
			t.Errorf("%q, %v", buf, err)
		}
		resp.Body.Close()
		time.Sleep(time.Second) // for the writer to notice
	})
}

// A refusal that breaks off is none: nobody knows what it would have said.
func TestBrokenRefusal(t *testing.T) {
	sent := 0
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		sent++
		req.Body.Close()
		body := io.MultiReader(strings.NewReader(`{"error":{"code":"flex_un`), iotest.ErrReader(errors.New("reset")))
		return &http.Response{StatusCode: 429, Header: http.Header{}, Body: io.NopCloser(body), Request: req}, nil
	})
	stack, err := middleware.New(middleware.WithBase(base), middleware.WithPolicy(flexFirst))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stack.Client().Post("https://api.openai.com/v1/chat/completions", "", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if rows := stack.Rows(); sent != 1 || len(rows) != 1 || rows[0].Outcome != policy.Ambiguous {
		t.Errorf("sent %d times, rows %+v", sent, rows)
	}
}

func TestBaseThatBreaksItsContract(t *testing.T) {
	stack, err := middleware.New(middleware.WithBase(transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, nil })))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stack.RoundTrip(httptest.NewRequest(http.MethodPost, "http://x/v1/chat/completions", strings.NewReader(chatBody))); err == nil {
		t.Error("no error")
	}
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Ambiguous {
		t.Errorf("%+v", rows)
	}
}

// Watchers see every row in order, and neither a slow nor a panicking one hurts a call.
func TestWatchers(t *testing.T) {
	var log bytes.Buffer
	var seen []string
	slow := middleware.OnRow(func(r ledger.Row) {
		time.Sleep(time.Minute)
		seen = append(seen, r.Call)
	})
	panics := middleware.OnRow(func(ledger.Row) { panic("watcher") })
	logger := middleware.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		start := time.Now()
		for range 3 {
			if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("the calls waited %v for a watcher", time.Since(start))
		}
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := w.stack.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if err := w.stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
		var want []string
		for _, r := range w.stack.Rows() {
			want = append(want, r.Call)
		}
		if !slices.Equal(seen, want) || len(seen) != 3 {
			t.Errorf("seen %v of %v", seen, want)
		}
	}, slow, panics, logger)
	if got := log.String(); strings.Count(got, "llm attempt") != 3 || !strings.Contains(got, "panicked") {
		t.Errorf("log:\n%s", got)
	}
	if strings.Contains(log.String(), "sk-secret") || strings.Contains(log.String(), "Who saves") {
		t.Errorf("the log holds a key or a prompt:\n%s", log.String())
	}
}

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

func TestWrap(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	stack, err := middleware.New(middleware.WithBase(nil))
	if err != nil {
		t.Fatal(err)
	}
	own := &http.Client{Transport: server.Transport(), Timeout: time.Minute, Jar: http.DefaultClient.Jar}
	wrapped := stack.Wrap(own)
	if wrapped == own || wrapped.Timeout != time.Minute || own.Transport != http.RoundTripper(server.Transport()) {
		t.Error("the client itself was changed")
	}
	resp, err := wrapped.Post(server.URL+"/v1/chat/completions", "application/json", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if len(stack.Rows()) != 1 {
		t.Errorf("%d rows", len(stack.Rows()))
	}
	if stack.Wrap(nil) == nil {
		t.Error("nil client")
	}
	wrapped.CloseIdleConnections()
}

func TestConcurrentCalls(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{Flex: llmtest.Probability(30, 1), CachedPercent: 25})
	defer server.Close()
	stack, err := middleware.New(middleware.WithBase(server.Transport()), middleware.WithPolicy(policy.Policy{
		Tier: policy.Flex, Fallback: policy.Standard, Limits: []policy.Limit{{Concurrency: 8}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	client := stack.Client()
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			body := fmt.Sprintf(`{"model":"gpt-5","stream":%v,"messages":[{"role":"user","content":"call %d"}]}`, i%2 == 0, i)
			resp, err := client.Post(server.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
				t.Error(resp.StatusCode, err)
			}
		})
	}
	all.Wait()
	w := &world{T: t, provider: server, stack: stack}
	w.wantBilled(200)
	w.balance()
	w.bounded()
	totals := stack.Totals()
	if totals.Calls != 200 || totals.Exposure.Sign() != 0 || totals.Unpriced != 0 {
		t.Errorf("%+v", totals.Total)
	}
	if model := totals.By["model:gpt-5"]; model != totals.Total {
		t.Errorf("by model %+v, in all %+v", model, totals.Total)
	}
}

// The attempt's timeout covers the body, and ends with it, not at the answer's last word.
func TestAttemptTimeoutAndTheBody(t *testing.T) {
	inWorld(t, llmtest.Config{ChunkDelay: time.Second}, policy.Policy{AttemptTimeout: time.Minute}, func(w *world) {
		status, answer, err := w.call(w.Context(), streamBody)
		if status != 200 || err != nil || !strings.HasSuffix(answer, "data: [DONE]\n\n") {
			t.Errorf("%d, %v, %q", status, err, answer)
		}
		w.wantRows("1 billed")
	})
	inWorld(t, llmtest.Config{ChunkDelay: 20 * time.Second}, policy.Policy{AttemptTimeout: time.Minute}, func(w *world) {
		if _, _, err := w.call(w.Context(), streamBody); !errors.Is(err, middleware.ErrTimeout) {
			t.Errorf("a slow stream: %v", err)
		}
		w.wantRows("1 partial")
		w.bounded()
	})
}
