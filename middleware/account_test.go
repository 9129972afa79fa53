package middleware_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// The sample answers are priced as they should be. The tests of broken ones start from them.
func TestSampleAnswers(t *testing.T) {
	for _, s := range samples {
		r := s.play(t, strings.NewReader(s.right()), nil)
		if r.err != nil || r.row.Outcome != policy.Billed || r.row.Cost.String() != s.cost || r.row.Usage.Input != 10 || r.row.Usage.Output != 20 {
			t.Errorf("%s: %v, %+v", s.name, r.err, r.row)
		}
	}
}

// Counts that are negative, broken, huge or of another type are not believed, and the row has no price.
func TestBadUsage(t *testing.T) {
	for _, s := range samples {
		for _, count := range []string{
			"-1", "-10", "10.5", "1e1", "1E+30", "0.0", "-0", "1e-400", "99999999999999", "1099511627777", "18446744073709551626",
			strings.Repeat("9", 5000), `"10"`, `""`, `"\u0031\u0030"`, "true", "[]", "[10]", "{}", `{"n":10}`, "null",
		} {
			t.Run(fmt.Sprintf("%s, %.30s", s.name, count), func(t *testing.T) {
				r := s.play(t, iotest.HalfReader(strings.NewReader(strings.ReplaceAll(s.counting(count), "TEXT", ""))), nil)
				if count == "null" && (s.name == "Gemini, SSE" || s.name == "Gemini, array") {
					// Gemini leaves out what is zero, so the count of an earlier event stands.
					if r.row.Cost != ledger.Known(price.MustUSD(s.cost)) {
						t.Errorf("%+v", r.row)
					}
				} else if r.row.Cost.Known || r.row.Outcome != policy.Billed {
					t.Errorf("%+v", r.row)
				}
			})
		}
	}
}

// Optional counts of an answer are not skipped if they are invalid: the price would be too low.
func TestBadUsageDetails(t *testing.T) {
	for _, test := range []struct{ sample, before, detail string }{
		{"chat, JSON", `"completion_tokens"`, `"prompt_tokens_details":{"cached_tokens":COUNT},`},
		{"chat, SSE", `"completion_tokens"`, `"prompt_tokens_details":{"audio_tokens":COUNT},`},
		{"chat, SSE", `"completion_tokens"`, `"completion_tokens_details":{"reasoning_tokens":COUNT},`},
		{"responses, JSON", `"output_tokens"`, `"input_tokens_details":{"cached_tokens":COUNT},`},
		{"responses, SSE", `"output_tokens"`, `"input_tokens_details":{"cache_write_tokens":COUNT},`},
		{"Gemini, JSON", `"candidatesTokenCount"`, `"thoughtsTokenCount":COUNT,`},
		{"Gemini, array", `"candidatesTokenCount":20`, `"cachedContentTokenCount":COUNT,`},
		{"Gemini, SSE", `"candidatesTokenCount":20`, `"promptTokensDetails":[{"modality":"AUDIO","tokenCount":COUNT}],`},
		{"Anthropic, JSON", `"output_tokens"`, `"cache_creation_input_tokens":COUNT,`},
		{"Anthropic, SSE", `"output_tokens":1`, `"cache_read_input_tokens":COUNT,`},
	} {
		s := sampleNamed(test.sample)
		for _, count := range []string{"-1", "1.5", "1e1", "99999999999999", `"1"`, "[]", strings.Repeat("9", 5000)} {
			t.Run(fmt.Sprintf("%s, %s %.20s", test.sample, test.detail, count), func(t *testing.T) {
				detail := strings.Replace(test.detail, "COUNT", count, 1)
				r := s.play(t, strings.NewReader(strings.Replace(s.right(), test.before, detail+test.before, 1)), nil)
				if r.row.Cost.Known || r.row.Outcome != policy.Billed {
					t.Errorf("%s, cost %v", r.row.Outcome, r.row.Cost)
				}
			})
		}
	}
}

// The largest count that is believed has a price or none, but never one that has overflowed.
func TestLargestUsage(t *testing.T) {
	for _, s := range samples {
		answer := strings.ReplaceAll(s.counting("1099511627776"), `:30`, ":1099511627796")
		r := s.play(t, strings.NewReader(answer), nil)
		if r.row.Cost.Known && r.row.Cost.Pico < price.MustUSD("10000") {
			t.Errorf("%s: a trillion tokens cost %v", s.name, r.row.Cost)
		}
	}
}

