package middleware

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A writeLink wants writes to the prompt cache up to the long text of a request.
type writeLink struct {
	noLink
	text string
	ttl  time.Duration
	none bool
}

func (l writeLink) begin(c *call) error {
	c.promptCache = wire.PromptCache{None: l.none}
	if at := bodyIndex(c, l.text); at >= 0 && !l.none {
		c.promptCache.Writes = []wire.WriteTo{{At: transport.Range{From: at, To: at + len(l.text)}, Is: wire.WriteText, TTL: l.ttl}}
	}
	return nil
}

func bodyIndex(c *call, text string) int {
	var b strings.Builder
	c.body.Copy(&b)
	return strings.Index(b.String(), text)
}

// writeRows sends requests to a provider whose prompt caches have a price, and returns the rows.
func writeRows(t *testing.T, srv *llmtest.Server, link writeLink, url string, bodies ...string) []ledger.Row {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC))) // when there are prices
	rows := ledger.NewMemory(0)
	rt := transport.Chain(srv.Transport(), Ledger(rows), Retry(policy.Policy{}), alone(member{link: link, rank: tierRank}))
	for _, body := range bodies {
		resp, err := (&http.Client{Transport: rt}).Post(url, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", resp.Status, got, err)
		}
	}
	return rows.Rows()
}

const (
	writesOpenAI    = "https://api.openai.com/v1/chat/completions"
	writesResponses = "https://api.openai.com/v1/responses"
	writesAnthropic = "https://api.anthropic.com/v1/messages"
)

var writtenText = `"` + strings.Repeat("All that glitters is not gold. ", 200) + `"`

