package reconcile_test

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy"
)

// A cause of calls near midnight needs residuals on both days.
func TestMidnightShowsOnBothDays(t *testing.T) {
	rows := []ledger.Row{
		priced(noon, "m-one", policy.Standard, search), priced(day1.Add(23*time.Hour+55*time.Minute), "m-one", policy.Standard, small),
		priced(day2.Add(12*time.Hour), "m-one", policy.Standard, search),
	}
	for _, test := range []struct {
		day1, day2 string
		want       [2]string
	}{
		{"0.31", "0.59", [2]string{"day_boundary", "day_boundary"}},
		{"0.31", "0.31", [2]string{"", ""}},
		{"0.59", "0.59", [2]string{"", "elsewhere"}},
	} {
		b := bill(line(day1, "m-one, input", test.day1), line(day2, "m-one, input", test.day2))
		r := compare(t, b, reconcile.Config{}, rows...)
		if got := [2]string{kinds(entry(t, r, day1, "m-one")), kinds(entry(t, r, day2, "m-one"))}; got != test.want {
			t.Errorf("billed %s and %s: %q, want %q", test.day1, test.day2, got, test.want)
		}
	}
}
