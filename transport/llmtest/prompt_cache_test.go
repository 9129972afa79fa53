package llmtest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// cachedChat returns a chat with a long system instruction, and a question.
func cachedChat(system, question string, fields ...string) string {
	messages := `"messages":[{"role":"system","content":` + system + `},{"role":"user","content":` + fmt.Sprintf("%q", question) + `}]`
	return "{" + strings.Join(append([]string{`"model":"gpt-6.2-sol"`, messages}, fields...), ",") + "}"
}

var longText = strings.Repeat("All that glitters is not gold. ", 200) // about 1,550 tokens

// textBlock returns a content of one block, with further members.
func textBlock(text string, members ...string) string {
	return "[{" + strings.Join(append(members, `"type":"text"`, fmt.Sprintf(`"text":%q`, text)), ",") + "}]"
}

// checkWrites checks what the last request read and wrote: all is -1 for all of the prompt.
func checkWrites(t *testing.T, srv *llmtest.Server, what string, cached, written, long int64) {
	t.Helper()
	all := srv.Meter()
	g := all[len(all)-1]
	for _, n := range []*int64{&cached, &written, &long} {
		if *n < 0 {
			*n = g.Prompt
		}
	}
	if g.Cached != cached || g.Written != written || g.WrittenLong != long {
		t.Errorf("%s: %d read, %d written, %d for long, of %d; want %d, %d, %d", what, g.Cached, g.Written, g.WrittenLong, g.Prompt, cached, written, long)
	}
}

func TestImplicitWrites(t *testing.T) {
	inBubble(t, llmtest.Config{PromptCaches: true, CachedPercent: 50}, func(t *testing.T, srv *llmtest.Server) {
		system := fmt.Sprintf("%q", longText)
		ask := func(what, body string, cached, written, long int64) {
			t.Helper()
			mustSend(t, srv, body, 200)
			checkWrites(t, srv, what, cached, written, long)
		}
		first := cachedChat(system, "Why?")
		ask("first", first, 0, -1, 0)
		ask("again", first, -1, 0, 0)
		ask("spelt otherwise", cachedChat(textBlock(longText), "Why?", `"x": 1`), -1, 0, 0)
		ask("another question", cachedChat(system, "How?"), 0, -1, 0)
		ask("another key", cachedChat(system, "Why?", `"prompt_cache_key":"k"`), 0, -1, 0)
		time.Sleep(29 * time.Minute)
		ask("after 29 minutes", first, -1, 0, 0)
		time.Sleep(29 * time.Minute)
		ask("after 29 more", first, -1, 0, 0)
		time.Sleep(30 * time.Minute)
		ask("after 30", first, 0, -1, 0)
		ask("for 12 hours", cachedChat(system, "When?", `"prompt_cache_options":{"ttl":"12h"}`), 0, -1, -1)
		ask("short", cachedChat(`"Be brief."`, "Why?"), 0, 0, 0)
		ask("an earlier model", strings.Replace(first, "gpt-6.2-sol", "gpt-5.5", 1), 768, 0, 0)
	})
}

// A conversation reads its earlier turns.
func TestImplicitConversation(t *testing.T) {
	inBubble(t, llmtest.Config{PromptCaches: true}, func(t *testing.T, srv *llmtest.Server) {
		body := cachedChat(fmt.Sprintf("%q", longText), "Why?")
		mustSend(t, srv, body, 200)
		before := srv.Meter()[0].Prompt
		longer := strings.TrimSuffix(body, "]}") + `,{"role":"assistant","content":"So."},{"role":"user","content":"And?"}]}`
		mustSend(t, srv, longer, 200)
		checkWrites(t, srv, "the next turn", before, srv.Meter()[1].Prompt-before, 0)
	})
}

