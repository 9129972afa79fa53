package middleware_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// The policies of the links are taken together. That of Identify replaces them all.
func TestPolicyInForce(t *testing.T) {
	stream := says(200, "text/event-stream", "data: [DONE]\n\n")
	base := newScript(stream)
	rt := transport.Chain(base, middleware.Retry(policy.Policy{LeaveStreams: true}), middleware.Ledger(ledger.NewMemory(1)))
	if _, err := chat(t, t.Context(), rt, streamBody); err != nil || base.bodies[0] != streamBody {
		t.Errorf("%v, sent %q", err, base.bodies)
	}
	rejecting := newScript(says(429, "application/json", `{"error":{"code":"slow_down"}}`))
	rt = transport.Chain(rejecting, middleware.Identify(policy.Policy{MaxAttempts: 1}), middleware.Retry(policy.Policy{}))
	if _, err := chat(t, t.Context(), rt, chatBody); err != nil || len(rejecting.bodies) != 1 {
		t.Errorf("%v, sent %d times", err, len(rejecting.bodies))
	}
}
