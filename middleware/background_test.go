package middleware_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

const responsesURL = "https://api.openai.com/v1/responses"

// An api answers by method and URL, and remembers what it was sent. It can be changed while it is used.
type api struct {
	mu      sync.Mutex
	answers map[string]func(*http.Request) (*http.Response, error)
	sent    []string // "POST https://... {body}"
	headers []http.Header
}

func newAPI() *api { return &api{answers: map[string]func(*http.Request) (*http.Response, error){}} }

func (a *api) on(request string, answer func(*http.Request) (*http.Response, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[request] = answer
}

func (a *api) RoundTrip(req *http.Request) (*http.Response, error) {
	request := req.Method + " " + req.URL.String()
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	a.mu.Lock()
	a.sent, a.headers = append(a.sent, strings.TrimSpace(request+" "+string(body))), append(a.headers, req.Header)
	answer := a.answers[request]
	a.mu.Unlock()
	if answer == nil {
		return nil, errors.New("nothing answers " + request)
	}
	return answer(req)
}

// do makes a request, and returns its answer's body.
func do(t *testing.T, ctx context.Context, rt http.RoundTripper, method, url, body string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return string(got), err
}

func mustDo(t *testing.T, rt http.RoundTripper, method, url, body string) string {
	t.Helper()
	got, err := do(t, t.Context(), rt, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const (
	backgroundBody = `{"model":"gpt-5","input":"Who saves?","background":true,"max_output_tokens":1000}`
	queued         = `{"id":"resp_1","object":"response","background":true,"status":"queued","model":"gpt-5","service_tier":"auto","output":[],"usage":null}`
	inProgress     = `{"id":"resp_1","object":"response","background":true,"status":"in_progress","model":"gpt-5","service_tier":"auto","usage":null}`
	completed      = `{"id":"resp_1","object":"response","background":true,"status":"completed","model":"gpt-5","service_tier":"default","usage":{"input_tokens":10,"output_tokens":20,"total_tokens":30}}`
	asked          = responsesURL + "/resp_1"
)

// event is a server-sent event of a response.
func event(kind, response string) string {
	return fmt.Sprintf("event: response.%s\ndata: {\"type\":\"response.%s\",\"sequence_number\":1,\"response\":%s}\n\n", kind, kind, response)
}

// A call in the background exposes what it may cost, until its answer is fetched and tells what it did cost.
func TestBackground(t *testing.T) {
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{})
	base.on("POST "+responsesURL, says(200, "application/json", queued))
	base.on("GET "+asked, says(200, "application/json", inProgress))
	if got := mustDo(t, stack, "POST", responsesURL, backgroundBody); got != queued {
		t.Errorf("the caller got %q", got)
	}
	rows := stack.Rows()
	if len(rows) != 1 || rows[0].Unpriced == "" || rows[0].Cost.Known || !rows[0].Exposure.Known || rows[0].Exposure.Pico <= 0 ||
		rows[0].UsageSource != ledger.Unknown || rows[0].ResponseID != "resp_1" {
		t.Fatalf("%+v", rows)
	}
	first := rows[0]
	for range 3 {
		if got := mustDo(t, stack, "GET", asked, ""); got != inProgress {
			t.Errorf("the caller got %q", got)
		}
	}
	if rows := stack.Rows(); len(rows) != 1 {
		t.Fatalf("work that goes on left a row: %+v", rows[1:])
	}

	base.on("GET "+asked, says(200, "application/json", completed))
	for range 3 { // whoever asks again is told the same, and is not charged
		if got := mustDo(t, stack, "GET", asked, ""); got != completed {
			t.Errorf("the caller got %q", got)
		}
	}
	if rows = stack.Rows(); len(rows) != 2 {
		t.Fatalf("%d rows: %+v", len(rows), rows)
	}
	second := rows[1]
	if !second.Cost.Known || second.Cost.String() != "0.0002125" || second.UsageSource != ledger.Measured || second.Unpriced != "" ||
		second.Usage.Input != 10 || second.Usage.Output != 20 || second.ServedTier != policy.Standard || second.ServedModel != "gpt-5" {
		t.Errorf("%+v", second)
	}
	if second.Parent != first.Call || second.Call == first.Call || second.Exposure != ledger.Known(-first.Exposure.Pico) {
		t.Errorf("parent %q of %q, exposure %v of %v", second.Parent, first.Call, second.Exposure, first.Exposure)
	}
	if totals := stack.Totals(); totals.Exposure.Sign() != 0 || totals.Cost.String() != "0.0002125" {
		t.Errorf("%+v", totals.Total)
	}
}

// In which ways the work can end, and what that does to the row of before.
func TestBackgroundEnds(t *testing.T) {
	stopped := func(status string) string { return strings.Replace(completed, "completed", status, 1) }
	unused := func(status string) string { return strings.Replace(inProgress, "in_progress", status, 1) }
	for _, test := range []struct {
		name, contentType, url, answer string
		rows                           int
		exposed                        bool // the total still is
	}{
		{"completed", "application/json", asked, completed, 2, false},
		{"incomplete", "application/json", asked, stopped("incomplete"), 2, false},
		{"cancelled, with usage", "application/json", asked, stopped("cancelled"), 2, false},
		{"cancelled, without", "application/json", asked, unused("cancelled"), 1, true},
		{"failed, without usage", "application/json", asked, unused("failed"), 1, true},
		{"by another query", "application/json", asked + "?include[]=x", completed, 2, false},
		{"streamed", "text/event-stream", asked + "?stream=true", event("created", queued) + event("in_progress", inProgress) + event("completed", completed), 2, false},
		{"streamed from the middle", "text/event-stream", asked + "?stream=true&starting_after=42", event("completed", completed), 2, false},
		{"streamed, and broken off", "text/event-stream", asked + "?stream=true", event("created", queued) + event("in_progress", inProgress), 1, true},
		{"not found", "application/json", asked, `{"error":{"code":"not_found"}}`, 1, true},
		{"another's", "application/json", asked, strings.Replace(completed, "resp_1", "resp_2", 1), 2, true},
		{"a page", "text/html", asked, "<html>", 1, true},
		// Nobody can say what these cost, so what the call may cost at most is as exposed as before.
		{"with images, which have no price", "application/json", asked, strings.Replace(completed, `"usage":{`, `"tool_usage":{"image_gen":{"output_tokens":1}},"usage":{`, 1), 2, true},
		{"with a search", "application/json", asked, strings.Replace(completed, `"usage":{`, `"tool_usage":{"web_search":{"num_requests":1}},"usage":{`, 1), 2, false},
		{"with usage that makes no sense", "application/json", asked, strings.Replace(completed, `"total_tokens":30`, `"total_tokens":-30`, 1), 2, true},
		{"by a model without a price", "application/json", asked, strings.Replace(completed, "gpt-5", "mystery", 1), 2, true},
		{"on a tier without a price", "application/json", asked, strings.Replace(completed, "default", "mystery", 1), 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			stack := stackOver(t, base, policy.Policy{})
			base.on("POST "+responsesURL, says(200, "application/json", queued))
			base.on("GET "+test.url, says(200, test.contentType, test.answer))
			mustDo(t, stack, "POST", responsesURL, backgroundBody)
			for range 2 {
				if got := mustDo(t, stack, "GET", test.url, ""); got != test.answer {
					t.Errorf("the caller got %q", got)
				}
			}
			rows, totals := stack.Rows(), stack.Totals()
			if len(rows) != test.rows || (totals.Exposure.Sign() > 0) != test.exposed || totals.Exposure.Sign() < 0 {
				t.Errorf("exposure %v, rows %+v", totals.Exposure, rows)
			}
			if len(rows) > 1 && rows[1].Cost.Known == (rows[1].Unpriced != "") {
				t.Errorf("cost %v, unpriced %q", rows[1].Cost, rows[1].Unpriced)
			}
		})
	}
}

// An answer that was complete when it came has been counted, however it is asked for again.
func TestFetchingWhatWasCounted(t *testing.T) {
	plain := strings.Replace(completed, `"background":true`, `"background":false`, 1)
	body := strings.Replace(backgroundBody, `"background":true,`, "", 1)
	for _, test := range []struct{ name, body, contentType, answer, again string }{
		{"not in the background", body, "application/json", plain, plain},
		{"in the background, and done at once", backgroundBody, "application/json", completed, completed},
		{"in the background, and streamed", strings.Replace(backgroundBody, "{", `{"stream":true,`, 1), "text/event-stream",
			event("created", queued) + event("completed", completed), completed},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			stack := stackOver(t, base, policy.Policy{})
			base.on("POST "+responsesURL, says(200, test.contentType, test.answer))
			base.on("GET "+asked, says(200, "application/json", test.again))
			mustDo(t, stack, "POST", responsesURL, test.body)
			mustDo(t, stack, "GET", asked, "")
			rows := stack.Rows()
			if totals := stack.Totals(); len(rows) != 1 || !rows[0].Cost.Known || totals.Cost.String() != "0.0002125" {
				t.Errorf("cost %v, rows %+v", totals.Cost, rows)
			}
		})
	}
}

