package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	upstream, got := recorder(t)
	t.Setenv("SKINFLINT_TOKEN", "s3cret")
	p := start(t, upstream)
	basic := "Basic YW55Ym9keTpzM2NyZXQ=" // anybody:s3cret
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
	}{
		{"POST", "/v1/chat/completions", nil, 401},
		{"POST", "/v1/chat/completions", []string{"Skinflint-Token", "wrong"}, 401},
		{"POST", "/v1/chat/completions", []string{"Authorization", "Bearer s3cret"}, 401}, // the provider's
		{"POST", "/v1/chat/completions", []string{"Skinflint-Token", "s3cret", "Authorization", "Bearer sk-1"}, 200},
		{"GET", "/v1/models", nil, 401},
		{"GET", "/debug/spend/", nil, 401},
		{"GET", "/debug/spend/totals.json", []string{"Skinflint-Token", "s3cret"}, 200},
		{"GET", "/debug/spend/entries.jsonl", []string{"Authorization", "Bearer s3cret"}, 200},
		{"GET", "/debug/spend/entries.jsonl", []string{"Authorization", "Bearer s3cre"}, 401},
		{"GET", "/metrics", []string{"Authorization", "bearer s3cret"}, 200},
		{"GET", "/metrics", []string{"Authorization", "BEARER  s3cret"}, 200},
		{"GET", "/metrics", []string{"Authorization", "bearer S3CRET"}, 401},
		{"GET", "/metrics", []string{"Authorization", "Bearers3cret"}, 401},
		{"GET", "/metrics", []string{"Authorization", "s3cret"}, 401},
		{"GET", "/metrics", []string{"Authorization", "Token s3cret"}, 401},
		{"GET", "/metrics", []string{"Authorization", "basic YW55Ym9keTpzM2NyZXQ="}, 200},
		{"HEAD", "/metrics", nil, 401},
		{"POST", "/metrics", nil, 401},
		{"POST", "/metrics", []string{"Skinflint-Token", "s3cret"}, 405},
		{"GET", "/debug/spend/", []string{"Authorization", basic}, 200},
		{"GET", "/metrics", nil, 401},
		{"GET", "/metrics", []string{"Authorization", "Bearer s3cret"}, 200},
		{"GET", "/metrics", []string{"Authorization", "Bearer s3cret", "Host", "spend.example"}, 200},
		{"GET", "/healthz", nil, 200},
	} {
		a := do(t, c.method, p.url+c.path, "{}", c.headers...)
		if a.status != c.status {
			t.Errorf("%s %s %v: %d %s", c.method, c.path, c.headers, a.status, a.body)
		}
		if strings.Contains(a.body, "s3cret") {
			t.Errorf("%s shows the token", c.path)
		}
		if asks := a.header.Get("WWW-Authenticate") != ""; asks != (a.status == 401 && !strings.HasPrefix(c.path, "/v1")) {
			t.Errorf("%s: asks for a password: %v", c.path, asks)
		}
	}
	select {
	case s := <-got:
		if s.header.Get("Skinflint-Token") != "" || s.header.Get("Authorization") != "Bearer sk-1" {
			t.Errorf("%v", s.header)
		}
	default:
		t.Error("nothing arrived")
	}
	if len(got) > 0 {
		t.Error("more than one arrived")
	}
	if strings.Contains(p.log.String(), "s3cret") {
		t.Error("the log has the token")
	}
}

