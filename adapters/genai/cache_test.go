package genai_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genai"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// What the cache of these tests holds, besides tools.
const (
	instruction = "Answer from the book."
	ready       = "I have read it."
)

// book is a text of about 8,000 tokens.
var book = strings.Repeat("Light is refracted, and colours differ in degrees of refrangibility. ", 500)

// look is the tool of these tests, for the SDK and for the cache.
var look = &genai.Tool{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: "look", Description: "Looks at a page.", Parameters: &genai.Schema{
	Type: genai.TypeObject, Properties: map[string]*genai.Schema{"page": {Type: genai.TypeInteger}},
}}}}

// register registers the book, with or without the tool, for a client with the credentials of the description.
func (a api) register(w *adaptertest.World, withTool bool) *middleware.CacheHandle {
	w.Helper()
	caches, err := cachedcontent.NewGemini(w.Stack.Client(), "AI-test")
	if a.Provider == "vertex" {
		caches, err = cachedcontent.NewVertex(w.Stack.Client(), "p", "global", func(context.Context) (string, error) { return "ya29.test", nil })
	}
	if err != nil {
		w.Fatal(err)
	}
	content := cachedcontent.Content{
		Model: flash, TTL: 10 * time.Minute, System: []cachedcontent.Part{cachedcontent.Text(instruction)},
		Turns: []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book)), cachedcontent.Model(cachedcontent.Text(ready))},
	}
	if withTool {
		content.Tools, err = cachedcontent.FunctionTools(cachedcontent.Function{
			Name: "look", Description: "Looks at a page.", Parameters: []byte(`{"type":"OBJECT","properties":{"page":{"type":"INTEGER"}}}`),
		})
		if err != nil {
			w.Fatal(err)
		}
	}
	h, err := w.Stack.Ensure(w.Context(), caches, content)
	if err != nil {
		w.Fatal(err)
	}
	return h
}

// reading is the config of a program that answers from the book.
func reading(withTool bool) *genai.GenerateContentConfig {
	config := &genai.GenerateContentConfig{SystemInstruction: genai.NewContentFromText(instruction, genai.RoleUser), Temperature: genai.Ptr[float32](0.5)}
	if withTool {
		config.Tools = []*genai.Tool{look}
	}
	return config
}

// opening is how the conversation begins.
func opening() []*genai.Content {
	return []*genai.Content{genai.NewContentFromText(book, genai.RoleUser), genai.NewContentFromText(ready, genai.RoleModel)}
}

// lastBody returns the body of the last request.
func lastBody(w *adaptertest.World) []byte {
	all := w.Server.Requests()
	return all[len(all)-1].Body
}

// A registered content is taken out of what the SDK sends, and the program sees an answer whose usage has the cached tokens.
func TestRegisteredContent(t *testing.T) {
	for _, a := range apis {
		for _, withTool := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, tool %t", a.Provider, withTool), func(t *testing.T) {
				a.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
					h := a.register(w, withTool)
					models := newClient(w, a.config).Models
					contents := append(opening(), genai.NewContentFromText("What is light?", genai.RoleUser))
					if _, err := models.GenerateContent(policy.With(w.Context(), policy.NoCache()), flash, contents, reading(withTool)); err != nil {
						w.Fatal(err)
					}
					original := lastBody(w)

					got, err := models.GenerateContent(w.Context(), flash, contents, reading(withTool))
					if err != nil || got.Text() == "" {
						w.Fatal(got, err)
					}
					checkUsage(w, got.UsageMetadata, h.Tokens())
					w.TakenOut(lastBody(w), original, h.Name(), 2)

					var text strings.Builder
					var last *genai.GenerateContentResponseUsageMetadata
					for got, err := range models.GenerateContentStream(w.Context(), flash, contents, reading(withTool)) {
						if err != nil {
							w.Fatal(err)
						}
						text.WriteString(got.Text())
						last = got.UsageMetadata
					}
					checkUsage(w, last, h.Tokens())
					if text.String() == "" {
						w.Error("the streamed answer is empty")
					}
					w.TakenOut(lastBody(w), original, h.Name(), 2)
					if h.Uses() != 2 {
						w.Errorf("%d uses", h.Uses())
					}

					survive(w, h, func() *genai.GenerateContentResponse {
						got, err := models.GenerateContent(w.Context(), flash, contents, reading(withTool))
						if err != nil || got.Text() == "" {
							w.Fatal(got, err)
						}
						return got
					})
					w.Settle()
				})
			})
		}
	}
}

// survive has the cache die: the program does not see that, and a later call has another cache.
func survive(w *adaptertest.World, h *middleware.CacheHandle, ask func() *genai.GenerateContentResponse) {
	w.Helper()
	dead := h.Name()
	w.Server.KillCache(dead)
	for range 2 {
		ask()
		synctest.Wait()
	}
	checkUsage(w, ask().UsageMetadata, h.Tokens())
	if h.Name() == dead || h.Name() == "" {
		w.Errorf("the cache is %q", h.Name())
	}
}

