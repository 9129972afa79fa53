package llmtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// chatMessage is a message of OpenAI's chat.
type chatMessage struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	ToolCalls  []chatCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type chatCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// runAgent is the program under test: it calls the tools that the model asks for until the model
// gives an answer.
func runAgent(client *http.Client, url, question string, tool func(name, arguments string) string) (string, error) {
	messages := []chatMessage{{Role: "user", Content: question}}
	for {
		body, err := json.Marshal(map[string]any{"model": "gpt-4o-mini", "messages": messages})
		if err != nil {
			return "", err
		}
		res, err := client.Post(url+"/v1/chat/completions", "application/json", bytes.NewReader(body))
		if err != nil {
			return "", err
		}
		var completion struct {
			Choices []struct {
				Message chatMessage `json:"message"`
			} `json:"choices"`
		}
		err = json.NewDecoder(res.Body).Decode(&completion)
		res.Body.Close()
		if err != nil || len(completion.Choices) == 0 {
			return "", fmt.Errorf("%s: %v", res.Status, err)
		}
		answer := completion.Choices[0].Message
		if len(answer.ToolCalls) == 0 {
			return answer.Content, nil
		}
		messages = append(messages, answer)
		for _, c := range answer.ToolCalls {
			result := tool(c.Function.Name, c.Function.Arguments)
			messages = append(messages, chatMessage{Role: "tool", Content: result, ToolCallID: c.ID})
		}
	}
}

// The model asks for a tool, and answers with its result.
func ExampleConfig_reply() {
	srv := llmtest.NewServer(llmtest.Config{Reply: func(t llmtest.Turn) llmtest.Reply {
		if len(t.ToolResults) == 0 {
			return llmtest.Reply{
				ToolCalls: []llmtest.ToolCall{{Name: "weather", Arguments: `{"city":"Oslo"}`}},
				Usage:     &llmtest.Usage{Prompt: 80, Completion: 15},
			}
		}
		return llmtest.Reply{
			Text:  "In Oslo it is " + t.ToolResults[0].Content + ".",
			Usage: &llmtest.Usage{Prompt: 110, Cached: 80, Completion: 9},
		}
	}})
	defer srv.Close()

	answer, err := runAgent(srv.Client(), srv.URL, "How is the weather in Oslo?", func(name, arguments string) string {
		fmt.Println("tool:", name, arguments)
		return "4 degrees and windy"
	})
	fmt.Println(answer, err)
	for _, g := range srv.Meter() {
		fmt.Println("billed:", g.Prompt, g.Cached, g.Completion)
	}
	// Output:
	// tool: weather {"city":"Oslo"}
	// In Oslo it is 4 degrees and windy. <nil>
	// billed: 80 0 15
	// billed: 110 80 9
}

// The model answers in JSON, as for a structured output.
func ExampleReply_json() {
	srv := llmtest.NewServer(llmtest.Config{Reply: func(llmtest.Turn) llmtest.Reply {
		return llmtest.Reply{JSON: map[string]any{"city": "Oslo", "degrees": 4}}
	}})
	defer srv.Close()

	fmt.Println(runAgent(srv.Client(), srv.URL, "How is the weather?", nil))
	// Output: {"city":"Oslo","degrees":4} <nil>
}
