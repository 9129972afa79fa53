package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const bounded = `{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":"Who saves?"}]}`

// An SDK's own repetition of what may have been billed is not sent: not after a lost answer, not after one that broke
// off, and not after the SDK's own timeout, by which it has not even heard from us.
func TestRepetitionOfTheSDK(t *testing.T) {
	for _, test := range []struct {
		fault    llmtest.Fault
		timeout  time.Duration // of the http.Client
		status   int
		refusal  string
		requests int
		tries    int
	}{
		{llmtest.ResetAfterAccept, 0, 424, "ambiguous", 1, 1},
		{llmtest.ServerErrorAfterWork, 0, 500, "", 1, 1},
		{llmtest.CutStream, 0, 200, "", 1, 1}, // with x-should-retry: false
		{llmtest.Stall, 30 * time.Second, 424, "repeat", 1, 2},
		{llmtest.Slow, 30 * time.Second, 424, "repeat", 1, 2},
	} {
		inWorld(t, llmtest.Config{Faults: llmtest.Sequence(test.fault)}, policy.Policy{}, func(w *world) {
			w.client.Timeout = test.timeout
			got := likeStainless(w.T, w, w.client, 2)
			if got.status != test.status || got.header.Get("Skinflint-Refusal") != test.refusal || got.tries != test.tries {
				w.Errorf("%v: status %d, %q after %d tries: %s, %v", test.fault, got.status, got.header.Get("Skinflint-Refusal"), got.tries, got.body, got.err)
			}
			if n := len(w.provider.Requests()); n != test.requests {
				w.Errorf("%v: %d requests", test.fault, n)
			}
			w.wantBilled(1)
			if strings.Contains(got.body, "sk-secret") || strings.Contains(got.body, "Who saves") {
				w.Errorf("%v: %s", test.fault, got.body)
			}
		})
	}
}

// A repetition is known by the key and the body, or by the call that the program tracks; anything else is another call.
func TestWhatIsARepetition(t *testing.T) {
	faults := llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.ResetAfterAccept)
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{}, func(w *world) {
		try := func(ctx context.Context, n int, key, body string) (int, string) {
			w.Helper()
			req := w.request(ctx, body)
			req.Header.Set("Authorization", key)
			req.Header.Set("X-Stainless-Retry-Count", fmt.Sprint(n))
			resp, err := w.client.Do(req)
			if err != nil {
				w.Fatal(err)
			}
			defer resp.Body.Close()
			io.Copy(io.Discard, resp.Body)
			return resp.StatusCode, resp.Header.Get("Skinflint-Refusal")
		}
		tracked, _ := policy.Track(w.Context())
		other, _ := policy.Track(w.Context())
		try(w.Context(), 0, "a", chatBody)
		try(tracked, 0, "a", bounded)
		for _, test := range []struct {
			ctx       context.Context
			n         int
			key, body string
			repeat    bool
		}{
			{w.Context(), 1, "a", chatBody, true},
			{w.Context(), 0, "a", chatBody, false}, // the program asks anew
			{w.Context(), 1, "b", chatBody, false},
			{w.Context(), 1, "a", bounded, false}, // that one was tracked
			{tracked, 1, "a", bounded, true},
			{tracked, 2, "b", chatBody, true}, // the call is the same, whatever the key, and however the SDK words it
			{other, 1, "a", bounded, false},
			{policy.With(w.Context(), policy.AllowDoubleBilling()), 1, "a", chatBody, false},
		} {
			status, refusal := try(test.ctx, test.n, test.key, test.body)
			if (refusal == "repeat") != test.repeat || (status == 424) != test.repeat {
				w.Errorf("%+v: status %d, %q", test, status, refusal)
			}
		}
		time.Sleep(time.Hour)
		if status, _ := try(w.Context(), 1, "a", chatBody); status != 200 {
			w.Errorf("after an hour: status %d", status)
		}
		for _, r := range w.stack.Rows() {
			if r.Outcome == policy.Refused && (r.ErrorCode != "skinflint_repeat" || r.Cost != ledger.Known(0)) {
				w.Errorf("row %+v", r)
			}
		}
	})
}

