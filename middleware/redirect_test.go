package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A redirect within the host is followed by http.Client, and makes a new call. A redirect to another host is an error:
// it would send the prompt again, and show the key.
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

// A redirect is to another host if the host name, the port or the use of TLS differs.
func TestRedirectHosts(t *testing.T) {
	for where, elsewhere := range map[string]bool{
		"/elsewhere": false, "?again=1": false, "https://api.openai.com/v2": false, "https://API.openai.com:443/v2": false,
		"http://api.openai.com/v1": true, "https://api.openai.com:444/": true, "https://api.openai.com.evil.example/": true,
		"//evil.example/": true, "https://user@evil.example/": true, "": false, "::bad": false,
	} {
		base := newScript(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 307, Header: http.Header{"Location": {where}}, Body: http.NoBody}, nil
		})
		stack := stackOver(t, base, policy.Policy{})
		req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
		if _, err := stack.RoundTrip(req); errors.Is(err, middleware.ErrRedirect) != elsewhere {
			t.Errorf("%q: %v", where, err)
		}
	}
}

// An http.Client beneath the stack does not follow a redirect to another host, not even without a body (301 to 303):
// the key would be sent.
func TestRedirectOfClientBeneath(t *testing.T) {
	var key atomic.Value
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { key.Store(r.Method + " " + r.Header.Get("X-Api-Key")) }))
	defer b.Close()
	for _, code := range []int{301, 302, 303} {
		a := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(b.URL, "127.0.0.1", "localhost", 1)+"/evil", code)
		}))
		stack := stackOver(t, nil, policy.Policy{})
		req, _ := http.NewRequest("POST", a.URL+"/v1/messages", strings.NewReader(`{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[]}`))
		req.Header.Set("X-Api-Key", "sk-secret")
		req.Header.Set("X-Stainless-Retry-Count", "0")
		resp, err := stack.Middleware(req, a.Client().Do)
		if k := key.Load(); k != nil {
			t.Errorf("%d: another host got %q; resp %v %v", code, k, resp.StatusCode, err)
		}
		if resp != nil {
			resp.Body.Close()
		}
		a.Close()
	}
}

// An http.Client beneath the stack does not do so after an informational response on a reused connection either.
func TestRedirectOfClientBeneathAfter1xx(t *testing.T) {
	var got atomic.Value
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := io.ReadAll(r.Body)
		got.Store(r.Header.Get("X-Api-Key") + " " + string(p))
	}))
	defer b.Close()
	n := 0
	a := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if n++; n == 1 {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, served)
			return
		}
		w.WriteHeader(103)
		w.Header().Set("Location", strings.Replace(b.URL, "127.0.0.1", "localhost", 1)+"/v1/messages")
		w.WriteHeader(307)
	}))
	defer a.Close()
	stack := stackOver(t, nil, policy.Policy{})
	hc := a.Client()
	for range 2 {
		req, _ := http.NewRequest("POST", a.URL+"/v1/messages", strings.NewReader(`{"model":"claude-sonnet-4-5","max_tokens":10,"messages":["PROMPT"]}`))
		req.Header.Set("X-Api-Key", "sk-secret")
		req.Header.Set("X-Stainless-Retry-Count", "0")
		resp, err := stack.Middleware(req, hc.Do)
		if err != nil {
			t.Fatal(err)
		}
		drain(resp)
	}
	if got.Load() != nil {
		t.Errorf("another host got %q", got.Load())
	}
}

// The SDK's http.Client beneath Stack.Middleware has a transport that traces (as otelhttp does), and follows a redirect to
// another host: that would send the prompt and a key in a custom header there. It must be stopped.
func TestRedirectBeneathATracingBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		got := map[string]string{}
		tr := &http.Transport{DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			c, s := net.Pipe()
			go func() {
				defer s.Close()
				req, err := http.ReadRequest(bufio.NewReader(s))
				if err != nil {
					return
				}
				b, _ := io.ReadAll(req.Body)
				mu.Lock()
				got[addr] = req.Header.Get("Api-Key") + " " + string(b)
				mu.Unlock()
				if strings.HasPrefix(addr, "api.openai.com") {
					fmt.Fprint(s, "HTTP/1.1 302 Found\r\nLocation: http://evil.example/v1/chat/completions\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				} else {
					fmt.Fprint(s, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
				}
			}()
			return c, nil
		}}
		defer tr.CloseIdleConnections()
		s, err := middleware.New()
		if err != nil {
			t.Fatal(err)
		}
		hc := &http.Client{Transport: tracingBase{tr}}
		req, _ := http.NewRequest("POST", "http://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
		req.Header.Set("Api-Key", "sk-secret")
		resp, err := s.Middleware(req, hc.Do)
		if err == nil {
			resp.Body.Close()
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if v, ok := got["evil.example:80"]; ok {
			t.Errorf("the other host got %q (%v)", v, err)
		}
	})
}
