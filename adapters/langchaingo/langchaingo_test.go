package langchaingo_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tmc/langchaingo/httputil"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/skinflint-go/skinflint/adapters/langchaingo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A face is how a model is made for one provider, at its own address.
type face struct {
	name string
	make func(*middleware.Stack) (llms.Model, error)
}

var (
	openAI = face{"openai", func(s *middleware.Stack) (llms.Model, error) {
		return langchaingo.NewOpenAI(s, openai.WithToken("sk-test"), openai.WithModel("gpt-5"))
	}}
	anthropics = face{"anthropic", func(s *middleware.Stack) (llms.Model, error) {
		return langchaingo.NewAnthropic(s, anthropic.WithToken("sk-ant-test"), anthropic.WithModel("claude-sonnet-4-5"))
	}}
	gemini = face{"gemini", func(s *middleware.Stack) (llms.Model, error) {
		return langchaingo.NewOpenAI(s, openai.WithToken("AI-test"), openai.WithModel("gemini-2.5-flash"),
			openai.WithBaseURL("https://generativelanguage.googleapis.com/v1beta/openai"))
	}}
	azure = face{"azure", func(s *middleware.Stack) (llms.Model, error) {
		return langchaingo.NewOpenAI(s, openai.WithToken("key"), openai.WithModel("gpt-5"), openai.WithEmbeddingModel("none"),
			openai.WithAPIType(openai.APITypeAzure), openai.WithBaseURL("https://mine.openai.azure.com"))
	}}
	faces = []face{openAI, anthropics, gemini, azure}
)

// azurePrices are those that a program has with Azure; the embedded catalog has none.
const azurePrices = `{"providers":{"azure":{"models":{"gpt-5":{"limits":{"max_output":128000},"periods":[{"source":"test","tiers":{
	"standard":[{"usd_per_million":{"input":"1.25","cached_input":"0.125","output":"10"}}]}}]}}}}}`

// over returns a model over a stack over a simulator that is already there.
func (f face) over(t *testing.T, server *llmtest.Server, p policy.Policy) (llms.Model, *middleware.Stack) {
	t.Helper()
	options := []middleware.Option{middleware.WithPolicy(p), middleware.WithBase(server.Transport())}
	if f.name == "azure" {
		catalog, err := price.Parse("mine", strings.NewReader(azurePrices))
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, middleware.WithCatalog(catalog))
	}
	stack, err := middleware.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	model, err := f.make(stack)
	if err != nil {
		t.Fatal(err)
	}
	return model, stack
}

// setup returns a model over a stack over a simulator of this process, for a bubble.
func setup(t *testing.T, f face, cfg llmtest.Config, p policy.Policy) (llms.Model, *middleware.Stack, *llmtest.Server) {
	t.Helper()
	server := llmtest.NewPipe(cfg)
	t.Cleanup(server.Close)
	model, stack := f.over(t, server, p)
	return model, stack, server
}

// streamed asks for a stream, and does nothing with it.
var streamed = llms.WithStreamingFunc(func(context.Context, []byte) error { return nil })

// rates are dollars for a million tokens: input, cached input, output. The providers' price pages of November 2026.
var rates = map[string][3]string{
	"gpt-5 default":                  {"1.25", "0.125", "10"},
	"gpt-5 flex":                     {"0.625", "0.0625", "5"},
	"claude-sonnet-4-5 standard":     {"3", "0.3", "15"},
	"gemini-2.5-flash standard":      {"0.3", "0.03", "2.5"},
	"gemini-2.5-flash flex":          {"0.15", "0.015", "1.25"},
	"text-embedding-3-small default": {"0.02", "0", "0"},
}