// What a call is refused with, and fails with, in the form that the client is to have it in.
func TestErrorForms(t *testing.T) {
	reset := llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.ResetAfterAccept })
	gone := func(int) bool { return true }
	slow := policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 1, Burst: 1}}, MaxAttempts: 1}
	for _, test := range []struct {
		name    string
		cfg     llmtest.Config
		policy  policy.Policy
		option  policy.Option
		before  int
		kind    error
		status  int
		refusal string
	}{
		{"cost", llmtest.Config{}, policy.Policy{}, policy.MaxCost(1), 0, middleware.ErrCost, 402, "max_cost"},
		{"limit", llmtest.Config{}, slow, policy.FinishBy(time.Date(2000, 1, 1, 0, 0, 10, 0, time.UTC)), 1, middleware.ErrLimit, 429, "limit"},
		{"policy", llmtest.Config{}, policy.Policy{}, policy.MaxAttempts(-1), 0, middleware.ErrPolicy, 400, "policy"},
		{"deadline", llmtest.Config{}, policy.Policy{}, policy.FinishBy(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)), 0, middleware.ErrDeadline, 424, "deadline"},
		{"ambiguous", llmtest.Config{Faults: reset}, policy.Policy{}, nil, 0, middleware.ErrAmbiguous, 424, "ambiguous"},
		{"not sent", llmtest.Config{RefuseDials: gone}, policy.Policy{}, nil, 0, middleware.ErrNotSent, 424, "not_sent"},
		{"timeout", llmtest.Config{Latency: time.Hour}, policy.Policy{AttemptTimeout: time.Minute}, nil, 0, middleware.ErrTimeout, 424, "timeout"},
	} {
		for _, form := range []middleware.ErrorForm{middleware.AsError, middleware.AsResponse, middleware.AsHeadersSay} {
			for _, path := range []string{"/v1/chat/completions", "/v1beta/models/gemini-2.5-flash:generateContent", "/v1/messages"} {
				for _, stainless := range []bool{false, true} {
					t.Run(fmt.Sprint(test.name, form, path, stainless), func(t *testing.T) {
						inWorld(t, test.cfg, test.policy, func(w *world) {
							hc := w.stack.ErrorsAs(form).Client()
							body := `{"model":"claude-sonnet-4-5","max_tokens":100,"messages":[{"role":"user","content":"Who saves?"}]}`
							if strings.Contains(path, "gemini") {
								body = `{"contents":[{"parts":[{"text":"Who saves?"}]}]}`
							}
							ctx := w.Context()
							for range test.before {
								if _, _, err := w.call(ctx, chatBody); err != nil {
									w.Fatal(err)
								}
							}
							if test.option != nil {
								ctx = policy.With(ctx, test.option)
							}
							ctx, call := policy.Track(ctx)
							req, _ := http.NewRequestWithContext(ctx, http.MethodPost, w.provider.URL+path, strings.NewReader(body))
							if stainless {
								req.Header["x-stainless-lang"] = []string{"go"}
							}
							resp, err := hc.Do(req)
							asResponse := form == middleware.AsResponse || form == middleware.AsHeadersSay && stainless
							if test.kind == middleware.ErrLimit && strings.Contains(path, "v1") && err == nil && !asResponse {
								w.Errorf("answered: %v", resp.Status)
							}
							if !asResponse {
								var e *middleware.Error
								if !errors.As(err, &e) || !errors.Is(err, test.kind) || e.Temporary() || e.Timeout() {
									w.Errorf("error %v", err)
								}
								return
							}
							if err != nil {
								w.Fatal(err)
							}
							data, err := io.ReadAll(resp.Body)
							resp.Body.Close()
							if err != nil || resp.StatusCode != test.status || resp.Header.Get("Skinflint-Refusal") != test.refusal ||
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
							if strings.Contains(path, "messages") != (shape.Error.Code == 0) || shape.Error.Code != 0 && shape.Error.Code != test.status {
								w.Errorf("code %d in %s", shape.Error.Code, data)
							}
							if strings.Contains(path, "gemini") == (shape.Error.Status == "") {
								w.Errorf("%s", data)
							}
							// What an SDK hides, the program finds where it tracks the call.
							var e *middleware.Error
							if err := call.Err(); !errors.As(err, &e) || !errors.Is(err, test.kind) {
								w.Errorf("tracked: %v", err)
							}
						})
					})
				}
			}
		}
	}
}

