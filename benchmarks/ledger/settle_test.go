package main

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
	"github.com/skinflint-go/skinflint/transport/wire"
)

var number = regexp.MustCompile(`call-(\d+)\. `)

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// A bill is what the provider's meter has of a call.
type bill struct {
	times    int
	latest   llmtest.Generation
	cost     price.Pico
	unpriced bool // by the catalog
	creation bool // of a context cache
}

// meterOf is the meter, by the numbers of the calls and by the ids of the answers.
func meterOf(t *testing.T, provider *llmtest.Server) (bills map[int]bill, answers map[string]llmtest.Generation) {
	t.Helper()
	asked := map[string]int{} // by the fingerprint of what was asked
	for _, r := range provider.Requests() {
		if m := number.FindSubmatch(r.Body); m != nil && r.Call != "" {
			asked[r.Call], _ = strconv.Atoi(string(m[1]))
		}
	}
	bills, answers = map[int]bill{}, map[string]llmtest.Generation{}
	for _, g := range provider.Meter() {
		n, ok := asked[g.Call]
		if !ok {
			t.Errorf("billed for what was never asked: %+v", g)
		}
		cost, err := costOf(g)
		b := bills[n]
		b.times++
		b.latest = g
		b.cost += cost
		b.unpriced = b.unpriced || err != nil
		b.creation = b.creation || g.Operation == "createCachedContent"
		bills[n] = b
		answers[idOf(g)] = g
	}
	return bills, answers
}

// idOf is the id that an answer has in the ledger: that of a cache's creation is its name.
func idOf(g llmtest.Generation) string {
	if g.Operation == "createCachedContent" {
		return g.Cache
	}
	return g.ID
}

func usageOf(g llmtest.Generation) price.Usage {
	return price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning}
}

// tierOf is the catalog's name for the tier that served.
func tierOf(g llmtest.Generation) string {
	if g.Tier == "default" {
		return "standard"
	}
	return g.Tier
}

func costOf(g llmtest.Generation) (price.Pico, error) {
	cost, err := price.Embedded().Cost(price.Query{Provider: g.Provider, Model: g.Model, Tier: tierOf(g), At: g.At}, usageOf(g))
	return cost.Cost, err
}

// measured compares a row whose usage was measured with the generation that it is of.
func measured(t *testing.T, n int, r *ledger.Row, g llmtest.Generation) {
	t.Helper()
	usage := usageOf(g)
	if g.Provider == "anthropic" {
		usage.Reasoning = r.Usage.Reasoning // which it does not tell
	}
	if r.Usage != usage || string(r.ServedTier) != tierOf(g) {
		t.Errorf("call %d, %s %s: measured %+v on tier %s, the meter has %+v", n, r.Operation, r.ResponseID, r.Usage, r.ServedTier, g)
	}
	amount := r.Cost
	if r.Operation == wire.CreateCache { // which may be free, and so only exposes what it costs on the meter
		amount = r.Exposure
	}
	if want, err := costOf(g); amount.Known != (err == nil) || amount.Pico != want {
		t.Errorf("call %d, %s %s: measured, and cost $%s, exposure $%s, the meter has $%s, %v", n, r.Operation, r.ResponseID, r.Cost, r.Exposure, want, err)
	}
}

// story tells what became of a call, without what was asked.
func story(provider *llmtest.Server, rows []ledger.Row, n int) string {
	var b strings.Builder
	for _, r := range provider.Requests() {
		if m := number.FindSubmatch(r.Body); m != nil && string(m[1]) == strconv.Itoa(n) {
			fmt.Fprintf(&b, "\n\trequest %d: %s, %s, %d, %s", r.N, r.Operation, r.Fault, r.Status, r.Path)
		}
	}
	for _, r := range rows {
		if numberOf(r.Tags) == n {
			fmt.Fprintf(&b, "\n\trow %s %d: %s %s %s %s, %d, cost $%s, exposure $%s, %s", r.Call, r.Attempt, r.Operation, r.Outcome, r.Evidence, r.Reason, r.Status, r.Cost, r.Exposure, r.Unpriced)
		}
	}
	return b.String()
}