// check lays the rows of billed attempts beside the meter, in order.
func check(t *testing.T, stack *middleware.Stack, server *llmtest.Server) {
	t.Helper()
	rows := slices.DeleteFunc(stack.Rows(), func(r ledger.Row) bool { return r.Outcome != policy.Billed })
	meter := server.Meter()
	if len(rows) != len(meter) {
		t.Fatalf("%d rows billed, %d generations on the meter", len(rows), len(meter))
	}
	for i, g := range meter {
		r := rows[i]
		if r.UsageSource != ledger.Measured || r.Provider != g.Provider || g.Operation != "embeddings" && r.ResponseID != g.ID ||
			r.Usage.Input+r.Usage.CachedInput != g.Prompt || r.Usage.CachedInput != g.Cached || r.Usage.Output != g.Completion {
			t.Errorf("row %+v\nmeter %+v", r, g)
		}
		want := new(big.Rat)
		for j, n := range []int64{g.Prompt - g.Cached, g.Cached, g.Completion} {
			rate, ok := new(big.Rat).SetString(rates[g.Model+" "+g.Tier][j])
			if !ok {
				t.Fatalf("no rate for %s on %s", g.Model, g.Tier)
			}
			want.Add(want, rate.Mul(rate, big.NewRat(n, 1_000_000)))
		}
		if got, ok := new(big.Rat).SetString(r.Cost.String()); !ok || got.Cmp(want) != 0 {
			t.Errorf("cost %s, want %s", r.Cost, want.FloatString(12))
		}
	}
}

func TestUnaryAndStream(t *testing.T) {
	for _, f := range faces {
		for mode, opts := range map[string][]llms.CallOption{"unary": nil, "stream": {streamed}} {
			t.Run(f.name+"/"+mode, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}
					model, stack, server := setup(t, f, llmtest.Config{Flex: llmtest.Refuse(1), CachedPercent: 50}, p)
					ctx, call := policy.Track(policy.With(t.Context(), policy.Tag("tenant", "acme")))
					text, err := llms.GenerateFromSinglePrompt(ctx, model, strings.Repeat("Who saves? ", 1000), opts...)
					if err != nil || text == "" {
						t.Fatal(text, err)
					}
					check(t, stack, server)
					rows := stack.Rows()
					last := rows[len(rows)-1]
					if last.Stream != (mode == "stream") || last.Tags["tenant"] != "acme" {
						t.Errorf("row: %+v", last)
					}
					if cost, complete := call.Cost(); !complete || cost.String() != last.Cost.String() || call.Attempts() != len(rows) || call.Err() != nil {
						t.Errorf("tracked: %d attempts, cost %v, %v; rows: %+v", call.Attempts(), cost, call.Err(), rows)
					}
				})
			})
		}
	}
}

func TestEmbeddings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		embedder := face{"openai", func(s *middleware.Stack) (llms.Model, error) {
			return langchaingo.NewOpenAI(s, openai.WithToken("sk-test"), openai.WithEmbeddingModel("text-embedding-3-small"))
		}}
		model, stack, server := setup(t, embedder, llmtest.Config{}, policy.Policy{Tier: policy.Flex})
		vectors, err := model.(*openai.LLM).CreateEmbedding(t.Context(), []string{"Who saves?", "Who spends?"})
		if err != nil || len(vectors) != 2 {
			t.Fatal(vectors, err)
		}
		check(t, stack, server)
	})
}

// A program that has read enough ends its stream, while the SDK's goroutine goes on reading what is being closed.
func TestStreamStopped(t *testing.T) {
	enough := errors.New("enough")
	for _, f := range faces {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, delay := range []time.Duration{0, time.Hour} {
					model, stack, server := setup(t, f, llmtest.Config{ChunkDelay: delay}, policy.Policy{})
					var calls sync.WaitGroup
					for n := range 32 {
						calls.Go(func() {
							var stopped time.Time
							left := n % 4
							_, err := llms.GenerateFromSinglePrompt(t.Context(), model, fmt.Sprintf("Who stops number %d?", n),
								llms.WithStreamingFunc(func(context.Context, []byte) error {
									stopped = time.Now()
									if left--; left < 0 {
										return enough
									}
									return nil
								}))
							if !errors.Is(err, enough) || time.Since(stopped) > time.Second {
								t.Errorf("%v, %v later", err, time.Since(stopped))
							}
						})
					}
					calls.Wait()
					synctest.Wait()
					rows, meter := stack.Rows(), server.Meter()
					if len(rows) != 32 || len(meter) != 32 || len(server.Requests()) != 32 {
						t.Errorf("%d rows, %d generations, %d requests", len(rows), len(meter), len(server.Requests()))
					}
					for _, r := range rows {
						if delay > 0 && r.Outcome != policy.Partial {
							t.Errorf("row: %+v", r)
						}
					}
				}
			})
		})
	}
}

// A fate is what becomes of a call: requests on the wire, generations on the meter, and a part of the error, if any.
type fate struct {
	sent, billed int
	err          string
}

