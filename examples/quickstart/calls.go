package main

import (
	"context"
	"errors"
	"io"
	"strings"

	openai "github.com/sashabaranov/go-openai"
	"google.golang.org/genai"

	"github.com/skinflint-go/skinflint/policy"
)

// A call is one call of the program.
type call struct {
	what   string
	by     sdk
	model  string
	prompt string
	stream bool
	cached bool // it uses the context cache with the handbook
	tags   []policy.Option
}

// An sdk is one of the SDKs, with the API that it calls.
type sdk int

const (
	byOpenAI     sdk = iota // go-openai, to OpenAI
	byGemini                // Google's genai, to Gemini
	byCompatible            // go-openai, to Gemini's OpenAI-compatible endpoint
)

// clients are clients of the SDKs, all over one stack.
type clients struct {
	openAI *openai.Client
	gemini *genai.Client
	compat *openai.Client
	cache  string // the name of the context cache
}

// handbook is a prompt that is long enough for the provider's own caching.
var handbook = strings.Repeat("A penny saved is a penny earned, and a token not sent is not billed. ", 80)

var titles = []policy.Option{policy.Tag("queue", "titles")}

var calls = []call{
	{what: "grade an essay", model: "gpt-5", prompt: "Grade this essay on thrift."},
	{what: "extract a table", model: "gpt-5-mini", prompt: "Turn this letter into a table of debts."},
	{what: "judge an answer", model: "gpt-5", prompt: "Which of these two answers is cheaper?"},
	{what: "stream a summary", model: "o4-mini", prompt: "Summarise A Christmas Carol.", stream: true},
	{what: "label a ticket", model: "gpt-5-nano", prompt: "Label: 'my bill is too high'."},
	{what: "stream a reply", model: "gpt-5-mini", prompt: "Write back, kindly.", stream: true},
	{what: "ask the handbook", model: "gpt-5", prompt: handbook + "What does it say of tokens?"},
	{what: "a model without flex", model: "gpt-4o", prompt: "Describe a purse."},
	{what: "and again: remembered", model: "gpt-4o", prompt: "Describe a strongbox."},
	{what: "a title", model: "gpt-5-nano", prompt: "A title for chapter one.", tags: titles},
	{what: "a title that waits", model: "gpt-5-nano", prompt: "A title for chapter two.", tags: titles},
	{what: "ask the handbook again", model: "gpt-5-mini", prompt: handbook + "What does it say of pennies?"},
	{what: "plan a budget", by: byGemini, model: "gemini-2.5-pro", prompt: "Plan a month on ten pounds."},
	{what: "stream a fable", by: byGemini, model: "gemini-2.5-flash", prompt: "The ant and the grasshopper.", stream: true},
	{what: "ask a context cache", by: byGemini, model: "gemini-2.5-flash", prompt: "What does the handbook say of banks?", cached: true},
	{what: "Gemini as if OpenAI's", by: byCompatible, model: "gemini-2.5-flash", prompt: "What does the handbook say of change?", cached: true},
}

// make makes the call.
func (c call) make(ctx context.Context, to clients) error {
	ctx = policy.With(ctx, append(c.tags, policy.Tag("what", c.what))...)
	if c.cached {
		ctx = policy.With(ctx, policy.CachedContent(to.cache))
	}
	switch c.by {
	case byGemini:
		return c.askGemini(ctx, to.gemini)
	case byCompatible:
		return c.askOpenAI(ctx, to.compat)
	}
	return c.askOpenAI(ctx, to.openAI)
}

func (c call) askGemini(ctx context.Context, client *genai.Client) error {
	if !c.stream {
		_, err := client.Models.GenerateContent(ctx, c.model, genai.Text(c.prompt), nil)
		return err
	}
	for _, err := range client.Models.GenerateContentStream(ctx, c.model, genai.Text(c.prompt), nil) {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c call) askOpenAI(ctx context.Context, client *openai.Client) error {
	request := openai.ChatCompletionRequest{
		Model:    c.model,
		Messages: []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleUser, Content: c.prompt}},
	}
	if !c.stream {
		_, err := client.CreateChatCompletion(ctx, request)
		return err
	}
	stream, err := client.CreateChatCompletionStream(ctx, request)
	if err != nil {
		return err
	}
	defer stream.Close()
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
