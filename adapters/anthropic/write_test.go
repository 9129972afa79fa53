package anthropic_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/adapters/anthropic"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// book is a text of about 8,000 tokens.
var book = strings.Repeat("Light is refracted, and colours differ in degrees of refrangibility. ", 500)

func about(text string) sdk.MessageNewParams {
	return sdk.MessageNewParams{
		Model: sonnet, MaxTokens: 1000, System: []sdk.TextBlockParam{{Text: "Answer from the book."}},
		Messages: []sdk.MessageParam{
			sdk.NewUserMessage(sdk.NewTextBlock(book)), sdk.NewAssistantMessage(sdk.NewTextBlock("I have read it.")), sdk.NewUserMessage(sdk.NewTextBlock(text)),
		},
		Tools: []sdk.ToolUnionParam{{OfTool: &sdk.ToolParam{Name: "look", InputSchema: sdk.ToolInputSchemaParam{Properties: map[string]any{}}}}},
	}
}

// A writeFace is a way to ask about the book.
type writeFace func(*adaptertest.World, sdk.Client, sdk.MessageNewParams) *sdk.Message

var writeFaces = map[string]writeFace{
	"messages": func(w *adaptertest.World, client sdk.Client, params sdk.MessageNewParams) *sdk.Message {
		got, err := client.Messages.New(w.Context(), params)
		if err != nil {
			w.Fatal(err)
		}
		return got
	},
	"streamed": func(w *adaptertest.World, client sdk.Client, params sdk.MessageNewParams) *sdk.Message {
		events := client.Messages.NewStreaming(w.Context(), params)
		defer events.Close()
		var got sdk.Message
		for events.Next() {
			if err := got.Accumulate(events.Current()); err != nil {
				w.Fatal(err)
			}
		}
		if err := events.Err(); err != nil {
			w.Fatal(err)
		}
		return &got
	},
}

// askInTurn asks 60 questions about the book, and returns the requests and what they cost.
func askInTurn(t *testing.T, face writeFace, p policy.Policy, change func(*sdk.MessageNewParams)) (bodies [][]byte, cost price.Sum, reads, writes int) {
	t.Helper()
	onClient.Run(t, adaptertest.Setup{Config: llmtest.Config{PromptCaches: true}, Policy: p}, func(w *adaptertest.World) {
		time.Sleep(time.Until(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)))
		client := anthropic.NewClient("sk-test", w.Stack)
		for n := range 60 {
			params := about(fmt.Sprintf("Question %d?", n))
			if change != nil {
				change(&params)
			}
			got := face(w, client, params)
			meter := w.Server.Meter()
			g, u := meter[len(meter)-1], got.Usage
			if len(got.Content) != 1 || got.Content[0].Text == "" || u.CacheReadInputTokens != g.Cached || u.CacheCreationInputTokens != g.Written {
				w.Errorf("question %d: %+v; the meter says %+v", n, got, g)
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
			if row.Usage.CacheWrite+row.Usage.CacheWrite1h > 0 {
				writes++
			}
		}
		w.Settle()
		cost = w.Stack.Totals().Cost
	})
	return bodies, cost, reads, writes
}

var writesAuto = policy.Policy{Cache: policy.Cache{Writes: policy.WritesAuto}}

// With priced writes decided by the library, answers are read as ever, the prompts mean the same, and less is paid.
func TestPricedWrites(t *testing.T) {
	for name, face := range writeFaces {
		t.Run(name, func(t *testing.T) {
			original, without, _, _ := askInTurn(t, face, policy.Policy{}, nil)
			sent, with, reads, writes := askInTurn(t, face, writesAuto, nil)
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

// What the program marks itself stays exactly as it is.
func TestOwnMarksStay(t *testing.T) {
	mark := func(p *sdk.MessageNewParams) {
		p.System[0].CacheControl = sdk.NewCacheControlEphemeralParam()
	}
	original, without, _, _ := askInTurn(t, writeFaces["messages"], policy.Policy{}, mark)
	sent, with, _, _ := askInTurn(t, writeFaces["messages"], writesAuto, mark)
	if with != without {
		t.Errorf("$%v without, $%v with", without, with)
	}
	for i := range sent {
		if string(sent[i]) != string(original[i]) {
			t.Fatalf("request %d was changed: %.500s", i, sent[i])
		}
	}
}
