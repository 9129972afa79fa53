package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Refusals and failures come in the form that was chosen for the client.
func TestErrorForms(t *testing.T) {
	reset := llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.ResetAfterAccept })
	refused := func(int) bool { return true }
	slow := policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 1, Burst: 1}}, MaxAttempts: 1}
	for _, f := range []failure{
		{"cost", llmtest.Config{}, policy.Policy{}, policy.MaxCost(1), 0, middleware.ErrCost, 402, "max_cost"},
		{"limit", llmtest.Config{}, slow, policy.FinishBy(time.Date(2000, 1, 1, 0, 0, 10, 0, time.UTC)), 1, middleware.ErrLimit, 429, "limit"},
		{"policy", llmtest.Config{}, policy.Policy{}, policy.MaxAttempts(-1), 0, middleware.ErrPolicy, 400, "policy"},
		{"deadline", llmtest.Config{}, policy.Policy{}, policy.FinishBy(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)), 0, middleware.ErrDeadline, 424, "deadline"},
		{"ambiguous", llmtest.Config{Faults: reset}, policy.Policy{}, nil, 0, middleware.ErrAmbiguous, 424, "ambiguous"},
		{"not sent", llmtest.Config{RefuseDials: refused}, policy.Policy{}, nil, 0, middleware.ErrNotSent, 424, "not_sent"},
		{"timeout", llmtest.Config{Latency: time.Hour}, policy.Policy{AttemptTimeout: time.Minute}, nil, 0, middleware.ErrTimeout, 424, "timeout"},
	} {
		for _, form := range []middleware.ErrorForm{middleware.AsError, middleware.AsResponse, middleware.AsHeadersSay, middleware.AsFinalResponse} {
			for _, path := range []string{"/v1/chat/completions", "/v1beta/models/gemini-2.5-flash:generateContent", "/v1/messages"} {
				for _, stainless := range []bool{false, true} {
					t.Run(fmt.Sprint(f.name, form, path, stainless), func(t *testing.T) {
						inWorld(t, f.cfg, f.policy, func(w *world) { f.check(w, form, path, stainless) })
					})
				}
			}
		}
	}
}

// A failure is a call that is refused or fails, and what the client gets then.
type failure struct {
	name    string
	cfg     llmtest.Config
	policy  policy.Policy
	option  policy.Option
	before  int // calls
	kind    error
	status  int
	refusal string
}

// check makes the call and checks the form in which it fails.
func (f failure) check(w *world, form middleware.ErrorForm, path string, stainless bool) {
	resp, tracked, err := f.call(w, form, path, stainless)
	if form == middleware.AsFinalResponse && f.status == 424 {
		f.status = 400
	}
	asResponse := form == middleware.AsResponse || form == middleware.AsFinalResponse || form == middleware.AsHeadersSay && stainless
	if f.kind == middleware.ErrLimit && strings.Contains(path, "v1") && err == nil && !asResponse {
		w.Errorf("answered: %v", resp.Status)
	}
	if !asResponse {
		var e *middleware.Error
		if !errors.As(err, &e) || !errors.Is(err, f.kind) || e.Temporary() || e.Timeout() {
			w.Errorf("error %v", err)
		}
		return
	}
	if err != nil {
		w.Fatal(err)
	}
	f.checkResponse(w, resp, path)
	// A program whose SDK hides the error finds it in the tracked call.
	var e *middleware.Error
	if err := tracked.Err(); !errors.As(err, &e) || !errors.Is(err, f.kind) {
		w.Errorf("tracked: %v", err)
	}
}

// call makes the call, after those that come before it.
func (f failure) call(w *world, form middleware.ErrorForm, path string, stainless bool) (*http.Response, *policy.Call, error) {
	body := `{"model":"claude-sonnet-4-5","max_tokens":100,"messages":[{"role":"user","content":"Who saves?"}]}`
	if strings.Contains(path, "gemini") {
		body = `{"contents":[{"parts":[{"text":"Who saves?"}]}]}`
	}
	ctx := w.Context()
	for range f.before {
		if _, _, err := w.call(ctx, chatBody); err != nil {
			w.Fatal(err)
		}
	}
	if f.option != nil {
		ctx = policy.With(ctx, f.option)
	}
	ctx, tracked := policy.Track(ctx)
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, w.provider.URL+path, strings.NewReader(body))
	if stainless {
		req.Header["x-stainless-lang"] = []string{"go"}
	}
	resp, err := w.stack.ErrorsAs(form).Client().Do(req)
	return resp, tracked, err
}

