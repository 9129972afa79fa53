package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	older "github.com/google/generative-ai-go/genai"
	openai "github.com/sashabaranov/go-openai"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	newer "google.golang.org/genai"

	skinflintgenai "github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/adapters/generativeai"
	"github.com/skinflint-go/skinflint/adapters/goopenai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
)

// clients are clients of the SDKs, and one for context caches, all over one stack.
type clients struct {
	stack  *middleware.Stack
	caches *cachedcontent.Client
	older  *older.Client
	newer  *newer.Client
	openAI *openai.Client
	model  string
	book   string
}

// connect makes a stack and puts it under each SDK. base sends the requests; nil means the network.
func connect(ctx context.Context, set settings, base http.RoundTripper) (*clients, error) {
	// Caches that the program registers need no policy. That they are used on the OpenAI-compatible endpoint does.
	options := []middleware.Option{middleware.WithPolicy(policy.Policy{Cache: policy.Cache{Compatible: true}})}
	if base != nil {
		options = append(options, middleware.WithBase(base))
	}
	stack, err := middleware.New(options...)
	if err != nil {
		return nil, err
	}
	to := &clients{stack: stack, model: set.model, book: set.book}
	if to.caches, err = cachedcontent.NewGemini(stack.Client(), set.key); err != nil {
		return nil, err
	}
	var own []option.ClientOption
	if base != nil { // the SDK would open a connection of its own, by gRPC, which an address with a scheme prevents
		own = append(own, option.WithEndpoint("https://generativelanguage.googleapis.com:443"))
	}
	if to.older, err = generativeai.NewClient(ctx, set.key, stack, own...); err != nil {
		return nil, err
	}
	to.newer, err = skinflintgenai.NewClient(ctx, &newer.ClientConfig{APIKey: set.key, Backend: newer.BackendGeminiAPI}, stack)
	if err != nil {
		return nil, errors.Join(err, to.older.Close())
	}
	compatible := openai.DefaultConfig(set.key)
	compatible.BaseURL = "https://generativelanguage.googleapis.com/v1beta/openai"
	to.openAI = goopenai.NewClientWithConfig(compatible, stack)
	return to, nil
}

// ask asks a question as a program does that knows nothing of caches: with the whole book, each time.
func (to *clients) ask(ctx context.Context, q question) error {
	ctx = policy.With(ctx, policy.Tag("by", q.by.String()), policy.Tag("question", q.text))
	var answer string
	var err error
	switch q.by {
	case byGenerativeAI:
		answer, err = to.askOlder(ctx, q)
	case byGenAI:
		answer, err = to.askNewer(ctx, q)
	default:
		answer, err = to.askOpenAI(ctx, q)
	}
	if err == nil && answer == "" {
		err = errors.New("the answer is empty")
	}
	if err != nil {
		return fmt.Errorf("%q by %s: %w", q.text, q.by, err)
	}
	return nil
}

func (to *clients) askOlder(ctx context.Context, q question) (answer string, err error) {
	model := to.older.GenerativeModel(to.model)
	model.SystemInstruction = older.NewUserContent(older.Text(instruction))
	chat := model.StartChat()
	chat.History = []*older.Content{
		older.NewUserContent(older.Text(to.book)),
		{Role: "model", Parts: []older.Part{older.Text(ready)}},
	}
	if !q.stream {
		got, err := chat.SendMessage(ctx, older.Text(q.text))
		return written(got), err
	}
	answers := chat.SendMessageStream(ctx, older.Text(q.text))
	for {
		got, err := answers.Next()
		if errors.Is(err, iterator.Done) {
			return answer, nil
		} else if err != nil {
			return answer, err
		}
		answer += written(got)
	}
}

// written returns the text of an answer of the older SDK; "" for a nil answer.
func written(got *older.GenerateContentResponse) (text string) {
	if got == nil {
		return ""
	}
	for _, candidate := range got.Candidates {
		if candidate.Content == nil {
			continue
		}
		for _, part := range candidate.Content.Parts {
			text += fmt.Sprint(part)
		}
	}
	return text
}

func (to *clients) askNewer(ctx context.Context, q question) (answer string, err error) {
	config := &newer.GenerateContentConfig{SystemInstruction: newer.NewContentFromText(instruction, newer.RoleUser)}
	contents := []*newer.Content{
		newer.NewContentFromText(to.book, newer.RoleUser),
		newer.NewContentFromText(ready, newer.RoleModel),
		newer.NewContentFromText(q.text, newer.RoleUser),
	}
	if !q.stream {
		got, err := to.newer.Models.GenerateContent(ctx, to.model, contents, config)
		if err != nil {
			return "", err
		}
		return got.Text(), nil
	}
	for got, err := range to.newer.Models.GenerateContentStream(ctx, to.model, contents, config) {
		if err != nil {
			return answer, err
		}
		answer += got.Text()
	}
	return answer, nil
}

func (to *clients) askOpenAI(ctx context.Context, q question) (answer string, err error) {
	request := openai.ChatCompletionRequest{
		Model: to.model,
		Messages: []openai.ChatCompletionMessage{
			{Role: openai.ChatMessageRoleSystem, Content: instruction},
			{Role: openai.ChatMessageRoleUser, Content: to.book},
			{Role: openai.ChatMessageRoleAssistant, Content: ready},
			{Role: openai.ChatMessageRoleUser, Content: q.text},
		},
	}
	if !q.stream {
		got, err := to.openAI.CreateChatCompletion(ctx, request)
		if err != nil || len(got.Choices) == 0 {
			return "", err
		}
		return got.Choices[0].Message.Content, nil
	}
	stream, err := to.openAI.CreateChatCompletionStream(ctx, request)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	for {
		got, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return answer, nil
		} else if err != nil {
			return answer, err
		}
		for _, choice := range got.Choices {
			answer += choice.Delta.Content
		}
	}
}
