package openaigo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared/constant"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/adapters/openaigo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestMain(m *testing.M) {
	adaptertest.Unsetenv("OPENAI_")
	os.Exit(m.Run())
}

// onClient describes the SDK with the stack as its http.Client, and onMiddleware with the stack as a middleware.
var (
	onClient = adaptertest.Adapter{
		Provider:   "openai",
		Models:     []string{"gpt-5", "gpt-5-mini"},
		Tiers:      []policy.Tier{policy.Flex, policy.Priority},
		AsResponse: true,
		New: func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
			opts := sdkOptions(o)
			if o.HTTPClient == nil {
				return caller{openaigo.NewClient("sk-test", w.Stack, opts...)}.client()
			}
			first := append(openaigo.Options(w.Stack, o.HTTPClient), option.WithAPIKey("sk-test"))
			return caller{openai.NewClient(append(first, opts...)...)}.client()
		},
		Failure:     failure,
		RetryCount:  "X-Stainless-Retry-Count",
		RetriesLost: true,
	}
	onMiddleware = func() adaptertest.Adapter {
		a := onClient
		a.Middleware = true
		a.New = func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
			below := o.HTTPClient
			if below == nil {
				below = &http.Client{Transport: w.Base}
			}
			return caller{openai.NewClient(append([]option.RequestOption{
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
type caller struct{ openai.Client }

func (c caller) client() adaptertest.Client {
	return adaptertest.Client{Ask: c.ask, Stream: c.stream, StreamUsage: c.streamUsage, Open: c.open}
}

func question(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

func (c caller) ask(ctx context.Context, model, text string) (adaptertest.Answer, error) {
	got, err := c.Chat.Completions.New(ctx, question(model, text))
	if err != nil {
		return adaptertest.Answer{}, err
	}
	return adaptertest.Answer{
		Text: got.Choices[0].Message.Content, Tier: string(got.ServiceTier),
		Input: got.Usage.PromptTokens, Output: got.Usage.CompletionTokens,
	}, nil
}

func (c caller) stream(ctx context.Context, model, text string) (answer adaptertest.Answer, err error) {
	events := c.Chat.Completions.NewStreaming(ctx, question(model, text))
	defer events.Close()
	for events.Next() {
		answer.Text += events.Current().Choices[0].Delta.Content // as the SDK's README does it: there is always one
	}
	return answer, events.Err()
}

func (c caller) streamUsage(ctx context.Context, model, text string) (adaptertest.Answer, error) {
	params := question(model, text)
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	events := c.Chat.Completions.NewStreaming(ctx, params)
	defer events.Close()
	var sum openai.ChatCompletionAccumulator
	for events.Next() {
		sum.AddChunk(events.Current())
	}
	return adaptertest.Answer{Input: sum.Usage.PromptTokens, Output: sum.Usage.CompletionTokens}, events.Err()
}

func (c caller) open(ctx context.Context, model, text string) (io.Closer, error) {
	events := c.Chat.Completions.NewStreaming(ctx, question(model, text))
	if !events.Next() {
		return nil, events.Err()
	}
	return events, nil
}

func failure(err error) adaptertest.Failure {
	e, ok := errors.AsType[*openai.Error](err)
	if !ok {
		return adaptertest.Failure{}
	}
	return adaptertest.Failure{
		Status: e.StatusCode, Code: e.Type, Message: e.Message,
		Refusal: e.Response.Header.Get("Skinflint-Refusal"), RetryAfter: e.Response.Header.Get("Retry-After"),
	}
}

// ask makes a plain call that has to succeed.
func ask(w *adaptertest.World, client openai.Client) {
	w.Helper()
	if _, err := (caller{client}).ask(w.Context(), "gpt-5-mini", "Who asks?"); err != nil {
		w.Fatal(err)
	}
}

func TestKeyOfTheEnvironment(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-env")
	onClient.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		var keys []string
		for i, key := range []string{"", "sk-test"} {
			ask(w, openaigo.NewClient(key, w.Stack))
			keys = append(keys, w.Server.Requests()[i].Header.Get("Authorization"))
		}
		if !slices.Equal(keys, []string{"Bearer sk-env", "Bearer sk-test"}) {
			w.Errorf("keys %q", keys)
		}
	})
}

func TestOptionsOfTheProgram(t *testing.T) {
	onClient.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		var answered *http.Response
		ask(w, openaigo.NewClient("sk-test", w.Stack,
			option.WithBaseURL("https://gateway.example/v1"), option.WithOrganization("org"), option.WithProject("proj"),
			option.WithHeader("X-Team", "acme"), option.WithQuery("q", "1"), option.WithResponseInto(&answered),
			option.WithHTTPClient(http.DefaultClient))) // which is not used
		r := w.Server.Requests()[0]
		if r.Host != "gateway.example" || r.Query != "q=1" || r.Header.Get("Authorization") != "Bearer sk-test" || r.Header.Get("X-Team") != "acme" ||
			r.Header.Get("OpenAI-Organization") != "org" || r.Header.Get("OpenAI-Project") != "proj" || r.Header.Get("X-Stainless-Timeout") != "" {
			w.Errorf("request: %+v", r)
		}
		if got := answered.Header.Get("X-Should-Retry"); got != "false" {
			w.Errorf("x-should-retry: %q", got)
		}
		w.Balance()
	})
}

func TestOtherRequestsPassUnchanged(t *testing.T) {
	onClient.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		client := openaigo.NewClient("sk-test", w.Stack)
		if _, err := client.Models.List(w.Context()); err != nil {
			w.Error(err)
		}
		_, err := client.Models.Get(w.Context(), "none")
		if got := failure(err); got.Status != http.StatusNotFound || got.Refusal != "" {
			w.Errorf("error %v", err)
		}
		if rows := w.Stack.Rows(); len(rows) != 0 {
			w.Errorf("rows: %+v", rows)
		}
	})
}

