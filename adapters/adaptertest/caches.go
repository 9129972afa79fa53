package adaptertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Settle closes the stack, and compares the ledger's totals with the provider's meter and with the time for which the
// provider held context caches. No cache may be left, and no cost unknown. The prices are those of the embedded catalog.
func (w *World) Settle() {
	w.Helper()
	synctest.Wait()
	if err := w.Stack.Close(context.Background()); err != nil {
		w.Error(err)
	}
	cost, storage, err := bill(w.Server, time.Now())
	if err != nil {
		w.Error(err)
	}
	if got := w.Stack.Totals(); got.Cost != cost || got.Storage != storage || got.Unpriced > 0 {
		w.Errorf("the ledger says $%v, storage $%v, %d unpriced; the provider $%v, storage $%v", got.Cost, got.Storage, got.Unpriced, cost, storage)
	}
}

// bill returns what a provider charges for generations and for storage. A cache that is left is an error.
func bill(server *llmtest.Server, now time.Time) (cost, storage price.Sum, err error) {
	for _, g := range server.Meter() {
		usage := price.Usage{
			Input: g.Prompt - g.Cached - g.Written, CachedInput: g.Cached, CacheWrite: g.Written - g.WrittenLong, Output: g.Completion, Reasoning: g.Reasoning,
		}
		if g.Provider == "anthropic" {
			usage.CacheWrite1h = g.WrittenLong
		} else {
			usage.CacheWrite12h = g.WrittenLong
		}
		provider := g.Provider
		if provider == "vertex" {
			provider = "gemini" // it has the same prices
		}
		one, unpriced := price.Embedded().Cost(price.Query{Provider: provider, Model: g.Model, Tier: string(tierOf(g.Tier)), At: g.At}, usage)
		err = errors.Join(err, unpriced)
		cost.Add(one.Cost)
	}
	for _, c := range server.Caches() {
		one, unpriced := price.Embedded().Storage(price.Query{Provider: "gemini", Model: c.Model}, c.Tokens, c.Created, c.Created.Add(c.Stored(now)))
		err = errors.Join(err, unpriced)
		storage.Add(one.Cost)
		if c.Alive(now) {
			err = errors.Join(err, fmt.Errorf("the cache %s is left", c.Name))
		}
	}
	return cost, storage, err
}

// TakenOut checks that the body of a request to Google, which uses a context cache, is the body that the SDK wrote, without
// exactly what is in the cache: the first turns, system instruction, tools and tool config. On the OpenAI-compatible API, the
// turns are messages, those of the system among them.
func (w *World) TakenOut(sent, original []byte, cache string, turns int) {
	w.Helper()
	if err := takenOut(sent, original, cache, turns); err != nil {
		w.Error(err)
	}
}

func takenOut(sent, original []byte, cache string, turns int) error {
	got, want, err := bothObjects(sent, original)
	if err != nil {
		return err
	}
	key := "messages"
	if want[key] == nil {
		key = "contents"
		for _, name := range []string{"systemInstruction", "tools", "toolConfig", "system_instruction", "tool_config"} {
			delete(want, name)
		}
		want["cachedContent"] = cache
	} else {
		want["extra_body"] = map[string]any{"google": map[string]any{"cached_content": cache}}
	}
	all, _ := want[key].([]any)
	if len(all) <= turns {
		return fmt.Errorf("the SDK sends %d %s, %d of which are in the cache", len(all), key, turns)
	}
	want[key] = all[turns:]
	return differ(got, want)
}

// OnlyMarked checks that the body of a request to OpenAI or Anthropic is the body that the SDK wrote, apart from what says
// which prefixes the provider's prompt cache keeps. A string and a block of its text are the same to them.
func (w *World) OnlyMarked(sent, original []byte) {
	w.Helper()
	if err := onlyMarked(sent, original); err != nil {
		w.Error(err)
	}
}

func onlyMarked(sent, original []byte) error {
	got, want, err := bothObjects(sent, original)
	if err != nil {
		return err
	}
	return differ(unmarked(got), unmarked(want))
}

// unmarked returns a JSON value without markers for a prompt cache. Blocks of one text become strings.
func unmarked(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range []string{"cache_control", "prompt_cache_breakpoint", "prompt_cache_options", "prompt_cache_key"} {
			delete(v, name)
		}
		for name := range v {
			v[name] = unmarked(v[name])
		}
		if v["content"] != nil && v["role"] != nil && v["type"] == "message" { // Responses: what a message is without saying so
			delete(v, "type")
		}
	case []any:
		for i := range v {
			v[i] = unmarked(v[i])
		}
		if len(v) == 1 {
			if block, ok := v[0].(map[string]any); ok && len(block) == 2 && slices.Contains([]any{"text", "input_text"}, block["type"]) && block["text"] != nil {
				return block["text"]
			}
		}
	}
	return v
}

// bothObjects parses two bodies. Their numbers stay literals.
func bothObjects(sent, original []byte) (a, b map[string]any, err error) {
	parse := func(body []byte) (o map[string]any, err error) {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&o); err != nil {
			return nil, fmt.Errorf("a body is no JSON object: %w", err)
		}
		return o, nil
	}
	if a, err = parse(sent); err == nil {
		b, err = parse(original)
	}
	return a, b, err
}

// differ returns an error if two JSON values are different.
func differ(got, want any) error {
	if reflect.DeepEqual(got, want) {
		return nil
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	return fmt.Errorf("sent is    %.2000s\nwant %.2000s", a, b)
}
