package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// addTime returns how long a Memory takes for a row whose groups it has already.
func addTime(l *load) (time.Duration, error) {
	m := new(ledger.Memory)
	add := func() {
		for i := range l.rows {
			m.Add(l.rows[i])
		}
	}
	add()
	runtime.GC()
	began := time.Now()
	add()
	took := time.Since(began)
	if got, want := m.Totals().Calls, int64(2*len(l.rows)); got != want {
		return 0, fmt.Errorf("the memory has %d calls, want %d", got, want)
	}
	return took / time.Duration(len(l.rows)), nil
}

// A rollup is what many rows leave in a Memory that keeps one of them.
type rollup struct {
	rows, groups, hours int
	bytes               int64
}

// rollUp adds rows that each have a model, a tag and a call of their own, a hundred per hour, and every tenth one has an
// exposure that is never resolved. A Memory has to bound everything that it keeps of them.
func rollUp(rows int) rollup {
	before := heap()
	m := ledger.NewMemory(1)
	for i := range rows {
		r := ledger.Row{
			Call: fmt.Sprintf("01kaz%021d", i), Attempt: 1, At: noon.Add(time.Duration(i) * 36 * time.Second),
			Provider: "openai", Operation: "chat", Model: fmt.Sprintf("gpt-5-deployment-of-tenant-%d", i),
			ServedModel: fmt.Sprintf("gpt-5-deployment-of-tenant-%d-2025-08-07", i), ServedTier: policy.Flex, Outcome: policy.Billed,
			RequestID: fmt.Sprintf("req_%016x", i), ResponseID: fmt.Sprintf("chatcmpl-%016x", i),
			Usage: price.Usage{Input: 1000, Output: 500}, UsageSource: ledger.Measured, Cost: ledger.Known(price.Pico(i)),
			Tags: map[string]string{"tenant": fmt.Sprintf("tenant-number-%d", i), "job": "nightly"},
		}
		if i%10 == 0 {
			r.Outcome, r.Cost, r.Exposure, r.Unpriced = policy.Ambiguous, ledger.Amount{}, ledger.Known(5), "lost"
		}
		m.Add(r)
	}
	left := rollup{rows: rows, bytes: heap() - before}
	totals := m.Totals()
	left.groups, left.hours = len(totals.By), len(totals.Hours)
	return left
}

// heap returns the size of the live heap.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // for objects that only the first one made unreachable
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