func TestExplicitWrites(t *testing.T) {
	inBubble(t, llmtest.Config{PromptCaches: true}, func(t *testing.T, srv *llmtest.Server) {
		const explicit, mark = `"prompt_cache_options":{"mode":"explicit"}`, `"prompt_cache_breakpoint":{"mode":"explicit"}`
		marked := textBlock(longText, mark)
		mustSend(t, srv, cachedChat(marked, "Why?", explicit), 200)
		n := srv.Meter()[0].Written
		if g := srv.Meter()[0]; n < 1500 || n >= g.Prompt {
			t.Errorf("metered %+v", g)
		}
		ask := func(what, body string, cached, written, long int64) {
			t.Helper()
			mustSend(t, srv, body, 200)
			checkWrites(t, srv, what, cached, written, long)
		}
		ask("another question", cachedChat(marked, "How?", explicit), n, 0, 0)
		ask("nothing is marked", cachedChat(textBlock(longText), "Why?", explicit), 0, 0, 0)
		ask("implicit", cachedChat(textBlock(longText), "So what?"), n, srvPrompt(srv, "So what?", "Why?")-n, 0)
		ask("a breakpoint of 12 hours, which is there", cachedChat(textBlock(longText, `"prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}`), "How?", explicit), n, 0, 0)
		time.Sleep(31 * time.Minute)
		ask("a breakpoint of 12 hours", cachedChat(textBlock(longText, `"prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}`), "How?", explicit), 0, n, n)
		time.Sleep(11 * time.Hour)
		ask("after 11 hours", cachedChat(marked, "How?", explicit), n, 0, 0)
		time.Sleep(12 * time.Hour)
		ask("after 12 more", cachedChat(marked, "How?", `"prompt_cache_options":{"mode":"explicit","ttl":"12h"}`), 0, n, n)
	})
}

// srvPrompt returns how many tokens a prompt has that differs from the first one in its question.
func srvPrompt(srv *llmtest.Server, question, first string) int64 {
	g := srv.Meter()[0]
	return g.Prompt + int64(len(question)-len(first)+3)/4
}

func TestWritesRejected(t *testing.T) {
	const mark = `"prompt_cache_breakpoint":{"mode":"explicit"}`
	for name, test := range map[string]struct{ path, body, param, code string }{
		"earlier model":           {chatPath, body("hi", `"prompt_cache_options":{"mode":"explicit"}`), "prompt_cache_options", "unknown_parameter"},
		"earlier model, marker":   {chatPath, strings.Replace(cachedChat(textBlock("hi", mark), "x"), "gpt-6.2-sol", "gpt-5.5", 1), "prompt_cache_breakpoint", "unknown_parameter"},
		"retention":               {chatPath, cachedChat(`"x"`, "x", `"prompt_cache_options":{}`, `"prompt_cache_retention":"24h"`), "prompt_cache_retention", "null"},
		"mode":                    {chatPath, cachedChat(`"x"`, "x", `"prompt_cache_options":{"mode":"auto"}`), "prompt_cache_options.mode", "invalid_value"},
		"ttl":                     {chatPath, cachedChat(`"x"`, "x", `"prompt_cache_options":{"ttl":"1h"}`), "prompt_cache_options.ttl", "invalid_value"},
		"no object":               {chatPath, cachedChat(`"x"`, "x", `"prompt_cache_options":[]`), "prompt_cache_options", "invalid_type"},
		"key":                     {chatPath, cachedChat(`"x"`, "x", `"prompt_cache_key":1`), "prompt_cache_key", "invalid_type"},
		"marker":                  {chatPath, cachedChat(textBlock("x", `"prompt_cache_breakpoint":1`), "x"), "messages[0].content[0].prompt_cache_breakpoint", "invalid_type"},
		"marker's mode":           {chatPath, cachedChat(textBlock("x", `"prompt_cache_breakpoint":{"mode":"implicit"}`), "x"), "messages[0].content[0].prompt_cache_breakpoint.mode", "invalid_value"},
		"marker's ttl":            {chatPath, cachedChat(textBlock("x", `"prompt_cache_breakpoint":{"mode":"explicit","ttl":1}`), "x"), "messages[0].content[0].prompt_cache_breakpoint.ttl", "invalid_value"},
		"marker of a tool":        {chatPath, cachedChat(`"x"`, "x", `"tools":[{"type":"function",`+mark+`}]`), "tools[0].prompt_cache_breakpoint", "unknown_parameter"},
		"marker of the model":     {chatPath, strings.Replace(cachedChat(textBlock("x", mark), "x"), `"system"`, `"assistant"`, 1), "messages[0].content[0].prompt_cache_breakpoint", "unknown_parameter"},
		"five markers":            {chatPath, cachedChat(strings.Replace(textBlock("x", mark), "{", strings.Repeat(`{"type":"text","text":"a",`+mark+`},`, 4)+"{", 1), "x"), "prompt_cache_breakpoint", "null"},
		"an output of a response": {responsesPath, `{"model":"gpt-6.2-sol","input":[{"role":"assistant","content":[{"type":"output_text","text":"a",` + mark + `}]}]}`, "input[0].content[0].prompt_cache_breakpoint", "unknown_parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, llmtest.Config{PromptCaches: true}, func(t *testing.T, srv *llmtest.Server) {
				e := decode[failure](t, mustDo(t, srv, "POST", test.path, test.body, 400).body).Error
				if deref(e.Param) != test.param || deref(e.Code) != test.code || len(srv.Meter()) != 0 {
					t.Errorf("%s, %s: %s; metered %+v", deref(e.Param), deref(e.Code), e.Message, srv.Meter())
				}
			})
		})
	}
}