func checkUsage(w *adaptertest.World, u *genai.GenerateContentResponseUsageMetadata, cached int64) {
	w.Helper()
	if u == nil || int64(u.CachedContentTokenCount) != cached || int64(u.PromptTokenCount) < cached {
		w.Errorf("usage %+v, want %d cached", u, cached)
	}
}

// looks asks for the tool, and then answers with its result.
func looks(t llmtest.Turn) llmtest.Reply {
	if len(t.ToolResults) == 0 {
		return llmtest.Reply{ToolCalls: []llmtest.ToolCall{{Name: "look", Arguments: `{"page":7}`}}}
	}
	return llmtest.Reply{Text: "It says " + t.ToolResults[0].Content}
}

// The call of a tool and its result stay in the request, and the tool is in the cache.
func TestRegisteredContentInAChatWithTools(t *testing.T) {
	for _, a := range apis {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %t", a.Provider, stream), func(t *testing.T) {
				a.Run(t, adaptertest.Setup{Config: llmtest.Config{Reply: looks}}, func(w *adaptertest.World) {
					h := a.register(w, true)
					client := newClient(w, a.config)
					converse := func(ctx context.Context) (bodies [][]byte) {
						chat, err := client.Chats.Create(ctx, flash, reading(true), opening())
						if err != nil {
							w.Fatal(err)
						}
						asked := say(ctx, w, chat, stream, genai.Part{Text: "What is on page 7?"})
						bodies = append(bodies, lastBody(w))
						if len(asked) != 1 || asked[0].FunctionCall == nil || asked[0].FunctionCall.Name != "look" {
							w.Fatalf("%+v", asked)
						}
						answer := say(ctx, w, chat, stream, *genai.NewPartFromFunctionResponse("look", map[string]any{"text": "lenses"}))
						bodies = append(bodies, lastBody(w))
						var text strings.Builder
						for _, part := range answer {
							text.WriteString(part.Text)
						}
						if text.String() != `It says {"text":"lenses"}` {
							w.Errorf("the answer is %q", text.String())
						}
						if n := len(chat.History(false)); n < 6 {
							w.Errorf("the chat has %d turns", n)
						}
						return bodies
					}
					without := converse(policy.With(w.Context(), policy.NoCache()))
					with := converse(w.Context())
					for i := range with {
						w.TakenOut(with[i], without[i], h.Name(), 2)
					}
					if h.Uses() != 2 {
						w.Errorf("%d uses", h.Uses())
					}
					w.Settle()
				})
			})
		}
	}
}

// say sends a message, and returns the parts of the answer.
func say(ctx context.Context, w *adaptertest.World, chat *genai.Chat, stream bool, part genai.Part) (parts []*genai.Part) {
	w.Helper()
	if !stream {
		got, err := chat.SendMessage(ctx, part)
		if err != nil {
			w.Fatal(err)
		}
		return got.Candidates[0].Content.Parts
	}
	for got, err := range chat.SendMessageStream(ctx, part) {
		if err != nil {
			w.Fatal(err)
		}
		parts = append(parts, got.Candidates[0].Content.Parts...)
	}
	return parts
}

// In automatic mode, caches serve chats that begin in the same way and grow. Nothing is lost, and the ledger equals the meter.
func TestAutomaticCacheOfChats(t *testing.T) {
	for _, a := range apis {
		t.Run(a.Provider, func(t *testing.T) {
			auto := policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: policy.CacheBefore}}
			a.Run(t, adaptertest.Setup{Policy: auto}, func(w *adaptertest.World) {
				client := newClient(w, a.config)
				for session := range 4 {
					chat, err := client.Chats.Create(w.Context(), flash, reading(true), opening())
					if err != nil {
						w.Fatal(err)
					}
					for n := range 30 {
						question := fmt.Sprintf("Session %d, question %d? %s", session, n, book[:2000])
						if said := say(w.Context(), w, chat, n%2 == 1, genai.Part{Text: question}); len(said) == 0 {
							w.Errorf("session %d, question %d: no answer", session, n)
						}
						time.Sleep(5 * time.Second)
					}
				}
				synctest.Wait()
				reads, caches := 0, map[string]bool{}
				for _, r := range w.Stack.Rows() {
					if r.Cache != "" && r.Explicit.Known && r.UsageSource == ledger.Measured && r.Usage.CachedInput > 0 {
						reads++
						caches[r.Cache] = true
					}
				}
				w.Settle()
				totals := w.Stack.Totals()
				w.Logf("%d of 120 turns read one of %d caches; saved $%v of $%v", reads, len(caches), totals.Saved, totals.List)
				if reads < 40 || totals.Saved.Cmp(price.Sum{}) <= 0 {
					w.Errorf("%d reads, saved $%v of $%v", reads, totals.Saved, totals.List)
				}
			})
		})
	}
}
