package goopenai_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// What the cache of these tests holds.
const (
	instruction = "Answer from the book."
	ready       = "I have read it."
)

// book is a text of about 8,000 tokens.
var book = strings.Repeat("Light is refracted, and colours differ in degrees of refrangibility. ", 500)

// compatible has caches used on the OpenAI-compatible API.
var compatible = policy.Policy{Cache: policy.Cache{Compatible: true}}

// register registers the book.
func register(w *adaptertest.World) *middleware.CacheHandle {
	w.Helper()
	caches, err := cachedcontent.NewGemini(w.Stack.Client(), "AI-test")
	if err != nil {
		w.Fatal(err)
	}
	h, err := w.Stack.Ensure(w.Context(), caches, cachedcontent.Content{
		Model: flash, TTL: 10 * time.Minute, System: []cachedcontent.Part{cachedcontent.Text(instruction)},
		Turns: []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book)), cachedcontent.Model(cachedcontent.Text(ready))},
	})
	if err != nil {
		w.Fatal(err)
	}
	return h
}

// about asks about the book.
func about(text string) openai.ChatCompletionRequest {
	return openai.ChatCompletionRequest{Model: flash, Temperature: 0.5, Messages: []openai.ChatCompletionMessage{
		{Role: openai.ChatMessageRoleSystem, Content: instruction},
		{Role: openai.ChatMessageRoleUser, Content: book},
		{Role: openai.ChatMessageRoleAssistant, Content: ready},
		{Role: openai.ChatMessageRoleUser, Content: text},
	}}
}

// lastBody returns the body of the last request.
func lastBody(w *adaptertest.World) []byte {
	all := w.Server.Requests()
	return all[len(all)-1].Body
}

// A registered content is taken out of what the SDK sends to Gemini, and the program sees an answer whose usage has the cached
// tokens. Content may be a string or blocks of text.
func TestRegisteredContent(t *testing.T) {
	inBlocks := about("What is light?")
	inBlocks.Messages[1] = openai.ChatCompletionMessage{Role: openai.ChatMessageRoleUser, MultiContent: []openai.ChatMessagePart{
		{Type: openai.ChatMessagePartTypeText, Text: book},
	}}
	for name, request := range map[string]openai.ChatCompletionRequest{"a string": about("What is light?"), "a block": inBlocks} {
		t.Run(name, func(t *testing.T) {
			onGemini.Run(t, adaptertest.Setup{Policy: compatible}, func(w *adaptertest.World) {
				h, client := register(w), newGemini(w, adaptertest.Options{})
				if _, err := client.CreateChatCompletion(policy.With(w.Context(), policy.NoCache()), request); err != nil {
					w.Fatal(err)
				}
				original := lastBody(w)
				got, err := client.CreateChatCompletion(w.Context(), request)
				if err != nil || got.Choices[0].Message.Content == "" {
					w.Fatal(got, err)
				}
				if d := got.Usage.PromptTokensDetails; d == nil || int64(d.CachedTokens) != h.Tokens() {
					w.Errorf("usage %+v, want %d cached", got.Usage, h.Tokens())
				}
				w.TakenOut(lastBody(w), original, h.Name(), 3)
				if h.Uses() != 1 {
					w.Errorf("%d uses", h.Uses())
				}

				// The program does not see that the cache dies, and a later call has another one.
				dead := h.Name()
				w.Server.KillCache(dead)
				for range 3 {
					if got, err = client.CreateChatCompletion(w.Context(), request); err != nil || got.Choices[0].Message.Content == "" {
						w.Fatal(got, err)
					}
					synctest.Wait()
				}
				if d := got.Usage.PromptTokensDetails; d == nil || int64(d.CachedTokens) != h.Tokens() || h.Name() == dead {
					w.Errorf("the cache is %q, usage %+v", h.Name(), got.Usage)
				}
				w.Settle()
			})
		})
	}
}

