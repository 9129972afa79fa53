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
		for _, form := range []middleware.ErrorForm{middleware.AsError, middleware.AsResponse, middleware.AsHeadersSay} {
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
	asResponse := form == middleware.AsResponse || form == middleware.AsHeadersSay && stainless
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