// written are the counts of a usage of OpenAI's.
type written struct {
	Cached int64 `json:"cached_tokens"`
	Writes int64 `json:"cache_write_tokens"`
	Times  struct {
		Short int64 `json:"ttl_30m_tokens"`
		Long  int64 `json:"ttl_12h_tokens"`
	} `json:"cache_write_tokens_details"`
}

// Each face says what was read and written, streamed or not.
func TestWritesAreReported(t *testing.T) {
	options := `"prompt_cache_options":{"ttl":"12h"},`
	for _, stream := range []bool{false, true} {
		inBubble(t, llmtest.Config{PromptCaches: true}, func(t *testing.T, srv *llmtest.Server) {
			flags := ""
			if stream {
				flags = `"stream":true,`
			}
			chat := fmt.Sprintf(`{"model":"gpt-5.6-sol",%s%s"messages":[{"role":"user","content":%q}]}`, options, flags, longText)
			if stream {
				chat = strings.Replace(chat, `"stream"`, `"stream_options":{"include_usage":true},"stream"`, 1)
			}
			response := fmt.Sprintf(`{"model":"gpt-5.6-sol",%s%s"instructions":"Be brief.","input":%q}`, options, flags, longText)
			for _, request := range [][2]string{{chatPath, chat}, {responsesPath, response}} {
				for range 2 {
					got := mustDo(t, srv, "POST", request[0], request[1], 200).body
					g := srv.Meter()[len(srv.Meter())-1]
					i := strings.LastIndex(got, `_tokens_details":`) // of the output
					i = strings.LastIndex(got[:i], `put_tokens_details":`)
					if request[0] == chatPath {
						i = strings.LastIndex(got, `prompt_tokens_details":`)
					}
					var w written
					if err := json.NewDecoder(strings.NewReader(got[i+strings.Index(got[i:], "{"):])).Decode(&w); err != nil {
						t.Fatal(err)
					}
					if w.Cached != g.Cached || w.Writes != g.Written || w.Times.Long != g.WrittenLong || w.Times.Short != 0 || g.Cached+g.Written != g.Prompt {
						t.Errorf("%s: %+v, metered %+v, of %s", request[0], w, g, got)
					}
				}
			}
		})
	}
}

