package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// TestInterleaveReferences has two bare transports of different speed, and two variants that are compared with them.
func TestInterleaveReferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := inMemory()
		if err != nil {
			t.Fatal(err)
		}
		takes := func(d time.Duration) call { return func() error { time.Sleep(d); return nil } }
		runners := []*runner{
			{variant: variant{key: bare}, backend: b, call: takes(2)},
			{variant: variant{key: ours}, backend: b, call: takes(6)},
			{variant: variant{key: bareSDK}, backend: b, call: takes(8)},
			{variant: variant{key: oursSDK, reference: bareSDK}, backend: b, call: takes(40)},
		}
		timings, err := interleave(runners, 3, 10)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []bench.Timing{{Time: 2, Ratio: 1}, {Time: 6, Ratio: 3}, {Time: 8, Ratio: 4}, {Time: 40, Ratio: 5}} {
			if timings[i] != want {
				t.Errorf("%s: got %v, want %v", runners[i].key, timings[i], want)
			}
		}
	})
}

// TestMismatch sends one wrong body after the rehearsal. The check of all calls has to notice it.
func TestMismatch(t *testing.T) {
	r := setup(t, ours)
	if err := r.run(10); err != nil {
		t.Fatal(err)
	}
	if _, err := check(r.backend, []*runner{r}); err != nil {
		t.Fatal(err)
	}
	if err := r.backend.verifier.verify(strings.NewReader(`{"model":"gpt-5"}`)); err != nil {
		t.Fatal(err)
	}
	_, err := check(r.backend, []*runner{r})
	wantError(t, err, "1 of the bodies are not the ones that were rehearsed")
}
