package goopenai_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	openai "github.com/sashabaranov/go-openai"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/adapters/goopenai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// onOpenAI describes the SDK as a client of OpenAI.
var onOpenAI = adaptertest.Adapter{
	Provider: "openai",
	Models:   []string{"gpt-5", "gpt-5-mini"},
	Tiers:    []policy.Tier{policy.Flex, policy.Priority},
	New: func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
		config := openai.DefaultConfig("sk-test")
		if o.HTTPClient != nil {
			config.HTTPClient = o.HTTPClient
		}
		return caller{goopenai.NewClientWithConfig(config, w.Stack), 1}.client()
	},
	Failure: failure,
	Cannot: map[adaptertest.Ability]string{
		adaptertest.Retries: "the SDK has no retries",
		adaptertest.Timeout: "the SDK has no timeout",
	},
}

// onGemini describes it as a client of Gemini's OpenAI-compatible API.
var onGemini = adaptertest.Adapter{
	Provider: "gemini",
	Models:   []string{flash},
	Tiers:    []policy.Tier{policy.Flex}, // the price of priority is unknown: the API does not say which tier served
	New: func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
		return caller{newGemini(w, o), 8}.client()
	},
	Failure:       failure,
	CachedContent: true,
	Cannot: map[adaptertest.Ability]string{
		adaptertest.ReadReasoning: "the API counts reasoning tokens in the total only",
		adaptertest.ReadTier:      "the API does not say which tier served",
		adaptertest.Retries:       "the SDK has no retries",
		adaptertest.Timeout:       "the SDK has no timeout",
	},
}

func TestOpenAI(t *testing.T) { adaptertest.Test(t, onOpenAI) }

func TestGemini(t *testing.T) { adaptertest.Test(t, onGemini) }

// A caller makes the calls of the kit.
type caller struct {
	*openai.Client
	usages int // how often the usage comes in a stream: OpenAI sends it in a chunk of its own, Gemini in every chunk
}

func (c caller) client() adaptertest.Client {
	return adaptertest.Client{
		Ask: c.ask,
		Stream: func(ctx context.Context, model, text string) (adaptertest.Answer, error) {
			return c.stream(ctx, question(model, text))
		},
		StreamUsage: func(ctx context.Context, model, text string) (adaptertest.Answer, error) {
			request := question(model, text)
			request.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
			return c.stream(ctx, request)
		},
		Open: c.open,
	}
}

func question(model, text string) openai.ChatCompletionRequest {
	return openai.ChatCompletionRequest{
		Model:    model,
		Messages: []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleUser, Content: text}},
	}
}

func (c caller) ask(ctx context.Context, model, text string) (adaptertest.Answer, error) {
	answer, err := c.CreateChatCompletion(ctx, question(model, text))
	if err != nil {
		return adaptertest.Answer{}, err
	}
	if len(answer.Choices) != 1 {
		return adaptertest.Answer{}, errors.New("not one choice")
	}
	return adaptertest.Answer{
		Text: answer.Choices[0].Message.Content, Tier: string(answer.ServiceTier),
		Input: int64(answer.Usage.PromptTokens), Output: int64(answer.Usage.CompletionTokens),
	}, nil
}

func (c caller) stream(ctx context.Context, request openai.ChatCompletionRequest) (answer adaptertest.Answer, err error) {
	stream, err := c.CreateChatCompletionStream(ctx, request)
	if err != nil {
		return answer, err
	}
	defer stream.Close()
	for usage := 0; ; {
		chunk, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) && request.StreamOptions != nil && usage != c.usages:
			return answer, fmt.Errorf("the usage came %d times", usage)
		case errors.Is(err, io.EOF):
			return answer, nil
		case err != nil:
			return answer, err
		case chunk.Usage != nil:
			usage++
			answer.Input, answer.Output = int64(chunk.Usage.PromptTokens), int64(chunk.Usage.CompletionTokens)
		}
		if len(chunk.Choices) == 0 && request.StreamOptions == nil {
			return answer, errors.New("a chunk without choices reached a program that did not ask for the usage")
		}
		for _, choice := range chunk.Choices {
			answer.Text += choice.Delta.Content
		}
	}
}

func (c caller) open(ctx context.Context, model, text string) (io.Closer, error) {
	stream, err := c.CreateChatCompletionStream(ctx, question(model, text))
	if err != nil {
		return nil, err
	}
	_, err = stream.Recv()
	return stream, err
}

func failure(err error) adaptertest.Failure {
	var api *openai.APIError
	if errors.As(err, &api) {
		code, _ := api.Code.(string)
		return adaptertest.Failure{Status: api.HTTPStatusCode, Code: code, Message: api.Message}
	}
	var request *openai.RequestError // an answer that the SDK cannot read
	if errors.As(err, &request) {
		return adaptertest.Failure{Status: request.HTTPStatusCode, Message: request.Error()}
	}
	return adaptertest.Failure{}
}

