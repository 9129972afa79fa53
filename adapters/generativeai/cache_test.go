package generativeai_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/generative-ai-go/genai"
	"google.golang.org/api/iterator"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/adapters/generativeai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
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

// A reader is a program that answers from the book. Its client has to be made outside of the bubble.
type reader struct {
	client   *genai.Client
	withTool bool
}

// withReader runs f with a reader, in a World.
func withReader(t *testing.T, s adaptertest.Setup, withTool bool, f func(*adaptertest.World, *reader)) {
	t.Helper()
	r := &reader{withTool: withTool}
	a := onGemini
	a.New = func(w *adaptertest.World, _ adaptertest.Options) adaptertest.Client {
		client, err := generativeai.NewClient(context.Background(), "AI-test", w.Stack, google)
		if err != nil {
			w.Fatal(err)
		}
		r.client = client
		return adaptertest.Client{Ask: caller{client}.ask, Stream: caller{client}.stream}
	}
	a.Run(t, s, func(w *adaptertest.World) { f(w, r) })
	if err := r.client.Close(); err != nil {
		t.Error(err)
	}
}

// chat starts a conversation about the book.
func (r *reader) chat() *genai.ChatSession {
	model := r.client.GenerativeModel(flash)
	model.SystemInstruction = genai.NewUserContent(genai.Text(instruction))
	model.SetTemperature(0.5)
	if r.withTool {
		model.Tools = []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{
			Name: "look", Description: "Looks at a page.",
			Parameters: &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"page": {Type: genai.TypeInteger}}},
		}}}}
	}
	chat := model.StartChat()
	chat.History = []*genai.Content{
		genai.NewUserContent(genai.Text(book)), {Role: "model", Parts: []genai.Part{genai.Text(ready)}},
	}
	return chat
}

// register registers the book. The SDK writes the types of a schema as numbers.
func (r *reader) register(w *adaptertest.World) *middleware.CacheHandle {
	w.Helper()
	caches, err := cachedcontent.NewGemini(w.Stack.Client(), "AI-test")
	if err != nil {
		w.Fatal(err)
	}
	content := cachedcontent.Content{
		Model: flash, TTL: 10 * time.Minute, System: []cachedcontent.Part{cachedcontent.Text(instruction)},
		Turns: []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book)), cachedcontent.Model(cachedcontent.Text(ready))},
	}
	if r.withTool {
		content.Tools = []byte(`[{"functionDeclarations":[{"name":"look","description":"Looks at a page.","parameters":{"type":6,"properties":{"page":{"type":3}}}}]}]`)
	}
	h, err := w.Stack.Ensure(w.Context(), caches, content)
	if err != nil {
		w.Fatal(err)
	}
	return h
}

// say sends a message, and returns the parts of the answer and its last usage.
func say(ctx context.Context, w *adaptertest.World, chat *genai.ChatSession, stream bool, part genai.Part) (parts []genai.Part, usage *genai.UsageMetadata) {
	w.Helper()
	add := func(got *genai.GenerateContentResponse, err error) {
		if err != nil {
			w.Fatal(err)
		}
		for _, c := range got.Candidates {
			if c.Content != nil {
				parts = append(parts, c.Content.Parts...)
			}
		}
		if got.UsageMetadata != nil {
			usage = got.UsageMetadata
		}
	}
	if !stream {
		add(chat.SendMessage(ctx, part))
		return parts, usage
	}
	answers := chat.SendMessageStream(ctx, part)
	for {
		got, err := answers.Next()
		if errors.Is(err, iterator.Done) {
			return parts, usage
		}
		add(got, err)
	}
}

// lastBody returns the body of the last request.
func lastBody(w *adaptertest.World) []byte {
	all := w.Server.Requests()
	return all[len(all)-1].Body
}

// A registered content is taken out of what the SDK sends, and the program sees an answer whose usage has the cached tokens.
func TestRegisteredContent(t *testing.T) {
	for _, stream := range []bool{false, true} {
		for _, withTool := range []bool{false, true} {
			t.Run(fmt.Sprintf("stream %t, tool %t", stream, withTool), func(t *testing.T) {
				withReader(t, adaptertest.Setup{}, withTool, func(w *adaptertest.World, r *reader) {
					h := r.register(w)
					const question = genai.Text("What is light?")
					say(policy.With(w.Context(), policy.NoCache()), w, r.chat(), stream, question)
					original := lastBody(w)
					said, usage := say(w.Context(), w, r.chat(), stream, question)
					w.TakenOut(lastBody(w), original, h.Name(), 2)
					if len(said) == 0 || h.Uses() != 1 {
						w.Errorf("%d parts, %d uses", len(said), h.Uses())
					}
					if usage == nil || int64(usage.CachedContentTokenCount) != h.Tokens() {
						w.Errorf("usage %+v, want %d cached", usage, h.Tokens())
					}

					// The program does not see that the cache dies, and a later call has another one.
					dead := h.Name()
					w.Server.KillCache(dead)
					for n := range 3 {
						if said, usage = say(w.Context(), w, r.chat(), stream, question); len(said) == 0 {
							w.Errorf("call %d after the death of the cache has no answer", n)
						}
						synctest.Wait()
					}
					if usage == nil || int64(usage.CachedContentTokenCount) != h.Tokens() || h.Name() == dead {
						w.Errorf("the cache is %q, usage %+v", h.Name(), usage)
					}
					w.Settle()
				})
			})
		}
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
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream %t", stream), func(t *testing.T) {
			withReader(t, adaptertest.Setup{Config: llmtest.Config{Reply: looks}}, true, func(w *adaptertest.World, r *reader) {
				h := r.register(w)
				converse := func(ctx context.Context) (bodies [][]byte) {
					chat := r.chat()
					asked, _ := say(ctx, w, chat, stream, genai.Text("What is on page 7?"))
					bodies = append(bodies, lastBody(w))
					if len(asked) != 1 {
						w.Fatalf("%+v", asked)
					}
					if call, ok := asked[0].(genai.FunctionCall); !ok || call.Name != "look" {
						w.Fatalf("%+v", asked)
					}
					answer, _ := say(ctx, w, chat, stream, genai.FunctionResponse{Name: "look", Response: map[string]any{"text": "lenses"}})
					bodies = append(bodies, lastBody(w))
					var text strings.Builder
					for _, part := range answer {
						fmt.Fprint(&text, part)
					}
					if strings.ReplaceAll(text.String(), " ", "") != `Itsays{"text":"lenses"}` {
						w.Errorf("the answer is %q", text.String())
					}
					if len(chat.History) != 6 {
						w.Errorf("the chat has %d turns", len(chat.History))
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

// In automatic mode, caches serve chats that begin in the same way and grow. Nothing is lost, and the ledger equals the meter.
func TestAutomaticCacheOfChats(t *testing.T) {
	auto := policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: policy.CacheBefore}}
	withReader(t, adaptertest.Setup{Policy: auto}, true, func(w *adaptertest.World, r *reader) {
		for session := range 4 {
			chat := r.chat()
			for n := range 30 {
				question := fmt.Sprintf("Session %d, question %d? %s", session, n, book[:2000])
				if said, _ := say(w.Context(), w, chat, n%2 == 1, genai.Text(question)); len(said) == 0 {
					w.Errorf("session %d, question %d: no answer", session, n)
				}
				time.Sleep(5 * time.Second)
			}
			if len(chat.History) != 2+2*30 {
				w.Errorf("the chat has %d turns", len(chat.History))
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