// Where the tokens may not be all that is charged for, the row has no cost.
func TestChargesBeyondTokens(t *testing.T) {
	const (
		responses = "https://api.openai.com/v1/responses"
		messages  = "https://api.anthropic.com/v1/messages"
		done      = `{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","usage":{"input_tokens":10,"output_tokens":20,"total_tokens":30}}`
		gemini    = `{"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":20,"totalTokenCount":30,"serviceTier":"standard"}}`
		chat      = `{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30,"video_of_citation_tokens":5000}}`
		claude    = `{"type":"message","id":"m","model":"claude-opus-4-6","usage":{"input_tokens":10,"output_tokens":20,"service_tier":"standard"%s}}`
	)
	searched := strings.Replace(done, `"usage":{`, `"tool_usage":{"web_search":{"num_requests":2}},"usage":{`, 1)
	many := strings.Repeat(`{"type":"function","name":"f"},`, 1000)
	for name, test := range map[string]struct {
		url, body, answer string
		priced            bool
	}{
		"responses":                   {responses, `{"model":"gpt-5"}`, done, true},
		"functions":                   {responses, `{"model":"gpt-5","tools":[{"type":"function","name":"web_search"}]}`, done, true},
		"a web search":                {responses, `{"model":"gpt-5","tools":[{"type":"web_search"}]}`, done, false},
		"a web search, counted":       {responses, `{"model":"gpt-5","tools":[{"type":"web_search"}]}`, searched, true},
		"a preview, counted":          {responses, `{"model":"gpt-5","tools":[{"type":"web_search_preview"}]}`, searched, false},
		"a search of files, too":      {responses, `{"model":"gpt-5","tools":[{"type":"web_search"},{"type":"file_search"}]}`, searched, false},
		"many functions":              {responses, `{"model":"gpt-5","tools":[` + many + `{"type":"function"}]}`, done, true},
		"many functions and a search": {responses, `{"model":"gpt-5","tools":[` + many + `{"type":"file_search"}]}`, done, false},
		"Gemini":                      {geminiURL, `{"tools":[{"functionDeclarations":[]}]}`, gemini, true},
		"Gemini, grounded":            {geminiURL, `{"tools":[{"functionDeclarations":[]},{"googleSearch":{}}]}`, gemini, true},
		"Gemini, with code":           {geminiURL, `{"tools":[{"googleSearch":{}},{"codeExecution":{}}]}`, gemini, false},
		"Claude":                      {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, ""), true},
		"Claude, with many tools":     {messages, `{"model":"claude-opus-4-6","tools":[` + strings.Repeat(`{"name":"web_search"},`, 1000) + `{"type":"web_search_20250305"}]}`, fmt.Sprintf(claude, ""), true},
		"Claude, one iteration":       {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"iterations":[{"input_tokens":10}]`), true},
		"Claude, two iterations":      {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"iterations":[{"input_tokens":1},{"input_tokens":10}]`), false},
		"Claude, fast":                {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"speed":"fast"`), true},
		"Claude, at another speed":    {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"speed":"faster"`), false},
		"Claude, searching":           {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"server_tool_use":{"web_search_requests":1}`), true},
		"Claude, counting anew":       {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"dream_tokens":700`), false},
		"Claude, counting none":       {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"dream_tokens":0,"dream_tokens_cost":1`), true},
		"responses, counting anew":    {responses, `{"model":"gpt-5"}`, strings.Replace(done, `"usage":{`, `"max_output_tokens":100,"usage":{"output_tokens_details": {"smell_tokens" : 5},`, 1), false},
		"responses, with a limit":     {responses, `{"model":"gpt-5"}`, strings.Replace(done, `"usage":{`, `"max_output_tokens":100,"usage":{`, 1), true},
		"a chat, counting anew":       {openaiURL, `{"model":"gpt-5"}`, chat, false},
		"a chat":                      {openaiURL, `{"model":"gpt-5"}`, strings.Replace(chat, "video_of_citation", "text", 1), true},
		"Claude, running code":        {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"server_tool_use":{"code_execution_requests":1}`), false},
	} {
		_, row := callWith(t, test.url, test.body, says(200, jsonType, test.answer))
		if row.Cost.Known != test.priced || row.Usage.Output != 20 || (row.Unpriced == "") != test.priced {
			t.Errorf("%s: cost %v, unpriced %q, %+v", name, row.Cost, row.Unpriced, row.Usage)
		}
	}
}

// A stream of several answers does not end with the first of them, and the cost that it reports before its end is no
// bound.
func TestCutStreams(t *testing.T) {
	for name, test := range map[string]struct{ url, body, stream string }{
		"two candidates": {
			"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
			`{"generationConfig":{"candidateCount":2}}`,
			`data: {"candidates":[{"finishReason":"STOP"}],"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2,"serviceTier":"standard"}}` + "\r\n\r\n",
		},
		"a running cost": {
			"https://api.perplexity.ai/chat/completions", `{"model":"sonar","stream":true}`,
			`data: {"model":"sonar","choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"cost":{"total_cost":0.00001}}}` + "\n\n",
		},
	} {
		_, row := callWith(t, test.url, test.body, func(*http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(test.stream), iotest.ErrReader(errors.New("reset")))
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {eventType}}, Body: io.NopCloser(body)}, nil
		})
		if row.Outcome != policy.Partial || row.Cost.Known && row.UsageSource != ledger.Estimated || row.Exposure == row.Reported && row.Exposure.Known {
			t.Errorf("%s: %s, cost %v (%s), exposure %v, reported %v", name, row.Outcome, row.Cost, row.UsageSource, row.Exposure, row.Reported)
		}
	}
}

