package property

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	claude "github.com/anthropics/anthropic-sdk-go"
	claudeoption "github.com/anthropics/anthropic-sdk-go/option"
	gemini "github.com/google/generative-ai-go/genai"
	openaigo "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	goopenai "github.com/sashabaranov/go-openai"
	"github.com/tmc/langchaingo/llms"
	langanthropic "github.com/tmc/langchaingo/llms/anthropic"
	langopenai "github.com/tmc/langchaingo/llms/openai"
	"google.golang.org/api/iterator"
	googleoption "google.golang.org/api/option"
	"google.golang.org/genai"

	anthropicadapter "github.com/skinflint-go/skinflint/adapters/anthropic"
	azadapter "github.com/skinflint-go/skinflint/adapters/azopenai"
	genaiadapter "github.com/skinflint-go/skinflint/adapters/genai"
	geminiadapter "github.com/skinflint-go/skinflint/adapters/generativeai"
	goopenaiadapter "github.com/skinflint-go/skinflint/adapters/goopenai"
	langadapter "github.com/skinflint-go/skinflint/adapters/langchaingo"
	openaiadapter "github.com/skinflint-go/skinflint/adapters/openaigo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy/price"
)

const (
	gpt    = "gpt-5-mini"
	sonnet = "claude-sonnet-4-5"
	flash  = "gemini-2.5-flash"
	most   = 500 // output tokens
)

// A stacker makes the stack for a client.
type stacker func(...middleware.Option) *middleware.Stack

// An sdk is one way to make calls.
type sdk struct {
	name string
	// client makes a client in the bubble.
	client func(t *testing.T, stack stacker, w conditions, url string) caller
	// outside makes the client before the bubble begins, for an SDK that starts goroutines that never end.
	outside func(t *testing.T, stack stacker, w conditions) (func() caller, func())

	prices  *price.Catalog // nil: the embedded ones
	foreign bool           // below the stack is something other than net/http, which may send a request again
}

var sdks = []sdk{
	{name: "go-openai", client: goOpenAI},
	{name: "openai-go", client: openAIGo(false)},
	{name: "openai-go, as middleware", client: openAIGo(true), foreign: true},
	{name: "anthropic-sdk-go", client: anthropicSDK},
	{name: "azopenai", client: azOpenAI, prices: azurePrices},
	{name: "langchaingo, openai", client: langOpenAI},
	{name: "langchaingo, anthropic", client: langAnthropic},
	{name: "genai", client: genAI},
	{name: "generative-ai-go", outside: generativeAI, foreign: true},
}

// client returns the http.Client of the program.
func (w conditions) client() *http.Client { return &http.Client{Timeout: w.timeout} }

var errLeft = errors.New("left")

// drain reads a stream, or as many events as a.leave says. next reports whether there was another event.
func drain(a ask, next func() (bool, error)) error {
	for n := 1; ; n++ {
		more, err := next()
		if err != nil || !more {
			return err
		}
		if n == a.leave {
			return errLeft
		}
	}
}

func goOpenAI(_ *testing.T, stack stacker, w conditions, url string) caller {
	cfg := goopenai.DefaultConfig("sk-test")
	cfg.BaseURL, cfg.HTTPClient = url+"/v1", w.client()
	client := goopenaiadapter.NewClientWithConfig(cfg, stack())
	return func(ctx context.Context, a ask) error {
		req := goopenai.ChatCompletionRequest{Model: gpt, MaxCompletionTokens: most,
			Messages: []goopenai.ChatCompletionMessage{{Role: "user", Content: a.prompt}}}
		if !a.stream {
			_, err := client.CreateChatCompletion(ctx, req)
			return err
		}
		stream, err := client.CreateChatCompletionStream(ctx, req)
		if err != nil {
			return err
		}
		defer stream.Close()
		return drain(a, func() (bool, error) {
			_, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			return err == nil, err
		})
	}
}