var (
	ambiguous = fate{1, 1, "skinflint: ambiguous failure"}
	dropped   = fate{1, 0, "skinflint: ambiguous failure"}
	fine      = fate{1, 1, ""}
	resent    = fate{2, 1, ""}
)

// faults are what befalls the first request, and what becomes of the call where it goes to OpenAI and to Anthropic. Of
// "unary" and "stream", mode is the one that it is about, if it is not about both.
var faults = []struct {
	fault             llmtest.Fault
	mode              string
	openai, anthropic fate
}{
	{llmtest.NoFault, "", fine, fine},
	{llmtest.ResetBeforeAccept, "", dropped, dropped},
	{llmtest.ResetAfterAccept, "", ambiguous, ambiguous},
	{llmtest.CutStream, "unary", fate{1, 1, "unexpected EOF"}, fate{1, 1, "parse response: unexpected EOF"}},
	{llmtest.CutStream, "stream", fate{1, 1, "reading streaming response: unexpected EOF"}, fate{1, 1, "scanning response: unexpected EOF"}},
	{llmtest.ErrorInStream, "unary", fate{1, 1, "status code: 500"}, fate{1, 1, "status code: 500"}},
	{llmtest.ServerError, "", fate{1, 0, "status code: 500"}, fate{1, 0, "status code: 500"}},
	{llmtest.ServerErrorAfterWork, "", fate{1, 1, "status code: 500"}, fate{1, 1, "status code: 500"}},
	{llmtest.Overloaded, "", resent, resent},
	{llmtest.RateLimited, "", resent, resent},
	{llmtest.QuotaExceeded, "", fate{1, 0, "status code: 429"}, fate{1, 0, "status code: 400: Your credit balance"}},
	{llmtest.FlexUnavailable, "", fate{1, 0, "status code: 429"}, resent},
	{llmtest.BadRequest, "", fate{1, 0, "status code: 400"}, fate{1, 0, "status code: 400"}},
	{llmtest.Stall, "", fate{1, 1, "request timeout"}, fate{1, 1, "context deadline exceeded"}},
	{llmtest.RefusedStream, "", dropped, dropped},
	{llmtest.GoAway, "", dropped, dropped},
	{llmtest.ProtocolError, "", dropped, dropped},
	{llmtest.ProtocolErrorAfterWork, "", ambiguous, ambiguous},
	{llmtest.EarlyRateLimited, "", resent, resent},
	{llmtest.StaleClose, "", fine, fine},
	{llmtest.Slow, "", fine, fine},
	{llmtest.RedirectSame, "", resent, resent},
	{llmtest.RedirectAway, "", fate{1, 0, "skinflint: redirect"}, fate{1, 0, "skinflint: redirect"}},
	{llmtest.TrickledError, "", fate{1, 0, "status code: 500"}, fate{1, 0, "status code: 500"}},
	{llmtest.ShouldRetryFalse, "", fate{1, 0, "status code: 429"}, fate{1, 0, "status code: 429"}},
}

func TestFaults(t *testing.T) {
	for _, c := range faults {
		for mode, opts := range map[string][]llms.CallOption{"unary": nil, "stream": {streamed}} {
			for f, want := range map[*face]fate{&openAI: c.openai, &anthropics: c.anthropic} {
				if c.mode != "" && c.mode != mode {
					continue
				}
				t.Run(fmt.Sprintf("%v/%s/%s", c.fault, mode, f.name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						model, stack, server := setup(t, *f, llmtest.Config{Faults: llmtest.Sequence(c.fault)}, policy.Policy{})
						ctx, call := policy.Track(t.Context())
						ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
						defer cancel()
						_, err := llms.GenerateFromSinglePrompt(ctx, model, "Who pays?", opts...)
						synctest.Wait()
						judge(t, want, err, server)
						if n := len(stack.Rows()); n != want.sent || call.Attempts() != want.sent {
							t.Errorf("%d rows, %d attempts tracked", n, call.Attempts())
						}
						var e *middleware.Error
						switch typed := errors.As(err, &e); {
						case f == &openAI:
						case typed != strings.HasPrefix(want.err, "skinflint"):
							t.Errorf("typed: %v, %v", typed, err)
						case c.fault == llmtest.Stall && !errors.Is(err, context.DeadlineExceeded):
							t.Errorf("no context's error: %v", err)
						}
						if c.fault == llmtest.Stall && !errors.Is(call.Err(), context.DeadlineExceeded) {
							t.Errorf("tracked: %v", call.Err())
						}
					})
				})
			}
		}
	}
}

