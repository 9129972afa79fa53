package anthropic_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/skinflint-go/skinflint/adapters/anthropic"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Anthropic has no flex tier: a policy that asks for one is for other providers' calls, and changes nothing here.
var flexFirst = policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}

func TestCosts(t *testing.T) {
	for _, p := range plugs {
		for _, stream := range []bool{false, true} {
			t.Run(p.name, func(t *testing.T) {
				inWorld(t, llmtest.Config{CachedPercent: 50}, flexFirst, func(w *world) {
					client := p.new(w, nil)
					for _, model := range []sdk.Model{sonnet, haiku} {
						for _, text := range []string{"Who saves?", strings.Repeat("Who remembers? ", 1000)} {
							if answer, err := ask(w.Context(), client, model, text, stream); err != nil || answer == "" {
								w.Fatalf("answer %q, error %v", answer, err)
							}
						}
					}
					rows := w.stack.Rows()
					if len(rows) != 4 || rows[0].Stream != stream || rows[1].Usage.CachedInput == 0 {
						w.Errorf("rows: %+v", rows)
					}
					for _, r := range w.server.Requests() {
						if r.Tier != "" || r.Header.Get("X-Api-Key") != "sk-test" || r.Header.Get("Anthropic-Version") == "" {
							w.Errorf("request: %+v", r)
						}
					}
					w.balance()
				})
			})
		}
	}
}

func TestThinking(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		params := question(sonnet, "Who thinks?")
		params.MaxTokens, params.Thinking = 4000, sdk.ThinkingConfigParamOfEnabled(2000)
		client := anthropic.NewClient("sk-test", w.stack)
		if _, err := client.Messages.New(w.Context(), params); err != nil {
			w.Fatal(err)
		}
		if r := w.stack.Rows()[0]; r.Usage.Reasoning == 0 {
			w.Errorf("row: %+v", r)
		}
		w.balance()
	})
}

func TestLeftStream(t *testing.T) {
	limited := policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}
	inWorld(t, llmtest.Config{ChunkDelay: time.Second}, limited, func(w *world) {
		client := anthropic.NewClient("sk-test", w.stack)
		events := client.Messages.NewStreaming(w.Context(), question(sonnet, "Who leaves?"))
		if !events.Next() {
			w.Fatal(events.Err())
		}
		if err := events.Close(); err != nil {
			w.Error(err)
		}
		if rows := w.stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Partial || !rows[0].Exposure.Known {
			w.Errorf("rows: %+v", rows)
		}
		if _, err := ask(w.Context(), client, sonnet, "Who is next?", false); err != nil {
			w.Error(err)
		}
	})
}

// The SDK leaves a stream open that it has read to its end; its row is closed all the same.
func TestStreamThatNobodyCloses(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}, func(w *world) {
		client := anthropic.NewClient("sk-test", w.stack)
		for range 2 {
			events := client.Messages.NewStreaming(w.Context(), question(sonnet, "Who forgets?"))
			for events.Next() {
			}
			if err := events.Err(); err != nil {
				w.Fatal(err)
			}
		}
		w.balance()
	})
}

func TestTrack(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.Overloaded)}, policy.Policy{}, func(w *world) {
		ctx, call := policy.Track(policy.With(w.Context(), policy.Tag("tenant", "acme")))
		if _, err := ask(ctx, anthropic.NewClient("sk-test", w.stack), sonnet, "Who tells?", true); err != nil {
			w.Fatal(err)
		}
		row := w.stack.Rows()[1]
		cost, complete := call.Cost()
		if call.Attempts() != 2 || call.Tier() != policy.Standard || call.Err() != nil || !complete || cost.String() != row.Cost.String() || row.Tags["tenant"] != "acme" {
			w.Errorf("tracked: %d attempts, tier %q, cost %v, error %v; row: %+v", call.Attempts(), call.Tier(), cost, call.Err(), row)
		}
	})
}

