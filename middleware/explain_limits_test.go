package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Explain says it if a budget refuses the call, for calls of every kind.
func TestExplainRefusalsOfBudgets(t *testing.T) {
	base := transport.RoundTripperFunc(says(200, jsonType, served))
	p := capOf("0.0000001")
	p.Limits = []policy.Limit{{Name: "mine", Concurrency: 1}}
	stack := stackOver(t, base, p)
	for _, url := range []string{"https://api.openai.com/v1/images/generations", "https://api.openai.com/v1/batches", "https://api.openai.com/v1/audio/speech", cachesURL, openaiURL} {
		req, _ := http.NewRequest("POST", url, strings.NewReader(boundedBody))
		e, err := stack.Explain(req)
		_, real := do(t, t.Context(), stack, "POST", url, boundedBody)
		t.Logf("%s: explain err %v, limits %q budgets %q refused %q; really %v", url, err, e.Limits, e.Budgets, e.Refused, real)
		if real != nil && e.Refused == "" {
			t.Errorf("%s: Explain says that it would be sent, and it is refused: %v", url, real)
		}
	}
}