// A context that is done stays the context's error, in every form.
func TestDoneContextStays(t *testing.T) {
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

// http.Client's Timeout is told once, in the log, and only where there is one.
func TestClientTimeoutIsTold(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		for n, timeout := range []time.Duration{0, time.Minute, time.Minute} {
			w.client.Timeout = timeout
			if status, _, err := w.call(w.Context(), chatBody); status != 200 {
				w.Fatal(err)
			}
			if got := strings.Count(log.String(), "the http.Client has a Timeout"); got != min(n, 1) {
				w.Errorf("told %d times after %d calls: %s", got, n+1, log.String())
			}
		}
		if !strings.Contains(log.String(), "timeout=1m0s") {
			w.Error(log.String())
		}
	}, middleware.WithLogger(logger))
}

// The stack as a func, as the SDKs of Stainless take middleware; what stands below may be a client with a timeout.
func TestMiddleware(t *testing.T) {
	faults := llmtest.Sequence(llmtest.RateLimited, llmtest.NoFault, llmtest.ResetAfterAccept, llmtest.Stall)
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{}, func(w *world) {
		below := w.provider.Client()
		ask := func() (*http.Response, error) {
			req := w.request(w.Context(), chatBody)
			req.Header.Set("X-Stainless-Retry-Count", "0")
			return w.stack.Middleware(req, below.Do)
		}
		resp, err := ask()
		if err != nil || resp.StatusCode != 200 {
			w.Fatal(resp, err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		w.wantRows("1 rejected inferred rate", "2 billed")
		for range 2 {
			below.Timeout = time.Minute
			resp, err = ask()
			if err != nil || resp.StatusCode != 424 {
				w.Fatal(resp, err)
			}
			text, _ := io.ReadAll(resp.Body)
			if strings.Contains(string(text), "http://") {
				w.Errorf("a URL, which may hold a key, in %s", text)
			}
		}
		w.balance()
	})
}

// A redirect within the host is for http.Client to follow, and what it sends then is a call of its own; one to another
// host is an error: following it would replay the prompt there, and show the key.
func TestRedirects(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.RedirectSame)}, flexFirst, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			w.Error(status, err)
		}
		w.wantRows("1 flex rejected inferred redirected", "1 flex billed")
		w.wantBilled(1)
		if got := w.provider.Requests(); len(got) != 2 || strings.Count(string(got[1].Body), "service_tier") != 1 {
			w.Errorf("%+v", got)
		}
	})
	for _, path := range []string{"/v1/chat/completions", "/v1/messages", "/v1beta/models/gemini-2.5-flash:generateContent"} {
		inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.RedirectAway)}, policy.Policy{}, func(w *world) {
			ctx, call := policy.Track(w.Context())
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, w.provider.URL+path, strings.NewReader(
				`{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[{"role":"user","content":"Who saves?"}],"contents":[{"parts":[{"text":"Who saves?"}]}]}`))
			req.Header.Set("X-Api-Key", "sk-secret")
			_, err := w.client.Do(req)
			var e *middleware.Error
			if !errors.Is(err, middleware.ErrRedirect) || !errors.As(err, &e) || !strings.Contains(e.Detail, "elsewhere") || !errors.Is(call.Err(), middleware.ErrRedirect) {
				w.Errorf("%s: %v; tracked: %v", path, err, call.Err())
			}
			w.wantRows("1 rejected inferred redirected")
			if n := len(w.provider.Requests()); n != 1 {
				w.Errorf("%s: %d requests", path, n)
			}
			w.wantBilled(0)
		})
	}
}

