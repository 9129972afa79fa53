package middleware_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// writeCost returns what a load costs, in dollars.
func writeCost(t *testing.T, writes policy.CacheWrites, load func(*world)) (usd float64) {
	inWorld(t, llmtest.Config{PromptCaches: true}, policy.Policy{Cache: policy.Cache{Writes: writes}}, func(w *world) {
		time.Sleep(time.Until(time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)))
		load(w)
		fmt.Sscan(w.stack.Totals().Cost.String(), &usd)
	})
	return usd
}

// served sends a document, which has to be served.
func (w *world) served(url string, document map[string]any) {
	b, err := json.Marshal(document)
	if err != nil {
		w.Fatal(err)
	}
	if status := w.send(w.Context(), url, string(b)); status != 200 {
		w.Fatal(status)
	}
}

// talks returns a load of conversations, one after the other, with an answer of some length for each question.
func talks(face string, conversations, turns, system, answer int) func(*world) {
	return func(w *world) {
		for conv := range conversations {
			var said []any
			if face == "chat" || face == "input" {
				said = append(said, map[string]any{"role": "system", "content": book[:system]})
			}
			for n := range turns {
				said = append(said, map[string]any{"role": "user", "content": fmt.Sprintf("Question %d of %d?", n, conv)})
				switch face {
				case "chat":
					w.served(openaiURL, map[string]any{"model": "gpt-5.6-sol", "messages": said})
				case "input":
					w.served(responsesURL, map[string]any{"model": "gpt-5.6-sol", "input": said})
				case "instructions":
					w.served(responsesURL, map[string]any{"model": "gpt-5.6-sol", "input": said, "instructions": book[:system]})
				}
				said = append(said, map[string]any{"role": "assistant", "content": fmt.Sprintf("Answer %d: %s", n, book[:answer])})
				time.Sleep(20 * time.Second)
			}
		}
	}
}

// asks returns a load of questions about the book. fresh says which of them have a book of their own.
func asks(face string, n int, gap time.Duration, fresh func(int) bool) func(*world) {
	return func(w *world) {
		f := writeFaces[face]
		for i := range n {
			text := book
			if fresh(i) {
				text = fmt.Sprintf("%d. %s", i, book)
			}
			if status := w.send(w.Context(), f.url, fmt.Sprintf(f.body, text, fmt.Sprintf("Question %d?", i))); status != 200 {
				w.Fatal(status)
			}
			time.Sleep(gap)
		}
	}
}

func always(int) bool { return true }
func never(int) bool  { return false }

// What we choose costs no more than what OpenAI does by itself, and less where nothing repeats or a document is shared.
func TestWritesCostNoMoreThanImplicitOnes(t *testing.T) {
	type load struct {
		do   func(*world)
		most float64 // of what it costs without us
	}
	loads := map[string]load{}
	for _, face := range []string{"chat", "input", "instructions"} {
		for _, conversations := range []int{20, 150} {
			if conversations > 20 && testing.Short() {
				continue
			}
			for _, system := range []int{2000, len(book)} {
				loads[fmt.Sprintf("%s, %d conversations, %d bytes of system", face, conversations, system)] = load{talks(face, conversations, 10, system, 4000), 1.01}
			}
		}
	}
	loads["short answers behind instructions"] = load{talks("instructions", 20, 12, len(book), 20), 1.02} // the first conversation is not written at once
	for _, face := range []string{"chat", "responses"} {
		for _, gap := range []time.Duration{3 * time.Second, time.Minute, 25 * time.Minute, 31 * time.Minute} {
			loads[fmt.Sprintf("%s, one document, every %v", face, gap)] = load{asks(face, 300, gap, never), 1.01}
		}
		loads[face+", one document"] = load{asks(face, 300, 20*time.Second, never), 0.5}
		loads[face+", nothing repeats"] = load{asks(face, 300, 20*time.Second, always), 0.82}
		loads[face+", nothing repeats, fast"] = load{asks(face, 300, 3*time.Second, always), 0.82}
		loads[face+", stops to repeat"] = load{asks(face, 300, 3*time.Second, func(i int) bool { return i >= 100 }), 1.01}
		loads[face+", alternates"] = load{asks(face, 400, 4*time.Minute, func(i int) bool { return i/20%2 == 1 }), 1.01}
	}
	loads["conversations after much that did not repeat"] = load{func(w *world) {
		asks("chat", 200, 20*time.Second, always)(w)
		talks("chat", 60, 10, 2000, 4000)(w)
	}, 1.01}
	for name, l := range loads {
		if raceEnabled && !strings.Contains(name, ", 20 conversations, 2000") {
			continue // money is not a matter of races
		}
		t.Run(name, func(t *testing.T) {
			off, auto := writeCost(t, policy.WritesOff, l.do), writeCost(t, policy.WritesAuto, l.do)
			t.Logf("off $%.3f, auto $%.3f: %.3f", off, auto, auto/off)
			if auto > l.most*off {
				t.Errorf("it costs %.3f times what the provider does by itself, want at most %.2f", auto/off, l.most)
			}
		})
	}
}

// No call is refused because of writes that we chose.
func TestMaxCostTakesBackWrites(t *testing.T) {
	for face, x := range map[string]struct {
		limit string // covers the shorter write only
		gap   time.Duration
	}{"messages": {"0.14", 25 * time.Minute}, "chat": {"0.40", 35 * time.Minute}} {
		t.Run(face, func(t *testing.T) { testMaxCostTakesBack(t, face, x.limit, x.gap) })
	}
}

func testMaxCostTakesBack(t *testing.T, face, limit string, gap time.Duration) {
	inWorld(t, llmtest.Config{PromptCaches: true}, policy.Policy{Cache: policy.Cache{Writes: policy.WritesAuto}}, func(w *world) {
		time.Sleep(time.Until(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)))
		f := writeFaces[face]
		ctx := policy.With(w.Context(), policy.MaxCost(price.MustUSD(limit)))
		for n := range 200 {
			body := fmt.Sprintf(f.body, book, fmt.Sprintf("Question %d?", n))
			if face == "chat" {
				body = strings.Replace(body, "{", `{"max_tokens":100,`, 1)
			}
			if status := w.send(ctx, f.url, body); status != 200 {
				w.Fatalf("call %d: %d", n, status)
			}
			time.Sleep(gap)
		}
		said := 0
		for _, r := range w.stack.Rows() {
			if strings.Contains(r.Skipped, "prompt cache: MaxCost") {
				said++
			}
			if r.Usage.CacheWrite1h+r.Usage.CacheWrite12h > 0 {
				w.Errorf("it was written for longer: %+v", r.Usage)
			}
		}
		if said == 0 {
			w.Error("no row says that a write was taken back")
		}
	})
}
