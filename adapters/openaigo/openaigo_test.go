package openaigo_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared/constant"

	"github.com/skinflint-go/skinflint/adapters/openaigo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

var flexFirst = policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}

func TestFlexThenStandard(t *testing.T) {
	for _, p := range plugs {
		for _, stream := range []bool{false, true} {
			t.Run(p.name, func(t *testing.T) {
				inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1), CachedPercent: 50}, flexFirst, func(w *world) {
					client := p.new(w, nil)
					for _, text := range []string{"Who saves?", strings.Repeat("Who remembers? ", 1000)} {
						if answer, err := ask(w.Context(), client, "gpt-5", text, stream); err != nil || answer == "" {
							w.Fatalf("answer %q, error %v", answer, err)
						}
					}
					requests, rows := w.server.Requests(), w.stack.Rows()
					if len(requests) != 3 || requests[0].Tier != "flex" || requests[1].Tier == "flex" || requests[2].Tier != "flex" {
						w.Fatalf("requests: %+v", requests)
					}
					if len(rows) != 3 || rows[0].Outcome != policy.Rejected || rows[0].Evidence != policy.Documented || rows[0].Cost != ledger.Known(0) ||
						rows[1].Call != rows[0].Call || rows[1].Stream != stream || rows[2].Usage.CachedInput == 0 {
						w.Errorf("rows: %+v", rows)
					}
					w.balance()
				})
			})
		}
	}
}

func TestUsageOfAStream(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		client := openaigo.NewClient("sk-test", w.stack)
		// The stack asks for it, and keeps it to itself.
		if _, err := ask(w.Context(), client, "gpt-5-mini", "Who counts?", true); err != nil {
			w.Fatal(err)
		}
		// A program that asks itself gets it.
		params := question("gpt-5-mini", "Who counts too?")
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		events := client.Chat.Completions.NewStreaming(w.Context(), params)
		var sum openai.ChatCompletionAccumulator
		for events.Next() {
			sum.AddChunk(events.Current())
		}
		if err := events.Err(); err != nil {
			w.Fatal(err)
		}
		if g := w.server.Meter()[1]; sum.Usage.PromptTokens != g.Prompt || sum.Usage.CompletionTokens != g.Completion {
			w.Errorf("usage %+v, meter %+v", sum.Usage, g)
		}
		for _, r := range w.server.Requests() {
			if !r.IncludeUsage {
				w.Error("the usage was not asked for")
			}
		}
		w.balance()
	})
}

func TestLeftStream(t *testing.T) {
	limited := policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}
	inWorld(t, llmtest.Config{ChunkDelay: time.Second}, limited, func(w *world) {
		client := openaigo.NewClient("sk-test", w.stack)
		events := client.Chat.Completions.NewStreaming(w.Context(), question("gpt-5-mini", "Who leaves?"))
		if !events.Next() {
			w.Fatal(events.Err())
		}
		if err := events.Close(); err != nil {
			w.Error(err)
		}
		if rows := w.stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Partial || !rows[0].Exposure.Known {
			w.Errorf("rows: %+v", rows)
		}
		if _, err := ask(w.Context(), client, "gpt-5-mini", "Who is next?", false); err != nil {
			w.Error(err)
		}
	})
}

func TestResponses(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, flexFirst, func(w *world) {
		client := openaigo.NewClient("sk-test", w.stack)
		params := responses.ResponseNewParams{Model: "gpt-5", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Who responds?")}}
		answer, err := client.Responses.New(w.Context(), params)
		if err != nil || answer.OutputText() == "" || answer.ServiceTier != "default" {
			w.Fatal(answer, err)
		}
		events, completed := client.Responses.NewStreaming(w.Context(), params), false
		for events.Next() {
			completed = completed || events.Current().Type == string(constant.ResponseCompleted("").Default())
		}
		if err := events.Err(); err != nil || !completed {
			w.Errorf("completed: %v, error %v", completed, err)
		}
		if rows := w.stack.Rows(); len(rows) != 3 || rows[0].Outcome != policy.Rejected || rows[2].ServedTier != policy.Flex {
			w.Errorf("rows: %+v", rows)
		}
		w.balance()
	})
}

func TestServiceTierOfTheSDK(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, policy.Policy{Tier: policy.Priority, Fallback: policy.Standard}, func(w *world) {
		client := openaigo.NewClient("sk-test", w.stack)
		params := question("gpt-5", "Who names it?")
		params.ServiceTier = openai.ChatCompletionNewParamsServiceTierFlex
		answer, err := client.Chat.Completions.New(w.Context(), params)
		if err != nil || answer.ServiceTier != "default" {
			w.Fatal(answer, err)
		}
		if rows := w.stack.Rows(); len(rows) != 2 || rows[0].AskedTier != policy.Flex || rows[1].AskedTier != policy.Standard {
			w.Errorf("rows: %+v", rows)
		}
		w.balance()
	})
}