// Where another host begins.
func TestRedirectHosts(t *testing.T) {
	for where, away := range map[string]bool{
		"/elsewhere": false, "?again=1": false, "https://api.openai.com/v2": false, "https://API.openai.com:443/v2": false,
		"http://api.openai.com/v1": true, "https://api.openai.com:444/": true, "https://api.openai.com.evil.example/": true,
		"//evil.example/": true, "https://user@evil.example/": true, "": false, "::bad": false,
	} {
		base := &script{answers: []func(*http.Request) (*http.Response, error){func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 307, Header: http.Header{"Location": {where}}, Body: http.NoBody}, nil
		}}}
		stack := stackOver(t, base, policy.Policy{})
		req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
		if _, err := stack.RoundTrip(req); errors.Is(err, middleware.ErrRedirect) != away {
			t.Errorf("%q: %v", where, err)
		}
	}
}

// With Expect: 100-continue, a refusal costs no upload, and the attempt after it works.
func TestExpectContinue(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.EarlyRateLimited)}, policy.Policy{}, func(w *world) {
		w.provider.Transport().ExpectContinueTimeout = time.Minute
		sent := 0
		body := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("x", 1<<20) + `"}]}`
		req := w.request(w.Context(), body)
		req.Header.Set("Expect", "100-continue")
		var uploads []int
		req.GetBody = func() (io.ReadCloser, error) {
			uploads = append(uploads, 0)
			return io.NopCloser(&counted{strings.NewReader(body), &uploads[len(uploads)-1]}), nil
		}
		req.Body, _ = req.GetBody()
		resp, err := w.client.Do(req)
		if err != nil || resp.StatusCode != 200 {
			w.Fatal(resp, err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		for _, n := range uploads {
			sent += n
		}
		// It is looked through once, and uploaded once.
		if got := w.provider.Requests(); len(got) != 2 || len(got[0].Body) != 0 || len(got[1].Body) != len(body) || sent != 2*len(body) {
			w.Errorf("%d requests, %d bytes read of %d", len(got), sent, len(body))
		}
		w.wantRows("1 rejected inferred rate", "2 billed")
	})
}

type counted struct {
	r io.Reader
	n *int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += n
	return n, err
}

// A refusal that comes while a long body is still going up does not hurt the attempt after it: each has a reader of its
// own. net/http may lose such an answer on HTTP/1, as the connection goes with it, and then nobody knows.
func TestEarlyRefusal(t *testing.T) {
	body := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("x", 4<<20) + `"}]}`
	for _, http2 := range []bool{false, true} {
		faults := llmtest.ScriptFunc(func(n int) llmtest.Fault {
			if n%2 == 0 {
				return llmtest.EarlyRateLimited
			}
			return llmtest.NoFault
		})
		inWorld(t, llmtest.Config{HTTP2: http2, Faults: faults}, policy.Policy{}, func(w *world) {
			for range 5 {
				w.call(w.Context(), body)
			}
			for _, r := range w.provider.Requests() {
				if r.Fault == llmtest.NoFault && len(r.Body) != len(body) {
					w.Errorf("HTTP/2 %v: %d bytes arrived", http2, len(r.Body))
				}
			}
			billed := len(w.provider.Meter())
			if http2 && billed != 5 || billed > 5 {
				w.Errorf("HTTP/2 %v: %d billed", http2, billed)
			}
			w.balance()
		})
	}
}

