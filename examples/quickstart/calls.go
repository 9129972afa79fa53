package main

import (
	"context"
	"errors"
	"io"
	"strings"

	openai "github.com/sashabaranov/go-openai"

	"github.com/skinflint-go/skinflint/policy"
)

// A call is one that the program makes.
type call struct {
	what   string
	model  string
	prompt string
	stream bool
	tags   []policy.Option
}

// handbook is long enough for the provider to cache on its own.
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
}

func (c call) make(ctx context.Context, client *openai.Client) error {
	ctx = policy.With(ctx, append(c.tags, policy.Tag("what", c.what))...)
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