// TestRebinding has a web site whose name resolves to loopback. Without a token it can use nothing of the proxy, by any method.
func TestRebinding(t *testing.T) {
	upstream, got := recorder(t)
	go func() {
		for range got {
		}
	}()
	p, named := start(t, upstream), start(t, upstream, "-hosts", "LLM.example., proxy:8811", "-hosts", "other")
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"}
	paths := []string{"/debug/spend/", "/debug/spend", "/debug/spend/totals.json", "/metrics", "/healthz", "/v1/models", "/v1/chat/completions", "/", "/x"}
	for host, ok := range map[string]bool{
		"evil.example": false, "evil.example:8811": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "notlocalhost": false,
		"evil.example.": false, "192.168.0.1": false, "0.0.0.0": false, "[::]:8811": false, "10.0.0.1:80": false,
		"localhost:8811": true, "LOCALHOST": true, "localhost.": true, "app.localhost:3000": true,
		"127.0.0.1": true, "127.0.0.2:1": true, "[::1]:8811": true, "[::1]": true, "[::ffff:127.0.0.1]": true,
	} {
		for _, method := range methods {
			for _, path := range paths {
				_, r := asked(t, p, method, path, host)
				if a := next(t, r, method); (a.status != 403) != ok {
					t.Errorf("%s %s at %s: %d", method, path, host, a.status)
				}
			}
		}
	}
	for host, status := range map[string]int{"llm.example": 200, "llm.EXAMPLE:443": 200, "proxy": 200, "other:1": 200, "localhost": 200, "evil.example": 403, "x.llm.example": 403} {
		_, r := asked(t, named, "GET", "/v1/models", host)
		if a := next(t, r, "GET"); a.status != status {
			t.Errorf("%s: %d, want %d", host, a.status, status)
		}
	}
	conn, r := dialed(t, p)
	io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n") // no browser
	if a := next(t, r, "GET"); a.status != 200 {
		t.Errorf("without a host: %d", a.status)
	}
}

// asked sends a request without a body.
func asked(t *testing.T, p *instance, method, path, host string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, r := dialed(t, p)
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path, host)
	return conn, r
}

// TestHosts has listeners beyond loopback.
func TestHosts(t *testing.T) {
	outside := &net.TCPAddr{IP: net.IPv4(192, 168, 0, 1), Port: 8811}
	for _, c := range []struct {
		hosts []string
		host  string
		ok    bool
	}{
		{nil, "anything.example", true}, {nil, "192.168.0.1:8811", true},
		{[]string{"llm.example"}, "evil.example", false}, {[]string{"llm.example"}, "llm.example:80", true},
		{[]string{"llm.example"}, "192.168.0.1:8811", true}, {[]string{"llm.example"}, "localhost", true},
	} {
		r := &http.Request{Host: c.host}
		r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, outside))
		if ok := (&gate{hosts: c.hosts}).isHost(r); ok != c.ok {
			t.Errorf("%v: %s: %v", c.hosts, c.host, ok)
		}
	}
}

// TestSites has browsers make calls for a web site. Without a token they are refused. With a token, the origin does not
// matter.
func TestSites(t *testing.T) {
	upstream, got := recorder(t)
	go func() {
		for range got {
		}
	}()
	open, guarded := start(t, upstream), start(t, upstream, "-token", "secret")
	for name, test := range map[string]struct {
		headers string
		status  int
	}{
		"a program":         {"", 200},
		"our own page":      {"Origin: http://127.0.0.1:8811\r\nSec-Fetch-Site: same-origin\r\n", 200},
		"another site":      {"Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n", 403},
		"rebound":           {"Origin: http://evil.example:8811\r\nSec-Fetch-Site: same-origin\r\n", 403},
		"a form":            {"Origin: null\r\n", 403},
		"an image":          {"Sec-Fetch-Site: cross-site\r\n", 403},
		"another site, too": {"Sec-Fetch-Site: same-site\r\n", 403},
	} {
		const request = "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n%s\r\n{}"
		if a := raw(t, open, fmt.Sprintf(request, test.headers)); a.StatusCode != test.status {
			t.Errorf("%s: %d, want %d", name, a.StatusCode, test.status)
		}
		if a := raw(t, guarded, fmt.Sprintf(request, "Skinflint-Token: secret\r\n"+test.headers)); a.StatusCode != 200 {
			t.Errorf("%s, with the token: %d", name, a.StatusCode)
		}
	}
}
