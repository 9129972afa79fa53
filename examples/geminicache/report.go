package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/examples/internal/table"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A summary is what -json prints. Money is in exact decimal strings.
type summary struct {
	Cost     price.Sum  `json:"cost_usd"`            // of the questions and of the creation of the cache
	List     price.Sum  `json:"list_usd"`            // of the same questions at list price, without any cache
	Saved    price.Sum  `json:"saved_usd"`           // List, less Cost, Storage and Implicit
	Storage  price.Sum  `json:"storage_usd"`         // for the time that the cache was held
	Implicit price.Sum  `json:"implicit_usd"`        // what the provider's own caching saved, which is not ours to claim
	Ledger   price.Sum  `json:"ledger_usd"`          // the sum of the ledger's rows: Cost and Storage
	Gain     *price.Sum `json:"gain_usd,omitempty"`  // what the same questions cost without the cache, less Ledger; absent with -live
	Meter    *price.Sum `json:"meter_usd,omitempty"` // the simulated provider's, at the catalog's prices; absent with -live
}

// A report is what the program says in the end.
type report struct {
	held    held
	rows    []ledger.Row
	sum     summary
	without *without // nil if the questions were not asked without a cache
}

// held is the cache: its size, and how many questions used it.
type held struct{ tokens, uses int64 }

// without is what the questions cost without a cache, and what the provider's own caching saved then.
type without struct{ cost, implicit price.Sum }

// sumUp reads the ledger. It is an error if a cost is not known.
func (r *report) sumUp(stack *middleware.Stack) error {
	totals := stack.Totals()
	r.rows = stack.Rows()
	r.sum = summary{Cost: totals.Cost, List: totals.List, Saved: totals.Saved, Storage: totals.Storage, Implicit: totals.Implicit}
	for _, row := range r.rows {
		if !row.Cost.Known {
			return fmt.Errorf("the cost of %s is not known: %s", row.Operation, row.Unpriced)
		}
		r.sum.Ledger.Add(row.Cost.Pico)
	}
	return nil
}

// gain adds what the questions cost without a cache.
func (r *report) gain(w without) {
	gain := w.cost.Minus(r.sum.Ledger)
	r.without, r.sum.Gain = &w, &gain
}

func (r *report) write(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r.sum)
	}
	r.print(out)
	return nil
}

// print prints a line for each row of the ledger, and the sums.
func (r *report) print(out io.Writer) {
	t := [][]string{{"call", "by", "after", "in", "cached", "out", "cost", "list"}}
	extended := 0
	for _, row := range r.rows {
		if row.Outcome != policy.Storage {
			t = append(t, line(row, row.At.Sub(r.rows[0].At)))
			continue
		}
		what := r.storage(row)
		if strings.Contains(what, "extend") {
			extended++
		}
		t = append(t, []string{what, "", "", "", "", "", table.Dollars(row.Cost), ""})
	}
	table.Print(out, 2, t)
	fmt.Fprint(out, legend)

	s := &r.sum
	fmt.Fprintf(out, "\n%d of %d questions used the cache of %d tokens. It was extended %d times, and is deleted.\n",
		r.held.uses, len(questions), r.held.tokens, extended)
	fmt.Fprintf(out, "Paid $%s for calls, the creation of the cache among them, and $%s for its storage. That lists at $%s without caching.\n",
		s.Cost, s.Storage, s.List)
	fmt.Fprintf(out, "Saved $%s over that list price, net of creation and storage. Gemini's own caching gave $%s, which is not in that.\n", s.Saved, s.Implicit)
	if w := r.without; w != nil {
		fmt.Fprintf(out, "The same questions without the cache cost $%s, because Gemini's own caching gave $%s.\n", w.cost, w.implicit)
		fmt.Fprintf(out, "So the cache gained $%s over Gemini's own caching.\n", s.Gain)
	}
	if s.Meter == nil {
		fmt.Fprintf(out, "The ledger says $%s, storage included.\n", s.Ledger)
		return
	}
	fmt.Fprintf(out, "The ledger says $%s. The provider's meter says $%s. Both include storage.\n", s.Ledger, s.Meter)
}

const legend = `
~: the answer is streamed. by: the SDK that asked. list: what the call costs without any caching.
`

// storage says what a row for the storage of a cache stands for: the time for which it will be held, or a change of that.
func (r *report) storage(row ledger.Row) string {
	held := time.Duration(row.Usage.StorageTokenSeconds*10/max(1, r.held.tokens)) * time.Second / 10
	if held < 0 {
		return fmt.Sprintf("  storage: deleted %s before its end", -held)
	}
	for _, earlier := range r.rows {
		switch {
		case earlier.Call == row.Call && earlier.Attempt == row.Attempt:
			return fmt.Sprintf("  storage for %s", held)
		case earlier.Outcome == policy.Storage && earlier.Cache == row.Cache:
			return fmt.Sprintf("  storage: extended by %s", held)
		}
	}
	return ""
}

// line returns the cells of a call.
func line(row ledger.Row, after time.Duration) []string {
	what, by := row.Tags["question"], row.Tags["by"]
	if row.Operation == wire.CreateCache {
		what, by = "(create the cache)", "skinflint"
	}
	if row.Stream {
		what += " ~"
	}
	if row.Outcome != policy.Billed {
		what += " (" + string(row.Outcome) + ")"
	}
	return []string{
		what, by, after.Round(time.Second).String(), table.Count(row.Usage.Input, ""), table.Count(row.Usage.CachedInput, ""), table.Count(row.Usage.Output, ""),
		table.Dollars(row.Cost), table.Dollars(row.List),
	}
}
