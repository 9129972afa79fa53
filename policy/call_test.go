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
