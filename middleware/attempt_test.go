package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Each fault has its effect on the call, on the ledger and on the bill.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		fault  llmtest.Fault
		status int // 0: an error
		rows   []string
		billed int
	}{
		{llmtest.ResetBeforeAccept, 0, []string{"1 ambiguous transport_error"}, 0},
		{llmtest.ResetAfterAccept, 0, []string{"1 ambiguous transport_error"}, 1},
		{llmtest.CutStream, 0, []string{"1 partial"}, 1},
		{llmtest.ServerError, 500, []string{"1 ambiguous server_error"}, 0},
		{llmtest.ServerErrorAfterWork, 500, []string{"1 ambiguous server_error"}, 1},
		{llmtest.Overloaded, 200, []string{"1 rejected reported overloaded", "2 billed"}, 1},
		{llmtest.QuotaExceeded, 429, []string{"1 rejected inferred quota"}, 0},
		{llmtest.BadRequest, 400, []string{"1 rejected inferred bad_request"}, 0},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			inWorld(t, llmtest.Config{Faults: llmtest.Sequence(test.fault)}, policy.Policy{}, func(w *world) {
				status, answer, err := w.call(w.Context(), chatBody)
				if test.status == 0 && err == nil || test.status != 0 && status != test.status {
					t.Errorf("status %d, error %v, %q", status, err, answer)
				}
				w.wantRows(test.rows...)
				w.wantBilled(test.billed)
				w.balance()
				w.bounded()
			})
		})
	}
}

// An edit of the tier leaves all other bytes of the body as they were.
func TestEditKeepsOtherBytes(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		body := "{ \"messages\":[{\"role\":\"user\",\"content\":\"\\u003c\"}],\n \"seed\": 12345678901234567890, \"x\":1e400, \"model\":\"gpt-5\" }\n"
		if status, _, err := w.call(w.Context(), body); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		got := string(w.provider.Requests()[0].Body)
		if want := `{"service_tier":"flex",` + body[1:]; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

// The caller's request stays as it was, in every field.
func TestRequestIsUntouched(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, flexFirst, func(w *world) {
		req := w.request(w.Context(), chatBody)
		req.Header["idempotency-key"] = []string{"k"}
		req.Header["content-length"] = []string{"70"}
		header, url, size := maps.Clone(req.Header), *req.URL, req.ContentLength
		body := req.Body
		resp, err := w.stack.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		drain(resp)
		if !reflect.DeepEqual(req.Header, header) || *req.URL != url || req.ContentLength != size || req.Body != body {
			t.Errorf("the request was changed: %+v", req)
		}
		for _, got := range w.provider.Requests() {
			if got.Header.Get("Idempotency-Key") != "" {
				t.Error("an idempotency key reached the wire")
			}
		}
	})
}

// Headers are recognised in any case.
func TestHeadersInAnyCase(t *testing.T) {
	for _, name := range []func(string) string{strings.ToLower, strings.ToUpper, http.CanonicalHeaderKey} {
		base := newScript(
			says(429, jsonType, `{"error":{"code":"slow_down"}}`), says(200, jsonType, served),
		)
		stack := stackOver(t, base, policy.Policy{Tier: policy.Flex, BackoffBase: 1, BackoffMax: 1})
		req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
		req.Header = http.Header{
			name("Content-Length"): {fmt.Sprint(len(chatBody))}, name("Idempotency-Key"): {"k"}, name("X-Idempotency-Key"): {"k"},
			name("X-Stainless-Retry-Count"): {"2"}, name("Authorization"): {"Bearer sk"}, name("X-Own"): {"1"},
		}
		before := req.Header.Clone()
		resp, err := stack.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		if fmt.Sprint(req.Header) != fmt.Sprint(before) {
			t.Errorf("the caller's header was changed: %v", req.Header)
		}
		for i, sent := range base.headers {
			length, body := sent[name("Content-Length")], base.bodies[i]
			if len(sent) != 4 || len(length) != 1 || length[0] != fmt.Sprint(len(body)) || !strings.Contains(body, "flex") || sent[name("X-Own")] == nil {
				t.Errorf("sent %v with %q", sent, body)
			}
		}
		if rows := stack.Rows(); len(rows) != 2 || rows[0].SDKRetry != 2 {
			t.Errorf("%+v", rows)
		}
	}
	// Content-Encoding in lower case: the body is not JSON, even if it looks like it.
	base := newScript(says(200, jsonType, served))
	stack := stackOver(t, base, policy.Policy{Tier: policy.Flex})
	req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
	req.Header["content-encoding"] = []string{"br"}
	if _, err := stack.RoundTrip(req); err != nil || base.bodies[0] != chatBody {
		t.Errorf("%v, sent %q", err, base.bodies)
	}
}