// A stream that broke off is fetched: the call that began it is the parent.
func TestBackgroundStreamThatBreaksOff(t *testing.T) {
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{})
	base.on("POST "+responsesURL, says(200, "text/event-stream", event("created", queued)))
	base.on("GET "+asked, says(200, "application/json", completed))
	mustDo(t, stack, "POST", responsesURL, strings.Replace(backgroundBody, "{", `{"stream":true,`, 1))
	mustDo(t, stack, "GET", asked, "")
	rows := stack.Rows()
	if totals := stack.Totals(); len(rows) != 2 || rows[0].Cost.Known || !rows[0].Exposure.Known || rows[1].Parent != rows[0].Call || totals.Exposure.Sign() != 0 {
		t.Errorf("exposure %v, rows %+v", totals.Exposure, rows)
	}
}

// A response that this process did not ask for counts once; those who fetch it at the same time do not count it twice.
func TestBackgroundConcurrentFetches(t *testing.T) {
	for _, own := range []bool{true, false} {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("POST "+responsesURL, says(200, "application/json", queued))
		base.on("GET "+asked, says(200, "application/json", completed))
		if own {
			mustDo(t, stack, "POST", responsesURL, backgroundBody)
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got, err := do(t, t.Context(), stack, "GET", asked, ""); err != nil || got != completed {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
		all.Wait()
		rows := stack.Rows()
		counted := 0
		for _, row := range rows {
			if row.Cost.Known {
				counted++
			}
			if !own && (row.Parent != "" || row.Exposure.Known) {
				t.Errorf("it belongs to no call of ours: %+v", row)
			}
		}
		if totals := stack.Totals(); counted != 1 || totals.Exposure.Sign() != 0 || totals.Cost.String() != "0.0002125" {
			t.Errorf("own %v: counted %d times, totals %+v", own, counted, totals.Total)
		}
	}
}

// What is asked for in the background is neither sent again nor changed: it is a GET, of something that was paid for.
func TestFetchesAreOnlyWatched(t *testing.T) {
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{Tier: policy.Flex, Limits: []policy.Limit{{RequestsPerMinute: 1, Burst: 1}}})
	base.on("GET "+asked, says(429, "application/json", `{"error":{"code":"slow_down"}}`))
	ctx := policy.With(t.Context(), policy.CachedContent("cachedContents/abc"), policy.MaxCost(0))
	for range 3 {
		if got, err := do(t, ctx, stack, "GET", asked, ""); err != nil || !strings.Contains(got, "slow_down") {
			t.Errorf("%q, %v", got, err)
		}
	}
	if rows := stack.Rows(); len(base.sent) != 3 || base.sent[0] != "GET "+asked || len(rows) != 0 {
		t.Errorf("sent %q, rows %+v", base.sent, rows)
	}
}

// A POST to a known provider that no dialect understands is sent once, as it is, and leaves a row that says so.
func TestUnknownOperation(t *testing.T) {
	const speech = "https://api.openai.com/v1/audio/speech"
	for _, test := range []struct {
		name, url string
		status    int
		outcome   policy.Outcome
		cost      ledger.Amount
	}{
		{"speech", speech, 200, policy.Billed, ledger.Amount{}},
		{"refused", speech, 429, policy.Rejected, ledger.Known(0)},
		{"failed", speech, 500, policy.Ambiguous, ledger.Amount{}},
		{"another provider's", "https://api.mistral.ai/v1/ocr", 200, policy.Billed, ledger.Amount{}},
		{"Gemini's", "https://generativelanguage.googleapis.com/v1beta/models/veo-3:predictLongRunning", 200, policy.Billed, ledger.Amount{}},
		{"Anthropic's", "https://api.anthropic.com/v1/complete", 200, policy.Billed, ledger.Amount{}},
		{"another publisher's", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/anthropic/models/m:rawPredict", 200, policy.Billed, ledger.Amount{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			stack := stackOver(t, base, policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, MaxAttempts: 5})
			answer := `{"error":{"message":"slow down","code":"slow_down"},"usage":{"prompt_tokens":1,"completion_tokens":1,"input_tokens":1,"output_tokens":1}}`
			base.on("POST "+test.url, says(test.status, "application/json", answer))
			const body = `{ "model":"tts-1", "service_tier":"auto", "stream":true,"n":9 }`
			if got := mustDo(t, stack, "POST", test.url, body); got != answer {
				t.Errorf("the caller got %q", got)
			}
			if want := "POST " + test.url + " " + body; len(base.sent) != 1 || base.sent[0] != want {
				t.Errorf("sent %q, want %q", base.sent, want)
			}
			rows := stack.Rows()
			if len(rows) != 1 || rows[0].Operation != "unknown" || rows[0].Outcome != test.outcome || rows[0].Cost != test.cost || (rows[0].Unpriced == "") != test.cost.Known {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// Nothing of such a body is kept: what is written is read on the other side before more is written.
func TestUnknownOperationStreamsItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var body io.Reader
		stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			body = req.Body
			buf := make([]byte, 5)
			if _, err := io.ReadFull(req.Body, buf); err != nil || string(buf) != "first" {
				t.Errorf("%q, %v", buf, err)
			}
			time.Sleep(time.Hour)
			rest, err := io.ReadAll(req.Body)
			if err != nil || string(rest) != " and last" {
				t.Errorf("%q, %v", rest, err)
			}
			return says(200, "audio/mpeg", "sound")(req)
		}), policy.Policy{})
		start := time.Now()
		go func() {
			io.WriteString(w, "first")
			if took := time.Since(start); took != 0 {
				t.Errorf("the first write took %v", took)
			}
			io.WriteString(w, " and last")
			w.Close()
		}()
		req, err := http.NewRequest(http.MethodPost, "https://api.openai.com/v1/audio/speech", r)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := stack.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); string(got) != "sound" || err != nil || body != io.Reader(r) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// What costs nothing by itself leaves no row, and is not looked at.
func TestFreeOperations(t *testing.T) {
	for _, request := range []string{
		"POST https://api.openai.com/v1/files", "POST https://api.openai.com/v1/uploads",
		"POST https://api.openai.com/v1/uploads/u/parts", "POST https://api.openai.com/v1/batches/b/cancel", "GET https://api.openai.com/v1/files/f/content",
		"POST https://api.openai.com/v1/responses/resp_1/cancel", "DELETE https://api.openai.com/v1/responses/resp_1",
		"HEAD https://api.openai.com/v1/responses/resp_1", "GET https://api.openai.com/v1/responses/resp_1/input_items",
		"POST https://generativelanguage.googleapis.com/upload/v1beta/files",
		"POST https://api.openai.com/v1/moderations",
	} {
		var got *http.Request
		answer := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(completed))}
		stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) { got = req; return answer, nil }), policy.Policy{Tier: policy.Flex})
		method, url, _ := strings.Cut(request, " ")
		req, err := http.NewRequestWithContext(policy.With(t.Context(), policy.CachedContent("cachedContents/abc")), method, url, strings.NewReader(`{"model":"gpt-5"}`))
		if err != nil {
			t.Fatal(err)
		}
		body := answer.Body
		resp, err := stack.RoundTrip(req)
		if err != nil || got != req || resp != answer || resp.Body != body || len(stack.Rows()) != 0 {
			t.Errorf("%s: %v, rows %+v", request, err, stack.Rows())
		}
	}
}

