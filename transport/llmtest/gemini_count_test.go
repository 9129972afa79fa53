package llmtest_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestCountTokens(t *testing.T) {
	inBubble(t, llmtest.Config{RequestsPerMinute: 1}, func(t *testing.T, srv *llmtest.Server) {
		request := contents("how much is this?")
		type count struct{ TotalTokens int64 }
		first := decode[count](t, mustDo(t, srv, "POST", flash+":countTokens", request, 200).body)
		again := decode[count](t, mustDo(t, srv, "POST", flash+":countTokens", `{"generateContentRequest":`+request+`}`, 200).body)
		if len(srv.Meter()) != 0 || srv.Requests()[0].Operation != "countTokens" {
			t.Errorf("billed %+v", srv.Meter())
		}
		mustDo(t, srv, "POST", geminiPath, request, 200)
		if g := srv.Meter()[0]; g.Prompt != first.TotalTokens || first != again {
			t.Errorf("counted %d and %d, metered %+v", first, again, g)
		}
	})
}
