package langchaingo_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tmc/langchaingo/httputil"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/adapters/langchaingo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A model is a model of one provider, and its description.
type model struct {
	adaptertest.Adapter
	name  string
	build func(*adaptertest.World) llms.Model
}

var (
	onOpenAI = describe("openai", openAIEndings(adaptertest.Adapter{
		Provider: "openai",
		Models:   []string{"gpt-5", "gpt-5-mini"},
		Tiers:    []policy.Tier{policy.Flex, policy.Priority},
	}), newOpenAI(openai.WithToken("sk-test"), openai.WithModel("gpt-5")))

	onAnthropic = describe("anthropic", adaptertest.Adapter{
		Provider:  "anthropic",
		Models:    []string{"claude-sonnet-4-5", "claude-haiku-4-5"},
		Cut:       adaptertest.Ending{Text: "parse response: unexpected EOF"},
		CutStream: adaptertest.Ending{Text: "scanning response: unexpected EOF"},
		Cannot: map[adaptertest.Ability]string{
			adaptertest.ReadErrorEvents: "llms/anthropic leaves a goroutine behind, at times, which would keep the bubble waiting",
		},
	}, func(w *adaptertest.World) (llms.Model, error) {
		return langchaingo.NewAnthropic(w.Stack, anthropic.WithToken("sk-ant-test"), anthropic.WithModel("claude-sonnet-4-5"))
	})

	onGemini = describe("gemini", openAIEndings(adaptertest.Adapter{
		Provider:      "gemini",
		Models:        []string{"gemini-2.5-flash"},
		Tiers:         []policy.Tier{policy.Flex},
		CachedContent: true,
		Cannot: map[adaptertest.Ability]string{
			adaptertest.ReadReasoning: "the API counts reasoning tokens in the total only",
		},
	}), newOpenAI(openai.WithToken("AI-test"), openai.WithModel("gemini-2.5-flash"),
		openai.WithBaseURL("https://generativelanguage.googleapis.com/v1beta/openai")))

	onAzure = describe("azure", openAIEndings(adaptertest.Adapter{
		Provider: "azure",
		Models:   []string{"gpt-5"},
		Stack:    []middleware.Option{middleware.WithCatalog(azureCatalog())},
	}), newOpenAI(openai.WithToken("key"), openai.WithModel("gpt-5"), openai.WithEmbeddingModel("none"),
		openai.WithAPIType(openai.APITypeAzure), openai.WithBaseURL("https://mine.openai.azure.com")))

	models = []model{onOpenAI, onAnthropic, onGemini, onAzure}
)

func TestModels(t *testing.T) {
	for _, m := range models {
		t.Run(m.name, func(t *testing.T) { adaptertest.Test(t, m.Adapter) })
	}
}

// describe completes a description by what all models have in common.
func describe(name string, a adaptertest.Adapter, build func(*adaptertest.World) (llms.Model, error)) model {
	m := model{a, name, func(w *adaptertest.World) llms.Model {
		llm, err := build(w)
		if err != nil {
			w.Fatal(err)
		}
		return llm
	}}
	m.New = func(w *adaptertest.World, _ adaptertest.Options) adaptertest.Client {
		return caller{m.build(w)}.client()
	}
	m.Failure = failure
	m.Cannot = map[adaptertest.Ability]string{
		adaptertest.CloseStream:   "a stream is stopped by an error of its callback, as in TestStreamStopped",
		adaptertest.ReadHeaders:   "an answer that is an error becomes a text",
		adaptertest.ReadTier:      "the answer does not say it",
		adaptertest.Retries:       "the SDK has no retries",
		adaptertest.StreamUsage:   "llms/openai always asks for it, and a program cannot",
		adaptertest.Timeout:       "the SDK has no timeout",
		adaptertest.UseHTTPClient: "the adapter replaces an http.Client among the options",
	}
	maps.Copy(m.Cannot, a.Cannot)
	return m
}