// messageWrites is the usage of a message.
type messageWrites struct {
	Input   int64 `json:"input_tokens"`
	Written int64 `json:"cache_creation_input_tokens"`
	Cached  int64 `json:"cache_read_input_tokens"`
	Created struct {
		Short int64 `json:"ephemeral_5m_input_tokens"`
		Long  int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
}

const control, control1h = `"cache_control":{"type":"ephemeral"}`, `"cache_control":{"type":"ephemeral","ttl":"1h"}`

// askAnthropic sends a message, and checks its usage.
func askAnthropic(t *testing.T, srv *llmtest.Server, model, system, question string, fields ...string) llmtest.Generation {
	t.Helper()
	fields = append([]string{
		fmt.Sprintf(`"model":%q`, model), `"max_tokens":9`, `"system":` + system,
		`"messages":[{"role":"user","content":` + question + `}]`,
	}, fields...)
	got := mustDo(t, srv, "POST", messagesURL, "{"+strings.Join(fields, ",")+"}", 200).body
	u := decode[struct{ Usage messageWrites }](t, got).Usage
	g := srv.Meter()[len(srv.Meter())-1]
	if u.Input != g.Prompt-g.Cached-g.Written || u.Cached != g.Cached || u.Written != g.Written || u.Created.Long != g.WrittenLong || u.Created.Short != g.Written-g.WrittenLong {
		t.Errorf("usage %+v, metered %+v", u, g)
	}
	return g
}

func TestAnthropicWrites(t *testing.T) {
	inBubble(t, llmtest.Config{PromptCaches: true, CachedPercent: 50}, func(t *testing.T, srv *llmtest.Server) {
		const sonnet = "claude-sonnet-5"
		marked := textBlock(longText, control)
		first := askAnthropic(t, srv, sonnet, marked, `"Why?"`)
		n := first.Written
		if n < 1500 || n >= first.Prompt || first.WrittenLong != 0 || first.Cached != 0 {
			t.Errorf("metered %+v", first)
		}
		ask := func(what, model, system, question string, cached, written, long int64, fields ...string) {
			t.Helper()
			askAnthropic(t, srv, model, system, question, fields...)
			checkWrites(t, srv, what, cached, written, long)
		}
		ask("another question", sonnet, marked, `"How?"`, n, 0, 0)
		ask("not marked", sonnet, textBlock(longText), `"How?"`, 0, 0, 0)
		ask("a marker behind it", sonnet, fmt.Sprintf("%q", longText), textBlock("How?", control), n, first.Prompt-n, 0)
		ask("automatic", sonnet, fmt.Sprintf("%q", longText), `"How?"`, -1, 0, 0, control)
		ask("another model", "claude-opus-5", marked, `"How?"`, 0, n, 0)
		time.Sleep(5 * time.Minute)
		ask("after 5 minutes, for an hour", sonnet, textBlock(longText, control1h), `"How?"`, 0, n, n)
		ask("for both", sonnet, textBlock(longText, control1h), textBlock("How?", control), n, first.Prompt-n, 0)
		time.Sleep(59 * time.Minute)
		ask("after 59", sonnet, textBlock(longText, control1h), textBlock("How?", control), n, first.Prompt-n, 0)
		time.Sleep(time.Hour)
		ask("after an hour", sonnet, textBlock(longText, control1h), textBlock("How?", control), 0, -1, n)
		short := longText[:2500] // about 630 tokens
		if g := askAnthropic(t, srv, "claude-fable-5-2", textBlock(short, control), `"Why?"`); g.Written < 600 {
			t.Errorf("512 tokens are enough: %+v", g)
		}
		ask("1,024 are the least", sonnet, textBlock(short, control), `"Why?"`, 0, 0, 0)
	})
}

// Only twenty blocks before a marker are looked at.
func TestAnthropicLooksBack(t *testing.T) {
	inBubble(t, llmtest.Config{PromptCaches: true}, func(t *testing.T, srv *llmtest.Server) {
		const sonnet = "claude-sonnet-5"
		askAnthropic(t, srv, sonnet, textBlock(longText, control), `"Why?"`)
		n := srv.Meter()[0].Written
		question := func(more int) string {
			return `[` + strings.Repeat(`{"type":"text","text":"a"},`, more) + textBlock("How?", control)[1:]
		}
		if g := askAnthropic(t, srv, sonnet, textBlock(longText), question(20)); g.Cached != 0 {
			t.Errorf("21 blocks before it: %+v", g)
		}
		if g := askAnthropic(t, srv, sonnet, textBlock(longText), question(19)); g.Cached < n {
			t.Errorf("20 blocks before it: %+v", g)
		}
	})
}

func TestAnthropicWritesRejected(t *testing.T) {
	for name, test := range map[string]struct{ system, question, fields, words string }{
		"ttl":          {textBlock("x", `"cache_control":{"type":"ephemeral","ttl":"2h"}`), `"x"`, "", "ttl"},
		"type":         {textBlock("x", `"cache_control":{"type":"forever"}`), `"x"`, "", "ephemeral"},
		"no object":    {textBlock("x", `"cache_control":"ephemeral"`), `"x"`, "", "cache_control"},
		"empty text":   {textBlock("", control), `"x"`, "", "cache_control"},
		"order":        {textBlock("x", control), textBlock("x", control1h), "", "must not come after"},
		"automatic":    {`"x"`, `"x"`, `"cache_control":{"type":"ephemeral","ttl":"9h"}`, "ttl"},
		"order, 2":     {textBlock("x", control), `"x"`, control1h, "must not come after"},
		"five markers": {textBlock("x", control), `[` + strings.Repeat(textBlock("x", control)[1:len(textBlock("x", control))-1]+",", 3) + textBlock("y", control)[1:], "", "maximum of 4"},
		"tools":        {textBlock("x", control1h), `"x"`, `"tools":[{"name":"f",` + control + `}]`, "must not come after"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, llmtest.Config{PromptCaches: true}, func(t *testing.T, srv *llmtest.Server) {
				fields := []string{`"model":"claude-sonnet-5"`, `"max_tokens":9`, `"system":` + test.system, `"messages":[{"role":"user","content":` + test.question + `}]`}
				if test.fields != "" {
					fields = append(fields, test.fields)
				}
				got := mustDo(t, srv, "POST", messagesURL, "{"+strings.Join(fields, ",")+"}", 400).body
				if !strings.Contains(got, test.words) || len(srv.Meter()) != 0 {
					t.Errorf("got %s", got)
				}
			})
		})
	}
}

