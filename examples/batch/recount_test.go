package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// billed returns what the provider has billed.
func billed(t *testing.T, sim *llmtest.Server) price.Sum {
	t.Helper()
	m, err := readMeter(sim)
	if err != nil {
		t.Fatal(err)
	}
	return m.cost
}

// TestLostLedger loses the ledger of a batch that has spent its budget. Nothing more is sent, also not with -count-output.
func TestLostLedger(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	const lines = 60
	args, out := requests(t, chatLines(lines)...)
	args = append(args, "-budget", "0.004")
	first := drive(t, sim.Transport(), args...)
	if first.code != exitBudget || first.sum.Done == 0 {
		t.Fatalf("code %d, %+v", first.code, first.sum)
	}
	spent := billed(t, sim)
	if err := os.Rename(out+".ledger", out+".moved"); err != nil {
		t.Fatal(err)
	}
	before := content(t, out)
	for _, more := range [][]string{nil, {"-again", "-retry-failed"}} {
		r := drive(t, sim.Transport(), slices.Concat(args, more)...)
		if r.code != exitUsage || content(t, out) != before {
			t.Errorf("%q: code %d, or the output was changed", more, r.code)
		}
		r.says(t, out+".ledger has no rows of "+fmt.Sprint(first.sum.Done)+" lines", "($"+spent.String()+")", "-name (out.jsonl)", "-count-output")
	}
	for _, more := range [][]string{{"-count-output"}, {"-count-output"}, nil} { // it is needed once
		r := drive(t, sim.Transport(), slices.Concat(args, more)...)
		r.want(t, want{code: exitBudget, resumed: first.sum.Done, left: first.sum.Left})
		if r.sum.Cost != spent {
			t.Errorf("%q: $%s, want $%s", more, r.sum.Cost, spent)
		}
	}
	if got := billed(t, sim); got != spent {
		t.Errorf("$%s was spent after $%s", got, spent)
	}
	r := drive(t, sim.Transport(), append(args, "-budget", "1")...)
	r.want(t, want{done: first.sum.Left, resumed: first.sum.Done})
	if got := billed(t, sim); r.sum.Cost != got || twice(t, sim) > 0 {
		t.Errorf("$%s in the ledger, $%s billed", r.sum.Cost, got)
	}
}

// TestLostPart has some rows only in the ledger, and lines of which it is not known what they cost.
func TestLostPart(t *testing.T) {
	sim := provider(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.NoFault, llmtest.NoFault, llmtest.ResetAfterAccept)})
	lines := append(chatLines(3), strings.Replace(chatLine("unpriced"), "gpt-5-mini", "no-such-model", 1))
	args, out := requests(t, lines[:1]...)
	args = append(args, "-parallel", "1")
	drive(t, sim.Transport(), args...).want(t, want{done: 1})
	write(t, args[1], strings.Join(lines, "\n"))
	other := append(slices.Clone(args), "-ledger", t.TempDir())
	r := drive(t, sim.Transport(), other...)
	if r.code != exitUsage {
		t.Errorf("code %d", r.code)
	}
	r.says(t, "no rows of 1 lines")
	drive(t, sim.Transport(), args...).want(t, want{code: exitFailed, done: 2, resumed: 1, failed: 1, unclear: 1})

	r = drive(t, sim.Transport(), other...)
	r.says(t, "no rows of 4 lines", ", and up to $", " more, and what 1 of them cost is not known")
	if n := len(sim.Requests()); n != 4 {
		t.Errorf("%d requests", n)
	}
	r = drive(t, sim.Transport(), append(other, "-count-output", "-again")...)
	r.want(t, want{done: 1, resumed: 3})
	if r.sum.Cost.Sign() <= 0 || r.sum.Exposure.Sign() <= 0 || r.sum.Unpriced != 2 || len(answers(t, out)) != 4 {
		t.Errorf("%+v", r.sum)
	}
}

// TestResolvedToNothing has a line that has cost nothing by the bill, against what the output says. It is in the ledger.
func TestResolvedToNothing(t *testing.T) {
	sim := provider(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)})
	args, out := requests(t, chatLine("a"))
	failed := want{code: exitFailed, failed: 1, unclear: 1}
	drive(t, sim.Transport(), args...).want(t, failed)
	a := accountAt(t, out+".ledger")
	if err := a.Load(t.Context(), ledger.Filter{}); err != nil {
		t.Fatal(err)
	}
	row := a.Rows()[0]
	if err := a.Resolve(row.Call, row.Attempt, 0); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	drive(t, sim.Transport(), args...).want(t, want{code: exitFailed, failed: 1, unclear: 1})
}
