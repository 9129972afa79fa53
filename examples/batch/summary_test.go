package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		sum  summary
		why  error
		want int
	}{
		{summary{Lines: 5, Done: 3, Resumed: 2}, nil, exitDone},
		{summary{Failed: 1}, nil, exitFailed},
		{summary{Skipped: 1}, nil, exitFailed},
		{summary{Left: 1}, nil, exitFailed},
		{summary{Left: 1}, fmt.Errorf("%w: the figures", errBudget), exitBudget},
		{summary{Left: 1}, errLate, exitFailed},
		{summary{Left: 1}, errInterrupted, exitInterrupted},
		{summary{}, errors.New("the disk is full"), exitFailed},
	} {
		if got := c.sum.exitCode(c.why); got != c.want {
			t.Errorf("%+v, %v: %d, want %d", c.sum, c.why, got, c.want)
		}
	}
}

func TestPrint(t *testing.T) {
	var flex, all price.Sum
	flex.Add(price.MustUSD("0.25"))
	all.Add(price.MustUSD("0.75"))
	s := summary{
		Lines: 10, Done: 3, Resumed: 2, Failed: 2, MaybePaid: 1, Skipped: 1, Left: 2, BudgetRefused: 1, Calls: 7, Attempts: 9, Refused: 2,
		Cost: all, Exposure: flex, Unpriced: 1, Tiers: map[string]tier{"standard": {2, 4, all, all, price.Sum{}}, "flex": {3, 3, flex, all, flex}},
	}
	var out bytes.Buffer
	s.print(&out)
	want := `lines                                 10
  answered                             3
  answered in earlier runs             2
  failed                               2
    may have been paid for             1
  skipped, as no valid requests        1
  left for another run                 2
    refused by the budget              1
attempts                               9
  rejected at no cost                  2
  billed                               0
calls that fell back to another tier   0

tier                lines          cost          list         saved
flex                    3  $0.250000000  $0.750000000  $0.250000000
standard                2  $0.750000000  $0.750000000  $0.000000000
no answer: failed       2
no answer: skipped      1
no answer: left         2
all                    10  $0.750000000  $0.000000000  $0.000000000

Attempts without an answer may have cost up to $0.25 more.

The cost of 1 attempts is not known; the ledger says why.
`
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := (&summary{Lines: 1, Tiers: map[string]tier{}}).write(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{`"lines":1`, `"done":0`, `"failed":0`, `"skipped":0`, `"resumed":0`, `"calls":0`, `"attempts":0`, `"refused":0`,
		`"fallbacks":0`, `"billed_attempts":0`, `"cost_usd":"0"`, `"list_usd":"0"`, `"saved_usd":"0"`, `"ledger_usd":"0"`, `"exposure_usd":"0"`} {
		if !strings.Contains(out.String(), member) {
			t.Errorf("no %s in %s", member, out.String())
		}
	}
}
