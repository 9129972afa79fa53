package compat

import (
	"context"
	"errors"
	"io"

	"github.com/openai/openai-go/v2"
	"github.com/openai/openai-go/v2/option"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
)

type v2 struct{ client openai.Client }

func newV2(c config) caller {
	opts := []option.RequestOption{option.WithAPIKey("sk-test"), option.WithHTTPClient(c.client)}
	if c.middleware != nil {
		opts = append(opts, option.WithMiddleware(c.middleware))
	}
	if c.Timeout > 0 {
		opts = append(opts, option.WithRequestTimeout(c.Timeout))
	}
	if !c.Retries {
		opts = append(opts, option.WithMaxRetries(0))
	}
	return v2{openai.NewClient(opts...)}
}

func (v2) question(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

func (c v2) ask(ctx context.Context, model, text string) (adaptertest.Answer, error) {
	got, err := c.client.Chat.Completions.New(ctx, c.question(model, text))
	if err != nil {
		return adaptertest.Answer{}, err
	}
	return adaptertest.Answer{
		Text: got.Choices[0].Message.Content, Tier: string(got.ServiceTier),
		Input: got.Usage.PromptTokens, Output: got.Usage.CompletionTokens,
	}, nil
}

func (c v2) stream(ctx context.Context, model, text string) (answer adaptertest.Answer, err error) {
	events := c.client.Chat.Completions.NewStreaming(ctx, c.question(model, text))
	defer events.Close()
	for events.Next() {
		answer.Text += events.Current().Choices[0].Delta.Content
	}
	return answer, events.Err()
}

func (c v2) streamUsage(ctx context.Context, model, text string) (answer adaptertest.Answer, err error) {
	params := c.question(model, text)
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	events := c.client.Chat.Completions.NewStreaming(ctx, params)
	defer events.Close()
	for events.Next() {
		if u := events.Current().Usage; u.PromptTokens > 0 {
			answer.Input, answer.Output = u.PromptTokens, u.CompletionTokens
		}
	}
	return answer, events.Err()
}

func (c v2) open(ctx context.Context, model, text string) (io.Closer, error) {
	events := c.client.Chat.Completions.NewStreaming(ctx, c.question(model, text))
	if !events.Next() {
		return nil, events.Err()
	}
	return events, nil
}

func failureV2(err error) adaptertest.Failure {
	e, ok := errors.AsType[*openai.Error](err)
	if !ok {
		return adaptertest.Failure{}
	}
	return adaptertest.Failure{
		Status: e.StatusCode, Code: e.Type, Message: e.Message,
		Refusal: e.Response.Header.Get("Skinflint-Refusal"), RetryAfter: e.Response.Header.Get("Retry-After"),
	}
}