// What may have been billed is exposed up to a bound. It is not part of the cost until a bill resolves it.
func TestExposureAndResolve(t *testing.T) {
	faults := llmtest.Sequence(llmtest.NoFault, llmtest.ResetAfterAccept, llmtest.ServerError)
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{}, func(w *world) {
		ctx, call := policy.Track(policy.With(w.Context(), policy.Tag("tenant", "acme")))
		for range 3 {
			w.call(ctx, boundedBody)
		}
		rows, totals := w.stack.Rows(), w.stack.Totals()
		lost, failed := rows[1], rows[2]
		if lost.Cost.Known || !lost.Exposure.Known || lost.Exposure.Pico < 100*10_000_000 || lost.UsageSource != ledger.Unknown {
			w.Errorf("%+v", lost)
		}
		if cost, all := call.Cost(); all || cost != sum(rows[0].Cost.Pico) || call.Exposure() != sum(lost.Exposure.Pico, failed.Exposure.Pico) {
			w.Errorf("tracked: %v, %v", cost, call.Exposure())
		}
		if totals.Cost != sum(rows[0].Cost.Pico) || totals.Exposure != call.Exposure() || totals.Unpriced != 2 {
			w.Errorf("%+v", totals)
		}
		w.resolve(rows)
		totals = w.stack.Totals()
		want := sum(rows[0].Cost.Pico, price.MustUSD("0.000123"))
		for name, total := range map[string]ledger.Total{"all": totals.Total, "tag": totals.By["tag:tenant=acme"], "model": totals.By["model:gpt-5"]} {
			if total.Cost != want || total.Exposure.Sign() != 0 || total.Unpriced != 0 || total.Saved.Sign() != 0 {
				w.Errorf("%s: %+v", name, total)
			}
		}
		if row := w.stack.Rows()[1]; row.Cost != ledger.Known(price.MustUSD("0.000123")) || row.Exposure.Known || row.Unpriced != "" || row.PriceID != "bill" {
			w.Errorf("%+v", row)
		}
	})
}

// resolve resolves the last two of three rows, one of which is on the bill, and tries what cannot be resolved.
func (w *world) resolve(rows []ledger.Row) {
	w.Helper()
	for i, cost := range []price.Pico{price.MustUSD("0.000123"), 0} {
		if err := w.stack.Resolve(rows[i+1].Call, 1, cost); err != nil {
			w.Fatal(err)
		}
		if err := w.stack.Resolve(rows[i+1].Call, 1, cost); err == nil {
			w.Error("resolved twice")
		}
	}
	for _, bad := range []struct {
		call    string
		attempt int
		cost    price.Pico
	}{{"unknown", 1, 1}, {rows[0].Call, 1, 1}, {rows[1].Call, 2, 1}, {rows[1].Call, 1, -1}} {
		if err := w.stack.Resolve(bad.call, bad.attempt, bad.cost); err == nil {
			w.Errorf("%+v: no error", bad)
		}
	}
}

// sum adds amounts of money.
func sum(amounts ...price.Pico) (s price.Sum) {
	for _, p := range amounts {
		s.Add(p)
	}
	return s
}

// A request that a RoundTripper beneath the chain sends again on its own is exposed.
func TestRetryBeneathIsExposed(t *testing.T) {
	var processed atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if processed.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, served)
	}))
	defer s.Close()
	again := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil {
			return resp, nil
		}
		out := req.Clone(req.Context())
		if out.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
		return next.RoundTrip(out)
	})
	stack := stackOver(t, again(http.DefaultTransport), policy.Policy{})
	for range 2 {
		resp, err := stack.Client().Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(boundedBody))
		if err != nil {
			continue
		}
		drain(resp)
	}
	r := stack.Rows()[1]
	if processed.Load() > 2 && !r.Exposure.Known {
		t.Errorf("processed %d for 2 calls: row %s wire %d cost %v exposure %v", processed.Load(), r.Outcome, r.WireTries, r.Cost, r.Exposure)
	}
}