// The SDK stops reading at [DONE]. The row is closed before the stream is.
func TestRowClosesAtDone(t *testing.T) {
	onOpenAI.Run(t, adaptertest.Setup{Policy: policy.Policy{Tier: policy.Flex}}, func(w *adaptertest.World) {
		client := goopenai.NewClient("sk-test", w.Stack)
		stream, err := client.CreateChatCompletionStream(w.Context(), question("gpt-5-mini", "Who streams?"))
		if err != nil {
			w.Fatal(err)
		}
		defer stream.Close()
		for err == nil {
			_, err = stream.Recv()
		}
		if !errors.Is(err, io.EOF) {
			w.Error(err)
		}
		if rows := w.Stack.Rows(); len(rows) != 1 || rows[0].ServedTier != policy.Flex || !rows[0].Stream {
			w.Fatalf("rows: %+v", rows)
		}
		w.Balance()
	})
}

func TestErrorsReachTheSDK(t *testing.T) {
	quota := llmtest.Config{Faults: llmtest.Sequence(llmtest.QuotaExceeded)}
	onOpenAI.Run(t, adaptertest.Setup{Config: quota}, func(w *adaptertest.World) {
		_, err := w.Client.Ask(w.Context(), "gpt-5", "Who pays?")
		var api *openai.APIError
		if !errors.As(err, &api) || api.HTTPStatusCode != 429 || api.Code != "insufficient_quota" {
			w.Fatalf("error: %v", err)
		}
	})
	// Gemini's errors come in an array, which the SDK cannot read.
	onGemini.Run(t, adaptertest.Setup{Config: quota}, func(w *adaptertest.World) {
		_, err := w.Client.Ask(w.Context(), flash, "Who pays?")
		var e *openai.RequestError
		if !errors.As(err, &e) || e.HTTPStatusCode != 429 {
			w.Errorf("error: %v, want status 429", err)
		}
		if rows := w.Stack.Rows(); len(rows) != 1 || rows[0].Reason != policy.Quota {
			w.Errorf("rows: %+v", rows)
		}
	})
}

const flash = "gemini-2.5-flash"

// newGemini returns a client of Gemini's OpenAI-compatible API.
func newGemini(w *adaptertest.World, o adaptertest.Options) *openai.Client {
	config := openai.DefaultConfig("AI-test")
	config.BaseURL = "https://generativelanguage.googleapis.com/v1beta/openai"
	if o.HTTPClient != nil {
		config.HTTPClient = o.HTTPClient
	}
	return goopenai.NewClientWithConfig(config, w.Stack)
}

// The usage of Gemini's OpenAI-compatible API has reasoning tokens in its total only. The row has them.
func TestGeminiReasoning(t *testing.T) {
	flex := llmtest.Config{Flex: llmtest.Refuse(1)}
	onGemini.Run(t, adaptertest.Setup{Config: flex, Policy: policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}}, func(w *adaptertest.World) {
		answer, err := newGemini(w, adaptertest.Options{}).CreateChatCompletion(w.Context(), question(flash, "Who thinks?"))
		if err != nil {
			w.Fatal(err)
		}
		g := w.Server.Meter()[0]
		if g.Reasoning == 0 || int64(answer.Usage.CompletionTokens) != g.Completion-g.Reasoning || int64(answer.Usage.TotalTokens) != g.Prompt+g.Completion {
			w.Errorf("usage %+v, meter %+v", answer.Usage, g)
		}
		// The standard tier has no name here: the member is taken out.
		if body := string(w.Server.Requests()[1].Body); strings.Contains(body, "service_tier") {
			w.Errorf("body: %s", body)
		}
		w.Balance()
	})
}

func TestGeminiContextCacheInTheBody(t *testing.T) {
	onGemini.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		name := w.Server.NewCache(flash, 20_000, 1<<40)
		if _, err := w.Client.Ask(policy.With(w.Context(), policy.CachedContent(name)), flash, "Who remembers?"); err != nil {
			w.Fatal(err)
		}
		if body := string(w.Server.Requests()[0].Body); !strings.Contains(body, `"extra_body":{"google":{"cached_content":"`+name+`"}}`) {
			w.Errorf("body: %s", body)
		}
		_, err := w.Client.Ask(policy.With(w.Context(), policy.CachedContent("no-resource-name")), flash, "Who refuses?")
		var refusal *middleware.Error
		if !errors.As(err, &refusal) || !errors.Is(err, middleware.ErrPolicy) {
			w.Errorf("error: %v, want %v", err, middleware.ErrPolicy)
		}
		w.Wire(1, 1)
	})
}
