package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

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

// TestBrokenUpload has a client that breaks off before its request is complete. Nothing is sent to the provider.
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
