package compat

import (
	"context"
	"errors"
	"net/http"

	"github.com/openai/openai-go"
	"github.com/openai/openai-go/option"
)

type v1 struct{ client openai.Client }

func newV1(c config) caller {
	opts := []option.RequestOption{option.WithAPIKey("sk-test"), option.WithHTTPClient(c.client), option.WithRequestTimeout(c.timeout)}
	if c.middleware != nil {
		opts = append(opts, option.WithMiddleware(c.middleware))
	}
	if !c.retry {
		opts = append(opts, option.WithMaxRetries(0))
	}
	return v1{openai.NewClient(opts...)}
}

func (c v1) ask(ctx context.Context, text string, stream bool) (answer string, err error) {
	params := openai.ChatCompletionNewParams{Model: "gpt-5-mini", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
	if !stream {
		got, err := c.client.Chat.Completions.New(ctx, params)
		if err != nil {
			return "", err
		}
		return got.Choices[0].Message.Content, nil
	}
	events := c.client.Chat.Completions.NewStreaming(ctx, params)
	defer events.Close()
	for events.Next() {
		answer += events.Current().Choices[0].Delta.Content
	}
	return answer, events.Err()
}

func (v1) response(err error) *http.Response {
	if e, ok := errors.AsType[*openai.Error](err); ok {
		return e.Response
	}
	return nil
}