// openAIEndings completes the description of a model of llms/openai, which replaces errors by texts.
func openAIEndings(a adaptertest.Adapter) adaptertest.Adapter {
	a.AsResponse = true
	a.Late = adaptertest.Ending{Text: "request timeout"}
	a.LateStream = adaptertest.Ending{Hidden: "llms/openai returns an error at times only"}
	a.Cancelled = adaptertest.Ending{Text: "request cancelled"}
	a.Cut = adaptertest.Ending{Text: "unexpected EOF"}
	a.CutStream = adaptertest.Ending{Text: "reading streaming response: unexpected EOF"}
	a.ErrorEvent = adaptertest.Ending{Hidden: "llms/openai takes the stream for a whole answer"}
	return a
}

func newOpenAI(opts ...openai.Option) func(*adaptertest.World) (llms.Model, error) {
	return func(w *adaptertest.World) (llms.Model, error) { return langchaingo.NewOpenAI(w.Stack, opts...) }
}

// azureCatalog has what a program pays to Azure. The embedded catalog has no prices for Azure.
func azureCatalog() *price.Catalog {
	catalog, err := price.Parse("mine", strings.NewReader(`{"providers":{"azure":{"models":{"gpt-5":{"limits":{"max_output":128000},
		"periods":[{"source":"test","tiers":{
			"standard":[{"usd_per_million":{"input":"1.25","cached_input":"0.125","output":"10"}}]}}]}}}}}`))
	if err != nil {
		panic(err)
	}
	return catalog
}

// A caller makes the calls of the kit.
type caller struct{ llms.Model }

func (c caller) client() adaptertest.Client {
	return adaptertest.Client{
		Ask: func(ctx context.Context, model, text string) (adaptertest.Answer, error) {
			return c.ask(ctx, text, llms.WithModel(model))
		},
		Stream: func(ctx context.Context, model, text string) (adaptertest.Answer, error) {
			var pieces strings.Builder
			answer, err := c.ask(ctx, text, llms.WithModel(model), llms.WithStreamingFunc(func(_ context.Context, piece []byte) error {
				pieces.Write(piece)
				return nil
			}))
			answer.Text = pieces.String()
			return answer, err
		},
	}
}

func (c caller) ask(ctx context.Context, text string, opts ...llms.CallOption) (adaptertest.Answer, error) {
	got, err := c.GenerateContent(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, text)}, opts...)
	if err != nil {
		return adaptertest.Answer{}, err
	}
	choice := got.Choices[0]
	tokens := func(names ...string) int64 {
		for _, name := range names {
			if n, ok := choice.GenerationInfo[name].(int); ok {
				return int64(n)
			}
		}
		return 0
	}
	return adaptertest.Answer{
		Text: choice.Content, Input: tokens("PromptTokens", "InputTokens"), Output: tokens("CompletionTokens", "OutputTokens"),
	}, nil
}

// failure reads the status from the text of an error.
func failure(err error) adaptertest.Failure {
	_, text, _ := strings.Cut(err.Error(), "status code: ")
	status, message, _ := strings.Cut(text, ":")
	n, _ := strconv.Atoi(status)
	return adaptertest.Failure{Status: n, Message: message}
}

// streamed asks for a stream and drops its pieces.
var streamed = llms.WithStreamingFunc(func(context.Context, []byte) error { return nil })

func TestEmbeddings(t *testing.T) {
	onOpenAI.Run(t, adaptertest.Setup{Policy: policy.Policy{Tier: policy.Flex}}, func(w *adaptertest.World) {
		model, err := langchaingo.NewOpenAI(w.Stack, openai.WithToken("sk-test"), openai.WithEmbeddingModel("text-embedding-3-small"))
		if err != nil {
			w.Fatal(err)
		}
		vectors, err := model.CreateEmbedding(w.Context(), []string{"Who saves?", "Who spends?"})
		if err != nil || len(vectors) != 2 {
			w.Fatal(vectors, err)
		}
		w.Balance()
	})
}

