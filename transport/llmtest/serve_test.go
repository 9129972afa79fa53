package llmtest_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A request that is rejected before the fault could strike has no fault.
func TestFaultAfterRejection(t *testing.T) {
	inBubble(t, llmtest.Config{
		Flex:   llmtest.Refuse(1),
		Faults: llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.ServerError),
	}, func(t *testing.T, srv *llmtest.Server) {
		mustSend(t, srv, body("hi", `"service_tier":"flex"`), http.StatusTooManyRequests)
		mustSend(t, srv, `{`, http.StatusInternalServerError)
		if r := srv.Requests(); r[0].Fault != llmtest.NoFault || r[1].Fault != llmtest.ServerError {
			t.Errorf("recorded faults %v and %v", r[0].Fault, r[1].Fault)
		}
		if n := len(srv.Meter()); n != 0 {
			t.Errorf("billed %d", n)
		}
	})
}

// The script is asked when the head has arrived, so a request counts even if its body never
// arrives.
func TestScriptIsAskedEarly(t *testing.T) {
	bothBubbles(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.BadRequest, llmtest.Overloaded)},
		func(t *testing.T, srv *llmtest.Server) {
			slow, write := io.Pipe()
			go func() {
				_, _ = io.WriteString(write, "{")
				time.Sleep(time.Second)
				write.CloseWithError(io.ErrNoProgress)
			}()
			if got := sendOnce(t.Context(), srv, slow); !errors.Is(got.err, io.ErrNoProgress) {
				t.Errorf("got %v", got.err)
			}
			synctest.Wait()
			mustSend(t, srv, body("hi"), http.StatusServiceUnavailable)
			if r := srv.Requests(); len(r) != 1 || r[0].Fault != llmtest.Overloaded {
				t.Errorf("recorded %+v", r)
			}
		})
}