// A call to Google carries the time that its attempt has left. Without a deadline, flex gets the 15 minutes that it may
// take.
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
			drain(resp)
			if got := w.provider.Requests()[0].Header.Get("X-Server-Timeout"); got != test.want {
				w.Errorf("%+v: %q", test, got)
			}
		})
	}
}

func TestStalledCall(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.Stall)}, policy.Policy{AttemptTimeout: time.Minute}, func(w *world) {
		start := time.Now()
		_, _, err := w.call(w.Context(), chatBody)
		if !errors.Is(err, middleware.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		w.wantRows("1 ambiguous transport_error")
		w.wantBilled(1)
		w.bounded()
	})
}

// An attempt's timeout runs until the body has been read.
func TestAttemptTimeoutAndTheBody(t *testing.T) {
	inWorld(t, llmtest.Config{ChunkDelay: time.Second}, policy.Policy{AttemptTimeout: time.Minute}, func(w *world) {
		status, answer, err := w.call(w.Context(), streamBody)
		if status != 200 || err != nil || !strings.HasSuffix(answer, "data: [DONE]\n\n") {
			t.Errorf("%d, %v, %q", status, err, answer)
		}
		w.wantRows("1 billed")
	})
	inWorld(t, llmtest.Config{ChunkDelay: 20 * time.Second}, policy.Policy{AttemptTimeout: time.Minute}, func(w *world) {
		if _, _, err := w.call(w.Context(), streamBody); !errors.Is(err, middleware.ErrTimeout) {
			t.Errorf("a slow stream: %v", err)
		}
		w.wantRows("1 partial")
		w.bounded()
	})
}

func TestStream(t *testing.T) {
	for _, crlf := range []bool{false, true} {
		inWorld(t, llmtest.Config{CRLF: crlf, ChunkDelay: time.Second}, policy.Policy{Tier: policy.Flex}, func(w *world) {
			start := time.Now()
			resp, err := w.client.Do(w.request(w.Context(), streamBody))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			first := make([]byte, 1)
			if _, err := io.ReadFull(resp.Body, first); err != nil || time.Since(start) > time.Second {
				t.Errorf("the first byte took %v, %v", time.Since(start), err)
			}
			rest, err := io.ReadAll(resp.Body)
			if err != nil || strings.Contains(string(rest), `"choices":[]`) || !strings.Contains(string(rest), "[DONE]") {
				t.Errorf("%v, %s", err, rest)
			}
			w.wantRows("1 flex billed")
			w.balance()
			if row := w.stack.Rows()[0]; row.UsageSource != ledger.Measured || !row.Stream || row.ServedTier != policy.Flex {
				t.Errorf("%+v", row)
			}
		})
	}
}

func TestStreamUsageRejected(t *testing.T) {
	inWorld(t, llmtest.Config{NoStreamOptions: true}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(w.Context(), streamBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 rejected inferred usage_refused", "2 billed")
		row := w.stack.Rows()[1]
		if row.UsageSource != ledger.Unknown || row.Unpriced == "" || row.Cost.Known || !row.Exposure.Known {
			t.Errorf("a stream without usage: %+v", row)
		}
		w.bounded()
	})
}

func TestLeaveStreams(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{LeaveStreams: true}, func(w *world) {
		if status, _, err := w.call(w.Context(), streamBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		if got := string(w.provider.Requests()[0].Body); got != streamBody {
			t.Errorf("sent %q", got)
		}
		w.bounded()
	})
}