func openAIGo(middleware bool) func(*testing.T, stacker, conditions, string) caller {
	return func(_ *testing.T, stack stacker, w conditions, url string) caller {
		s := stack()
		opts := append(openaiadapter.Options(s, w.client()), option.WithBaseURL(url+"/v1"), option.WithAPIKey("sk-test"), option.WithMaxRetries(w.retries))
		if middleware {
			// The stack sends through the SDK's http.Client, so that goes to the provider.
			opts = append(opts, option.WithHTTPClient(&http.Client{Transport: w.base, Timeout: w.timeout}), option.WithMiddleware(s.Middleware))
		}
		client := openaigo.NewClient(opts...)
		return func(ctx context.Context, a ask) error {
			var own []option.RequestOption
			if a.timeout > 0 {
				own = append(own, option.WithRequestTimeout(a.timeout))
			}
			params := openaigo.ChatCompletionNewParams{Model: gpt, MaxCompletionTokens: openaigo.Int(most),
				Messages: []openaigo.ChatCompletionMessageParamUnion{openaigo.UserMessage(a.prompt)}}
			if !a.stream {
				_, err := client.Chat.Completions.New(ctx, params, own...)
				return err
			}
			stream := client.Chat.Completions.NewStreaming(ctx, params, own...)
			defer stream.Close()
			return drain(a, func() (bool, error) { return stream.Next(), stream.Err() })
		}
	}
}

func anthropicSDK(_ *testing.T, stack stacker, w conditions, url string) caller {
	opts := append(anthropicadapter.Options(stack(), w.client()), claudeoption.WithBaseURL(url), claudeoption.WithAPIKey("sk-test"), claudeoption.WithMaxRetries(w.retries))
	client := claude.NewClient(opts...)
	return func(ctx context.Context, a ask) error {
		var own []claudeoption.RequestOption
		if a.timeout > 0 {
			own = append(own, claudeoption.WithRequestTimeout(a.timeout))
		}
		params := claude.MessageNewParams{Model: sonnet, MaxTokens: most,
			Messages: []claude.MessageParam{claude.NewUserMessage(claude.NewTextBlock(a.prompt))}}
		if !a.stream {
			_, err := client.Messages.New(ctx, params, own...)
			return err
		}
		stream := client.Messages.NewStreaming(ctx, params, own...)
		defer stream.Close()
		return drain(a, func() (bool, error) { return stream.Next(), stream.Err() })
	}
}

var azurePrices = func() *price.Catalog {
	c, err := price.Parse("azure", strings.NewReader(`{"providers": {"azure": {"models": {"gpt-5-mini": {
		"limits": {"max_input": 272000, "max_output": 128000},
		"periods": [{"source": "made up", "tiers": {
			"standard": [{"usd_per_million": {"input": "0.25", "cached_input": "0.025", "output": "2"}}],
			"flex": [{"usd_per_million": {"input": "0.125", "cached_input": "0.0125", "output": "1"}}],
			"priority": [{"usd_per_million": {"input": "0.5", "cached_input": "0.05", "output": "4"}}]
		}}]
	}}}}}`))
	if err != nil {
		panic(err)
	}
	return c
}()

func azOpenAI(t *testing.T, stack stacker, w conditions, url string) caller {
	s := stack(middleware.WithCatalog(azurePrices))
	options := &azopenai.ClientOptions{}
	options.Transport = w.client()
	options.InsecureAllowCredentialWithHTTP = true
	client, err := azadapter.NewClientWithKeyCredential("http://res.openai.azure.com", azcore.NewKeyCredential("key"), s, options)
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, a ask) error {
		messages := []azopenai.ChatRequestMessageClassification{&azopenai.ChatRequestUserMessage{Content: azopenai.NewChatRequestUserMessageContent(a.prompt)}}
		if !a.stream {
			_, err := client.GetChatCompletions(ctx, azopenai.ChatCompletionsOptions{DeploymentName: new(gpt), MaxTokens: to.Ptr[int32](most), Messages: messages}, nil)
			return err
		}
		answer, err := client.GetChatCompletionsStream(ctx, azopenai.ChatCompletionsStreamOptions{DeploymentName: new(gpt), MaxTokens: to.Ptr[int32](most), Messages: messages}, nil)
		if err != nil {
			return err
		}
		defer answer.ChatCompletionsStream.Close()
		return drain(a, func() (bool, error) {
			_, err := answer.ChatCompletionsStream.Read()
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			return err == nil, err
		})
	}
}