// xAI counts only text as cached. Images in the prompt are charged as fresh, even where more is cached than the prompt
// has of text.
func TestXAIChargesImagesAsFresh(t *testing.T) {
	billedCall{url: "https://api.x.ai/v1/chat/completions", request: `{"model":"grok-4-1-fast-non-reasoning"}`,
		answer: `{"model":"grok-4-1-fast-non-reasoning","usage":{"prompt_tokens":678,"completion_tokens":4,"total_tokens":682,
			"prompt_tokens_details":{"text_tokens":422,"image_tokens":256,"cached_tokens":1056},"cost_in_usd_ticks":1060000}}`,
		cost: "0.000106"}.check(t) // 256 x 0.2 + 1056 x 0.05 + 4 x 0.5
}

// xAI answers for grok-3-mini under another name.
func TestXAINamesItsEffort(t *testing.T) {
	billedCall{url: "https://api.x.ai/v1/chat/completions", request: `{"model":"grok-3-mini"}`,
		answer: `{"model":"grok-3-mini-high","usage":{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110}}`,
		cost:   "0.000035"}.check(t)
}

// What has no bound is never silent, however the attempt ends: the row is unpriced and says why. With a bound, the rest of a
// stream that was cut is exposed.
func TestUnboundedIsUnpriced(t *testing.T) {
	const (
		messages = "https://api.anthropic.com/v1/messages"
		started  = "event: message_start\ndata: " + `{"type":"message_start","message":{"id":"m","type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":3,"output_tokens":1,"service_tier":"standard"}}}` + "\n\n"
		gemini   = "https://generativelanguage.googleapis.com/v1beta/models/%s:streamGenerateContent?alt=sse"
		chunk    = `data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}],"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4,"serviceTier":"standard"}}` + "\r\n\r\n"
		claude   = `{"model":"claude-sonnet-4-5","stream":true,"max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}`
		contents = `{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":100}}`
		open     = `data: {"id":"c","model":"gpt-5","choices":[{"delta":{"content":"a"}}]}` + "\n\n"
	)
	long := strings.Replace(claude, `"Hi"`, `"`+strings.Repeat("Hi ", 40_000)+`"`, 1)
	flash, alias := fmt.Sprintf(gemini, "gemini-2.5-flash"), fmt.Sprintf(gemini, "my-alias")
	cut := func(stream string) answerFunc {
		return func(*http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(stream), iotest.ErrReader(errors.New("reset")))
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {eventType}}, Body: io.NopCloser(body)}, nil
		}
	}
	lost := func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") }
	for name, test := range map[string]struct {
		url, body string
		answer    answerFunc
		bounded   bool
	}{
		"Anthropic, cut":                       {messages, claude, cut(started), true},
		"Anthropic, cut, a long body":          {messages, long, cut(started), false},
		"Anthropic, cut, an alias":             {messages, strings.Replace(claude, "claude-sonnet-4-5", "my-alias", 1), cut(started), false},
		"Gemini, cut":                          {flash, contents, cut(chunk), true},
		"Gemini, cut, an alias":                {alias, contents, cut(chunk), false},
		"a chat, cut":                          {openaiURL, `{"model":"gpt-5","stream":true,"max_completion_tokens":100,"messages":[]}`, cut(open), true},
		"a chat, cut, an alias":                {openaiURL, `{"model":"my-alias","stream":true,"max_completion_tokens":100}`, cut(open), false},
		"a chat, cut, answers in odd digits":   {openaiURL, `{"model":"gpt-5","stream":true,"n":1e1}`, cut(open), false},
		"a chat, lost, an alias":               {openaiURL, `{"model":"my-alias"}`, lost, false},
		"a chat, failed, an alias":             {openaiURL, `{"model":"my-alias"}`, says(500, jsonType, `{}`), false},
		"a chat, answered by an unknown model": {openaiURL, `{"model":"my-alias"}`, says(200, jsonType, strings.ReplaceAll(served, "gpt-5", "mystery")), false},
	} {
		t.Run(name, func(t *testing.T) {
			base := newScript(test.answer)
			stack := stackOver(t, base, policy.Policy{MaxAttempts: 1})
			var body io.Reader = strings.NewReader(test.body)
			if len(test.body) > 64<<10 {
				body = iotest.OneByteReader(body) // it has no GetBody
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, test.url, body)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := stack.RoundTrip(req); err == nil {
				drain(resp)
			}
			row, totals := stack.Rows()[0], stack.Totals()
			if row.Exposure.Known != test.bounded || test.bounded && row.Exposure.Pico <= 0 || strings.Contains(row.Unpriced, "has no bound: ") == test.bounded {
				t.Errorf("exposure %s, cost %s, unpriced %q", row.Exposure, row.Cost, row.Unpriced)
			}
			if !test.bounded && (totals.Unpriced != 1 || totals.Cost.Sign() != 0 || totals.List.Sign() != 0) || totals.Saved.Sign() != 0 {
				t.Errorf("%+v", totals.Total)
			}
		})
	}
}