// A stream with another content type is read as a stream, and the usage that we asked for is hidden.
func TestStreamOfPlainText(t *testing.T) {
	stream := fmt.Sprintf("data: {\"choices\":[{}]}\n\ndata: %s\n\ndata: [DONE]\n\n", strings.Replace(served, "[{}]", "[]", 1))
	base := newScript(says(200, "text/plain; charset=utf-8", stream))
	stack := stackOver(t, base, policy.Policy{})
	got, err := chat(t, t.Context(), stack, streamBody)
	if err != nil || strings.Contains(got, "usage") || !strings.Contains(got, "[DONE]") {
		t.Errorf("%q, %v", got, err)
	}
	if row := stack.Rows()[0]; row.UsageSource != ledger.Measured {
		t.Errorf("%+v", row)
	}
}

// A stream is not asked for its usage if the caller asked for an encoding: a compressed event cannot be hidden.
func TestAcceptEncodingInAnyCase(t *testing.T) {
	for _, key := range []string{"Accept-Encoding", "accept-encoding", "ACCEPT-ENCODING"} {
		base := newScript(says(200, eventType, "data: [DONE]\n\n"))
		req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(streamBody))
		req.Header[key] = []string{"gzip"}
		resp, err := stackOver(t, base, policy.Policy{}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if base.bodies[0] != streamBody || fmt.Sprint(base.headers[0][key]) != "[gzip]" {
			t.Errorf("%s: sent %q, header %v", key, base.bodies, base.headers[0])
		}
	}
}

// A chunk may end between an event and its line end, and the caller may read the next one into the same buffer.
func TestUsageIsReadBeforeTheBufferIsReused(t *testing.T) {
	event := `data: {"id":"right","model":"gpt-5","service_tier":"flex","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":2000,"total_tokens":3000}}`
	other := "\n\n: " + strings.Replace(event, "1000", "1   ", 1) + "\n\ndata: [DONE]\n\n"
	base := newScript(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}},
			Body: io.NopCloser(io.MultiReader(strings.NewReader(event), strings.NewReader(other)))}, nil
	})
	stack := stackOver(t, base, policy.Policy{LeaveStreams: true})
	req, err := http.NewRequest(http.MethodPost, openaiURL, strings.NewReader(streamBody))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stack.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for err == nil {
		_, err = resp.Body.Read(buf)
	}
	row := stack.Rows()[0]
	if row.Usage.Input != 1000 || row.ResponseID != "right" || row.ServedTier != policy.Flex {
		t.Errorf("%+v", row)
	}
}

func TestStreamFaults(t *testing.T) {
	for fault, want := range map[llmtest.Fault]string{
		llmtest.CutStream: "1 partial", llmtest.ErrorInStream: "1 partial", llmtest.ResetAfterAccept: "1 ambiguous transport_error",
	} {
		t.Run(fault.String(), func(t *testing.T) {
			inWorld(t, llmtest.Config{Faults: llmtest.Sequence(fault)}, policy.Policy{}, func(w *world) {
				w.call(w.Context(), streamBody)
				w.wantRows(want)
				w.wantBilled(1)
				w.bounded()
			})
		})
	}
}

func TestStreamClosedEarly(t *testing.T) {
	inWorld(t, llmtest.Config{ChunkDelay: time.Second}, policy.Policy{}, func(w *world) {
		ctx, call := policy.Track(w.Context())
		resp, err := w.client.Do(w.request(ctx, streamBody))
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(resp.Body, make([]byte, 10))
		resp.Body.Close()
		w.wantRows("1 partial")
		if _, complete := call.Cost(); complete || call.Err() == nil {
			t.Error("Cost says that it is complete")
		}
		w.bounded()
	})
}

// A stream that is neither read nor closed ends after a time, and gives its permit back.
func TestStreamNotRead(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}, func(w *world) {
		if _, err := w.client.Do(w.request(w.Context(), streamBody)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		w.wantRows("1 partial")
		// Its permit has come back.
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
	})
}