func langOpenAI(t *testing.T, stack stacker, w conditions, url string) caller {
	model, err := langadapter.NewOpenAI(stack(), langopenai.WithBaseURL(url+"/v1"), langopenai.WithToken("sk-test"), langopenai.WithModel(gpt))
	if err != nil {
		t.Fatal(err)
	}
	return lang(model)
}

func langAnthropic(t *testing.T, stack stacker, w conditions, url string) caller {
	model, err := langadapter.NewAnthropic(stack(), langanthropic.WithBaseURL(url+"/v1"), langanthropic.WithToken("sk-test"), langanthropic.WithModel(sonnet))
	if err != nil {
		t.Fatal(err)
	}
	return lang(model)
}

func lang(model llms.Model) caller {
	// llms/anthropic (v0.1.14) leaves a goroutine behind if a stream has an error event. A bubble then cannot end.
	_, unary := model.(*langanthropic.LLM)
	return func(ctx context.Context, a ask) error {
		opts := []llms.CallOption{llms.WithMaxTokens(most)}
		if a.stream && !unary {
			n := 0
			opts = append(opts, llms.WithStreamingFunc(func(context.Context, []byte) error {
				if n++; n == a.leave {
					return errLeft
				}
				return nil
			}))
		}
		_, err := model.GenerateContent(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, a.prompt)}, opts...)
		return err
	}
}

func genAI(t *testing.T, stack stacker, w conditions, url string) caller {
	client, err := genaiadapter.NewClient(t.Context(), &genai.ClientConfig{
		Backend: genai.BackendGeminiAPI, APIKey: "AI-test", HTTPClient: w.client(), HTTPOptions: genai.HTTPOptions{BaseURL: url},
	}, stack())
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, a ask) error {
		cfg := &genai.GenerateContentConfig{MaxOutputTokens: most}
		if a.timeout > 0 {
			cfg.HTTPOptions = &genai.HTTPOptions{Timeout: &a.timeout}
		}
		if !a.stream {
			_, err := client.Models.GenerateContent(ctx, flash, genai.Text(a.prompt), cfg)
			return err
		}
		n := 0
		for _, err := range client.Models.GenerateContentStream(ctx, flash, genai.Text(a.prompt), cfg) {
			if err != nil {
				return err
			}
			if n++; n == a.leave {
				return errLeft
			}
		}
		return nil
	}
}

// generativeAI makes its client outside of the bubble, because the SDK's gRPC client starts goroutines that never end.
func generativeAI(t *testing.T, stack stacker, w conditions) (func() caller, func()) {
	client, err := geminiadapter.NewClient(t.Context(), "AI-test", stack(),
		googleoption.WithHTTPClient(w.client()), googleoption.WithEndpoint("https://generativelanguage.googleapis.com:443"))
	if err != nil {
		t.Fatal(err)
	}
	return func() caller {
		return func(ctx context.Context, a ask) error {
			model := client.GenerativeModel(flash)
			model.SetMaxOutputTokens(most)
			if !a.stream {
				_, err := model.GenerateContent(ctx, gemini.Text(a.prompt))
				return err
			}
			stream := model.GenerateContentStream(ctx, gemini.Text(a.prompt))
			return drain(a, func() (bool, error) {
				_, err := stream.Next()
				if errors.Is(err, iterator.Done) {
					return false, nil
				}
				return err == nil, err
			})
		}
	}, func() { client.Close() }
}
