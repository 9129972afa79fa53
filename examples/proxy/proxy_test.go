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
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A seen is a request that an upstream got.
type seen struct {
	uri, host, body string
	header          http.Header
}

// recorder starts an upstream that records requests and answers with a JSON object.
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

// raw writes the bytes of a request and reads the answer.
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

func TestHeaders(t *testing.T) {
	upstream, got := recorder(t)
	p := start(t, upstream)
	raw(t, p, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer sk-1\r\nContent-Length: 2\r\n"+
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

// TestNoDelay has an upstream that writes the next part of its answer only when the client has the part before: in a stream
// whose last event is hidden, and in an answer of known length.
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
	io.WriteString(conn, "GET /v1/realtime?model=x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
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

// TestOtherUpgrades has clients that ask for other protocols than WebSocket. Their requests are forwarded as any other.
func TestOtherUpgrades(t *testing.T) {
	upstream, got := recorder(t)
	p := start(t, upstream)
	for _, name := range []string{"h2c", "TLS/1.3", "h2c, websocket"} {
		a := raw(t, p, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "+name+"\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 2\r\n\r\n{}")
		if s := <-got; a.StatusCode != 200 || s.header.Get("Upgrade") != "" || s.header.Get("Connection") != "" || s.header.Get("Http2-Settings") != "" {
			t.Errorf("%s: %d, %v", name, a.StatusCode, s.header)
		}
	}
}

func TestFailures(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unreachable := "http://" + free.Addr().String()
	free.Close()
	once := policyFile(t, "defaults:\n  retry: {max_attempts: 1}\n")
	sim := provider(t, llmtest.Config{Faults: llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.ResetAfterAccept })})
	for _, c := range []struct {
		name, upstream, path, body string
		status                     int
		want                       string
	}{
		{"lost", sim.URL, "/v1/chat/completions", bodyFor("openai", false), 400, "may have been billed"},
		{"lost, Gemini", sim.URL, paths["gemini"], bodyFor("gemini", false), 400, "skinflint_ambiguous"},
		{"lost, Anthropic", sim.URL, paths["anthropic"], bodyFor("anthropic", false), 400, `{"type":"error"`},
		{"unreachable", unreachable, "/v1/chat/completions", bodyFor("openai", false), 400, "nothing was billed"},
		{"unreachable, not a call", unreachable, "/v1/whatever", "{}", 502, "skinflint_upstream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, c.upstream, "-policy", once)
			a := do(t, "POST", p.url+c.path+"?key=hunter2", c.body, "X-Stainless-Lang", "js", "Authorization", "Bearer hunter2", "X-Api-Key", "hunter2")
			if a.status != c.status || !strings.Contains(a.body, c.want) || a.header.Get("X-Should-Retry") != "false" {
				t.Errorf("%d %s %s", a.status, a.header, a.body)
			}
			if strings.Contains(a.body, "127.0.0.1") || strings.Contains(a.body, "tcp") {
				t.Errorf("it shows an error of the network: %s", a.body)
			}
			p.stop() // or the row's line may be missing
			if text := p.log.String(); !strings.Contains(text, "tcp 127.0.0.1:") || strings.Contains(text, "hunter2") {
				t.Errorf("the log does not, or has a key:\n%s", text)
			}
		})
	}
}

// TestCut has an answer that breaks off. It also breaks off for the client, and does not look complete.
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