func TestStreamCancelled(t *testing.T) {
	inWorld(t, llmtest.Config{ChunkDelay: time.Second}, policy.Policy{}, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		resp, err := w.client.Do(w.request(ctx, streamBody))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(2 * time.Second)
		cancel()
		synctest.Wait()
		w.wantRows("1 partial")
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("reading on: %v", err)
		}
	})
}

// A 429 with an endless body counts as rejected, and all of the body reaches the caller.
func TestEndlessRejection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			req.Body.Close()
			return &http.Response{StatusCode: 429, Header: http.Header{}, Body: r, Request: req}, nil
		})
		go func() {
			for {
				if _, err := io.WriteString(w, "x"); err != nil {
					return
				}
				time.Sleep(300 * time.Millisecond)
			}
		}()
		stack, err := middleware.New(middleware.WithBase(base), middleware.WithPolicy(policy.Policy{MaxAttempts: 1}))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		resp, err := stack.Client().Post("https://api.openai.com/v1/chat/completions", "", strings.NewReader(chatBody))
		if err != nil || resp.StatusCode != 429 || time.Since(start) > 2*time.Second {
			t.Fatal(err, time.Since(start))
		}
		buf := make([]byte, 10)
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "xxxxxxxxxx" {
			t.Errorf("%q, %v", buf, err)
		}
		resp.Body.Close()
		time.Sleep(time.Second) // so that the writer sees the close
	})
}

// An incomplete rejection does not count as one: it is not known what the rest would have said.
func TestIncompleteRejection(t *testing.T) {
	sent := 0
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		sent++
		req.Body.Close()
		body := io.MultiReader(strings.NewReader(`{"error":{"code":"flex_un`), iotest.ErrReader(errors.New("reset")))
		return &http.Response{StatusCode: 429, Header: http.Header{}, Body: io.NopCloser(body), Request: req}, nil
	})
	stack, err := middleware.New(middleware.WithBase(base), middleware.WithPolicy(flexFirst))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stack.Client().Post("https://api.openai.com/v1/chat/completions", "", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if rows := stack.Rows(); sent != 1 || len(rows) != 1 || rows[0].Outcome != policy.Ambiguous {
		t.Errorf("sent %d times, rows %+v", sent, rows)
	}
}

// A rejection counts only once all of it has come: the rest could say that waiting does not help.
func TestSlowRejectionIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newScript(func(*http.Request) (*http.Response, error) {
			r, w := io.Pipe()
			time.AfterFunc(3*time.Second, func() {
				io.WriteString(w, `{"error":{"code":"insufficient_quota"}}`)
				w.Close()
			})
			return &http.Response{StatusCode: 429, Header: http.Header{}, Body: r}, nil
		})
		stack := stackOver(t, base, policy.Policy{})
		got, err := chat(t, t.Context(), stack, chatBody)
		if err != nil || !strings.Contains(got, "insufficient_quota") {
			t.Errorf("the caller got %q, %v", got, err)
		}
		if rows := stack.Rows(); len(base.bodies) != 1 || rows[0].Outcome != policy.Ambiguous {
			t.Errorf("sent %d times, %+v", len(base.bodies), rows)
		}
	})
}

// An error counts as documented to be free only if it comes from the provider's own host, in the provider's own shape.
// What a gateway or a proxy says may hide an answer that was billed.
func TestEvidenceIsTheProvidersOwn(t *testing.T) {
	const (
		page   = "<html>gateway time-out</html>"
		google = `{"error":{"code":500,"message":"Internal error","status":"INTERNAL"}}`
	)
	for _, test := range []struct {
		url    string
		status int
		body   string
		free   bool
	}{
		{geminiURL, 500, google, true},
		{geminiURL, 500, page, false},
		{"http://gw.internal/v1beta/models/gemini-2.5-flash:generateContent", 500, google, false},
		{"http://gw.internal/v1/projects/p/locations/global/publishers/google/models/m:generateContent", 504, page, false},
		{"https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:generateContent", 504, google, true},
		{"https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:generateContent", 504, page, false},
		{"https://api.deepinfra.com/v1/openai/chat/completions", 500, google, false},
		{"https://openrouter.ai/api/v1/chat/completions", 524, page, false},
		{"https://openrouter.ai/api/v1/chat/completions", 502, `{"error":{"code":502,"message":"Provider returned error"}}`, true},
	} {
		sent, row := callWith(t, test.url, `{"model":"m"}`, says(test.status, jsonType, test.body))
		if free := row.Outcome == policy.Rejected && sent > 1; free != test.free {
			t.Errorf("%s, %d %.20s: sent %d times, %s %s", test.url, test.status, test.body, sent, row.Outcome, row.Evidence)
		}
	}
}