// judge compares what became of a call.
func judge(t *testing.T, want fate, err error, server *llmtest.Server) {
	t.Helper()
	if sent, billed := len(server.Requests()), len(server.Meter()); sent != want.sent || billed != want.billed {
		t.Errorf("%d requests and %d generations, want %+v", sent, billed, want)
	}
	if (err != nil) != (want.err != "") || err != nil && !strings.Contains(err.Error(), want.err) {
		t.Errorf("error: %v, want %q", err, want.err)
	}
}

// What HTTP/2 says of a request that was not worked on is believed, and nothing else.
func TestFaultsOfHTTP2(t *testing.T) {
	for fault, want := range map[llmtest.Fault]fate{
		llmtest.RefusedStream:          resent,
		llmtest.GoAway:                 resent,
		llmtest.ResetAfterAccept:       ambiguous,
		llmtest.CutStream:              {1, 1, "INTERNAL_ERROR"},
		llmtest.ProtocolErrorAfterWork: ambiguous,
	} {
		for _, f := range []face{openAI, anthropics} {
			t.Run(fmt.Sprintf("%v/%s", fault, f.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					model, _, server := setup(t, f, llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(fault)}, policy.Policy{})
					_, err := llms.GenerateFromSinglePrompt(t.Context(), model, "Who pays?", streamed)
					judge(t, want, err, server)
				})
			})
		}
	}
}

func TestNotSent(t *testing.T) {
	for _, f := range []face{openAI, anthropics} {
		synctest.Test(t, func(t *testing.T) {
			model, stack, server := setup(t, f, llmtest.Config{RefuseDials: func(int) bool { return true }}, policy.Policy{MaxAttempts: 3})
			_, err := llms.GenerateFromSinglePrompt(t.Context(), model, "Who is there?")
			judge(t, fate{0, 0, "skinflint: not sent"}, err, server)
			if rows := stack.Rows(); len(rows) != 3 || rows[2].Outcome != policy.NotSent {
				t.Errorf("%s: rows: %+v", f.name, rows)
			}
		})
	}
}

// Half of a stream and an error event: llms/openai does not tell it from a whole answer, but the call does.
func TestErrorInStream(t *testing.T) {
	for _, f := range []face{openAI, gemini, azure} {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				model, stack, server := setup(t, f, llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream)}, policy.Policy{})
				ctx, call := policy.Track(t.Context())
				answer, err := model.GenerateContent(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, "Who breaks off?")}, streamed)
				if err != nil || answer.Choices[0].Content == "" || answer.Choices[0].StopReason != "" {
					t.Errorf("%+v, %v", answer, err)
				}
				synctest.Wait()
				judge(t, fine, nil, server)
				if rows := stack.Rows(); call.Err() == nil || rows[0].Outcome != policy.Partial {
					t.Errorf("tracked: %v; rows: %+v", call.Err(), rows)
				}
			})
		})
	}
	// llms/anthropic's goroutine may never end, so there is no bubble.
	t.Run("anthropic", func(t *testing.T) {
		server := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream)})
		defer server.Close()
		model, _ := anthropics.over(t, server, policy.Policy{})
		_, err := llms.GenerateFromSinglePrompt(t.Context(), model, "Who breaks off?", streamed)
		judge(t, fate{1, 1, "received error event"}, err, server)
	})
}

// llms/anthropic asks for a stream that it does not read.
func TestReasoningAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		model, _, server := setup(t, anthropics, llmtest.Config{}, policy.Policy{})
		reasoning := llms.WithStreamingReasoningFunc(func(context.Context, []byte, []byte) error { return nil })
		_, err := llms.GenerateFromSinglePrompt(t.Context(), model, "Who thinks?", reasoning)
		judge(t, fate{1, 1, "parse response"}, err, server)
		_, err = llms.GenerateFromSinglePrompt(t.Context(), model, "Who thinks now?", reasoning, streamed)
		judge(t, fate{2, 2, ""}, err, server)
	})
}

