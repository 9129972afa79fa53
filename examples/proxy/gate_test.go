package main

import (
	"fmt"
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

// TestRebinding has a web site whose name resolves to loopback. It cannot read the page.
func TestRebinding(t *testing.T) {
	p := start(t, "http://127.0.0.1:1")
	for host, status := range map[string]int{
		"evil.example": 403, "evil.example:8811": 403, "127.0.0.1.evil.example": 403,
		"localhost:8811": 200, "LOCALHOST": 200, "127.0.0.1": 200, "[::1]:8811": 200, "[::1]": 200,
	} {
		for _, path := range []string{"/debug/spend/", "/debug/spend/totals.json", "/metrics"} {
			if a := do(t, "GET", p.url+path, "", "Host", host); a.status != status {
				t.Errorf("%s at %s: %d", path, host, a.status)
			}
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
