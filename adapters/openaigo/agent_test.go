package openaigo_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"github.com/skinflint-go/skinflint/adapters/openaigo"
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

// Agent loops with the SDK over a stack: the SDK reads the tool calls, and the rows have the usage that was billed.
func TestAgent(t *testing.T) {
	const openAI, gemini, groq = "https://api.openai.com/v1/", "https://generativelanguage.googleapis.com/v1beta/openai/", "https://api.groq.com/openai/v1/"
	for name, c := range map[string]struct {
		base string
		run  func(*testing.T, openai.Client) (tools []string, answer string)
	}{
		"chat":                {openAI, chatAgent(completeChat)},
		"chat, streamed":      {openAI, chatAgent(streamChat)},
		"responses":           {openAI, responsesAgent(completeResponse)},
		"responses, streamed": {openAI, responsesAgent(streamResponse)},
		"Gemini":              {gemini, chatAgent(completeChat)},
		"Gemini, streamed":    {gemini, chatAgent(streamChat)},
		"Groq":                {groq, chatAgent(completeChat)},
		"Groq, streamed":      {groq, chatAgent(streamChat)},
	} {
		t.Run(name, func(t *testing.T) {
			provider := llmtest.NewServer(llmtest.Config{Reply: agentReply})
			defer provider.Close()
			stack, err := middleware.New(middleware.WithBase(provider.Transport()))
			if err != nil {
				t.Fatal(err)
			}
			defer stack.Close(t.Context())
			tools, answer := c.run(t, openaigo.NewClient("sk-test", stack, option.WithBaseURL(c.base)))
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

// degrees is the tool.
func degrees(i int) string { return fmt.Sprintf("%d degrees", 4+i) }

// chatAgent returns an agent that asks through chat completions.
func chatAgent(ask func(*testing.T, openai.Client, openai.ChatCompletionNewParams) openai.ChatCompletion) func(*testing.T, openai.Client) ([]string, string) {
	return func(t *testing.T, client openai.Client) (tools []string, answer string) {
		params := openai.ChatCompletionNewParams{
			Model:    openai.ChatModelGPT5_4Mini,
			Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Which is warmer?")},
			Tools:    []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: "weather"})},
		}
		for range 3 {
			choice := ask(t, client, params).Choices[0]
			if choice.FinishReason != "tool_calls" {
				return tools, choice.Message.Content
			}
			params.Messages = append(params.Messages, choice.Message.ToParam())
			for i, call := range choice.Message.ToolCalls {
				tools = append(tools, call.Function.Name+" "+call.Function.Arguments)
				params.Messages = append(params.Messages, openai.ToolMessage(degrees(i), call.ID))
			}
		}
		t.Fatal("the agent does not end")
		return nil, ""
	}
}

func completeChat(t *testing.T, client openai.Client, params openai.ChatCompletionNewParams) openai.ChatCompletion {
	completion, err := client.Chat.Completions.New(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	return *completion
}

func streamChat(t *testing.T, client openai.Client, params openai.ChatCompletionNewParams) openai.ChatCompletion {
	stream := client.Chat.Completions.NewStreaming(context.Background(), params)
	defer stream.Close()
	var all openai.ChatCompletionAccumulator
	for stream.Next() {
		if !all.AddChunk(stream.Current()) {
			t.Fatalf("the SDK does not accept %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return all.ChatCompletion
}

// responsesAgent returns an agent that asks through the Responses API.
func responsesAgent(ask func(*testing.T, openai.Client, responses.ResponseNewParams) responses.Response) func(*testing.T, openai.Client) ([]string, string) {
	return func(t *testing.T, client openai.Client) (tools []string, answer string) {
		input := responses.ResponseInputParam{responses.ResponseInputItemParamOfMessage("Which is warmer?", responses.EasyInputMessageRoleUser)}
		for range 3 {
			response := ask(t, client, responses.ResponseNewParams{
				Model: openai.ChatModelGPT5_4Mini, Input: responses.ResponseNewParamsInputUnion{OfInputItemList: input},
			})
			called := 0
			for _, item := range response.Output {
				if item.Type != "function_call" {
					continue
				}
				call := item.AsFunctionCall()
				tools = append(tools, call.Name+" "+call.Arguments)
				result := responses.ResponseInputItemParamOfFunctionCallOutput(degrees(called))
				result.OfFunctionCallOutput.CallID = openai.String(call.CallID)
				input = append(input, responses.ResponseInputItemParamOfFunctionCall(call.Arguments, call.CallID, call.Name), result)
				called++
			}
			if called == 0 {
				return tools, response.OutputText()
			}
		}
		t.Fatal("the agent does not end")
		return nil, ""
	}
}

func completeResponse(t *testing.T, client openai.Client, params responses.ResponseNewParams) responses.Response {
	response, err := client.Responses.New(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	return *response
}

func streamResponse(t *testing.T, client openai.Client, params responses.ResponseNewParams) (last responses.Response) {
	stream := client.Responses.NewStreaming(context.Background(), params)
	defer stream.Close()
	arguments := make(map[string]string)
	for stream.Next() {
		switch e := stream.Current().AsAny().(type) {
		case responses.ResponseFunctionCallArgumentsDeltaEvent:
			arguments[e.ItemID] += e.Delta
		case responses.ResponseFunctionCallArgumentsDoneEvent:
			if arguments[e.ItemID] != e.Arguments {
				t.Errorf("the deltas are %q, the whole is %q", arguments[e.ItemID], e.Arguments)
			}
		case responses.ResponseCompletedEvent:
			last = e.Response
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return last
}
