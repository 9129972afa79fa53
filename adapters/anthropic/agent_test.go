package anthropic_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"github.com/skinflint-go/skinflint/adapters/anthropic"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// agentReply asks for two tools, and then answers with their results.
func agentReply(t llmtest.Turn) llmtest.Reply {
	if len(t.ToolResults) < 2 {
		return llmtest.Reply{
			Text: "Let me look.",
			ToolCalls: []llmtest.ToolCall{
				{Name: "weather", Arguments: `{"city":"Oslo"}`}, {Name: "weather", Arguments: `{"city":"Åre"}`},
			},
			Usage: &llmtest.Usage{Prompt: 100, Completion: 30},
		}
	}
	return llmtest.Reply{
		Text:  t.ToolResults[0].Content + ", " + t.ToolResults[1].Content,
		Usage: &llmtest.Usage{Prompt: 2000, Cached: 1024, Completion: 8},
	}
}

// An agent loop with the SDK over a stack: the SDK reads the tool calls, and the rows have the usage that was billed.
func TestAgent(t *testing.T) {
	for name, ask := range map[string]func(*testing.T, sdk.Client, sdk.MessageNewParams) sdk.Message{
		"whole": completeMessage, "streamed": streamMessage,
	} {
		t.Run(name, func(t *testing.T) {
			provider := llmtest.NewServer(llmtest.Config{Reply: agentReply})
			defer provider.Close()
			stack, err := middleware.New(middleware.WithBase(provider.Transport()))
			if err != nil {
				t.Fatal(err)
			}
			defer stack.Close(t.Context())
			tools, answer := runAgent(t, anthropic.NewClient("sk-test", stack), ask)
			if want := []string{`weather {"city":"Oslo"}`, `weather {"city":"Åre"}`}; !slices.Equal(tools, want) {
				t.Errorf("the tools called are %q, want %q", tools, want)
			}
			if answer != "4 degrees, 5 degrees" {
				t.Errorf("the answer is %q", answer)
			}
			rows, meter := stack.Rows(), provider.Meter()
			if len(rows) != 2 || len(meter) != 2 {
				t.Fatalf("%d rows, %d generations", len(rows), len(meter))
			}
			for i, row := range rows {
				if u, g := row.Usage, meter[i]; u.Prompt() != g.Prompt || u.CachedInput != g.Cached || u.Output != g.Completion {
					t.Errorf("row %d has %+v, billed was %+v", i, u, g)
				}
			}
		})
	}
}

// runAgent calls the tools that the model asks for until the model gives an answer.
func runAgent(t *testing.T, client sdk.Client, ask func(*testing.T, sdk.Client, sdk.MessageNewParams) sdk.Message) (tools []string, answer string) {
	params := sdk.MessageNewParams{
		Model: haiku, MaxTokens: 1000,
		Messages: []sdk.MessageParam{sdk.NewUserMessage(sdk.NewTextBlock("Which is warmer?"))},
	}
	for range 3 {
		message := ask(t, client, params)
		if message.StopReason != sdk.StopReasonToolUse {
			return tools, message.Content[0].Text
		}
		params.Messages = append(params.Messages, message.ToParam())
		var results []sdk.ContentBlockParamUnion
		for _, block := range message.Content {
			if use, ok := block.AsAny().(sdk.ToolUseBlock); ok {
				tools = append(tools, use.Name+" "+string(use.Input))
				results = append(results, sdk.NewToolResultBlock(use.ID, fmt.Sprintf("%d degrees", 4+len(results)), false))
			}
		}
		params.Messages = append(params.Messages, sdk.NewUserMessage(results...))
	}
	t.Fatal("the agent does not end")
	return nil, ""
}

func completeMessage(t *testing.T, client sdk.Client, params sdk.MessageNewParams) sdk.Message {
	message, err := client.Messages.New(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	return *message
}

func streamMessage(t *testing.T, client sdk.Client, params sdk.MessageNewParams) (all sdk.Message) {
	stream := client.Messages.NewStreaming(context.Background(), params)
	defer stream.Close()
	for stream.Next() {
		if err := all.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