// What the stack refuses comes as an answer of the provider's, and is not sent again whatever the SDK's retries are.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		refusal string
		status  int
		kind    error
		options []policy.Option
		wait    string // what Retry-After says
	}{
		{"max_cost", http.StatusPaymentRequired, middleware.ErrCost, []policy.Option{policy.MaxCost(price.MustUSD("0.000001"))}, ""},
		{"limit", http.StatusTooManyRequests, middleware.ErrLimit, []policy.Option{policy.FinishBy(time.Date(2000, 1, 1, 0, 0, 10, 0, time.UTC))}, "60"},
		{"policy", http.StatusBadRequest, middleware.ErrPolicy, []policy.Option{policy.OnTier("cheap")}, ""},
		{"deadline", http.StatusFailedDependency, middleware.ErrDeadline, []policy.Option{policy.FinishBy(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))}, ""},
	} {
		t.Run(c.refusal, func(t *testing.T) {
			variants(t, func(t *testing.T, p plug, retries int, stream bool) {
				limited := policy.Policy{Limits: []policy.Limit{{Match: policy.Match{Model: sonnet}, RequestsPerMinute: 1}}}
				inWorld(t, llmtest.Config{}, limited, func(w *world) {
					client := p.new(w, nil, option.WithMaxRetries(retries))
					if _, err := ask(w.Context(), client, sonnet, "Who is first?", false); err != nil {
						w.Fatal(err)
					}
					ctx, call := policy.Track(policy.With(w.Context(), c.options...))
					_, err := ask(ctx, client, sonnet, "Who refuses?", stream)
					var e *sdk.Error
					if !errors.As(err, &e) || e.StatusCode != c.status || string(e.Type()) != "skinflint_"+c.refusal || !strings.Contains(e.Error(), c.kind.Error()) ||
						e.Response.Header.Get("Skinflint-Refusal") != c.refusal || e.Response.Header.Get("Retry-After") != c.wait {
						w.Errorf("error %v", err)
					}
					var why *middleware.Error
					if !errors.As(call.Err(), &why) || !errors.Is(why, c.kind) || call.Attempts() != 0 {
						w.Errorf("tracked: %v after %d attempts", call.Err(), call.Attempts())
					}
					if rows := w.stack.Rows(); len(rows) != 2 || rows[1].Outcome != policy.Refused {
						w.Errorf("rows: %+v", rows)
					}
					w.wants(1, 1)
				})
			})
		})
	}
}

// What may take longer than ten minutes the SDK refuses itself, before the stack sees it.
func TestManyTokensAreForStreams(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		client := anthropic.NewClient("sk-test", w.stack)
		params := question(sonnet, "Who writes a book?")
		params.MaxTokens = 21_334
		if _, err := client.Messages.New(w.Context(), params); err == nil || !strings.Contains(err.Error(), "streaming is required") {
			w.Errorf("error %v", err)
		}
		w.wants(0, 0)
		params.MaxTokens--
		if _, err := client.Messages.New(w.Context(), params); err != nil {
			w.Error(err)
		}
		params.MaxTokens++
		if _, err := client.Messages.New(w.Context(), params, option.WithRequestTimeout(time.Hour)); err != nil {
			w.Error(err)
		}
		if rows := w.stack.Rows(); len(rows) != 2 {
			w.Errorf("rows: %+v", rows)
		}
		for i, want := range []string{"600", "3600"} {
			if got := w.server.Requests()[i].Header.Get("X-Stainless-Timeout"); got != want {
				w.Errorf("a timeout of %q seconds, want %q", got, want)
			}
		}
		w.balance()
	})
}

// A longer timeout of the program's own lets an answer come that takes longer than ten minutes.
func TestLongerTimeout(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.Slow)}, policy.Policy{}, func(w *world) {
		client := anthropic.NewClient("sk-test", w.stack, option.WithRequestTimeout(20*time.Minute))
		if _, err := ask(w.Context(), client, sonnet, "Who has time?", false); err != nil {
			w.Error(err)
		}
		w.wants(1, 1)
		w.balance()
	})
}