const (
	geminiURL     = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
	geminiFaceURL = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"
	vertexURL     = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent"
	vertexFaceURL = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions"
	vertexCache   = "projects/p/locations/global/cachedContents/abc"
	geminiServed  = `{"modelVersion":"gemini-2.5-flash","responseId":"r","candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":20,"totalTokenCount":30}}`
)

// A context that names a cache has every call use it, as its own API writes it; a body that names one has its own way.
func TestCachedContentByName(t *testing.T) {
	const face = `{"model":"gemini-2.5-flash","extra_body":%s}`
	for _, test := range []struct{ name, url, cache, body, sent, row string }{
		{"none there", geminiURL, "", `{"contents":[]}`, `{"cachedContent":"cachedContents/abc","contents":[]}`, ""},
		{"an empty object", geminiURL, "", `{}`, `{"cachedContent":"cachedContents/abc"}`, ""},
		{"null", geminiURL, "", `{"cachedContent":null}`, `{"cachedContent":"cachedContents/abc"}`, ""},
		{"the other spelling", geminiURL, "", `{"cached_content":""}`, `{"cached_content":"cachedContents/abc"}`, ""},
		{"streamed", strings.Replace(geminiURL, ":g", ":streamG", 1), "", `{}`, `{"cachedContent":"cachedContents/abc"}`, ""},
		{"its own", geminiURL, "", `{"cachedContent":"cachedContents/own"}`, `{"cachedContent":"cachedContents/own"}`, "cachedContents/own"},
		{"its own, in the other spelling", geminiURL, "", `{"cached_content":"cachedContents/own"}`, `{"cached_content":"cachedContents/own"}`, "cachedContents/own"},
		{"within contents, it is none", geminiURL, "", `{"contents":[{"cachedContent":"x"}]}`, `{"cachedContent":"cachedContents/abc","contents":[{"cachedContent":"x"}]}`, ""},

		{"face: none there", geminiFaceURL, "", `{"model":"gemini-2.5-flash"}`, `{"extra_body":{"google":{"cached_content":"cachedContents/abc"}},"model":"gemini-2.5-flash"}`, ""},
		{"face: null", geminiFaceURL, "", fmt.Sprintf(face, "null"), fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/abc"}}`), ""},
		{"face: null within", geminiFaceURL, "", fmt.Sprintf(face, `{"google":null}`), fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/abc"}}`), ""},
		{"face: beside others", geminiFaceURL, "", fmt.Sprintf(face, `{"other": [1], "google":{"thinking_config":{"include_thoughts":true}}}`),
			fmt.Sprintf(face, `{"other": [1], "google":{"cached_content":"cachedContents/abc","thinking_config":{"include_thoughts":true}}}`), ""},
		{"face: beside other providers", geminiFaceURL, "", fmt.Sprintf(face, `{"other":{"google":1}}`),
			fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/abc"},"other":{"google":1}}`), ""},
		{"face: its own", geminiFaceURL, "", fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/own"}}`), fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/own"}}`), "cachedContents/own"},

		{"Vertex: in full", vertexURL, "", `{"contents":[]}`, `{"cachedContent":"` + vertexCache + `","contents":[]}`, ""},
		{"Vertex: it is in full", vertexURL, vertexCache, `{}`, `{"cachedContent":"` + vertexCache + `"}`, ""},
		{"Vertex: its own", vertexURL, "", `{"cachedContent":"projects/x/y"}`, `{"cachedContent":"projects/x/y"}`, "projects/x/y"},
		{"Vertex's face", vertexFaceURL, "", `{"model":"google/gemini-2.5-flash"}`, `{"extra_body":{"google":{"cached_content":"` + vertexCache + `"}},"model":"google/gemini-2.5-flash"}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			base.on("POST "+test.url, says(200, "application/json", geminiServed))
			stack := stackOver(t, base, policy.Policy{})
			cache := cmp.Or(test.cache, "cachedContents/abc")
			if _, err := do(t, policy.With(t.Context(), policy.CachedContent(cache)), stack, "POST", test.url, test.body); err != nil {
				t.Fatal(err)
			}
			if want := "POST " + test.url + " " + test.sent; len(base.sent) != 1 || base.sent[0] != want {
				t.Errorf("sent %q\nwant %q", base.sent, want)
			}
			if !json.Valid([]byte(test.sent)) {
				t.Error("what the test wants is no JSON")
			}
			rows := stack.Rows()
			if want := cmp.Or(test.row, cache); len(rows) != 1 || rows[0].Cache != want {
				t.Errorf("cache %q, want %q", rows[0].Cache, want)
			}
		})
	}
}