// checkResponse checks a response in the provider's shape.
func (f failure) checkResponse(w *world, resp *http.Response, path string) {
	data, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != f.status || resp.Header.Get("Skinflint-Refusal") != f.refusal ||
		resp.Header.Get("X-Should-Retry") != "false" || resp.ContentLength != int64(len(data)) || resp.Request == nil {
		w.Errorf("%v %v, %v", resp.Status, resp.Header, err)
	}
	var shape struct {
		Error struct {
			Code    int
			Message string
			Status  string
			Type    string
		}
	}
	if err := json.Unmarshal(data, &shape); err != nil || shape.Error.Message == "" {
		w.Errorf("%v: %s", err, data)
	}
	if strings.Contains(path, "messages") != (shape.Error.Code == 0) || shape.Error.Code != 0 && shape.Error.Code != f.status {
		w.Errorf("code %d in %s", shape.Error.Code, data)
	}
	if strings.Contains(path, "gemini") == (shape.Error.Status == "") {
		w.Errorf("%s", data)
	}
}

// A finalTest is a provider's answer to a path at an unknown host, or to a URL, and what the client gets.
type finalTest struct {
	path   string
	answer answerFunc
	want   int    // status
	text   string // in the message, if it is not the provider's answer
}

func (f *finalTest) url() string {
	if strings.HasPrefix(f.path, "/") {
		return "http://127.0.0.1" + f.path
	}
	return f.path
}

// As a final response, an answer that may have been billed has a status that no client sends again, and the provider's own
// status and message within. What was free, or is no call that costs, is the provider's own answer.
func TestFinalResponses(t *testing.T) {
	const page, plainType = "<html>bad gateway</html>", "text/plain; charset=utf-8"
	const openai, gemini, anthropic = "/v1/chat/completions", "/v1beta/models/gemini-2.5-flash:generateContent", "/v1/messages"
	for _, test := range []finalTest{
		{openai, says(500, jsonType, `{"error":{"message":"The server had an error"}}`), 400, "the provider answered 500, and it may have been billed, for $"},
		{openai, says(500, jsonType, `{"error":{"message":"The server had an error"}}`), 400, "; the provider says: The server had an error"},
		{openai, says(502, "text/html", page), 400, "the provider answered 502"},
		{openai, says(504, plainType, "upstream request timeout\n"), 400, "; the provider says: upstream request timeout"},
		{openai, says(408, jsonType, `{}`), 400, "the provider answered 408"},
		{openai, says(409, jsonType, `{"message":"in use"}`), 400, "; the provider says: in use"},
		{openai, says(500, jsonType, ``), 400, "the provider answered 500"},
		{gemini, says(500, jsonType, `{"error":{"code":500,"message":"internal","status":"INTERNAL"}}`), 400, "; the provider says: internal"},
		{anthropic, says(500, jsonType, `{"type":"error","error":{"type":"api_error","message":"internal"}}`), 400, "; the provider says: internal"},
		{"/v1/embeddings", says(500, jsonType, `{}`), 400, "the provider answered 500"},
		{"https://api.openai.com/v1/batches", says(500, jsonType, `{}`), 400, "the provider answered 500"},
		{openai, says(400, jsonType, `{"error":{"message":"bad"}}`), 400, ""},
		{openai, says(401, jsonType, `{"error":{"message":"bad key"}}`), 401, ""},
		{openai, says(429, jsonType, `{"error":{"code":"insufficient_quota","type":"insufficient_quota","message":"none left"}}`), 429, ""},
		{"/v1/messages/count_tokens", says(500, jsonType, `{}`), 500, ""},
	} {
		test.check(t)
	}
}

func (f *finalTest) check(t *testing.T) {
	t.Helper()
	provided := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		resp, err := f.answer(req)
		resp.Header.Set("X-Request-Id", "req_1")
		resp.Header.Set("Retry-After", "5")
		return resp, err
	})
	stack := stackOver(t, provided, policy.Policy{})
	ctx, tracked := policy.Track(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, f.url(), strings.NewReader(boundedBody))
	resp, err := stack.ErrorsAs(middleware.AsFinalResponse).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	h := resp.Header
	name := fmt.Sprintf("%s: status %d, %v, %s", f.path, resp.StatusCode, h, body)
	if resp.StatusCode != f.want || h.Get("X-Request-Id") != "req_1" {
		t.Error(name)
	}
	if f.text == "" {
		if h.Get("Skinflint-Refusal") != "" || h.Get("Skinflint-Upstream-Status") != "" || tracked.Err() != nil {
			t.Error(name, tracked.Err())
		}
		return
	}
	f.checkStandIn(t, resp, body)
	if err := tracked.Err(); !errors.Is(err, middleware.ErrAmbiguous) || strings.Contains(err.Error(), "provider says") {
		t.Errorf("%s: the error is %v", name, err)
	}
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Ambiguous || fmt.Sprint(rows[0].Status) != h.Get("Skinflint-Upstream-Status") {
		t.Errorf("%s: rows %+v", name, rows)
	}
}

