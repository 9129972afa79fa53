package policy

import "testing"

func TestPlan(t *testing.T) {
	p := Plan{Flex, Standard}
	if next, ok := p.After(Flex); p.First() != Flex || p.last() != Standard || !ok || next != Standard {
		t.Errorf("%q: then %q", p, next)
	}
	for _, tier := range []Tier{Standard, Priority, ""} {
		if next, ok := p.After(tier); ok || next != "" {
			t.Errorf("after %q comes %q", tier, next)
		}
	}
	if none := (Plan)(nil); none.First() != "" || none.last() != "" {
		t.Error("an empty plan has a tier")
	}
}

func TestAskable(t *testing.T) {
	for tier, want := range map[Tier]bool{Flex: true, Standard: true, Priority: true, Batch: false, NoFallback: false, "": false, "auto": false} {
		if tier.Askable() != want {
			t.Errorf("%q.Askable() = %v", tier, !want)
		}
	}
}