// With Expect: 100-continue, a rejection costs no upload, and the next attempt works.
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
		drain(resp)
		for _, n := range uploads {
			sent += n
		}
		// It is scanned once, and uploaded once.
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

// A rejection that comes during the upload of a long body does not disturb the next attempt, which has a reader of its
// own. Over HTTP/1, net/http may lose such an answer together with its connection; the attempt is then ambiguous.
func TestEarlyRejection(t *testing.T) {
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

// Endless informational responses are cut off.
func TestEndless1xx(t *testing.T) {
	for _, chained := range []bool{false, true} {
		l, _ := net.Listen("tcp", "127.0.0.1:0")
		const most = 64 << 20
		var sent atomic.Int64
		done := make(chan bool)
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			bufio.NewReader(c).Peek(1)
			early := "HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("x", 60<<10) + "\r\n\r\n"
			for sent.Load() < most {
				n, err := io.WriteString(c, early)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		}()
		base := &http.Transport{}
		var rt http.RoundTripper = base
		if chained {
			rt = stackOver(t, transport.RoundTripperFunc(base.RoundTrip), policy.Policy{})
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://"+l.Addr().String()+"/v1/chat/completions", strings.NewReader(chatBody))
		if _, err := rt.RoundTrip(req); err == nil {
			t.Error("answered")
		}
		<-done
		if sent.Load() >= most {
			t.Error("without end")
		}
		cancel()
		l.Close()
	}
}

func TestNilBodies(t *testing.T) {
	none := func(status int) answerFunc {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}}, nil
		}
	}
	base := newScript(none(429), none(200))
	stack := stackOver(t, base, policy.Policy{BackoffBase: 1, BackoffMax: 1})
	if _, err := chat(t, t.Context(), stack, chatBody); err != nil || len(base.bodies) != 2 {
		t.Errorf("%v, sent %d times", err, len(base.bodies))
	}
}

// An upgraded connection reaches the caller unchanged.
func TestUpgrade(t *testing.T) {
	body := &struct{ io.ReadWriteCloser }{}
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: http.Header{}, Body: body}, nil
	})
	stack := stackOver(t, base, policy.Policy{})
	resp, err := stack.RoundTrip(httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody)))
	if err != nil || resp.Body != io.ReadCloser(body) {
		t.Errorf("%v, body replaced", err)
	}
}

// A base that returns neither a response nor an error makes the attempt ambiguous.
func TestBaseThatBreaksItsContract(t *testing.T) {
	stack, err := middleware.New(middleware.WithBase(transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, nil })))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stack.RoundTrip(httptest.NewRequest(http.MethodPost, "http://x/v1/chat/completions", strings.NewReader(chatBody))); err == nil {
		t.Error("no error")
	}
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Ambiguous {
		t.Errorf("%+v", rows)
	}
}

// A panic of the base reaches the caller, and no permit is lost.
func TestPanickingBase(t *testing.T) {
	panics := true
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		if panics {
			panic("base")
		}
		return says(200, "application/json", served)(req)
	})
	rt := transport.Chain(base, middleware.Limit(policy.Limit{Concurrency: 1}))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is lost")
			}
		}()
		chat(t, t.Context(), rt, chatBody)
	}()
	panics = false
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := chat(t, ctx, rt, chatBody); err != nil {
		t.Errorf("the permit is lost: %v", err)
	}
}