func TestResponses(t *testing.T) {
	flex := adaptertest.Setup{
		Config: llmtest.Config{Flex: llmtest.Refuse(1)}, Policy: policy.Policy{Tier: policy.Flex, Fallback: policy.Standard},
	}
	onClient.Run(t, flex, func(w *adaptertest.World) {
		client := openaigo.NewClient("sk-test", w.Stack)
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
		if rows := w.Stack.Rows(); len(rows) != 3 || rows[0].Outcome != policy.Rejected || rows[2].ServedTier != policy.Flex {
			w.Errorf("rows: %+v", rows)
		}
		w.Balance()
	})
}

func TestServiceTierOfTheSDK(t *testing.T) {
	priority := adaptertest.Setup{
		Config: llmtest.Config{Flex: llmtest.Refuse(1)}, Policy: policy.Policy{Tier: policy.Priority, Fallback: policy.Standard},
	}
	onClient.Run(t, priority, func(w *adaptertest.World) {
		client := openaigo.NewClient("sk-test", w.Stack)
		params := question("gpt-5", "Who names the tier?")
		params.ServiceTier = openai.ChatCompletionNewParamsServiceTierFlex
		answer, err := client.Chat.Completions.New(w.Context(), params)
		if err != nil || answer.ServiceTier != "default" {
			w.Fatal(answer, err)
		}
		if rows := w.Stack.Rows(); len(rows) != 2 || rows[0].AskedTier != policy.Flex || rows[1].AskedTier != policy.Standard {
			w.Errorf("rows: %+v", rows)
		}
		w.Balance()
	})
}

// What cannot be sent is tried once, and the SDK's error says what is wrong.
func TestWhatCannotBeSent(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for name, test := range map[string]struct{ url, key, text, hint string }{
		"key with a line break": {"https://api.openai.com/v1/", "sk-secret-1\n", "invalid header field value for", "line break"},
		"no scheme":             {"api.openai.com/v1/", "sk-secret-1", "unsupported protocol scheme", "correct the base URL"},
		"wrong scheme":          {"htp://api.openai.com/v1/", "sk-secret-1", "unsupported protocol scheme", "correct the base URL"},
		"unknown authority":     {secure.URL + "/v1/", "sk-secret-1", "unknown authority", "certificate"},
		"TLS to a plain port":   {strings.Replace(plain.URL, "http:", "https:", 1) + "/v1/", "sk-secret-1", "", "does not speak TLS"},
	} {
		for _, middle := range []bool{false, true} {
			stack, err := middleware.New()
			if err != nil {
				t.Fatal(err)
			}
			options := []option.RequestOption{option.WithAPIKey(test.key), option.WithBaseURL(test.url)}
			if middle {
				options = append(options, option.WithMiddleware(stack.Middleware))
			} else {
				options = append(options, openaigo.Options(stack, nil)...)
			}
			client := openai.NewClient(options...)
			_, err = client.Chat.Completions.New(t.Context(), question("gpt-5", "Who cannot be asked?"))
			text := fmt.Sprint(err)
			if e, ok := errors.AsType[*openai.Error](err); ok && middle { // this SDK has only the status in its own text
				text = e.Message
			}
			if err == nil || !strings.Contains(text, test.text) || !strings.Contains(text, test.hint) || strings.Contains(text, "secret") {
				t.Errorf("%s, as middleware %v: %v", name, middle, text)
			}
			rows := stack.Rows()
			if len(rows) != 1 || rows[0].Outcome != policy.NotSent || rows[0].Exposure.Known || rows[0].SDKRetry != 0 {
				t.Errorf("%s, as middleware %v: %+v", name, middle, rows)
			}
		}
	}
}
