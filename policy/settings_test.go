package policy

import (
	"testing"
	"time"
)

func TestInTime(t *testing.T) {
	both := settled(t, Policy{Tier: Flex, Fallback: Standard, FlexMinimum: time.Minute})
	alone := settled(t, Policy{Tier: Flex})
	for _, test := range []struct {
		name string
		s    *Settings
		tier Tier
		left time.Duration
		want Tier
	}{
		{"no deadline", both, Flex, -1, Flex},
		{"enough", both, Flex, time.Minute, Flex},
		{"too little", both, Flex, time.Minute - 1, Standard},
		{"nothing", both, Flex, 0, Standard},
		{"no other tier", alone, Flex, time.Second, Flex},
		{"another tier", both, Standard, time.Second, Standard},
	} {
		if got := test.s.InTime(test.tier, test.left); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if got := both.FirstTier(time.Second); got != Standard {
		t.Errorf("the first tier is %q", got)
	}
}
