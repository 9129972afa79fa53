package openaigo_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/adapters/openaigo"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	sol         = "gpt-5.6-sol" // its prompt cache has priced writes
	instruction = "Answer from the book."
)

// book is a text of about 8,000 tokens.
var book = strings.Repeat("Light is refracted, and colours differ in degrees of refrangibility. ", 500)

// A writeFace is a way to ask about the book. It returns the answer's text and how much of the prompt came from the cache.
type writeFace func(w *adaptertest.World, client openai.Client, text string) (answer string, cached int64)

var writeFaces = map[string]writeFace{
	"chat": func(w *adaptertest.World, client openai.Client, text string) (string, int64) {
		got, err := client.Chat.Completions.New(w.Context(), chatAbout(text))
		if err != nil {
			w.Fatal(err)
		}
		return got.Choices[0].Message.Content, got.Usage.PromptTokensDetails.CachedTokens
	},
	"chat, streamed": func(w *adaptertest.World, client openai.Client, text string) (string, int64) {
		params := chatAbout(text)
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		events := client.Chat.Completions.NewStreaming(w.Context(), params)
		defer events.Close()
		var sum openai.ChatCompletionAccumulator
		for events.Next() {
			sum.AddChunk(events.Current())
		}
		if err := events.Err(); err != nil {
			w.Fatal(err)
		}
		return sum.Choices[0].Message.Content, sum.Usage.PromptTokensDetails.CachedTokens
	},
	"responses": func(w *adaptertest.World, client openai.Client, text string) (string, int64) {
		got, err := client.Responses.New(w.Context(), responseAbout(text))
		if err != nil {
			w.Fatal(err)
		}
		return got.OutputText(), got.Usage.InputTokensDetails.CachedTokens
	},
	"responses, streamed": func(w *adaptertest.World, client openai.Client, text string) (answer string, cached int64) {
		events := client.Responses.NewStreaming(w.Context(), responseAbout(text))
		defer events.Close()
		for events.Next() {
			if e := events.Current(); e.Type == "response.completed" {
				answer, cached = e.Response.OutputText(), e.Response.Usage.InputTokensDetails.CachedTokens
			}
		}
		if err := events.Err(); err != nil {
			w.Fatal(err)
		}
		return answer, cached
	},
}

func chatAbout(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: sol,
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage(instruction), openai.UserMessage(book), openai.AssistantMessage("I have read it."), openai.UserMessage(text),
		},
		Tools: []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: "look", Parameters: openai.FunctionParameters{"type": "object", "properties": map[string]any{}},
		})},
	}
}

func responseAbout(text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model:        sol,
		Instructions: openai.String(instruction),
		Input: responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
			responses.ResponseInputItemParamOfMessage(book, responses.EasyInputMessageRoleUser),
			responses.ResponseInputItemParamOfMessage("I have read it.", responses.EasyInputMessageRoleAssistant),
			responses.ResponseInputItemParamOfMessage(text, responses.EasyInputMessageRoleUser),
		}},
	}
}

// askInTurn asks 60 questions about the book, and returns the requests and what they cost.
func askInTurn(t *testing.T, face writeFace, p policy.Policy) (bodies [][]byte, cost price.Sum, reads, writes int) {
	t.Helper()
	onClient.Run(t, adaptertest.Setup{Config: llmtest.Config{PromptCaches: true}, Policy: p}, func(w *adaptertest.World) {
		time.Sleep(time.Until(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))) // when the model has a price
		client := openaigo.NewClient("sk-test", w.Stack)
		for n := range 60 {
			answer, cached := face(w, client, fmt.Sprintf("Question %d?", n))
			meter := w.Server.Meter()
			if g := meter[len(meter)-1]; answer == "" || cached != g.Cached {
				w.Errorf("question %d: the answer is %q, %d tokens are cached; the meter says %d", n, answer, cached, g.Cached)
			}
			time.Sleep(20 * time.Second)
		}
		for _, r := range w.Server.Requests() {
			bodies = append(bodies, r.Body)
		}
		for _, row := range w.Stack.Rows() {
			if row.Usage.CachedInput > 0 {
				reads++
			}
			if row.Usage.CacheWrite+row.Usage.CacheWrite12h > 0 {
				writes++
			}
		}
		w.Settle()
		cost = w.Stack.Totals().Cost
	})
	return bodies, cost, reads, writes
}

// With priced writes decided by the library, answers are read as ever, the prompts mean the same, and less is paid.
func TestPricedWrites(t *testing.T) {
	for name, face := range writeFaces {
		t.Run(name, func(t *testing.T) {
			original, without, _, _ := askInTurn(t, face, policy.Policy{})
			sent, with, reads, writes := askInTurn(t, face, policy.Policy{Cache: policy.Cache{Writes: policy.WritesAuto, Key: true}})
			t.Logf("$%v without, $%v with; %d writes, %d reads", without, with, writes, reads)
			if with.Cmp(without) >= 0 || reads < 20 || writes == 0 {
				t.Errorf("$%v without, $%v with; %d writes, %d reads", without, with, writes, reads)
			}
			if len(sent) != len(original) {
				t.Fatalf("%d requests, want %d", len(sent), len(original))
			}
			w := &adaptertest.World{TB: t}
			for i := range sent {
				w.OnlyMarked(sent[i], original[i])
			}
		})
	}
}
