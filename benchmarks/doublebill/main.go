// Doublebill shows what clients pay for when calls go wrong: SDKs alone, SDKs over libraries that retry, and SDKs over
// skinflint. All call the same simulated provider, which misbehaves at fixed rates and has a meter for what it bills. Time
// is simulated: hours take seconds.
//
//	go run ./benchmarks/doublebill            # a table
//	go run ./benchmarks/doublebill -json      # one object
//	go run ./benchmarks/doublebill -calls 100 # fewer of each client
//	go run ./benchmarks/doublebill -seed 2    # another order of mishaps
//
// What a client paid is the price of the generations on the meter, by the embedded catalog and for the tiers that served. The
// catalog has no prices of Azure, so Azure's generations are priced as OpenAI's of the same model. Every client has the
// same timeout, for each attempt unless its row says otherwise, and every call has the same deadline.
//
// The program fails unless the ledgers of skinflint have a row for everything on the meter: with its id, usage, tier and
// price if the answer arrived, and otherwise with a cost and an exposure that include the price. Rows of Azure have no cost,
// so no money is compared there. The program does not fail if clients are billed twice.
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
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	calls := flag.Int("calls", 2000, "how many calls each client makes")
	seed := flag.Uint64("seed", 1, "the seed for the order of mishaps")
	flag.Parse()
	log.SetOutput(io.Discard) // genai logs every stream that is cut
	runtime.GOMAXPROCS(1)     // goroutines of a bubble take turns, which is slower on two processors
	debug.SetGCPercent(400)
	bench.AsTest("doublebill", func(t *testing.T) error { return run(t, os.Stdout, *calls, *seed, *asJSON) })
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

// figures count the results of a client's calls.
type figures struct {
	Calls        int `json:"calls"`         // of the program
	Attempts     int `json:"attempts"`      // requests that arrived, and dials that failed
	Billed       int `json:"billed"`        // generations on the meter
	BilledTwice  int `json:"billed_twice"`  // those beyond the first of a call
	Lost         int `json:"lost"`          // calls that ended in an error
	LostUnbilled int `json:"lost_unbilled"` // lost calls that cost nothing, and could have been sent again at no cost
}

func (f *figures) add(g figures) {
	f.Calls += g.Calls
	f.Attempts += g.Attempts
	f.Billed += g.Billed
	f.BilledTwice += g.BilledTwice
	f.Lost += g.Lost
	f.LostUnbilled += g.LostUnbilled
}

// A result is what was found out about a client.
type result struct {
	client
	figures
	money
	rows     int // in the ledger
	measured int // rows with a usage that the provider reported
	unpriced int // measured rows without a cost, because the catalog has no prices of the provider
}

func writeJSON(out io.Writer, results []result) error {
	byName := make(map[string]figures)
	for _, r := range results {
		byName[r.name] = r.figures
	}
	return bench.WriteJSON(out, byName)
}

// writeTable prints a table that is also Markdown.
func writeTable(out io.Writer, results []result, seed uint64) error {
	lines := [][]string{
		{"client", "calls", "attempts", "billed", "billed twice", "paid $", "lost", "lost unbilled", "how it is set"},
		{":-", "-:", "-:", "-:", "-:", "-:", "-:", "-:", ":-"},
	}
	for _, r := range results {
		lines = append(lines, []string{
			r.name, strconv.Itoa(r.Calls), strconv.Itoa(r.Attempts), strconv.Itoa(r.Billed), strconv.Itoa(r.BilledTwice),
			dollars(r.paid), strconv.Itoa(r.Lost), strconv.Itoa(r.LostUnbilled), r.set,
		})
	}
	var b strings.Builder
	b.WriteString("what is paid for when calls go wrong; every second call is a stream\n")
	fmt.Fprintf(&b, "the clients' timeout is %s, for each attempt unless it says otherwise; a call ends after %s\n", minutes(timeout), minutes(callTime))
	fmt.Fprintf(&b, "each request on the wire meets, with seed %d: %s\n\n", seed, shares())
	bench.Align(&b, lines)
	b.WriteString("\nbilled twice: beyond the first time for one call; lost: ended in an error; lost unbilled: and cost nothing\n")
	b.WriteString("paid $: what is on the meter, at list prices of the tiers that served; Azure's at OpenAI's of the same model\n\n")
	b.WriteString("checked, of each of our ledgers: it has one row for each generation on the meter, in the same order; if measured, with the\n")
	b.WriteString("meter's id, tokens, cached tokens and tier, and at the catalog's price of them; if not, with cost + exposure that hold that price\n")
	for _, r := range results {
		if r.rows > 0 {
			b.WriteString(r.checked())
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func minutes(d time.Duration) string { return strconv.Itoa(int(d/time.Minute)) + " min" }

// checked says which part of the ledger was compared with the meter.
func (r *result) checked() string {
	s := fmt.Sprintf("checked: %s: %d rows, %d generations, %d of them measured; ", r.name, r.rows, r.Billed, r.measured)
	if r.unpriced > 0 {
		return s + "no money, as the catalog has no prices of the provider: id, tokens and tier only\n"
	}
	return s + fmt.Sprintf("paid $%s <= cost $%s + exposure $%s\n", r.paid, r.cost, r.exposure)
}