// A server that closes a connection just as a request is written to it ends that request ambiguously, and so it is not
// sent again. Base closes connections before servers do.
func TestStaleClose(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.StaleClose)}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 {
			w.Fatal(err)
		}
		if _, _, err := w.call(w.Context(), bounded); !errors.Is(err, middleware.ErrAmbiguous) {
			w.Errorf("%v", err)
		}
		w.wantRows("1 billed", "1 ambiguous transport_error")
		w.wantBilled(1)
		if row := w.stack.Rows()[1]; row.WireTries != 1 || !row.Exposure.Known || row.Exposure.Pico <= 0 {
			w.Errorf("%+v", row)
		}
	})
}

// What may have been billed is exposed up to a bound, beside the cost and never in it, until a bill says what it was.
func TestExposureAndResolve(t *testing.T) {
	faults := llmtest.Sequence(llmtest.NoFault, llmtest.ResetAfterAccept, llmtest.ServerError)
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{}, func(w *world) {
		ctx, call := policy.Track(policy.With(w.Context(), policy.Tag("tenant", "acme")))
		for range 3 {
			w.call(ctx, bounded)
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
		// The bill has the one, and not the other.
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
		}{{"nobody", 1, 1}, {rows[0].Call, 1, 1}, {rows[1].Call, 2, 1}, {rows[1].Call, 1, -1}} {
			if err := w.stack.Resolve(bad.call, bad.attempt, bad.cost); err == nil {
				w.Errorf("%+v: no error", bad)
			}
		}
		totals = w.stack.Totals()
		want := sum(rows[0].Cost.Pico, price.MustUSD("0.000123"))
		for name, total := range map[string]ledger.Total{"all": totals.Total, "tag": totals.By["tag:tenant=acme"], "model": totals.By["model:gpt-5"]} {
			if total.Cost != want || total.Exposure.Sign() != 0 || total.Unpriced != 0 || total.Saved != total.List.Minus(total.Cost).Minus(total.Implicit) {
				w.Errorf("%s: %+v", name, total)
			}
		}
		if row := w.stack.Rows()[1]; row.Cost != ledger.Known(price.MustUSD("0.000123")) || row.Exposure.Known || row.Unpriced != "" || row.PriceID != "bill" {
			w.Errorf("%+v", row)
		}
	})
}

func sum(amounts ...price.Pico) (s price.Sum) {
	for _, p := range amounts {
		s.Add(p)
	}
	return s
}

// Google is told how long an attempt has; where nothing ends it, flex gets the 15 minutes that it may take.
func TestServerTimeout(t *testing.T) {
	const generate = "/v1beta/models/gemini-2.5-flash:generateContent"
	const onVertex = "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent"
	for _, test := range []struct {
		path, own string
		tier      policy.Tier
		left      time.Duration
		attempt   time.Duration
		want      string
	}{
		{generate, "", "", 0, 0, ""},
		{generate, "", "", 90500 * time.Millisecond, 0, "91"},
		{generate, "", policy.Flex, 0, 0, "900"},
		{generate, "", policy.Flex, 20 * time.Minute, 0, "1200"},
		{generate, "", policy.Flex, 20 * time.Minute, 5 * time.Minute, "300"},
		{generate, "77", policy.Flex, 20 * time.Minute, 0, "77"},
		{onVertex, "", policy.Flex, 0, 0, "900"},
		{onVertex, "", "", time.Minute, 0, "60"},
		{"/v1/chat/completions", "", policy.Flex, time.Hour, 0, ""},
	} {
		inWorld(t, llmtest.Config{}, policy.Policy{Tier: test.tier, AttemptTimeout: test.attempt}, func(w *world) {
			ctx := w.Context()
			if test.left > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.left)
				defer cancel()
			}
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, w.provider.URL+test.path,
				strings.NewReader(`{"model":"gpt-5","messages":[{"role":"user","content":"x"}],"contents":[{"role":"user","parts":[{"text":"x"}]}]}`))
			if test.own != "" {
				req.Header["x-server-timeout"] = []string{test.own}
			}
			resp, err := w.client.Do(req)
			if err != nil {
				w.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if got := w.provider.Requests()[0].Header.Get("X-Server-Timeout"); got != test.want {
				w.Errorf("%+v: %q", test, got)
			}
		})
	}
}

