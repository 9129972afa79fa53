package llmtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestSlow(t *testing.T) {
	for name, request := range map[string]string{
		"unary": body("hi"), "stream": body("hi", `"stream":true`),
	} {
		for by, want := range map[time.Duration]time.Duration{0: 11 * time.Minute, time.Hour: time.Hour} {
			t.Run(name+"/"+want.String(), func(t *testing.T) {
				bothBubbles(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.Slow, llmtest.Slow), SlowBy: by},
					func(t *testing.T, srv *llmtest.Server) {
						began := time.Now()
						mustSend(t, srv, request, http.StatusOK)
						if took := time.Since(began); took != want {
							t.Errorf("the answer took %v", took)
						}
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
						defer cancel()
						if got := send(ctx, srv, request); !errors.Is(got.err, context.DeadlineExceeded) {
							t.Errorf("got %v", got.err)
						}
						synctest.Wait()
						if r := srv.Requests(); len(r) != 2 || r[0].Status != http.StatusOK || r[1].Status != 0 || r[1].Fault != llmtest.Slow {
							t.Errorf("recorded %+v", r)
						}
						if n := len(srv.Meter()); n != 2 {
							t.Errorf("billed %d", n)
						}
					})
			})
		}
	}
}

func TestTrickledError(t *testing.T) {
	bothBubbles(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ServerError, llmtest.TrickledError, llmtest.TrickledError)},
		func(t *testing.T, srv *llmtest.Server) {
			want := mustSend(t, srv, body("hi"), http.StatusInternalServerError)
			began := time.Now()
			got := mustSend(t, srv, body("hi"), http.StatusInternalServerError)
			if took := time.Since(began); got.body != want.body || took != time.Duration(len(got.body))*time.Second {
				t.Errorf("got %s after %v", got.body, took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
			defer cancel()
			got = send(ctx, srv, body("hi"))
			if got.status != 500 || !errors.Is(got.bodyErr, context.DeadlineExceeded) || got.body != want.body[:3] {
				t.Errorf("got status %d, %q, %v", got.status, got.body, got.bodyErr)
			}
			synctest.Wait()
			if r := srv.Requests()[2]; r.Fault != llmtest.TrickledError || r.Status != 500 || len(srv.Meter()) != 0 {
				t.Errorf("billed %d, recorded %+v", len(srv.Meter()), r)
			}
		})
}

// Close does not wait for slow responses.
func TestCloseEndsSlow(t *testing.T) {
	for _, fault := range []llmtest.Fault{llmtest.Slow, llmtest.TrickledError} {
		bothVersions(t, fault.String(), llmtest.Config{Faults: llmtest.Sequence(fault), SlowBy: 1 << 62},
			func(t *testing.T, srv *llmtest.Server) {
				result := make(chan error)
				go func() {
					res, err := srv.Client().Post(srv.URL+chatPath, "application/json", strings.NewReader(body("hi")))
					if err == nil {
						_, err = io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
					result <- err
				}()
				waitFor(func() bool {
					r := srv.Requests()
					return len(r) == 1 && (fault == llmtest.TrickledError && r[0].Status == 500 || len(srv.Meter()) == 1)
				})
				srv.Close()
				if err := <-result; err == nil {
					t.Error("got an answer from a closed server")
				}
			})
	}
}
