package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A seen is what an upstream got.
type seen struct {
	uri, host, body string
	header          http.Header
}

// recorder starts an upstream that keeps what it gets, and answers with a JSON object.
func recorder(t *testing.T) (url string, got chan seen) {
	got = make(chan seen, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.RequestURI, r.Host, string(body), r.Header}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

// raw writes a request as it is, and reads its answer.
func raw(t *testing.T, p *instance, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestPathsPassAsTheyAre(t *testing.T) {
	upstream, got := recorder(t)
	for _, base := range []string{"", "/", "/gateway", "/a%2Fb/", "/a//b"} {
		p := start(t, upstream+base)
		for _, uri := range []string{
			"/v1/models", "/", "//v1//models", "/v1/models/", "/v1/./a/../b", "/v1/files/a%2Fb", "/v1/%41%7e~", "/x;y=1",
			"/v1/models/gemini:generateContent?alt=sse", "/q?", "/q?a=1;b=2&c=%zz&d", "/q?a=b?c=/d", "/caf%C3%A9", "/a%20b+c", "/metrics/", "/debug/", "/healthz2",
		} {
			raw(t, p, "GET "+uri+" HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n")
			want := strings.TrimSuffix(base, "/") + uri
			if s := <-got; s.uri != want {
				t.Errorf("base %q: %s arrives as %s", base, uri, s.uri)
			}
		}
	}
}

func FuzzTarget(f *testing.F) {
	for _, uri := range []string{"/v1/a%2Fb?x;y", "//a", "/%41", "/?", "/a?%zz"} {
		f.Add(uri)
	}
	upstream, err := parseUpstream("https://api.example/base%2F/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		in, err := url.ParseRequestURI(uri)
		if err != nil || !strings.HasPrefix(uri, "/") {
			return
		}
		got := target(upstream, in).RequestURI()
		if want := "/base%2F" + in.RequestURI(); got != want {
			t.Errorf("%q becomes %q, want %q", uri, got, want)
		}
	})
}

func TestHeaders(t *testing.T) {
	upstream, got := recorder(t)
	p := start(t, upstream)
	raw(t, p, "POST /v1/embeddings HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\nAuthorization: Bearer sk-1\r\nContent-Length: 2\r\n"+
		"X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nsKiNfLiNt-tIeR: flex\r\nSkinflint-Token: t\r\nAccept-Encoding: br\r\nProxy-Authorization: x\r\n\r\n{}")
	s := <-got
	want := http.Header{"Authorization": {"Bearer sk-1"}, "Content-Length": {"2"}, "Accept-Encoding": {"br"}}
	if fmt.Sprint(s.header) != fmt.Sprint(want) {
		t.Errorf("headers %v, want %v", s.header, want)
	}
	if s.host != strings.TrimPrefix(upstream, "http://") || s.body != "{}" {
		t.Errorf("host %s, body %q", s.host, s.body)
	}
}

func TestAcceptEncoding(t *testing.T) {
	upstream, got := recorder(t)
	for _, c := range []struct{ path, flag, sent, want string }{
		{"/v1/chat/completions", "", "gzip, br", ""},
		{"/v1/chat/completions", "-keep-encoding", "gzip, br", "gzip, br"},
		{"/v1/chat/completions", "", "", ""},
		{"/v1/responses", "", "gzip", "gzip"},
		{"/v1/files", "", "gzip", "gzip"},
	} {
		args := strings.Fields(c.flag)
		p := start(t, upstream, args...)
		var headers []string
		if c.sent != "" {
			headers = []string{"Accept-Encoding", c.sent}
		}
		do(t, "POST", p.url+c.path, "{}", headers...)
		if s := <-got; s.header.Get("Accept-Encoding") != c.want {
			t.Errorf("%s %s: %q arrives as %q", c.path, c.flag, c.sent, s.header.Get("Accept-Encoding"))
		}
	}
}

func TestCompressedAnswersPass(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, `{"object":"response","model":"gpt-5","usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15},"status":"completed","service_tier":"default"}`)
	z.Close()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed.Bytes())
	}))
	defer upstream.Close()
	p := start(t, upstream.URL)
	a := do(t, "POST", p.url+"/v1/responses", `{"model":"gpt-5","input":"?"}`, "Accept-Encoding", "gzip")
	if a.header.Get("Content-Encoding") != "gzip" || a.body != packed.String() {
		t.Errorf("%v %q", a.header, a.body)
	}
	if rows := p.rows(); len(rows) != 1 || !rows[0].Cost.Known {
		t.Errorf("rows %+v", rows)
	}
}