// askWith returns a request with the long text, and a question.
func askWith(url, model, question string) string {
	switch url {
	case writesAnthropic:
		return fmt.Sprintf(`{"model":%q,"max_tokens":9,"system":%s,"messages":[{"role":"user","content":%q}]}`, model, writtenText, question)
	case writesResponses:
		return fmt.Sprintf(`{"model":%q,"input":[{"role":"system","content":%s},{"role":"user","content":%q}]}`, model, writtenText, question)
	}
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"system","content":%s},{"role":"user","content":%q}]}`, model, writtenText, question)
}

// Writes that are asked for are those of the meter, by their times to live.
func TestWritesAreMetered(t *testing.T) {
	for _, test := range []struct {
		url, model string
		ttl        time.Duration
	}{
		{writesOpenAI, "gpt-5.6-sol", 30 * time.Minute}, {writesOpenAI, "gpt-5.6-sol", 12 * time.Hour},
		{writesResponses, "gpt-5.6-sol", 30 * time.Minute}, {writesResponses, "gpt-5.6-sol", 12 * time.Hour},
		{writesAnthropic, "claude-sonnet-5", 5 * time.Minute}, {writesAnthropic, "claude-opus-5", time.Hour},
	} {
		for _, stream := range []string{"", `"stream":true,`} {
			checkMetered(t, test.url, test.model, stream, test.ttl)
		}
	}
}

// checkMetered sends two requests with the same text, with further members, and compares their rows with the meter.
func checkMetered(t *testing.T, url, model, members string, ttl time.Duration) {
	t.Helper()
	ask := func(question string) string {
		return strings.Replace(askWith(url, model, question), "{", "{"+members, 1)
	}
	synctest.Test(t, func(t *testing.T) {
		srv := llmtest.NewPipe(llmtest.Config{PromptCaches: true})
		defer srv.Close()
		rows := writeRows(t, srv, writeLink{text: writtenText, ttl: ttl}, url, ask("Why?"), ask("How?"))
		meter := srv.Meter()
		if len(rows) != 2 || len(meter) != 2 || meter[0].Written < 1500 || meter[1].Cached != meter[0].Written || meter[1].Written != 0 {
			t.Fatalf("%s%s, %v: %d rows, metered %+v", model, members, ttl, len(rows), meter)
		}
		for i, row := range rows {
			g := &meter[i]
			want := price.Usage{Input: g.Prompt - g.Cached - g.Written, CachedInput: g.Cached, CacheWrite: g.Written - g.WrittenLong, Output: g.Completion, Reasoning: g.Reasoning}
			if url == writesAnthropic {
				want.CacheWrite1h = g.WrittenLong
			} else {
				want.CacheWrite12h = g.WrittenLong
			}
			if row.Usage != want || !row.Cost.Known {
				t.Errorf("%s%s, %v: row %+v\nmetered %+v", model, members, ttl, row, *g)
			}
		}
	})
}

// A bound covers the dearer writes that we ask for.
func TestBoundOfLongWrites(t *testing.T) {
	for ttl, long := range map[time.Duration]bool{30 * time.Minute: false, 12 * time.Hour: true} {
		synctest.Test(t, func(t *testing.T) {
			srv := llmtest.NewPipe(llmtest.Config{PromptCaches: true, Faults: llmtest.Sequence(llmtest.ServerError)})
			defer srv.Close()
			time.Sleep(time.Until(time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)))
			body := strings.Replace(askWith(writesOpenAI, "gpt-5.6-sol", "Why?"), "{", `{"max_tokens":1,"service_tier":"default",`, 1)
			rows := ledger.NewMemory(0)
			rt := transport.Chain(srv.Transport(), Ledger(rows), alone(member{link: writeLink{text: writtenText, ttl: ttl}, rank: tierRank}))
			req, err := http.NewRequest(http.MethodPost, writesOpenAI, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.GetBody = nil // so that the body is kept, and can be read at any time
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			most, err := price.Embedded().Cost(price.Query{Provider: "openai", Model: "gpt-5.6-sol", Tier: "standard", At: time.Now()}, price.Usage{CacheWrite12h: int64(len(body))})
			if err != nil {
				t.Fatal(err)
			}
			exposure := rows.Rows()[0].Exposure
			if !exposure.Known || exposure.Pico >= most.Cost != long {
				t.Errorf("%v: exposure %+v, writes for 12 hours cost %d", ttl, exposure, most.Cost)
			}
		})
	}
}

// A body that is opened again for each attempt is edited while it is read.
func TestWritesInALongBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := llmtest.NewPipe(llmtest.Config{PromptCaches: true, Faults: llmtest.Sequence(llmtest.Overloaded)})
		defer srv.Close()
		text := `"` + strings.Repeat("All that glitters is not gold. ", 6000) + `"`
		body := strings.Replace(askWith(writesOpenAI, "gpt-5.6-sol", "Why?"), writtenText, text, 1)
		rows := writeRows(t, srv, writeLink{text: text}, writesOpenAI, body)
		want := strings.Replace(body, text, `[{"type":"text","text":`+text+`,"prompt_cache_breakpoint":{"mode":"explicit"}}]`, 1)
		want = strings.Replace(want, "{", `{"prompt_cache_options":{"mode":"explicit"},`, 1)
		for _, r := range srv.Requests() {
			if string(r.Body) != want {
				t.Errorf("sent %.200s ... of %d bytes, want %d", r.Body, len(r.Body), len(want))
			}
		}
		if g := srv.Meter()[0]; len(rows) != 2 || g.Written < 40000 || rows[1].Usage.CacheWrite != g.Written {
			t.Errorf("rows %+v, metered %+v", rows, g)
		}
	})
}

// A model that writes implicitly is asked not to, and what it wrote otherwise is in the row.
func TestImplicitWritesAreDeclined(t *testing.T) {
	for none, written := range map[bool]bool{true: false, false: true} {
		synctest.Test(t, func(t *testing.T) {
			srv := llmtest.NewPipe(llmtest.Config{PromptCaches: true})
			defer srv.Close()
			row := writeRows(t, srv, writeLink{none: none}, writesOpenAI, askWith(writesOpenAI, "gpt-5.6-sol", "Why?"))[0]
			if g := srv.Meter()[0]; (g.Written > 0) != written || row.Usage.CacheWrite != g.Written || !row.Cost.Known {
				t.Errorf("declined %v: row %+v, metered %+v", none, row, g)
			}
		})
	}
}

// A model that does not understand the edits is asked without them at once, and then for an hour.
func TestWritesRejectedAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := llmtest.NewPipe(llmtest.Config{PromptCaches: true})
		defer srv.Close()
		body := askWith(writesOpenAI, "gpt-5.5", "Why?")
		rows := writeRows(t, srv, writeLink{text: writtenText}, writesOpenAI, body, body)
		var got []string
		for _, row := range rows {
			got = append(got, fmt.Sprint(row.Attempt, " ", row.Outcome, " ", row.Reason, " ", row.Skipped))
		}
		const why = "prompt cache: rejected by this model"
		want := []string{"1 rejected write_refused ", "2 billed  " + why, "1 billed  " + why}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || len(srv.Meter()) != 2 {
			t.Errorf("got %q", got)
		}
		if requests := srv.Requests(); len(requests) != 3 || string(requests[1].Body) != body || string(requests[2].Body) != body {
			t.Errorf("sent %d requests, the second one %s", len(requests), requests[1].Body)
		}
	})
}

// What the caller asks for is left alone, and its refusal is the caller's.
func TestCallersWritesAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := llmtest.NewPipe(llmtest.Config{PromptCaches: true})
		defer srv.Close()
		body := strings.Replace(askWith(writesOpenAI, "gpt-5.6-sol", "Why?"), `{`, `{"prompt_cache_options":{"ttl":"12h"},`, 1)
		row := writeRows(t, srv, writeLink{text: writtenText}, writesOpenAI, body)[0]
		if g := srv.Meter()[0]; row.Skipped != "prompt cache: the request has its own settings" || row.Usage.CacheWrite12h != g.WrittenLong || g.WrittenLong == 0 || string(srv.Requests()[0].Body) != body {
			t.Errorf("row %+v, metered %+v", row, g)
		}
	})
}
