// Doublebill shows what clients pay for when calls go wrong: SDKs as they come, peers that retry beneath one, and ours,
// each against the same simulated provider. It misbehaves at fixed rates, and has a meter for what it bills. Time is
// virtual: its hours pass in seconds.
//
//	go run ./benchmarks/doublebill            # a table
//	go run ./benchmarks/doublebill -json      # one object
//	go run ./benchmarks/doublebill -calls 100 # fewer of each client
//	go run ./benchmarks/doublebill -seed 2    # another order of mishaps
//
// It fails unless our ledgers have a row for everything on the meter, with its exact usage where the answer arrived. It
// does not fail for what it finds.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	calls := flag.Int("calls", 2000, "how many calls each client makes")
	seed := flag.Uint64("seed", 1, "what the order of mishaps is drawn from")
	flag.Parse()
	log.SetOutput(io.Discard) // genai logs every stream that is cut
	runtime.GOMAXPROCS(1)     // who talks in a bubble takes turns, and is slower on two processors
	debug.SetGCPercent(400)
	asTest("doublebill", func(t *testing.T) error { return run(t, os.Stdout, *calls, *seed, *asJSON) })
}

func run(t *testing.T, out io.Writer, calls int, seed uint64, asJSON bool) error {
	if calls < 1 {
		return fmt.Errorf("%d calls are too few", calls)
	}
	results, err := measure(t, clients(), calls, seed)
	switch {
	case err != nil:
		return err
	case asJSON:
		return writeJSON(out, results)
	}
	return writeTable(out, results, seed)
}

// figures are what became of a client's calls.
type figures struct {
	Calls        int `json:"calls"`         // that the program made
	Attempts     int `json:"attempts"`      // requests that arrived, and dials that failed
	Billed       int `json:"billed"`        // generations on the meter
	BilledTwice  int `json:"billed_twice"`  // those beyond the first of a call
	Lost         int `json:"lost"`          // calls that ended in an error
	LostUnbilled int `json:"lost_unbilled"` // those that cost nothing, and so could have been sent again for nothing
}

func (f *figures) add(g figures) {
	f.Calls += g.Calls
	f.Attempts += g.Attempts
	f.Billed += g.Billed
	f.BilledTwice += g.BilledTwice
	f.Lost += g.Lost
	f.LostUnbilled += g.LostUnbilled
}

// A result is how a client did.
type result struct {
	client
	figures
	rows int // in our ledger
}

func writeJSON(out io.Writer, results []result) error {
	byName := make(map[string]figures)
	for _, r := range results {
		byName[r.name] = r.figures
	}
	return bench.WriteJSON(out, byName)
}

// writeTable prints a table that can be read as it is, and be pasted into Markdown.
func writeTable(out io.Writer, results []result, seed uint64) error {
	lines := [][]string{
		{"client", "calls", "attempts", "billed", "billed twice", "lost", "lost unbilled", "how it is set"},
		{":-", "-:", "-:", "-:", "-:", "-:", "-:", ":-"},
	}
	for _, r := range results {
		line := []string{r.name}
		for _, n := range []int{r.Calls, r.Attempts, r.Billed, r.BilledTwice, r.Lost, r.LostUnbilled} {
			line = append(line, strconv.Itoa(n))
		}
		lines = append(lines, append(line, r.set))
	}
	var b strings.Builder
	b.WriteString("what is paid for when calls go wrong; every second call is a stream\n")
	fmt.Fprintf(&b, "each request on the wire meets, with seed %d: %s\n\n", seed, shares())
	bench.Align(&b, lines)
	b.WriteString("\nbilled twice: beyond the first time for one call; lost: ended in an error; lost unbilled: and cost nothing\n\n")
	for _, r := range results {
		if r.rows > 0 {
			fmt.Fprintf(&b, "checked: %s: %d rows in the ledger, and among them all that was billed, as it was billed\n", r.name, r.rows)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
