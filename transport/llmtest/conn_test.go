package llmtest_test

import (
	"net/http"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestStaleClose(t *testing.T) {
	for name, request := range map[string]string{
		"unary": body("hi"), "stream": body("hi", `"stream":true`),
	} {
		everywhere(t, name, llmtest.Config{Faults: llmtest.Sequence(llmtest.StaleClose)},
			func(t *testing.T, srv *llmtest.Server) {
				mustSend(t, srv, request, http.StatusOK)
				if got := send(t.Context(), srv, body("next")); got.err == nil {
					t.Errorf("got status %d on a stale connection", got.status)
				}
				if r := srv.Requests(); len(r) != 1 || r[0].Fault != llmtest.StaleClose || r[0].Status != http.StatusOK {
					t.Errorf("recorded %+v", r)
				}
				mustSend(t, srv, body("after"), http.StatusOK)
				if n, m := len(srv.Requests()), len(srv.Meter()); n != 2 || m != 2 {
					t.Errorf("%d requests arrived, %d billed", n, m)
				}
			})
	}
}

// net/http resends a request that may be sent twice.
func TestStaleCloseReplayed(t *testing.T) {
	everywhere(t, "key", llmtest.Config{Faults: llmtest.Sequence(llmtest.StaleClose)},
		func(t *testing.T, srv *llmtest.Server) {
			for range 2 {
				mustDo(t, srv, http.MethodPost, chatPath, body("hi"), http.StatusOK, "Idempotency-Key", "k")
			}
			if n, m := len(srv.Requests()), len(srv.Meter()); n != 2 || m != 2 {
				t.Errorf("%d requests arrived, %d billed", n, m)
			}
		})
}

func TestStaleCloseOverHTTP2(t *testing.T) {
	everywhere(t, "none", llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(llmtest.StaleClose)},
		func(t *testing.T, srv *llmtest.Server) {
			for range 2 {
				mustSend(t, srv, body("hi"), http.StatusOK)
			}
			if r := srv.Requests(); len(r) != 2 || r[0].Fault != llmtest.NoFault {
				t.Errorf("recorded %+v", r)
			}
		})
}