// A program that has read enough stops its stream, while the SDK's goroutine still reads what is being closed.
func TestStreamStopped(t *testing.T) {
	enough := errors.New("enough")
	for _, m := range models {
		for _, delay := range []time.Duration{0, time.Hour} {
			t.Run(fmt.Sprintf("%s/%v", m.name, delay), func(t *testing.T) {
				m.Run(t, adaptertest.Setup{Config: llmtest.Config{ChunkDelay: delay}}, func(w *adaptertest.World) {
					model := m.build(w)
					var calls sync.WaitGroup
					for n := range 32 {
						calls.Go(func() {
							var stopped time.Time
							left := n % 4
							_, err := llms.GenerateFromSinglePrompt(w.Context(), model, fmt.Sprintf("Who stops number %d?", n), llms.WithModel(m.Models[0]),
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
					w.Wire(32, 32)
					rows := w.Stack.Rows()
					if len(rows) != 32 {
						w.Errorf("%d rows", len(rows))
					}
					for _, r := range rows {
						if delay > 0 && r.Outcome != policy.Partial {
							w.Errorf("row: %+v", r)
						}
					}
				})
			})
		}
	}
}

// Half of a stream and an error event: llms/openai takes that for a whole answer. The tracked call knows better.
func TestErrorInStream(t *testing.T) {
	broken := llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream)}
	for _, m := range []model{onOpenAI, onGemini, onAzure} {
		t.Run(m.name, func(t *testing.T) {
			m.Run(t, adaptertest.Setup{Config: broken}, func(w *adaptertest.World) {
				ctx, call := policy.Track(w.Context())
				answer, err := m.build(w).GenerateContent(ctx,
					[]llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, "Who breaks off?")}, llms.WithModel(m.Models[0]), streamed)
				if err != nil || answer.Choices[0].Content == "" || answer.Choices[0].StopReason != "" {
					w.Errorf("%+v, %v", answer, err)
				}
				w.Wire(1, 1)
				if rows := w.Stack.Rows(); call.Err() == nil || rows[0].Outcome != policy.Partial {
					w.Errorf("tracked: %v; rows: %+v", call.Err(), rows)
				}
			})
		})
	}
	// There is no bubble here: the goroutine of llms/anthropic may never end.
	t.Run("anthropic", func(t *testing.T) {
		server := llmtest.NewServer(broken)
		defer server.Close()
		stack, err := middleware.New(middleware.WithBase(server.Transport()))
		if err != nil {
			t.Fatal(err)
		}
		defer stack.Close(context.Background())
		llm, err := langchaingo.NewAnthropic(stack, anthropic.WithToken("sk-ant-test"), anthropic.WithModel("claude-sonnet-4-5"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = llms.GenerateFromSinglePrompt(t.Context(), llm, "Who breaks off?", streamed)
		if err == nil || !strings.Contains(err.Error(), "received error event") || len(server.Requests()) != 1 || len(server.Meter()) != 1 {
			t.Errorf("%d requests, %d generations, %v", len(server.Requests()), len(server.Meter()), err)
		}
	})
}

// llms/anthropic asks for a stream that it does not read.
func TestReasoningAlone(t *testing.T) {
	onAnthropic.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		model := onAnthropic.build(w)
		reasoning := llms.WithStreamingReasoningFunc(func(context.Context, []byte, []byte) error { return nil })
		_, err := llms.GenerateFromSinglePrompt(w.Context(), model, "Who thinks?", reasoning)
		if err == nil || !strings.Contains(err.Error(), "parse response") {
			w.Error(err)
		}
		w.Wire(1, 1)
		if _, err := llms.GenerateFromSinglePrompt(w.Context(), model, "Who thinks now?", reasoning, streamed); err != nil {
			w.Error(err)
		}
		w.Wire(2, 2)
	})
}

func TestRequestsNameTheSDK(t *testing.T) {
	for _, m := range models {
		m.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
			if _, err := w.Client.Ask(w.Context(), m.Models[0], "Who is it?"); err != nil {
				w.Fatal(err)
			}
			got := w.Server.Requests()[0].Header
			key := got.Get("Authorization") + got.Get("X-Api-Key") + got.Get("Api-Key")
			if got.Get("User-Agent") != httputil.UserAgent() || key == "" {
				w.Errorf("%s: headers %v", m.name, got)
			}
		})
	}
}

// The SDK's own errors stay what they are, and the adapter does not write to the program's options.
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