// What something beneath the chain may have sent as well is exposed, or the row says that it has no bound and has no cost.
func TestOthersAreNeverSilent(t *testing.T) {
	twice := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(req.Context())
		body, err := io.ReadAll(req.Body) // it keeps the body, and sends it as often as it likes
		if err != nil {
			return nil, err
		}
		for range 2 {
			trace.GetConn("api.openai.com:443")
			trace.WroteHeaders()
		}
		again := req.WithContext(req.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		return next.RoundTrip(again)
	})
	for body, want := range map[string]struct{ answer, cost, exposure, unpriced string }{
		`{"model":"gpt-5","max_completion_tokens":100}`:    {served, "known", "known", ""},
		`{"model":"my-alias","max_completion_tokens":100}`: {served, "unknown", "unknown", "sent it 1 more times"},
		`{"model":"my-alias"}`:                             {strings.ReplaceAll(served, "gpt-5", "mystery"), "unknown", "unknown", "sent it 1 more times"},
	} {
		stack := stackOver(t, twice(newScript(says(200, jsonType, want.answer))), policy.Policy{})
		resp, err := stack.Client().Post(openaiURL, jsonType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		drain(resp)
		row := stack.Rows()[0]
		known := map[bool]string{true: "known", false: "unknown"}
		if known[row.Cost.Known] != want.cost || known[row.Exposure.Known] != want.exposure || !strings.Contains(row.Unpriced, want.unpriced) {
			t.Errorf("%s: cost %s, exposure %s, unpriced %q", body, row.Cost, row.Exposure, row.Unpriced)
		}
		if strings.Count(row.Unpriced, "has no bound") > 1 {
			t.Errorf("it says twice: %q", row.Unpriced)
		}
	}
}

// A status that no answer has says nothing of the bill.
func TestStatusesThatAreNone(t *testing.T) {
	for _, status := range []int{-1, 0, 1, 99, 100, 102, 199, 600, 999} {
		for _, url := range []string{openaiURL, anthropicURL, geminiURL, "https://openrouter.ai/api/v1/chat/completions", "https://api.groq.com/openai/v1/chat/completions"} {
			_, row := callWith(t, url, boundedBody, says(status, jsonType, `{"error":{"message":"no"}}`))
			if row.Outcome != policy.Ambiguous || row.Evidence != "" || row.Cost.Known || row.Unpriced == "" {
				t.Errorf("%d of %s: %+v", status, url, row)
			}
		}
	}
}

// What was free has the cost 0, in words as well as in the totals.
func TestFreeOutcomesCostNothing(t *testing.T) {
	notSent := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close() // unread: there is no connection
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	})
	for outcome, test := range map[policy.Outcome]struct {
		options []policy.Option
		base    http.RoundTripper
	}{
		policy.NotSent:  {nil, notSent},
		policy.Rejected: {nil, newScript(says(400, jsonType, `{"error":{"code":"bad"}}`))},
		policy.Refused:  {[]policy.Option{policy.MaxCost(0)}, newScript(says(200, jsonType, served))},
	} {
		stack := stackOver(t, test.base, policy.Policy{MaxAttempts: 1})
		chat(t, policy.With(t.Context(), test.options...), stack, boundedBody)
		rows, totals := stack.Rows(), stack.Totals()
		if len(rows) != 1 || rows[0].Outcome != outcome || !strings.Contains(string(rows[0].AppendJSON(nil)), `"cost_usd":"0"`) {
			t.Errorf("%s: %+v", outcome, rows)
		}
		if totals.Calls != 1 || totals.Cost.Sign() != 0 || totals.Exposure.Sign() != 0 || totals.Unpriced != 0 || totals.Saved.Sign() != 0 {
			t.Errorf("%s: %+v", outcome, totals.Total)
		}
	}
}