// settle lays the rows beside the provider's meter: every call on it has a row, no call is on it twice, what was measured
// cost what it says, and what a call was billed lies between its cost and that with its exposure.
func settle(t *testing.T, provider *llmtest.Server, rows []ledger.Row, work *traffic) {
	t.Helper()
	bills, answers := meterOf(t, provider)
	seen := map[int]int{}
	cost, exposure := map[int]price.Pico{}, map[int]price.Pico{}
	unknown := map[int]bool{}
	storage := map[string]price.Pico{}
	outcomes := map[policy.Outcome]int{}
	for i := range rows {
		r := &rows[i]
		n := numberOf(r.Tags)
		seen[n]++
		outcomes[r.Outcome]++
		if r.Outcome == policy.Storage {
			storage[r.Cache] += r.Cost.Pico
			continue
		}
		cost[n] += r.Cost.Pico
		exposure[n] += r.Exposure.Pico
		unknown[n] = unknown[n] || !r.Cost.Known && !r.Exposure.Known
		if r.UsageSource != ledger.Measured {
			continue
		}
		g := answers[r.ResponseID]
		if r.ResponseID == "" { // embeddings have none
			g = bills[n].latest
		}
		measured(t, n, r, g)
	}
	for n, b := range bills {
		switch {
		case seen[n] == 0:
			t.Errorf("call %d was billed, and has no row", n)
		case b.times > 1:
			t.Errorf("call %d was billed %d times", n, b.times)
		case b.creation: // whether that is charged is not documented
		case b.unpriced && (cost[n] != 0 || !unknown[n]):
			t.Errorf("call %d: nobody knows the price, and its cost is $%s", n, cost[n])
		case !b.unpriced && (b.cost < cost[n] || b.cost > cost[n]+exposure[n]):
			t.Errorf("call %d: billed $%s, cost $%s and exposure $%s: %s", n, b.cost, cost[n], exposure[n], story(provider, rows, n))
		}
	}
	for n := range cost {
		if bills[n].times == 0 && cost[n] != 0 {
			t.Errorf("call %d: not billed, and cost $%s", n, cost[n])
		}
	}
	held := 0
	for _, c := range provider.Caches() {
		if _, ours := storage[c.Name]; !ours || work.unsure[c.Name] {
			continue
		}
		held++
		want, err := price.Embedded().Storage(price.Query{Provider: "gemini", Model: c.Model}, c.Tokens, c.Created.Truncate(time.Microsecond), c.Expires)
		if err != nil || storage[c.Name] != want.Cost {
			t.Errorf("cache %s: its storage cost $%s, want $%s: %v", c.Name, storage[c.Name], want.Cost, err)
		}
	}
	for _, o := range []policy.Outcome{policy.NotSent, policy.Rejected, policy.Ambiguous, policy.Billed, policy.Partial, policy.Storage} {
		if outcomes[o] == 0 {
			t.Errorf("no row of outcome %s: %v", o, outcomes)
		}
	}
	if held == 0 {
		t.Error("no context cache whose storage can be compared")
	}
	t.Logf("%d rows, %d calls billed, %d of %d context caches compared: %s", len(rows), len(bills), held, len(provider.Caches()), describe(rows))
}

// describe counts the rows of each kind.
func describe(rows []ledger.Row) string {
	kinds := map[string]int{}
	for _, r := range rows {
		kinds[fmt.Sprintf("%s %s %s", r.Provider, r.Operation, r.Outcome)]++
	}
	var b strings.Builder
	for _, k := range sorted(kinds) {
		fmt.Fprintf(&b, "\n\t%5d %s", kinds[k], k)
	}
	return b.String()
}
