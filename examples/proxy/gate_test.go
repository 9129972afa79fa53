package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
			t.Errorf("%s tells the token", c.path)
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

// TestRebinding: a web site whose name resolves to loopback does not get to read the page.
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

func TestFlags(t *testing.T) {
	bad := policyFile(t, "defaults:\n  tier: {plann: [flex]}\n")
	for _, c := range []struct{ args, want string }{
		{"", "-upstream is missing"},
		{"-upstream ftp://x", "want http"},
		{"-upstream https://user:hunter2@x", "a user or a password"},
		{"-upstream https://x/?key=hunter2", "a query"},
		{"-upstream http://[::1", "not a URL"},
		{"-upstream http://x -provider nobody", "known are openai"},
		{"-upstream http://x -listen 0.0.0.0:0", "-insecure-listen"},
		{"-upstream http://x -listen :0", "SKINFLINT_TOKEN"},
		{"-upstream http://x -listen [::]:0", "is not on loopback"},
		{"-upstream http://x -listen nonsense", "-listen"},
		{"-upstream http://x -policy /does/not/exist", "-policy"},
		{"-upstream http://x -policy " + bad, "policy.yaml:2:"},
		{"-upstream http://x -ledger /dev/null/x", "-ledger"},
		{"-upstream http://x -drain -1s", "-drain"},
		{"-upstream http://x more", `"more" is no flag`},
		{"-upstrem http://x", "not defined"},
	} {
		err := run(t.Context(), strings.Fields(c.args), io.Discard, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", c.args, err, c.want)
		}
	}
}

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

func TestHelpKeepsTheToken(t *testing.T) {
	t.Setenv("SKINFLINT_TOKEN", "s3cret")
	log := newRecord()
	if err := run(t.Context(), []string{"-help"}, log, nil); err == nil || errors.As(err, new(usageError)) {
		t.Error(err)
	}
	if text := log.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "-upstream URL") {
		t.Error(text)
	}
}

// Without a token, no web site can have its visitors' browsers make calls; with one, who has it may be anybody.
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
		const request = "POST /v1/embeddings HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\nContent-Length: 2\r\n%s\r\n{}"
		if a := raw(t, open, fmt.Sprintf(request, test.headers)); a.StatusCode != test.status {
			t.Errorf("%s: %d, want %d", name, a.StatusCode, test.status)
		}
		if a := raw(t, guarded, fmt.Sprintf(request, "Skinflint-Token: secret\r\n"+test.headers)); a.StatusCode != 200 {
			t.Errorf("%s, with the token: %d", name, a.StatusCode)
		}
	}
}
