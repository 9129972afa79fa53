package middleware_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Middleware works as the SDKs made by Stainless use it, over a client that may have a timeout.
func TestMiddleware(t *testing.T) {
	faults := llmtest.Sequence(llmtest.RateLimited, llmtest.NoFault, llmtest.ResetAfterAccept, llmtest.Stall)
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{}, func(w *world) {
		below := w.provider.Client()
		ask := func() (*http.Response, error) {
			req := w.request(w.Context(), chatBody)
			req.Header.Set("X-Stainless-Retry-Count", "0")
			return w.stack.Middleware(req, below.Do)
		}
		resp, err := ask()
		if err != nil || resp.StatusCode != 200 {
			w.Fatal(resp, err)
		}
		drain(resp)
		w.wantRows("1 rejected inferred rate", "2 billed")
		for range 2 {
			below.Timeout = time.Minute
			resp, err = ask()
			if err != nil || resp.StatusCode != 424 {
				w.Fatal(resp, err)
			}
			text, _ := io.ReadAll(resp.Body)
			if strings.Contains(string(text), "http://") {
				w.Errorf("a URL, which may hold a key, in %s", text)
			}
		}
		w.balance()
	})
}

// Over HTTP/2, Middleware recognises what the server did not process. A client beneath it follows no redirect to
// another host.
func TestMiddlewareFaults(t *testing.T) {
	for _, test := range []struct {
		fault    llmtest.Fault
		http2    bool
		before   int
		status   int
		refusal  string
		requests int
	}{
		{llmtest.RefusedStream, true, 0, 200, "", 2},
		{llmtest.RefusedStream, true, 1, 200, "", 2},
		{llmtest.GoAway, true, 1, 200, "", 2},
		{llmtest.ProtocolErrorAfterWork, true, 1, 424, "ambiguous", 1},
		{llmtest.RedirectAway, true, 0, 424, "redirect", 1},
		{llmtest.RedirectAway, false, 0, 424, "redirect", 1},
		{llmtest.RedirectAway, false, 1, 424, "redirect", 1},
		{llmtest.RedirectSame, false, 0, 307, "", 1},
		{llmtest.RedirectSame, false, 1, 424, "redirect", 1},
	} {
		faults := append(make([]llmtest.Fault, test.before), test.fault)
		inWorld(t, llmtest.Config{HTTP2: test.http2, Faults: llmtest.Sequence(faults...)}, policy.Policy{}, func(w *world) {
			var resp *http.Response
			for range test.before + 1 {
				req := w.request(w.Context(), chatBody)
				req.Header.Set("X-Stainless-Retry-Count", "0")
				var err error
				if resp, err = w.stack.Middleware(req, w.provider.Client().Do); err != nil {
					w.Fatal(err)
				}
				drain(resp)
			}
			if resp.StatusCode != test.status || resp.Header.Get("Skinflint-Refusal") != test.refusal {
				w.Errorf("%+v: status %d, %v", test, resp.StatusCode, resp.Header)
			}
			if n := len(w.provider.Requests()) - test.before; n != test.requests {
				w.Errorf("%+v: %d requests", test, n)
			}
			if row := w.stack.Rows()[test.before]; test.refusal == "redirect" && (row.Outcome != policy.Rejected || row.Reason != policy.Redirected) {
				w.Errorf("%+v: %+v", test, row)
			}
		})
	}
}
