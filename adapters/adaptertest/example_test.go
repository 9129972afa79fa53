package adaptertest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

// An adapter is tested by a description of its SDK and one call. The SDK here is a client of OpenAI in a hundred lines.
func ExampleTest() {
	_ = func(t *testing.T) { // func TestAdapter
		adaptertest.Test(t, plain(newSDK))
	}
}

// newSDK is an adapter of one line.
func newSDK(stack *middleware.Stack, hc *http.Client) *plainSDK {
	return &plainSDK{client: stack.ErrorsAs(middleware.AsError).Wrap(hc)}
}

// plain describes the SDK below, over an adapter.
func plain(adapter func(*middleware.Stack, *http.Client) *plainSDK) adaptertest.Adapter {
	return adaptertest.Adapter{
		Provider: "openai",
		Models:   []string{"gpt-5", "gpt-5-mini"},
		Tiers:    []policy.Tier{policy.Flex, policy.Priority},
		New: func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
			sdk := adapter(w.Stack, o.HTTPClient)
			return adaptertest.Client{
				Ask:    sdk.ask,
				Stream: sdk.stream,
				Open:   sdk.open,
				StreamUsage: func(ctx context.Context, model, text string) (adaptertest.Answer, error) {
					return sdk.read(ctx, request{Model: model, Stream: true, Options: &options{true}}, text)
				},
			}
		},
		Failure: func(err error) adaptertest.Failure {
			var e *statusError
			if !errors.As(err, &e) {
				return adaptertest.Failure{}
			}
			return adaptertest.Failure{Status: e.status, Message: e.Error()}
		},
		Cannot: map[adaptertest.Ability]string{
			adaptertest.ReadHeaders: "its errors have a status and no more",
			adaptertest.Retries:     "it sends a call once",
			adaptertest.Timeout:     "it has none",
		},
	}
}

// A plainSDK is an SDK as small as one can be: it sends a call to OpenAI by an http.Client.
type plainSDK struct {
	client  *http.Client
	retries int
}

type request struct {
	Model    string    `json:"model"`
	Messages []message `json:"messages"`
	Stream   bool      `json:"stream,omitempty"`
	Options  *options  `json:"stream_options,omitempty"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type options struct {
	IncludeUsage bool `json:"include_usage"`
}

type response struct {
	Choices []struct{ Message, Delta message }
	Tier    string `json:"service_tier"`
	Usage   *struct {
		Input  int64 `json:"prompt_tokens"`
		Output int64 `json:"completion_tokens"`
	}
	Error *struct{ Message string }
}

// A statusError is an answer that is an error.
type statusError struct{ status int }

func (e *statusError) Error() string { return fmt.Sprintf("plain: status %d", e.status) }

func (s *plainSDK) send(ctx context.Context, r request, text string) (*http.Response, error) {
	r.Messages = []message{{"user", text}}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/chat/completions", strings.NewReader(string(body)))
		if err != nil {
			return nil, err
		}
		resp, err := s.client.Do(req)
		if err == nil && resp.StatusCode != http.StatusOK {
			resp.Body.Close()
			err = &statusError{resp.StatusCode}
		}
		if err == nil || try == s.retries || ctx.Err() != nil {
			return resp, err
		}
	}
}

func (s *plainSDK) ask(ctx context.Context, model, text string) (adaptertest.Answer, error) {
	resp, err := s.send(ctx, request{Model: model}, text)
	if err != nil {
		return adaptertest.Answer{}, err
	}
	defer resp.Body.Close()
	var r response
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return adaptertest.Answer{}, err
	}
	return adaptertest.Answer{Text: r.Choices[0].Message.Content, Tier: r.Tier, Input: r.Usage.Input, Output: r.Usage.Output}, nil
}

func (s *plainSDK) stream(ctx context.Context, model, text string) (adaptertest.Answer, error) {
	answer, err := s.read(ctx, request{Model: model, Stream: true}, text)
	if answer.Input != 0 {
		return answer, errors.New("the usage reached a program that did not ask for it")
	}
	return answer, err
}

// read makes a stream and reads it to its end.
func (s *plainSDK) read(ctx context.Context, r request, text string) (answer adaptertest.Answer, err error) {
	resp, err := s.send(ctx, r, text)
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var chunk response
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return answer, err
		}
		switch {
		case chunk.Error != nil:
			return answer, errors.New(chunk.Error.Message)
		case chunk.Usage != nil:
			answer.Input, answer.Output = chunk.Usage.Input, chunk.Usage.Output
		default:
			answer.Text += chunk.Choices[0].Delta.Content
		}
	}
	return answer, lines.Err()
}

func (s *plainSDK) open(ctx context.Context, model, text string) (io.Closer, error) {
	resp, err := s.send(ctx, request{Model: model, Stream: true}, text)
	if err != nil {
		return nil, err
	}
	_, err = resp.Body.Read(make([]byte, 1))
	return resp.Body, err
}