// A call that cannot use the cache is refused: an answer without it would be wrong.
func TestCachedContentThatCannotBeUsed(t *testing.T) {
	const embed = "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:embedContent"
	for _, test := range []struct {
		name, cache, url, body string
		header                 http.Header
		want                   error
	}{
		{"another provider", "", openaiURL, chatBody, nil, middleware.ErrPolicy},
		{"responses", "", responsesURL, backgroundBody, nil, middleware.ErrPolicy},
		{"Anthropic", "", "https://api.anthropic.com/v1/messages", `{}`, nil, middleware.ErrPolicy},
		{"embeddings", "", embed, `{}`, nil, middleware.ErrPolicy},
		{"an operation that nobody knows", "", "https://api.openai.com/v1/audio/speech", `{}`, nil, middleware.ErrPolicy},
		{"a name that is none", "abc", geminiURL, `{}`, nil, middleware.ErrPolicy},
		{"Vertex's name on Gemini", vertexCache, geminiURL, `{}`, nil, middleware.ErrPolicy},
		{"a name that is none on Vertex", "abc", vertexURL, `{}`, nil, middleware.ErrPolicy},
		{"extra_body that is no object", "", geminiFaceURL, `{"extra_body":[1]}`, nil, middleware.ErrPolicy},
		{"extra_body.google that is no object", "", geminiFaceURL, `{"extra_body":{"google":"x"}}`, nil, middleware.ErrPolicy},
		{"extra_body that is too long", "", geminiFaceURL, `{"extra_body":{"x":"` + strings.Repeat("x", 100<<10) + `"}}`, nil, middleware.ErrPolicy},
		{"no JSON", "", geminiURL, `contents`, nil, middleware.ErrBody},
		{"no body", "", geminiURL, ``, nil, middleware.ErrBody},
		{"an array", "", geminiURL, `[{}]`, nil, middleware.ErrBody},
		{"an encoded body", "", geminiURL, `{}`, http.Header{"content-encoding": {"gzip"}}, middleware.ErrBody},
		{"a signed body", "", geminiURL, `{}`, http.Header{"Authorization": {"AWS4-HMAC-SHA256 x"}}, middleware.ErrBody},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			base.on("POST "+test.url, says(200, "application/json", geminiServed))
			stack := stackOver(t, base, policy.Policy{})
			ctx := policy.With(t.Context(), policy.CachedContent(cmp.Or(test.cache, "cachedContents/abc")))
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, test.url, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			maps.Copy(req.Header, test.header)
			_, err = stack.RoundTrip(req)
			var refusal *middleware.Error
			if !errors.Is(err, test.want) || !errors.As(err, &refusal) || refusal.Attempts != 0 || len(base.sent) != 0 {
				t.Fatalf("%v, sent %q", err, base.sent)
			}
			if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Refused || rows[0].Cost != ledger.Known(0) || rows[0].Attempt != 0 {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// On Vertex AI the tier goes by a header, in a copy of the caller's, whatever case its own stands in.
func TestVertexTierGoesByHeader(t *testing.T) {
	const key = "X-Vertex-AI-LLM-Shared-Request-Type"
	elsewhere := strings.Replace(vertexURL, "global", "europe-west1", 1)
	for _, test := range []struct {
		name, url string
		tier      policy.Tier
		header    http.Header
		sent      string
		asked     policy.Tier
	}{
		{"flex", vertexURL, policy.Flex, http.Header{}, "flex", policy.Flex},
		{"priority", vertexURL, policy.Priority, http.Header{}, "priority", policy.Priority},
		{"standard", vertexURL, policy.Standard, http.Header{}, "", policy.Standard},
		{"none", vertexURL, "", http.Header{}, "", ""},
		{"the caller's own counts", vertexURL, policy.Flex, http.Header{key: {"priority"}}, "priority", policy.Priority},
		{"in lower case, too", vertexURL, policy.Flex, http.Header{strings.ToLower(key): {"priority"}}, "priority", policy.Priority},
		{"where there are no tiers", elsewhere, policy.Flex, http.Header{}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			base.on("POST "+test.url, says(200, "application/json", geminiServed))
			stack := stackOver(t, base, policy.Policy{Tier: test.tier})
			req, err := http.NewRequest(http.MethodPost, test.url, strings.NewReader(`{"contents":[]}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = test.header
			before := req.Header.Clone()
			if _, err := stack.Client().Do(req); err != nil {
				t.Fatal(err)
			}
			var sent []string
			for k, v := range base.headers[0] {
				if strings.EqualFold(k, key) {
					sent = append(sent, v...)
				}
			}
			if strings.Join(sent, ",") != test.sent || !reflect.DeepEqual(req.Header, before) || base.sent[0] != "POST "+test.url+` {"contents":[]}` {
				t.Errorf("sent %q and %q, the caller's header is %v", sent, base.sent, req.Header)
			}
			if rows := stack.Rows(); len(rows) != 0 && rows[0].AskedTier != test.asked {
				t.Errorf("asked for %q, want %q", rows[0].AskedTier, test.asked)
			}
		})
	}
}

// Flex that has no room on Vertex AI: the header of the next attempt is another's, not the one of before.
func TestVertexFallsBack(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){
		says(429, "application/json", `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Resource exhausted."}}`), says(200, "application/json", geminiServed),
	}}
	stack := stackOver(t, base, flexFirst)
	mustDo(t, stack, "POST", vertexURL, `{"contents":[]}`)
	var sent []string
	for _, h := range base.headers {
		sent = append(sent, h.Get("X-Vertex-Ai-Llm-Shared-Request-Type"))
	}
	if strings.Join(sent, ",") != "flex," {
		t.Errorf("sent %q", sent)
	}
}

// The models behind Azure's deployments price and match their calls, until the answer itself names one.
func TestDeployments(t *testing.T) {
	const byPath = "https://x.openai.azure.com/openai/deployments/prod/chat/completions?api-version=2025-01-01"
	const byBody = "https://x.openai.azure.com/openai/v1/chat/completions"
	prices, err := price.Parse("contract", strings.NewReader(`{"providers":{"azure":{"models":{
		"gpt-5":{"periods":[{"source":"test","tiers":{"standard":[{"usd_per_million":{"input":"1.25","output":"10"}}]}}]},
		"gpt-5-mini":{"periods":[{"source":"test","tiers":{"standard":[{"usd_per_million":{"input":"0.25","output":"2"}}]}}]}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	answer := func(model string) string { return strings.Replace(served, "gpt-5", model, 1) }
	for _, test := range []struct{ name, url, body, answer, model, cost string }{
		{"by the path", byPath, `{"model":"whatever"}`, answer(""), "gpt-5", "0.0002125"},
		{"by the body", byBody, `{"model":"prod"}`, answer(""), "gpt-5", "0.0002125"},
		{"the answer's model counts", byPath, `{}`, answer("gpt-5-mini"), "gpt-5", "0.0000425"},
		{"not in the map", strings.Replace(byPath, "prod", "test", 1), `{}`, answer(""), "test", "unknown"},
		{"not in the map, but in the answer", strings.Replace(byPath, "prod", "test", 1), `{}`, answer("gpt-5"), "test", "0.0002125"},
		{"another provider's model of that name", openaiURL, `{"model":"prod"}`, answer(""), "prod", "unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			models := map[string]string{"prod": "gpt-5"}
			base := newAPI()
			base.on("POST "+test.url, says(200, "application/json", test.answer))
			stack := stackOver(t, base, policy.Policy{}, middleware.WithDeployments(models), middleware.WithCatalog(prices))
			models["prod"], models["test"] = "mystery", "gpt-5" // the stack has its own copy
			mustDo(t, stack, "POST", test.url, test.body)
			if rows := stack.Rows(); len(rows) != 1 || rows[0].Model != test.model || rows[0].Cost.String() != test.cost || rows[0].Cost.Known == (rows[0].Unpriced != "") {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// A host that says nothing is taken for the provider that the program names, in rows, tiers and prices.
func TestProviderOfATestHost(t *testing.T) {
	const url, body = "http://127.0.0.1:8080/openai/v1/chat/completions", `{"model":"llama-3.3-70b-versatile"}`
	answer := strings.Replace(strings.Replace(served, "gpt-5", "llama-3.3-70b-versatile", 1), "default", "on_demand", 1)
	base := newAPI()
	base.on("POST "+url, says(200, "application/json", answer))
	stack := stackOver(t, base, policy.Policy{Tier: policy.Standard}, middleware.WithProvider("groq"))
	mustDo(t, stack, "POST", url, body)
	rows := stack.Rows()
	if len(rows) != 1 || rows[0].Provider != "groq" || rows[0].ServedTier != policy.Standard || rows[0].Cost.String() != "0.0000217" {
		t.Errorf("%+v", rows)
	}
	if !strings.Contains(base.sent[0], `"service_tier":"on_demand"`) {
		t.Errorf("sent %q", base.sent)
	}
	base.on("POST "+openaiURL, says(200, "application/json", served))
	mustDo(t, stack, "POST", openaiURL, chatBody)
	if rows := stack.Rows(); len(rows) != 2 || rows[1].Provider != "openai" {
		t.Errorf("a host that is known is no longer itself: %+v", rows)
	}
	if _, err := middleware.New(middleware.WithProvider("grok")); err == nil || !strings.Contains(err.Error(), "groq") {
		t.Errorf("a provider that is none: %v", err)
	}
}
