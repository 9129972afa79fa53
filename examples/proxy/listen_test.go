package main

import (
	"context"
	"net/url"
	"strings"
	"testing"
)

func TestListenBeyondLoopback(t *testing.T) {
	for _, flag := range []string{"-insecure-listen", "-token=x"} {
		ctx, cancel := context.WithCancel(t.Context())
		log, done := newRecord(), make(chan error, 1)
		go func() {
			done <- run(ctx, []string{"-listen", "0.0.0.0:0", "-upstream", "http://127.0.0.1:1", flag}, log, nil)
		}()
		log.await(t, listening)
		cancel()
		if err := <-done; err != nil {
			t.Error(flag, err)
		}
	}
}

func TestPathsAreUnchanged(t *testing.T) {
	upstream, got := recorder(t)
	for _, base := range []string{"", "/", "/gateway", "/a%2Fb/", "/a//b"} {
		p := start(t, upstream+base)
		for _, uri := range []string{
			"/v1/models", "/", "//v1//models", "/v1/models/", "/v1/./a/../b", "/v1/files/a%2Fb", "/v1/%41%7e~", "/x;y=1",
			"/v1/models/gemini:generateContent?alt=sse", "/q?", "/q?a=1;b=2&c=%zz&d", "/q?a=b?c=/d", "/caf%C3%A9", "/a%20b+c", "/metrics/", "/debug/", "/healthz2",
		} {
			raw(t, p, "GET "+uri+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
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