// Calls of an operation that nobody understands are not ours to send again. What may have been billed the SDK is told not
// to repeat, either; what the provider refused it may.
func TestUnknownOperations(t *testing.T) {
	for status, forbidden := range map[int]string{200: "false", 429: "", 500: "false", 400: ""} {
		base := &script{answers: []func(*http.Request) (*http.Response, error){says(status, "application/json", `{"error":{"message":"no"}}`)}}
		stack := stackOver(t, base, policy.Policy{})
		req := httptest.NewRequest(http.MethodPost, "https://api.openai.com/v1/videos", strings.NewReader(`{}`))
		resp, err := stack.RoundTrip(req)
		if err != nil || resp.Header.Get("X-Should-Retry") != forbidden || len(base.bodies) != 1 {
			t.Errorf("%d: %v, %v", status, resp, err)
		}
	}
	// What hands in work that is charged for later is one, whatever the context wants for calls that are charged at once.
	lost := errors.New("lost")
	stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		return nil, lost
	}), policy.Policy{})
	for _, path := range []string{"https://api.openai.com/v1/batches", "https://api.openai.com/v1/fine_tuning/jobs", "https://api.anthropic.com/v1/messages/batches"} {
		ctx := policy.With(t.Context(), policy.MaxCost(1), policy.CachedContent("cachedContents/abc"))
		for n, want := range []string{"ambiguous", "repeat"} {
			req := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(`{}`))
			req.Header.Set("X-Stainless-Retry-Count", fmt.Sprint(n))
			if resp, err := stack.RoundTrip(req); err != nil || resp.StatusCode != 424 || resp.Header.Get("Skinflint-Refusal") != want {
				t.Errorf("%s: %v, %v", path, resp, err)
			}
		}
	}
	req := httptest.NewRequest(http.MethodPost, "https://api.openai.com/v1/videos", strings.NewReader(`{}`))
	req.Header.Set("X-Stainless-Lang", "go")
	if resp, err := stack.RoundTrip(req); err != nil || resp.StatusCode != 424 {
		t.Errorf("%v, %v", resp, err)
	}
}

