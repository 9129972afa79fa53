package ledger_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

func ExampleRow_LogValue() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	row := ledger.Row{
		Call: "01", Attempt: 2, Provider: "openai", Model: "gpt-5", AskedTier: policy.Flex, Outcome: policy.Rejected, Status: 429,
		Reason: policy.Capacity, Cost: ledger.Known(0),
	}
	log.Info("attempt", "row", row)
	// Output:
	// level=INFO msg=attempt row.call=01 row.attempt=2 row.provider=openai row.model=gpt-5 row.outcome=rejected row.status=429 row.asked_tier=flex row.served_tier="" row.cost_usd=0 row.latency_ms=0 row.reason=capacity
}

// The members come in the same order each time.
func TestLogValueOrder(t *testing.T) {
	row := ledger.Row{Reason: policy.Rate, ErrorCode: "slow_down", Unpriced: "why"}
	want := row.LogValue().String()
	for range 50 {
		if got := row.LogValue().String(); got != want {
			t.Fatalf("%s, then %s", want, got)
		}
	}
}
