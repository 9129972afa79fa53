package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// dialed opens a connection to a proxy.
func dialed(t *testing.T, p *instance) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return conn, bufio.NewReader(conn)
}

// next reads the next answer from a connection.
func next(t *testing.T, r *bufio.Reader, method string) answer {
	t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Header.Set("Test-Close", fmt.Sprint(resp.Close))
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// TestBothWays has a client and an upstream that write in turns: the header of the answer comes before the second half of the
// request.
func TestBothWays(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("X-First", "yes")
		w.(http.Flusher).Flush()
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", body, err)
	}))
	defer upstream.Close()
	p := start(t, upstream.URL)
	for _, path := range notHeld {
		conn, r := dialed(t, p)
		io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfirst")
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.Header.Get("X-First") != "yes" {
			t.Fatalf("%s: %v %v", path, resp, err)
		}
		io.WriteString(conn, "later")
		if body, err := io.ReadAll(resp.Body); string(body) != "firstlater <nil>" {
			t.Errorf("%s: %q %v", path, body, err)
		}
	}
}

// TestEarlyAnswers has answers that come before the request has been read: from the upstream, and from the proxy itself. The
// client first sends all of a long body, and then finds the answer.
func TestEarlyAnswers(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		io.WriteString(w, "too long")
	}))
	defer upstream.Close()
	open, guarded := start(t, upstream.URL, "-headers", "-body-memory", "1"), start(t, upstream.URL, "-token", "s3cret")
	body := bytes.Repeat([]byte("x"), 40<<20)
	for name, c := range map[string]struct {
		to      *instance
		request string
		status  int
	}{
		"no token":         {guarded, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk-1\r\n", 401},
		"a wrong token":    {guarded, "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nSkinflint-Token: s3cre\r\n", 401},
		"a page":           {guarded, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n", 401},
		"a health check":   {guarded, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n", 200},
		"another host":     {open, "POST /v1/chat/completions HTTP/1.1\r\nHost: evil.example\r\n", 403},
		"another site":     {open, "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n", 403},
		"a bad header":     {open, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nSkinflint-Tier: x\r\n", 400},
		"another method":   {open, "PUT /metrics HTTP/1.1\r\nHost: localhost\r\n", 405},
		"the upstream":     {open, "POST /v1/files HTTP/1.1\r\nHost: localhost\r\n", 413},
		"too long to hold": {open, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n", 413},
	} {
		t.Run(name, func(t *testing.T) {
			conn, r := dialed(t, c.to)
			if _, err := fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n", c.request, len(body)); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(body); err != nil {
				t.Fatal(err)
			}
			if a := next(t, r, "POST"); a.status != c.status || a.header.Get("Test-Close") != "true" {
				t.Errorf("%d %v %s", a.status, a.header, a.body)
			}
		})
	}
}

// TestBadRequests has clients that fail to send a body. The answer says so, and that is not the upstream's fault.
func TestBadRequests(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	}))
	t.Cleanup(upstream.Close)
	p := start(t, upstream.URL)
	for name, c := range map[string]struct{ body, want string }{
		"a bad chunk":         {"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n", "not valid HTTP"},
		"a bad chunk, later":  {"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nhello\r\n", "not valid HTTP"},
		"a chunk without end": {"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n", "not valid HTTP"},
		"a huge chunk":        {"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}", "not valid HTTP"},
		"a cut chunk":         {"Transfer-Encoding: chunked\r\n\r\nff\r\n{}", "before its body was complete"},
		"no last chunk":       {"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "before its body was complete"},
		"a cut body":          {"Content-Length: 100\r\n\r\n{}", "before its body was complete"},
	} {
		for _, path := range []string{"/v1/chat/completions", "/v1/messages", "/v1/files", "/v1/messages/count_tokens", "/v1/batches", "/unheard/of"} {
			t.Run(name+" "+path, func(t *testing.T) {
				conn, r := dialed(t, p)
				io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+c.body)
				conn.(*net.TCPConn).CloseWrite()
				a := next(t, r, "POST")
				if a.status != 400 || !strings.Contains(a.body, c.want) || strings.Contains(a.body, "127.0.0.1") || a.header.Get("Test-Close") != "true" {
					t.Errorf("%d %v %s", a.status, a.header, a.body)
				}
			})
		}
	}
	if strings.Contains(p.log.String(), "panic") {
		t.Error(p.log)
	}
}

// TestClientLeaves has clients that leave before their answer. The log says that they left.
func TestClientLeaves(t *testing.T) {
	asked := make(chan bool)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		asked <- true
		<-r.Context().Done()
	}))
	defer upstream.Close()
	for _, path := range []string{"/v1/chat/completions", "/v1/files", "/unheard/of"} {
		p := start(t, upstream.URL)
		ctx, leave := context.WithCancel(t.Context())
		go func() { <-asked; leave() }()
		req, _ := http.NewRequestWithContext(ctx, "POST", p.url+path, strings.NewReader(chatBody("gpt-5-mini", "?", "")))
		if resp, err := http.DefaultClient.Do(req); err == nil {
			t.Errorf("%s: %+v", path, resp)
		}
		p.log.await(t, `level=INFO msg="the client left before its answer was complete" method=POST status=499`)
	}
}