// A context that is done in the middle of a stream: nothing is sent again, and the row says how it ended.
func TestDeadlineInStream(t *testing.T) {
	for _, f := range faces {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				model, stack, server := setup(t, f, llmtest.Config{ChunkDelay: time.Minute}, policy.Policy{})
				ctx, call := policy.Track(t.Context())
				ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
				defer cancel()
				began := time.Now()
				// llms/openai returns an error at times only.
				if _, err := llms.GenerateFromSinglePrompt(ctx, model, "Who is late?", streamed); f.name == "anthropic" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error: %v", err)
				}
				synctest.Wait()
				if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Partial || call.Err() == nil || time.Since(began) != 5*time.Minute {
					t.Errorf("after %v: tracked %v; rows: %+v", time.Since(began), call.Err(), rows)
				}
				if n, m := len(server.Requests()), len(server.Meter()); n != 1 || m != 1 {
					t.Errorf("%d requests, %d generations", n, m)
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, f := range faces {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				model, stack, server := setup(t, f, llmtest.Config{}, policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 1}}})
				hurried, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				for _, c := range []struct {
					name, status string
					ctx          context.Context
					kind         error
				}{
					{"cost", "402", policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.000001"))), middleware.ErrCost},
					{"fine", "", t.Context(), nil},
					{"limit", "429", hurried, middleware.ErrLimit},
					{"policy", "400", policy.With(t.Context(), policy.OnTier("no such tier")), middleware.ErrPolicy},
				} {
					ctx, call := policy.Track(c.ctx)
					_, err := llms.GenerateFromSinglePrompt(ctx, model, "Who refuses?", streamed)
					if c.kind == nil {
						if err != nil {
							t.Errorf("%s: %v", c.name, err)
						}
						continue
					}
					var e, tracked *middleware.Error
					if !errors.Is(call.Err(), c.kind) || !errors.As(call.Err(), &tracked) || call.Attempts() != 0 {
						t.Errorf("%s: tracked: %d attempts, %v", c.name, call.Attempts(), call.Err())
					}
					switch {
					case f.name == "anthropic":
						if !errors.Is(err, c.kind) || !errors.As(err, &e) {
							t.Errorf("%s: %v", c.name, err)
						}
					case err == nil, !strings.Contains(err.Error(), "status code: "+c.status+": "+c.kind.Error()):
						t.Errorf("%s: %v", c.name, err)
					}
				}
				check(t, stack, server)
			})
		})
	}
}

func TestContextThatIsDone(t *testing.T) {
	for _, f := range faces {
		synctest.Test(t, func(t *testing.T) {
			model, _, server := setup(t, f, llmtest.Config{}, policy.Policy{})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := llms.GenerateFromSinglePrompt(ctx, model, "Who is gone?")
			if f.name == "anthropic" && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", f.name, err)
			}
			want := fate{0, 0, "request cancelled"}
			if f.name == "anthropic" {
				want.err = "context canceled"
			}
			judge(t, want, err, server)
		})
	}
}

func TestRequestsAreTheSDKsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, f := range faces {
			model, _, server := setup(t, f, llmtest.Config{}, policy.Policy{})
			if _, err := llms.GenerateFromSinglePrompt(t.Context(), model, "Who is it?"); err != nil {
				t.Fatal(err)
			}
			got := server.Requests()[0].Header
			key := got.Get("Authorization") + got.Get("X-Api-Key") + got.Get("Api-Key")
			if got.Get("User-Agent") != httputil.UserAgent() || key == "" {
				t.Errorf("%s: headers %v", f.name, got)
			}
		}
	})
}

// The SDK's own errors stay what they are, and the program's options its own.
func TestOptions(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "")
	t.Setenv("ANTHROPIC_API_KEY", "")
	stack, err := middleware.New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := langchaingo.NewOpenAI(stack); !errors.Is(err, openai.ErrMissingToken) {
		t.Errorf("OpenAI: %v", err)
	}
	if _, err := langchaingo.NewAnthropic(stack); !errors.Is(err, anthropic.ErrMissingToken) {
		t.Errorf("Anthropic: %v", err)
	}
	opts := make([]openai.Option, 1, 2)
	opts[0] = openai.WithToken("sk-test")
	if _, err := langchaingo.NewOpenAI(stack, opts...); err != nil || opts[:2][1] != nil {
		t.Errorf("%v; options written to: %v", err, opts[:2][1] != nil)
	}
}
