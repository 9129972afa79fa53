package llmtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestRedirectSame(t *testing.T) {
	for query, want := range map[string]string{"": "redirected=1", "?alt=x%20y": "alt=x%20y&redirected=1"} {
		always := llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.RedirectSame })
		bothVersions(t, want, llmtest.Config{Faults: always}, func(t *testing.T, srv *llmtest.Server) {
			mustDo(t, srv, http.MethodPost, chatPath+query, body("hi"), http.StatusOK)
			all := srv.Requests()
			if len(all) != 2 || len(srv.Meter()) != 1 {
				t.Fatalf("%d requests arrived, %d billed", len(all), len(srv.Meter()))
			}
			if r := all[0]; r.Fault != llmtest.RedirectSame || r.Status != http.StatusTemporaryRedirect || len(r.Body) == 0 {
				t.Errorf("recorded %+v", r)
			}
			if r := all[1]; r.Fault != llmtest.NoFault || r.Query != want || r.Host != all[0].Host || r.Call != all[0].Call {
				t.Errorf("recorded %+v, want the query %s", r, want)
			}
		})
	}
}

// A client that follows a redirect sends the other host all headers that net/http does not
// know to be secret.
func TestRedirectAway(t *testing.T) {
	always := llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.RedirectAway })
	bothVersions(t, "away", llmtest.Config{Faults: always}, func(t *testing.T, srv *llmtest.Server) {
		mustDo(t, srv, http.MethodPost, "http://llm.example"+chatPath+"?a=b", body("hi"), http.StatusOK,
			"Authorization", "Bearer secret", "X-Api-Key", "secret")
		all := srv.Requests()
		if len(all) != 2 || len(srv.Meter()) != 1 {
			t.Fatalf("%d requests arrived, %d billed", len(all), len(srv.Meter()))
		}
		if r := all[0]; r.Fault != llmtest.RedirectAway || r.Status != http.StatusTemporaryRedirect || r.Host != "llm.example" {
			t.Errorf("recorded %+v", r)
		}
		r := all[1]
		if r.Fault != llmtest.NoFault || r.Host != "elsewhere.llmtest.invalid" || r.Query != "a=b" || r.Call != all[0].Call {
			t.Errorf("recorded %+v", r)
		}
		if r.Header.Get("Authorization") != "" || r.Header.Get("X-Api-Key") != "secret" {
			t.Errorf("the other host got %v", r.Header)
		}
	})
}

// A client that cannot send the body again does not follow a redirect.
func TestRedirectNotFollowed(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.RedirectSame, llmtest.RedirectAway)}
	bothVersions(t, "once", cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, want := range []string{chatPath + "?redirected=1", "http://elsewhere.llmtest.invalid" + chatPath} {
			got := sendOnce(t.Context(), srv, strings.NewReader(body("hi")))
			if got.status != http.StatusTemporaryRedirect || got.header.Get("Location") != want || got.body != "" {
				t.Errorf("got status %d, error %v, to %s; want %s", got.status, got.err, got.header.Get("Location"), want)
			}
		}
		if n := len(srv.Meter()); n != 0 {
			t.Errorf("billed %d", n)
		}
	})
}