// TestProblems checks which failures are whose.
func TestProblems(t *testing.T) {
	late := &net.OpError{Op: "read", Net: "tcp", Err: timedOut{}}
	left, leave := context.WithCancel(t.Context())
	leave()
	for _, c := range []struct {
		fault, err error
		ctx        context.Context
		status     int // 0: no answer
	}{
		{nil, io.ErrUnexpectedEOF, t.Context(), 502},
		{nil, &net.OpError{Op: "dial", Err: timedOut{}}, t.Context(), 504},
		{nil, context.Canceled, left, 0},
		{nil, fmt.Errorf("wrapped: %w", errNoRoom), t.Context(), 503},
		{io.EOF, io.ErrUnexpectedEOF, t.Context(), 502}, // the request has ended well
		{late, late, left, 408},
		{io.ErrUnexpectedEOF, io.ErrUnexpectedEOF, left, 400},
	} {
		x := &exchange{request: &arriving{err: c.fault}}
		p, ok := problemOf(x.with(c.ctx), c.err)
		if ok != (c.status != 0) || p.Status != c.status || ok && (p.Message == "" || p.Code == "") {
			t.Errorf("%v, %v: %+v", c.fault, c.err, p)
		}
	}
	if p, ok := problemOf(t.Context(), io.EOF); !ok || p.Status != 502 {
		t.Errorf("without an exchange: %+v", p)
	}
}

type timedOut struct{}

func (timedOut) Error() string   { return "late" }
func (timedOut) Timeout() bool   { return true }
func (timedOut) Temporary() bool { return true }

// TestMethods sends requests of other methods and forms than those of an SDK.
func TestMethods(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		w.Header().Set("X-URI", fmt.Sprintf("%d %s", len(r.RequestURI), r.RequestURI[:min(len(r.RequestURI), 20)]))
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "hello")
	}))
	defer upstream.Close()
	p := start(t, upstream.URL)
	long := "/v1/models?x=" + strings.Repeat("y", 50_000)
	for name, c := range map[string]struct {
		method, target, more string
		status               int
		uri                  string
	}{
		"HEAD":              {"HEAD", "/v1/models", "", 200, "10 /v1/models"},
		"HEAD of a page":    {"HEAD", "/healthz", "", 200, ""},
		"OPTIONS":           {"OPTIONS", "/v1/models", "", 200, "10 /v1/models"},
		"a preflight":       {"OPTIONS", "/v1/models", "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n", 403, ""},
		"OPTIONS *":         {"OPTIONS", "*", "", 400, ""},
		"OPTIONS of a page": {"OPTIONS", "/metrics", "", 405, ""},
		"DELETE":            {"DELETE", "/v1/files/1", "", 200, "11 /v1/files/1"},
		"absolute":          {"GET", "http://localhost/v1/models", "", 200, "10 /v1/models"},
		"absolute, foreign": {"GET", "http://evil.example/v1/models", "", 403, ""},
		"CONNECT":           {"CONNECT", "localhost:443", "", 400, ""},
		"a long URL":        {"GET", long, "", 200, fmt.Sprintf("%d %s", len(long), long[:20])},
		"too long a URL":    {"GET", long + strings.Repeat("z", 50_000), "", 431, ""},
		"HTTP/2":            {"PRI", "*", "", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn, r := dialed(t, p)
			version := "1.1"
			if c.method == "PRI" {
				version = "2.0"
			}
			fmt.Fprintf(conn, "%s %s HTTP/%s\r\nHost: localhost\r\n%s\r\n", c.method, c.target, version, c.more)
			a := next(t, r, c.method)
			if a.status != c.status || a.header.Get("X-URI") != c.uri {
				t.Errorf("%d %v %s", a.status, a.header, a.body)
			}
		})
	}
}

// TestPipelining sends several requests at once on one connection. Their answers come in order.
func TestPipelining(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, r.URL.Path+" "+string(body))
	}))
	defer upstream.Close()
	p := start(t, upstream.URL)
	conn, r := dialed(t, p)
	var all, want []string
	for i := range 10 {
		path := []string{"/v1/chat/completions", "/v1/files", "/healthz", "/v1/moderations"}[i%4]
		body := fmt.Sprintf(`{"n":%d}`, i)
		if path == "/healthz" {
			all = append(all, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
			want = append(want, "ok\n")
			continue
		}
		framing := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
		if i%2 == 0 {
			framing = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		}
		all = append(all, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\n"+framing)
		want = append(want, path+" "+body)
	}
	io.WriteString(conn, strings.Join(all, ""))
	for _, w := range want {
		if a := next(t, r, "POST"); a.status != 200 || a.body != w {
			t.Fatalf("%d %q, want %q", a.status, a.body, w)
		}
	}
}

// TestExpectContinue has clients that wait for 100 Continue before they send a body, for calls that are held and others.
func TestExpectContinue(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %q", body, r.Header.Get("Expect"))
	}))
	defer upstream.Close()
	p := start(t, upstream.URL)
	for path, want := range map[string]string{"/v1/chat/completions": `hello ""`, "/v1/files": `hello "100-continue"`} {
		conn, r := dialed(t, p)
		io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		if line, err := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%s: %q %v", path, line, err)
		}
		r.ReadString('\n')
		io.WriteString(conn, "hello")
		if a := next(t, r, "POST"); a.status != 200 || a.body != want {
			t.Errorf("%s: %+v", path, a)
		}
	}
}

// TestInformational has an upstream that sends early hints before its answer.
func TestInformational(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}))
	defer upstream.Close()
	p := start(t, upstream.URL)
	for _, path := range []string{"/v1/chat/completions", "/v1/files"} {
		conn, r := dialed(t, p)
		io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != 103 || resp.Header.Get("Link") == "" || resp.Close {
			t.Fatalf("%s: %+v %v", path, resp, err)
		}
		if a := next(t, r, "POST"); a.status != 200 || a.body != "hello" {
			t.Errorf("%s: %+v", path, a)
		}
	}
}