// TestNoDelay has an upstream that says something only when what it said before has arrived: in events, whose last one is
// hidden, and in an answer whose length is known.
func TestNoDelay(t *testing.T) {
	const event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%02d\"}}]}\n\n"
	for _, c := range []struct{ media, path, end string }{
		{"text/event-stream", "/v1/chat/completions", "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":20,\"total_tokens\":21}}\n\ndata: [DONE]\n\n"},
		{"application/x-other", "/v1/anything", "data: [DONE]\n\n"},
	} {
		arrived := make(chan struct{})
		wait := func(r *http.Request) {
			select {
			case <-arrived:
			case <-r.Context().Done():
			}
		}
		upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", c.media)
			if c.media != "text/event-stream" {
				w.Header().Set("Content-Length", strconv.Itoa(20*len(fmt.Sprintf(event, 0))+len(c.end)))
			}
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			wait(r) // for the header
			for i := range 20 {
				fmt.Fprintf(w, event, i)
				w.(http.Flusher).Flush()
				wait(r)
			}
			io.WriteString(w, c.end)
		}))
		defer upstream.Close()
		p := start(t, upstream.URL)
		req, _ := http.NewRequestWithContext(t.Context(), "POST", p.url+c.path, strings.NewReader(chatBody("gpt-5-mini", "count", `,"stream":true`)))
		req.Header.Set("Accept-Encoding", "gzip, deflate, br")
		resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		arrived <- struct{}{}
		lines := bufio.NewScanner(resp.Body)
		for i := range 20 {
			for lines.Scan() && lines.Text() == "" {
			}
			if !strings.Contains(lines.Text(), fmt.Sprintf(`"content":"%02d"`, i)) {
				t.Fatalf("%s: event %d is %q: %v", c.media, i, lines.Text(), lines.Err())
			}
			arrived <- struct{}{}
		}
		if text, err := rest(lines); err != nil || text != "data: [DONE]" {
			t.Errorf("%s: the end is %q: %v", c.media, text, err)
		}
	}
}

func TestTrailers(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "hello")
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-Late", "43")
	}))
	defer upstream.Close()
	p := start(t, upstream.URL)
	resp, err := http.Get(p.url + "/v1/files/1/content")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if string(body) != "hello" || resp.Trailer.Get("X-Sum") != "42" || resp.Trailer.Get("X-Late") != "43" {
		t.Errorf("%q, trailers %v", body, resp.Trailer)
	}
}

func TestUpgrade(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		rw.Flush()
		line, _ := rw.ReadString('\n')
		rw.WriteString("echo " + line)
		rw.Flush()
	}))
	defer upstream.Close()
	p := start(t, upstream.URL)
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /v1/realtime?model=x HTTP/1.1\r\nHost: proxy\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("%v %v", resp, err)
	}
	io.WriteString(conn, "hello\n")
	if line, err := r.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("%q %v", line, err)
	}
}

// TestLongBodies: a prompt that is longer than what the stack holds by itself still gets its tier, and falls back.
func TestLongBodies(t *testing.T) {
	policy := policyFile(t, flexFirst)
	for _, size := range []int{10, 60 << 10, 70 << 10, 3 << 20} {
		sim := provider(t, llmtest.Config{Flex: llmtest.Refuse(1)})
		p := start(t, sim.URL, "-policy", policy)
		if a := p.chat(strings.Repeat("long ", size/5)); a.status != 200 {
			t.Errorf("%d bytes: %d %s", size, a.status, a.body)
		}
		if r := sim.Requests(); len(r) != 2 || r[0].Tier != "flex" || r[1].Tier != "default" {
			t.Errorf("%d bytes: %d requests", size, len(r))
		}
		if got, want := spent(p.rows()).String(), metered(t, sim.Meter()); got != want {
			t.Errorf("%d bytes: the rows say %s, the meter %s", size, got, want)
		}
	}
}