func TestRegisteredContentInAStream(t *testing.T) {
	onGemini.Run(t, adaptertest.Setup{Policy: compatible}, func(w *adaptertest.World) {
		h, client := register(w), newGemini(w, adaptertest.Options{})
		request := about("What is light?")
		request.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
		stream, err := client.CreateChatCompletionStream(w.Context(), request)
		if err != nil {
			w.Fatal(err)
		}
		defer stream.Close()
		text, cached := "", 0
		for {
			chunk, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				w.Fatal(err)
			}
			if u := chunk.Usage; u != nil && u.PromptTokensDetails != nil {
				cached = u.PromptTokensDetails.CachedTokens
			}
			for _, choice := range chunk.Choices {
				text += choice.Delta.Content
			}
		}
		if text == "" || int64(cached) != h.Tokens() || h.Uses() != 1 {
			w.Errorf("%q, %d cached, %d uses", text, cached, h.Uses())
		}
		w.Settle()
	})
}

// Requests with tools, and those of a policy that does not say Compatible, are left as they are.
func TestRegisteredContentIsNotUsed(t *testing.T) {
	withTools := about("What is on page 7?")
	withTools.Tools = []openai.Tool{{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{
		Name: "look", Parameters: map[string]any{"type": "object", "properties": map[string]any{}},
	}}}
	for name, c := range map[string]struct {
		policy  policy.Policy
		request openai.ChatCompletionRequest
	}{
		"tools":          {compatible, withTools},
		"not compatible": {policy.Policy{}, about("What is light?")},
	} {
		t.Run(name, func(t *testing.T) {
			onGemini.Run(t, adaptertest.Setup{Policy: c.policy}, func(w *adaptertest.World) {
				h, client := register(w), newGemini(w, adaptertest.Options{})
				if _, err := client.CreateChatCompletion(policy.With(w.Context(), policy.NoCache()), c.request); err != nil {
					w.Fatal(err)
				}
				original := string(lastBody(w))
				if _, err := client.CreateChatCompletion(w.Context(), c.request); err != nil {
					w.Fatal(err)
				}
				if got := string(lastBody(w)); got != original || h.Uses() != 0 {
					w.Errorf("%d uses, sent %.300s", h.Uses(), got)
				}
				w.Settle()
			})
		})
	}
}

// In automatic mode, caches serve chats that begin in the same way and grow. Nothing is lost, and the ledger equals the meter.
func TestAutomaticCacheOfChats(t *testing.T) {
	auto := policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: policy.CacheBefore, Compatible: true}}
	onGemini.Run(t, adaptertest.Setup{Policy: auto}, func(w *adaptertest.World) {
		client := newGemini(w, adaptertest.Options{})
		for session := range 4 {
			chat := about("")
			chat.Messages = chat.Messages[:3]
			for n := range 30 {
				question := fmt.Sprintf("Session %d, question %d? %s", session, n, book[:2000])
				chat.Messages = append(chat.Messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleUser, Content: question})
				got, err := client.CreateChatCompletion(w.Context(), chat)
				if err != nil || got.Choices[0].Message.Content == "" {
					w.Fatalf("session %d, question %d: %v", session, n, err)
				}
				chat.Messages = append(chat.Messages, got.Choices[0].Message)
				time.Sleep(5 * time.Second)
			}
		}
		synctest.Wait()
		reads := 0
		for _, row := range w.Stack.Rows() {
			if row.Cache != "" && row.Explicit.Known && row.Usage.CachedInput > 0 {
				reads++
			}
		}
		w.Settle()
		totals := w.Stack.Totals()
		w.Logf("%d of 120 turns read a cache; saved $%v of $%v", reads, totals.Saved, totals.List)
		if reads < 40 || totals.Saved.Cmp(price.Sum{}) <= 0 {
			w.Errorf("%d reads, saved $%v of $%v", reads, totals.Saved, totals.List)
		}
	})
}