func TestTrack(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, flexFirst, func(w *world) {
		ctx, call := policy.Track(policy.With(w.Context(), policy.Tag("tenant", "acme")))
		if _, err := ask(ctx, openaigo.NewClient("sk-test", w.stack), "gpt-5", "Who tells?", true); err != nil {
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
				limited := policy.Policy{Limits: []policy.Limit{{Match: policy.Match{Model: "gpt-5"}, RequestsPerMinute: 1}}}
				inWorld(t, llmtest.Config{}, limited, func(w *world) {
					client := p.new(w, nil, option.WithMaxRetries(retries))
					if _, err := ask(w.Context(), client, "gpt-5", "Who is first?", false); err != nil {
						w.Fatal(err)
					}
					ctx, call := policy.Track(policy.With(w.Context(), c.options...))
					_, err := ask(ctx, client, "gpt-5", "Who refuses?", stream)
					e, ok := errors.AsType[*openai.Error](err)
					if !ok || e.StatusCode != c.status || e.Type != "skinflint_"+c.refusal || !strings.Contains(e.Message, c.kind.Error()) ||
						e.Response.Header.Get("Skinflint-Refusal") != c.refusal || e.Response.Header.Get("Retry-After") != c.wait {
						w.Errorf("error %v: %+v", err, e)
					}
					if why, ok := errors.AsType[*middleware.Error](call.Err()); !ok || !errors.Is(why, c.kind) || call.Attempts() != 0 {
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

func TestOptionsOfTheProgram(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		var answered *http.Response
		client := openaigo.NewClient("sk-test", w.stack,
			option.WithBaseURL("https://gateway.example/v1"), option.WithOrganization("org"), option.WithProject("proj"),
			option.WithHeader("X-Team", "acme"), option.WithQuery("q", "1"), option.WithResponseInto(&answered),
			option.WithHTTPClient(http.DefaultClient)) // which is not used
		if _, err := ask(w.Context(), client, "gpt-5-mini", "Who chooses?", false); err != nil {
			w.Fatal(err)
		}
		r := w.server.Requests()[0]
		if r.Host != "gateway.example" || r.Query != "q=1" || r.Header.Get("Authorization") != "Bearer sk-test" || r.Header.Get("X-Team") != "acme" ||
			r.Header.Get("OpenAI-Organization") != "org" || r.Header.Get("OpenAI-Project") != "proj" || r.Header.Get("X-Stainless-Timeout") != "" {
			w.Errorf("request: %+v", r)
		}
		if got := answered.Header.Get("X-Should-Retry"); got != "false" {
			w.Errorf("x-should-retry: %q", got)
		}
		w.balance()
	})
}

func TestKeyOfTheEnvironment(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-env")
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		for _, key := range []string{"", "sk-test"} {
			if _, err := ask(w.Context(), openaigo.NewClient(key, w.stack), "gpt-5-mini", "Who knows?", false); err != nil {
				w.Fatal(err)
			}
		}
		requests := w.server.Requests()
		if a, b := requests[0].Header.Get("Authorization"), requests[1].Header.Get("Authorization"); a != "Bearer sk-env" || b != "Bearer sk-test" {
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
		client := openai.NewClient(append(openaigo.Options(w.stack, hc), option.WithAPIKey("sk-test"))...)
		if _, err := ask(w.Context(), client, "gpt-5-mini", "Who keeps it?", false); err != nil {
			w.Fatal(err)
		}
		if _, ours := hc.Transport.(*middleware.Stack); ours || seen != 1 {
			w.Errorf("the program's transport was asked %d times", seen)
		}
		w.balance()
	})
}

func TestWhatIsNoCallPassesAsItIs(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		client := openaigo.NewClient("sk-test", w.stack)
		if _, err := client.Models.List(w.Context()); err != nil {
			w.Error(err)
		}
		_, err := client.Models.Get(w.Context(), "none")
		if status, refusal := refusal(err); status != http.StatusNotFound || refusal != "" {
			w.Errorf("error %v", err)
		}
		if rows := w.stack.Rows(); len(rows) != 0 {
			w.Errorf("rows: %+v", rows)
		}
	})
}

func TestConcurrentCalls(t *testing.T) {
	inWorld(t, llmtest.Config{}, flexFirst, func(w *world) {
		client := openaigo.NewClient("sk-test", w.stack)
		errs := make(chan error)
		const n = 50
		for i := range n {
			go func() {
				_, err := ask(context.WithoutCancel(w.Context()), client, "gpt-5-mini", strings.Repeat("Who? ", i+1), i%2 == 0)
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
