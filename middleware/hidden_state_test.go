package middleware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/skinflint-go/skinflint/transport"
)

// After many calls that ended in every way, the guard holds nothing of those that are over, and remembers those that may
// have been billed and whose clients have no answer.
func TestHiddenGuardForgetsWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			io.Copy(io.Discard, req.Body)
			req.Body.Close()
			if n++; n%3 == 0 {
				return nil, errors.New("lost")
			}
			status, body := 200, `{"model":"gpt-5","usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`
			if n%3 == 1 {
				status, body = 400, `{"error":{"message":"no"}}`
			}
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
		})
		stack, err := New(WithBase(base), RefuseRepeats())
		if err != nil {
			t.Fatal(err)
		}
		lost := 0
		for i := range 300 {
			client, leave := context.WithCancel(t.Context())
			ctx, done := ForClient(client)
			if i%5 == 0 {
				leave()
			}
			written := i%7 != 0
			if k := (i + 1) % 3; k == 0 || k == 2 && (!written || i%5 == 0) {
				lost++
			}
			body := strings.NewReader(fmt.Sprintf(`{"model":"gpt-5","n":%d}`, i))
			req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, "https://api.openai.com/v1/chat/completions", body)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := stack.RoundTrip(req); err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			done(written)
			leave()
		}
		synctest.Wait()
		g := &stack.engine.hidden
		if len(g.runs) != 0 || len(g.lost.when) != lost {
			t.Errorf("%d are taken to run, and %d are remembered, want %d", len(g.runs), len(g.lost.when), lost)
		}
	})
}