// checkStandIn checks a response that stands for the provider's answer.
func (f *finalTest) checkStandIn(t *testing.T, resp *http.Response, body []byte) {
	t.Helper()
	original, _ := f.answer(resp.Request)
	for header, want := range map[string]string{
		"Skinflint-Refusal": "ambiguous", "Skinflint-Upstream-Status": fmt.Sprint(original.StatusCode),
		"X-Should-Retry": "false", "Retry-After": "", "Content-Length": fmt.Sprint(len(body)),
	} {
		if resp.Header.Get(header) != want {
			t.Errorf("%s: %s is %q, want %q", f.path, header, resp.Header.Get(header), want)
		}
	}
	if !json.Valid(body) || !strings.Contains(string(body), f.text) {
		t.Errorf("%s: %s, want %q", f.path, body, f.text)
	}
}

// A proxy of ours beneath has a status of its own for what may have been billed. It counts as what it is.
func TestFinalResponseOfAProxyBeneath(t *testing.T) {
	for kind, want := range map[string]policy.Outcome{
		"ambiguous": policy.Ambiguous, "timeout": policy.Ambiguous, "repeat": policy.Rejected, "max_cost": policy.Rejected, "": policy.Rejected,
	} {
		sent := 0
		beneath := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			sent++
			resp, err := says(400, jsonType, `{"error":{"message":"service_tier"}}`)(req)
			resp.Header.Set("Skinflint-Refusal", kind)
			return resp, err
		})
		stack := stackOver(t, beneath, flexFirst)
		chat(t, t.Context(), stack, chatBody)
		if last := stack.Rows()[len(stack.Rows())-1]; last.Outcome != want || want == policy.Ambiguous && sent != 1 {
			t.Errorf("%q: %v after %d requests", kind, last.Outcome, sent)
		}
	}
}

// A call whose context is done returns the context's error, in every form.
func TestContextErrorStays(t *testing.T) {
	for _, form := range []middleware.ErrorForm{middleware.AsError, middleware.AsResponse} {
		inWorld(t, llmtest.Config{Latency: time.Hour}, policy.Policy{}, func(w *world) {
			ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
			defer cancel()
			resp, err := w.stack.ErrorsAs(form).Client().Do(w.request(ctx, chatBody))
			var ours *middleware.Error
			var u *url.Error
			if resp != nil || !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ours) || !errors.As(err, &u) || !u.Timeout() {
				w.Errorf("%v, %v", resp, err)
			}
			w.wantRows("1 ambiguous transport_error")
		})
	}
}

// A refusal in the form of a response releases permits and bodies, and leaves a row.
func TestRefusalResponseReleasesPermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.ResetBeforeAccept })
		provider := llmtest.NewPipe(llmtest.Config{Faults: faults})
		defer provider.Close()
		stack := stackOver(t, provider.Transport(), policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}})
		hc := stack.ErrorsAs(middleware.AsResponse).Client()
		for range 10 {
			resp, err := hc.Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(chatBody))
			if err != nil || resp.StatusCode != 424 {
				t.Fatal(resp, err)
			}
		}
		if n := len(stack.Rows()); n != 10 {
			t.Errorf("%d rows", n)
		}
	})
}

// A base may return the same header with every answer.
func TestHeaderOfTheBaseIsUnchanged(t *testing.T) {
	header := http.Header{"Content-Type": {"application/json"}}
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		return &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(strings.NewReader(served))}, nil
	})
	stack := stackOver(t, base, policy.Policy{})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			resp, err := stack.Client().Post("https://api.openai.com/v1/chat/completions", "application/json", strings.NewReader(chatBody))
			if err == nil {
				drain(resp)
			}
		})
	}
	wg.Wait()
	if header.Get("X-Should-Retry") != "" {
		t.Error("the base's own header has changed")
	}
}