// What is read and written is never more than the prompt, and what was just written is read.
func TestPromptCacheProperty(t *testing.T) {
	inBubble(t, llmtest.Config{PromptCaches: true}, func(t *testing.T, srv *llmtest.Server) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 400 {
			var blocks []string
			for range random.IntN(8) + 1 {
				mark := []string{}
				if random.IntN(6) == 0 && strings.Count(strings.Join(blocks, ""), "breakpoint") < 4 {
					mark = []string{`"prompt_cache_breakpoint":{"mode":"explicit","ttl":"` + [...]string{"30m", "12h"}[random.IntN(2)] + `"}`}
				}
				text := strings.Repeat(fmt.Sprint("text ", random.IntN(2)), 250*(random.IntN(3)+1))
				blocks = append(blocks, textBlock(text, mark...)[1:len(textBlock(text, mark...))-1])
			}
			mode := [...]string{"implicit", "explicit"}[random.IntN(2)]
			body := `{"model":"gpt-6.2-sol","prompt_cache_options":{"mode":"` + mode + `"},"messages":[{"role":"user","content":[` + strings.Join(blocks, ",") + `]}]}`
			mustSend(t, srv, body, 200)
			all := srv.Meter()
			g := all[len(all)-1]
			if g.Cached+g.Written > g.Prompt || g.WrittenLong > g.Written || g.Cached < 0 || g.Cached > 0 && g.Cached < 1024 {
				t.Fatalf("metered %+v of %s", g, body)
			}
			mustSend(t, srv, body, 200)
			all = srv.Meter()
			if again := all[len(all)-1]; again.Written != 0 || again.Cached != g.Cached+g.Written || again.Call != g.Call {
				t.Fatalf("metered %+v after %+v", again, g)
			}
			time.Sleep(time.Duration(random.IntN(60)) * time.Minute)
		}
	})
}