// TestTooLongBodies: what is longer than what the proxy holds passes all the same, as it is.
func TestTooLongBodies(t *testing.T) {
	upstream, got := recorder(t)
	p := start(t, upstream, "-policy", policyFile(t, flexFirst))
	prompt := strings.Repeat("x", mostHeld)
	body := chatBody("gpt-5-mini", prompt, "")
	for _, length := range []int64{int64(len(body)), -1} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", p.url+"/v1/chat/completions", io.NopCloser(strings.NewReader(body)))
		req.ContentLength = length
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if s := <-got; s.body != body {
			t.Errorf("length %d: %d bytes arrive of %d", length, len(s.body), len(body))
		}
	}
}

func TestFailures(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + free.Addr().String()
	free.Close()
	once := policyFile(t, "defaults:\n  retry: {max_attempts: 1}\n")
	sim := provider(t, llmtest.Config{Faults: llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.ResetAfterAccept })})
	for _, c := range []struct {
		name, upstream, path, body string
		status                     int
		want                       string
	}{
		{"lost", sim.URL, "/v1/chat/completions", bodyFor("openai", false), 424, "may have been billed"},
		{"lost, Gemini", sim.URL, paths["gemini"], bodyFor("gemini", false), 424, "FAILED_PRECONDITION"},
		{"lost, Anthropic", sim.URL, paths["anthropic"], bodyFor("anthropic", false), 424, `{"type":"error"`},
		{"nobody there", nobody, "/v1/chat/completions", bodyFor("openai", false), 424, "nothing was billed"},
		{"nobody there, no call", nobody, "/v1/whatever", "{}", 502, "skinflint_upstream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, c.upstream, "-policy", once)
			a := do(t, "POST", p.url+c.path+"?key=hunter2", c.body, "X-Stainless-Lang", "js", "Authorization", "Bearer hunter2", "X-Api-Key", "hunter2")
			if a.status != c.status || !strings.Contains(a.body, c.want) || a.header.Get("X-Should-Retry") != "false" {
				t.Errorf("%d %s %s", a.status, a.header, a.body)
			}
			if strings.Contains(a.body, "127.0.0.1") || strings.Contains(a.body, "tcp") {
				t.Errorf("it tells of the network: %s", a.body)
			}
			p.stop() // or the row's line may be missing
			if text := p.log.String(); !strings.Contains(text, "tcp 127.0.0.1:") || strings.Contains(text, "hunter2") {
				t.Errorf("the log does not, or has a key:\n%s", text)
			}
		})
	}
}

// TestCut: an answer that breaks off upstream breaks off for the client, and does not look whole.
func TestCut(t *testing.T) {
	sim := provider(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.CutStream)})
	p := start(t, sim.URL)
	resp, err := http.Post(p.url+"/v1/chat/completions", "application/json", strings.NewReader(chatBody("gpt-5-mini", "?", `,"stream":true`)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("it ends as if it were whole")
	}
	if rows := p.rows(); len(rows) != 1 || rows[0].Outcome != "partial" {
		t.Errorf("%+v", rows)
	}
}

// TestBrokenUpload: nothing goes upstream of a call whose client breaks off before it has said what it wants.
func TestBrokenUpload(t *testing.T) {
	upstream, got := recorder(t)
	p := start(t, upstream)
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: proxy\r\nContent-Length: 1000\r\n\r\n{\"model\"")
	conn.Close()
	if a := do(t, "GET", p.url+"/healthz", ""); a.status != 200 {
		t.Errorf("%+v", a)
	}
	select {
	case s := <-got:
		t.Errorf("%+v", s)
	case <-time.After(50 * time.Millisecond):
	}
}