// The SDK honours any Retry-After; the stack's own patience comes first, and ends with the answer.
func TestLongRetryAfter(t *testing.T) {
	variants(t, func(t *testing.T, p plug, retries int, stream bool) {
		inWorld(t, llmtest.Config{Faults: always(llmtest.RateLimited)}, policy.Policy{}, func(w *world) {
			day := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
				resp, err := next.RoundTrip(req)
				if err == nil {
					resp.Header.Set("Retry-After", "86400")
				}
				return resp, err
			})
			client := p.new(w, &http.Client{Transport: day(w.server.Transport())}, option.WithMaxRetries(retries))
			start := time.Now()
			_, err := ask(w.Context(), client, sonnet, "Who waits a day?", stream)
			if status, _ := refusal(err); status != http.StatusTooManyRequests {
				w.Errorf("error %v", err)
			}
			if took := time.Since(start); took > time.Minute {
				w.Errorf("it took %v", took)
			}
			w.wants(1, 0)
		})
	})
}

func TestOptionsOfTheProgram(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		var answered *http.Response
		client := anthropic.NewClient("sk-test", w.stack,
			option.WithBaseURL("https://gateway.example/"), option.WithHeader("X-Team", "acme"), option.WithQuery("q", "1"),
			option.WithResponseInto(&answered), option.WithHTTPClient(http.DefaultClient)) // which is not used
		if _, err := ask(w.Context(), client, sonnet, "Who chooses?", false); err != nil {
			w.Fatal(err)
		}
		r := w.server.Requests()[0]
		if r.Host != "gateway.example" || r.Query != "q=1" || r.Header.Get("X-Api-Key") != "sk-test" || r.Header.Get("X-Team") != "acme" {
			w.Errorf("request: %+v", r)
		}
		if got := answered.Header.Get("X-Should-Retry"); got != "false" {
			w.Errorf("x-should-retry: %q", got)
		}
		w.balance()
	})
}

func TestKeyOfTheEnvironment(t *testing.T) {
	t.Setenv("ANTHROPIC_API_KEY", "sk-env")
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		for _, key := range []string{"", "sk-test"} {
			if _, err := ask(w.Context(), anthropic.NewClient(key, w.stack), sonnet, "Who knows?", false); err != nil {
				w.Fatal(err)
			}
		}
		requests := w.server.Requests()
		if a, b := requests[0].Header.Get("X-Api-Key"), requests[1].Header.Get("X-Api-Key"); a != "sk-env" || b != "sk-test" {
			w.Errorf("keys %q and %q", a, b)
		}
	})
}

func TestOptionsKeepTheHTTPClient(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		jar, err := cookiejar.New(nil)
		if err != nil {
			w.Fatal(err)
		}
		seen := 0
		spy := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			seen++
			return next.RoundTrip(req)
		})
		hc := &http.Client{Transport: spy(w.server.Transport()), Jar: jar, Timeout: time.Minute}
		client := sdk.NewClient(append(anthropic.Options(w.stack, hc), option.WithAPIKey("sk-test"))...)
		if _, err := ask(w.Context(), client, sonnet, "Who keeps it?", false); err != nil {
			w.Fatal(err)
		}
		if _, ours := hc.Transport.(*middleware.Stack); ours || seen != 1 {
			w.Errorf("the program's transport was asked %d times", seen)
		}
		w.balance()
	})
}

func TestWhatIsFree(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		client := anthropic.NewClient("sk-test", w.stack)
		count, err := client.Messages.CountTokens(w.Context(), sdk.MessageCountTokensParams{
			Model: sonnet, Messages: []sdk.MessageParam{sdk.NewUserMessage(sdk.NewTextBlock("Who counts?"))},
		})
		if err != nil || count.InputTokens == 0 {
			w.Errorf("count %+v, error %v", count, err)
		}
		if _, err := client.Models.List(w.Context(), sdk.ModelListParams{}); err != nil {
			w.Error(err)
		}
		w.wants(2, 0)
		for _, r := range w.stack.Rows() {
			if r.Cost != ledger.Known(0) {
				w.Errorf("row: %+v", r)
			}
		}
	})
}

func TestConcurrentCalls(t *testing.T) {
	inWorld(t, llmtest.Config{}, flexFirst, func(w *world) {
		client := anthropic.NewClient("sk-test", w.stack)
		errs := make(chan error)
		const n = 50
		for i := range n {
			go func() {
				_, err := ask(context.WithoutCancel(w.Context()), client, sonnet, strings.Repeat("Who? ", i+1), i%2 == 0)
				errs <- err
			}()
		}
		for range n {
			if err := <-errs; err != nil {
				w.Error(err)
			}
		}
		w.wants(n, n)
	})
}
