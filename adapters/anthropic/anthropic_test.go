package anthropic_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/adapters/anthropic"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestMain(m *testing.M) {
	adaptertest.Unsetenv("ANTHROPIC_")
	os.Exit(m.Run())
}

const (
	sonnet = "claude-sonnet-4-5"
	haiku  = "claude-haiku-4-5"
)

// onClient describes the SDK with the stack as its http.Client, and onMiddleware with the stack as a middleware.
var (
	onClient = adaptertest.Adapter{
		Provider:   "anthropic",
		Models:     []string{sonnet, haiku},
		AsResponse: true,
		New: func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
			opts := sdkOptions(o)
			if o.HTTPClient == nil {
				return caller{anthropic.NewClient("sk-test", w.Stack, opts...)}.client()
			}
			first := append(anthropic.Options(w.Stack, o.HTTPClient), option.WithAPIKey("sk-test"))
			return caller{sdk.NewClient(append(first, opts...)...)}.client()
		},
		Failure:        failure,
		RetryCount:     "X-Stainless-Retry-Count",
		RetriesTimeout: true,
		RetriesLost:    true,
		ErrorEvent:     adaptertest.Ending{Status: http.StatusOK},
		Cannot: map[adaptertest.Ability]string{
			adaptertest.StreamUsage: "a stream has its usage always",
		},
	}
	onMiddleware = func() adaptertest.Adapter {
		a := onClient
		a.Middleware = true
		a.New = func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
			below := o.HTTPClient
			if below == nil {
				below = &http.Client{Transport: w.Base}
			}
			return caller{sdk.NewClient(append([]option.RequestOption{
				option.WithAPIKey("sk-test"), option.WithHTTPClient(below), option.WithMiddleware(w.Stack.Middleware), option.WithMaxRetries(0),
			}, sdkOptions(o)...)...)}.client()
		}
		return a
	}()
)

func TestClient(t *testing.T) { adaptertest.Test(t, onClient) }

func TestMiddleware(t *testing.T) { adaptertest.Test(t, onMiddleware) }

func sdkOptions(o adaptertest.Options) (opts []option.RequestOption) {
	if o.Retries {
		opts = append(opts, option.WithMaxRetries(2))
	}
	if o.Timeout > 0 {
		opts = append(opts, option.WithRequestTimeout(o.Timeout))
	}
	return opts
}

// A caller makes the calls of the kit.
type caller struct{ sdk.Client }

func (c caller) client() adaptertest.Client {
	return adaptertest.Client{Ask: c.ask, Stream: c.stream, Open: c.open}
}

func question(model sdk.Model, text string) sdk.MessageNewParams {
	return sdk.MessageNewParams{
		Model: model, MaxTokens: 1000, Messages: []sdk.MessageParam{sdk.NewUserMessage(sdk.NewTextBlock(text))},
	}
}

func (c caller) ask(ctx context.Context, model, text string) (adaptertest.Answer, error) {
	got, err := c.Messages.New(ctx, question(model, text))
	if err != nil {
		return adaptertest.Answer{}, err
	}
	return adaptertest.Answer{
		Text: got.Content[0].Text, Tier: string(got.Usage.ServiceTier), Input: got.Usage.InputTokens, Output: got.Usage.OutputTokens,
	}, nil
}

func (c caller) stream(ctx context.Context, model, text string) (answer adaptertest.Answer, err error) {
	events := c.Messages.NewStreaming(ctx, question(model, text))
	defer events.Close()
	var sum sdk.Message
	for events.Next() {
		if err := sum.Accumulate(events.Current()); err != nil {
			return answer, err
		}
	}
	for _, block := range sum.Content {
		answer.Text += block.Text
	}
	return answer, events.Err()
}

func (c caller) open(ctx context.Context, model, text string) (io.Closer, error) {
	events := c.Messages.NewStreaming(ctx, question(model, text))
	if !events.Next() {
		return nil, events.Err()
	}
	return events, nil
}

func failure(err error) adaptertest.Failure {
	var e *sdk.Error
	if !errors.As(err, &e) {
		return adaptertest.Failure{}
	}
	return adaptertest.Failure{
		Status: e.StatusCode, Code: string(e.Type()), Message: e.Error(),
		Refusal: e.Response.Header.Get("Skinflint-Refusal"), RetryAfter: e.Response.Header.Get("Retry-After"),
	}
}

// ask makes a plain call that has to succeed.
func ask(w *adaptertest.World, client sdk.Client) {
	w.Helper()
	if _, err := (caller{client}).ask(w.Context(), sonnet, "Who asks?"); err != nil {
		w.Fatal(err)
	}
}

func TestHeadersOfTheSDK(t *testing.T) {
	for _, a := range []adaptertest.Adapter{onClient, onMiddleware} {
		a.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
			for _, ask := range []func(context.Context, string, string) (adaptertest.Answer, error){w.Client.Ask, w.Client.Stream} {
				if _, err := ask(w.Context(), sonnet, "Who asks?"); err != nil {
					w.Fatal(err)
				}
			}
			for _, r := range w.Server.Requests() {
				if r.Header.Get("X-Api-Key") != "sk-test" || r.Header.Get("Anthropic-Version") == "" {
					w.Errorf("request: %+v", r)
				}
			}
		})
	}
}

