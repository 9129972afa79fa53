package policy

import (
	"context"
	"errors"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestTrack(t *testing.T) {
	ctx, call := Track(context.Background())
	tracked := From(ctx).Tracked()
	tracked.Report(Report{Err: errors.New("first"), Priced: true})
	tracked.Report(Report{Tier: Flex, Usage: price.Usage{Input: 3}, Cost: 5, Priced: true})
	cost, complete := call.Cost()
	if call.Attempts() != 2 || call.Tier() != Flex || call.Usage().Input != 3 || !complete || cost.String() != "0.000000000005" || call.Err() != nil {
		t.Errorf("%+v", call)
	}
	tracked.Report(Report{Refused: true, Priced: true, Err: errors.New("no")})
	tracked.Report(Report{})
	if _, complete := call.Cost(); complete || call.Attempts() != 3 {
		t.Error("an attempt of unknown cost goes unnoticed")
	}
	(*Call)(nil).Report(Report{})
}

// A report that settles an earlier one adds its cost, and is no attempt of its own.
func TestReportSettles(t *testing.T) {
	_, call := Track(t.Context())
	call.Report(Report{Exposure: 50})
	call.Report(Report{Exposure: -10, Settles: true}) // fetched, and still without a price
	if _, complete := call.Cost(); complete || call.Attempts() != 1 || call.Exposure().String() != "0.00000000004" {
		t.Errorf("%v, %d attempts, exposure %s", complete, call.Attempts(), call.Exposure())
	}
	call.Report(Report{Exposure: -40, Settles: true, Priced: true, Cost: 7, Tier: Flex})
	cost, complete := call.Cost()
	if !complete || cost.String() != "0.000000000007" || call.Attempts() != 1 || call.Exposure().Sign() != 0 || call.Tier() != Flex {
		t.Errorf("%v, %v, %d attempts, exposure %s", cost, complete, call.Attempts(), call.Exposure())
	}
}