// What costs nothing is left alone, answers and errors alike.
func TestFreeCallsAreLeftAlone(t *testing.T) {
	for method, path := range map[string]string{"GET": "https://api.openai.com/v1/models", "POST": "https://api.anthropic.com/v1/messages/count_tokens"} {
		base := &script{answers: []func(*http.Request) (*http.Response, error){says(500, "application/json", `{}`)}}
		req := httptest.NewRequest(method, path, strings.NewReader(`{}`))
		resp, err := stackOver(t, base, policy.Policy{}).RoundTrip(req)
		if err != nil || resp.Header["X-Should-Retry"] != nil {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
	}
}

// A refusal in the form of a response frees what it holds: permits, bodies, rows.
func TestResponseFormLeavesNothingBehind(t *testing.T) {
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

// Over HTTP/2, the func knows what the server did not process, as the chain does; and what redirects the client beneath
// it would follow, it does not.
func TestMiddlewareOnTheWire(t *testing.T) {
	for _, test := range []struct {
		fault    llmtest.Fault
		http2    bool
		before   int
		status   int
		refusal  string
		requests int
	}{
		{llmtest.RefusedStream, true, 0, 200, "", 2},
		{llmtest.RefusedStream, true, 1, 200, "", 2},
		{llmtest.GoAway, true, 1, 200, "", 2},
		{llmtest.ProtocolErrorAfterWork, true, 1, 424, "ambiguous", 1},
		{llmtest.RedirectAway, true, 0, 424, "redirect", 1},
		{llmtest.RedirectAway, false, 0, 424, "redirect", 1},
		{llmtest.RedirectAway, false, 1, 424, "redirect", 1},
		{llmtest.RedirectSame, false, 0, 307, "", 1},
		{llmtest.RedirectSame, false, 1, 424, "redirect", 1},
	} {
		faults := append(make([]llmtest.Fault, test.before), test.fault)
		inWorld(t, llmtest.Config{HTTP2: test.http2, Faults: llmtest.Sequence(faults...)}, policy.Policy{}, func(w *world) {
			var resp *http.Response
			for range test.before + 1 {
				req := w.request(w.Context(), chatBody)
				req.Header.Set("X-Stainless-Retry-Count", "0")
				var err error
				if resp, err = w.stack.Middleware(req, w.provider.Client().Do); err != nil {
					w.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			if resp.StatusCode != test.status || resp.Header.Get("Skinflint-Refusal") != test.refusal {
				w.Errorf("%+v: status %d, %v", test, resp.StatusCode, resp.Header)
			}
			if n := len(w.provider.Requests()) - test.before; n != test.requests {
				w.Errorf("%+v: %d requests", test, n)
			}
			if row := w.stack.Rows()[test.before]; test.refusal == "redirect" && (row.Outcome != policy.Rejected || row.Reason != policy.Redirected) {
				w.Errorf("%+v: %+v", test, row)
			}
		})
	}
}

// What stands beneath may send a request again when it has been answered: to sign it anew, for instance. On a broken
// connection it may not.
func TestBodyForWhatStandsBeneath(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		inWorld(t, llmtest.Config{HTTP2: http2, Faults: llmtest.Sequence(llmtest.BadRequest, llmtest.NoFault, llmtest.ResetAfterAccept)}, policy.Policy{}, func(w *world) {
			again := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
				resp, err := next.RoundTrip(req)
				if err == nil && resp.StatusCode == 200 {
					return resp, nil
				}
				if err == nil {
					resp.Body.Close()
				}
				out := req.Clone(req.Context())
				if out.Body, err = req.GetBody(); err != nil {
					return nil, err
				}
				return next.RoundTrip(out)
			})
			hc := w.stack.Wrap(&http.Client{Transport: again(w.provider.Transport())})
			resp, err := hc.Do(w.request(w.Context(), chatBody))
			if err != nil || resp.StatusCode != 200 {
				w.Fatal(resp, err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			_, err = hc.Do(w.request(w.Context(), bounded))
			if http2 && (!errors.Is(err, middleware.ErrAmbiguous) || !errors.Is(err, transport.ErrReplay)) {
				w.Errorf("HTTP/2 %v: %v", http2, err)
			}
		})
	}
}

// What an SDK sends again of itself is known although it is not quite the same: its token was renewed, its body cannot be
// had again, or there were too many to remember each. And an answer that came too late for the SDK is known, and one that
// broke off.
func TestRepetitionIsKnown(t *testing.T) {
	long := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("x", 100<<10) + `"}]}`
	for _, test := range []struct {
		name    string
		fault   llmtest.Fault
		prepare func(n int, req *http.Request)
		repeat  bool
	}{
		{"the same", llmtest.ResetAfterAccept, func(int, *http.Request) {}, true},
		{"a free refusal", llmtest.BadRequest, func(int, *http.Request) {}, false},
		{"a renewed token", llmtest.ResetAfterAccept, func(n int, req *http.Request) {
			req.Header.Set("Authorization", fmt.Sprint("Bearer eyJ", n))
		}, true},
		{"a new signature", llmtest.ResetAfterAccept, func(n int, req *http.Request) {
			req.Header.Set("Authorization", fmt.Sprint("AWS4-HMAC-SHA256 Signature=", n))
		}, true},
		{"another key", llmtest.ResetAfterAccept, func(n int, req *http.Request) {
			req.Header.Set("Authorization", fmt.Sprint("Bearer sk-", n))
		}, false},
		{"no GetBody", llmtest.ResetAfterAccept, func(_ int, req *http.Request) { req.GetBody = nil }, true},
		{"no GetBody, and long", llmtest.ResetAfterAccept, func(_ int, req *http.Request) {
			req.Body, req.ContentLength, req.GetBody = io.NopCloser(strings.NewReader(long)), int64(len(long)), nil
		}, true},
		{"an answer that broke off", llmtest.CutStream, func(int, *http.Request) {}, true},
		{"an answer", llmtest.NoFault, func(int, *http.Request) {}, true},
	} {
		inWorld(t, llmtest.Config{Faults: llmtest.Sequence(test.fault)}, policy.Policy{}, func(w *world) {
			ctx, cancel := context.WithTimeout(w.Context(), time.Minute) // as an SDK's own
			defer cancel()
			for n := range 2 {
				req := w.request(ctx, chatBody)
				req.Header.Set("X-Stainless-Retry-Count", fmt.Sprint(n))
				test.prepare(n, req)
				resp, err := w.client.Do(req)
				if err != nil {
					w.Fatal(test.name, err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if got := resp.Header.Get("Skinflint-Refusal") == "repeat"; n == 1 && got != test.repeat {
					w.Errorf("%s: status %d, %v", test.name, resp.StatusCode, resp.Header)
				}
			}
		})
	}
	// More than are remembered: then each may be one.
	if raceEnabled {
		return // it takes half a minute, one call after the other
	}
	lost := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		return nil, errors.New("lost")
	})
	stack := stackOver(t, lost, policy.Policy{}, middleware.WithStore(ledger.NewMemory(1)))
	for n := range 2 {
		for i := range 20_000 {
			req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(fmt.Sprintf(`{"model":"gpt-5","n":%d}`, i)))
			req.Header.Set("X-Stainless-Retry-Count", fmt.Sprint(n))
			resp, err := stack.RoundTrip(req)
			if err != nil || n == 1 && resp.Header.Get("Skinflint-Refusal") != "repeat" {
				t.Fatalf("try %d, call %d: %v, %v", n, i, resp, err)
			}
		}
	}
}

// An SDK behind a proxy gives a call up by a timeout that nobody here knows of, and repeats it: after the answer has passed,
// or while the call still runs. Neither is billed a second time. What the program asks once more is another call.
func TestRepeatsWithoutADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, refuse := make(chan struct{}), false
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			<-hold
			if refuse {
				return says(429, jsonType, `{"error":{"code":"insufficient_quota","type":"insufficient_quota","message":"none left"}}`)(req)
			}
			return newAnswering().RoundTrip(req)
		})
		stack := stackOver(t, base, policy.Policy{})
		ask := func(count string) (status int) {
			req, err := http.NewRequest(http.MethodPost, openaiURL, strings.NewReader(`{"model":"gpt-5"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Stainless-Retry-Count", count)
			req.Header.Set("Authorization", "Bearer sk-test")
			resp, err := stack.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return resp.StatusCode
		}
		first := make(chan int)
		go func() { first <- ask("0") }()
		synctest.Wait()
		if got := ask("1"); got != 424 {
			t.Errorf("repeated while it runs: %d", got)
		}
		close(hold)
		if got := <-first; got != 200 {
			t.Errorf("the first: %d", got)
		}
		if got := ask("1"); got != 424 {
			t.Errorf("repeated after the answer: %d", got)
		}
		if got := ask("0"); got != 200 {
			t.Errorf("asked once more: %d", got)
		}
		refuse = true
		if got := ask("0"); got != 429 {
			t.Errorf("asked once more, and refused: %d", got)
		}
		refuse = false
		if got := ask("1"); got != 200 {
			t.Errorf("repeated after a refusal: %d", got)
		}
		if n := stack.Totals().Attempts; n != 4 {
			t.Errorf("%d attempts", n)
		}
	})
}