func TestThinking(t *testing.T) {
	onClient.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		params := question(sonnet, "Who thinks?")
		params.MaxTokens, params.Thinking = 4000, sdk.ThinkingConfigParamOfEnabled(2000)
		client := anthropic.NewClient("sk-test", w.Stack)
		if _, err := client.Messages.New(w.Context(), params); err != nil {
			w.Fatal(err)
		}
		if r := w.Stack.Rows()[0]; r.Usage.Reasoning == 0 {
			w.Errorf("row: %+v", r)
		}
		w.Balance()
	})
}

// The SDK does not close a stream that it has read to its end. The row is closed all the same.
func TestStreamThatIsNotClosed(t *testing.T) {
	onClient.Run(t, adaptertest.Setup{Policy: onePermit}, func(w *adaptertest.World) {
		client := anthropic.NewClient("sk-test", w.Stack)
		for range 2 {
			events := client.Messages.NewStreaming(w.Context(), question(sonnet, "Who forgets?"))
			for events.Next() {
			}
			if err := events.Err(); err != nil {
				w.Fatal(err)
			}
		}
		w.Balance()
	})
}

// The SDK itself refuses a call that may take longer than ten minutes, before the stack sees it.
func TestManyTokensNeedAStream(t *testing.T) {
	onClient.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		client := anthropic.NewClient("sk-test", w.Stack)
		params := question(sonnet, "Who writes a book?")
		params.MaxTokens = 21_334
		if _, err := client.Messages.New(w.Context(), params); err == nil || !strings.Contains(err.Error(), "streaming is required") {
			w.Errorf("error %v", err)
		}
		w.Wire(0, 0)
		params.MaxTokens--
		if _, err := client.Messages.New(w.Context(), params); err != nil {
			w.Error(err)
		}
		params.MaxTokens++
		if _, err := client.Messages.New(w.Context(), params, option.WithRequestTimeout(time.Hour)); err != nil {
			w.Error(err)
		}
		if rows := w.Stack.Rows(); len(rows) != 2 {
			w.Errorf("rows: %+v", rows)
		}
		for i, want := range []string{"600", "3600"} {
			if got := w.Server.Requests()[i].Header.Get("X-Stainless-Timeout"); got != want {
				w.Errorf("a timeout of %q seconds, want %q", got, want)
			}
		}
		w.Balance()
	})
}

func TestOptionsOfTheProgram(t *testing.T) {
	onClient.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		var answered *http.Response
		ask(w, anthropic.NewClient("sk-test", w.Stack,
			option.WithBaseURL("https://gateway.example/"), option.WithHeader("X-Team", "acme"), option.WithQuery("q", "1"),
			option.WithResponseInto(&answered), option.WithHTTPClient(http.DefaultClient))) // which is not used
		r := w.Server.Requests()[0]
		if r.Host != "gateway.example" || r.Query != "q=1" || r.Header.Get("X-Api-Key") != "sk-test" || r.Header.Get("X-Team") != "acme" {
			w.Errorf("request: %+v", r)
		}
		if got := answered.Header.Get("X-Should-Retry"); got != "false" {
			w.Errorf("x-should-retry: %q", got)
		}
		w.Balance()
	})
}

func TestKeyOfTheEnvironment(t *testing.T) {
	t.Setenv("ANTHROPIC_API_KEY", "sk-env")
	onClient.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		var keys []string
		for i, key := range []string{"", "sk-test"} {
			ask(w, anthropic.NewClient(key, w.Stack))
			keys = append(keys, w.Server.Requests()[i].Header.Get("X-Api-Key"))
		}
		if !slices.Equal(keys, []string{"sk-env", "sk-test"}) {
			w.Errorf("keys %q", keys)
		}
	})
}

func TestWhatIsFree(t *testing.T) {
	onClient.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		client := anthropic.NewClient("sk-test", w.Stack)
		count, err := client.Messages.CountTokens(w.Context(), sdk.MessageCountTokensParams{
			Model: sonnet, Messages: []sdk.MessageParam{sdk.NewUserMessage(sdk.NewTextBlock("Who counts?"))},
		})
		if err != nil || count.InputTokens == 0 {
			w.Errorf("count %+v, error %v", count, err)
		}
		if _, err := client.Models.List(w.Context(), sdk.ModelListParams{}); err != nil {
			w.Error(err)
		}
		w.Wire(2, 0)
		for _, r := range w.Stack.Rows() {
			if r.Cost != ledger.Known(0) {
				w.Errorf("row: %+v", r)
			}
		}
	})
}

// A longer timeout of the program lets an answer come that takes longer than ten minutes.
func TestLongerTimeout(t *testing.T) {
	slow := llmtest.Config{Faults: llmtest.Sequence(llmtest.Slow)}
	onClient.Run(t, adaptertest.Setup{Config: slow}, func(w *adaptertest.World) {
		ask(w, anthropic.NewClient("sk-test", w.Stack, option.WithRequestTimeout(20*time.Minute)))
		w.Wire(1, 1)
		w.Balance()
	})
}
