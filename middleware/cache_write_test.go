package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// How the faces with priced writes ask a question about the book.
var writeFaces = map[string]struct{ url, provider, body string }{
	"chat":      {openaiURL, "openai", `{"model":"gpt-5.6-sol","messages":[{"role":"system","content":"Answer from the book."},{"role":"user","content":%q},{"role":"assistant","content":"I have read it."},{"role":"user","content":%q}]}`},
	"responses": {responsesURL, "openai", `{"model":"gpt-5.6-sol","input":[{"role":"system","content":"Answer from the book."},{"role":"user","content":%q},{"role":"user","content":%q}]}`},
	"messages":  {"https://api.anthropic.com/v1/messages", "anthropic", `{"model":"claude-sonnet-4-5","max_tokens":100,"system":"Answer from the book.","messages":[{"role":"user","content":%q},{"role":"assistant","content":"I have read it."},{"role":"user","content":%q}]}`},
}

// spend makes calls that share the book, or that share nothing, and returns what they cost by the meter and by the ledger.
func spend(t *testing.T, face string, p policy.Policy, shared bool) (cost price.Sum, rows []ledger.Row) {
	f := writeFaces[face]
	inWorld(t, llmtest.Config{PromptCaches: true}, p, func(w *world) {
		time.Sleep(time.Until(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))) // when the models have prices
		for n := range 60 {
			text := book
			if !shared {
				text = fmt.Sprintf("%d. %s", n, book)
			}
			if status := w.send(w.Context(), f.url, fmt.Sprintf(f.body, text, fmt.Sprintf("Question %d?", n))); status != 200 {
				w.Fatalf("call %d: %d", n, status)
			}
			time.Sleep(20 * time.Second)
		}
		rows = w.stack.Rows()
		cost = w.stack.Totals().Cost
		if reports := w.stack.Caches(); len(reports) == 1 {
			if p := reports[0].Prompts; p.Calls != 60 || p.Wrote > 0 != (p.Written > 0) || p.Read > 0 != (p.Cached > 0) || p.Read > 0 != (p.Explicit.Cmp(price.Sum{}) > 0) || p.Implicit.Cmp(p.Explicit) > 0 {
				w.Errorf("%+v", p)
			}
		} else if p.Cache != (policy.Cache{}) {
			w.Errorf("%d reports", len(reports))
		}
		for _, r := range rows {
			if !r.Cost.Known {
				w.Errorf("%s", r.Unpriced)
			}
		}
	})
	return cost, rows
}

// send makes a call with a key of any provider, and returns its status.
func (w *world) send(ctx context.Context, url, body string) int {
	w.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk-secret")
	req.Header.Set("X-Api-Key", "sk-secret")
	req.Header.Set("Anthropic-Version", "2023-06-01")
	resp, err := w.client.Do(req)
	if err != nil {
		w.Log(err)
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// A prefix that many calls share is written once and read after that. What nothing shares is not written.
func TestPricedWrites(t *testing.T) {
	auto := policy.Policy{Cache: policy.Cache{Writes: policy.WritesAuto}}
	for face := range writeFaces {
		t.Run(face, func(t *testing.T) {
			without, _ := spend(t, face, policy.Policy{}, true)
			with, rows := spend(t, face, auto, true)
			written, read := 0, 0
			for _, r := range rows {
				if r.Usage.CacheWrite+r.Usage.CacheWrite1h+r.Usage.CacheWrite12h > 0 {
					written++
				}
				if r.Usage.CachedInput > 0 {
					read++
				}
			}
			t.Logf("shared: $%v without, $%v with; %d writes, %d reads", without, with, written, read)
			if with.Cmp(without) > 0 || read < 20 {
				t.Errorf("$%v with, $%v without, %d writes, %d reads", with, without, written, read)
			}
			without, _ = spend(t, face, policy.Policy{}, false)
			with, rows = spend(t, face, auto, false)
			t.Logf("nothing shared: $%v without, $%v with", without, with)
			for i, r := range rows {
				if r.Usage.CacheWrite+r.Usage.CacheWrite1h+r.Usage.CacheWrite12h > 0 {
					t.Errorf("call %d writes %+v", i, r.Usage)
				}
			}
			if with.Cmp(without) > 0 {
				t.Errorf("$%v with, $%v without", with, without)
			}
		})
	}
}

// Requests with the same tools and instructions have the same prompt_cache_key; without, those with the same first turn.
func TestKeyOfSharedHead(t *testing.T) {
	const tool = `"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],`
	for name, x := range map[string]struct {
		url, body string
		keys      int
	}{
		"instructions": {responsesURL, `{"model":"gpt-5.6-sol","instructions":"Be brief.","input":%q}`, 1},
		"input list":   {responsesURL, `{"model":"gpt-5.6-sol","instructions":"Be brief.","input":[{"role":"user","content":%q}]}`, 1},
		"tools":        {responsesURL, `{"model":"gpt-5.6-sol",` + tool + `"instructions":"Be brief.","input":%q}`, 1},
		"system":       {openaiURL, `{"model":"gpt-5.6-sol","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":%q}]}`, 1},
		"chat's tools": {openaiURL, `{"model":"gpt-5.6-sol","tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":%q}]}`, 1},
		"first turn":   {openaiURL, `{"model":"gpt-5.6-sol","messages":[{"role":"user","content":"Hello."},{"role":"user","content":%q}]}`, 1},
		"nothing":      {openaiURL, `{"model":"gpt-5.6-sol","messages":[{"role":"user","content":%q}]}`, 3},
	} {
		base := newScript(says(200, jsonType, `{}`), says(200, jsonType, `{}`), says(200, jsonType, `{}`))
		stack := stackOver(t, base, policy.Policy{Cache: policy.Cache{Key: true}})
		for n := range 3 {
			resp, err := stack.Client().Post(x.url, jsonType, strings.NewReader(fmt.Sprintf(x.body, fmt.Sprintf("Question %d?", n))))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		keys := map[string]bool{}
		for _, sent := range base.bodies {
			_, after, found := strings.Cut(string(sent), `"prompt_cache_key":"`)
			if key, _, _ := strings.Cut(after, `"`); found {
				keys[key] = true
			}
		}
		if len(base.bodies) != 3 || len(keys) != x.keys {
			t.Errorf("%s: %d requests have the keys %v, want %d", name, len(base.bodies), keys, x.keys)
		}
	}
}
