package genai_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/genai"

	adapter "github.com/skinflint-go/skinflint/adapters/genai"
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
			Usage: &llmtest.Usage{Prompt: 100, Completion: 30, Reasoning: 10},
		}
	}
	return llmtest.Reply{
		JSON:  []json.RawMessage{json.RawMessage(t.ToolResults[0].Content), json.RawMessage(t.ToolResults[1].Content)},
		Usage: &llmtest.Usage{Prompt: 2000, Cached: 1024, Completion: 8},
	}
}

// An agent loop with the SDK over a stack: the SDK reads the tool calls, and the rows have the usage that was billed.
func TestAgent(t *testing.T) {
	for name, config := range map[string]genai.ClientConfig{"gemini": onGemini.config, "vertex": onVertex.config} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, streamed %t", name, stream), func(t *testing.T) {
				provider := llmtest.NewServer(llmtest.Config{Reply: agentReply})
				defer provider.Close()
				stack, err := middleware.New(middleware.WithBase(provider.Transport()))
				if err != nil {
					t.Fatal(err)
				}
				defer stack.Close(t.Context())
				client, err := adapter.NewClient(t.Context(), &config, stack)
				if err != nil {
					t.Fatal(err)
				}
				tools, answer := runAgent(t, client, stream)
				if want := []string{"weather map[city:Oslo]", "weather map[city:Åre]"}; !slices.Equal(tools, want) {
					t.Errorf("the tools called are %q, want %q", tools, want)
				}
				if answer != `[{"degrees":4},{"degrees":5}]` {
					t.Errorf("the answer is %q", answer)
				}
				rows, meter := stack.Rows(), provider.Meter()
				if len(rows) != 2 || len(meter) != 2 {
					t.Fatalf("%d rows, %d generations", len(rows), len(meter))
				}
				for i, row := range rows {
					if u, g := row.Usage, meter[i]; u.Prompt() != g.Prompt || u.CachedInput != g.Cached || u.Output != g.Completion || u.Reasoning != g.Reasoning {
						t.Errorf("row %d has %+v, billed was %+v", i, u, g)
					}
				}
			})
		}
	}
}

// runAgent calls the tools that the model asks for until the model gives an answer.
func runAgent(t *testing.T, client *genai.Client, stream bool) (tools []string, answer string) {
	contents := genai.Text("Which is warmer?")
	for range 3 {
		said := ask(t, client, contents, stream)
		contents = append(contents, said)
		results := &genai.Content{Role: genai.RoleUser}
		answer = ""
		for _, p := range said.Parts {
			answer += p.Text
			if call := p.FunctionCall; call != nil {
				tools = append(tools, fmt.Sprint(call.Name, " ", call.Args))
				results.Parts = append(results.Parts, genai.NewPartFromFunctionResponse(call.Name, map[string]any{"degrees": 4 + len(results.Parts)}))
			}
		}
		if results.Parts == nil {
			return tools, answer
		}
		contents = append(contents, results)
	}
	t.Fatal("the agent does not end")
	return nil, ""
}

// ask returns what the model says.
func ask(t *testing.T, client *genai.Client, contents []*genai.Content, stream bool) *genai.Content {
	if !stream {
		response, err := client.Models.GenerateContent(t.Context(), flash, contents, nil)
		if err != nil {
			t.Fatal(err)
		}
		return response.Candidates[0].Content
	}
	all := &genai.Content{Role: genai.RoleModel}
	for response, err := range client.Models.GenerateContentStream(t.Context(), flash, contents, nil) {
		if err != nil {
			t.Fatal(err)
		}
		all.Parts = append(all.Parts, response.Candidates[0].Content.Parts...)
	}
	return all
}
