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
)

var number = regexp.MustCompile(`call-(\d+)\. `)

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// A bill is what the provider's meter has for a call.
type bill struct {
	times    int
	latest   llmtest.Generation
	cost     price.Pico
	unpriced bool // by the catalog
	creation bool // of a context cache
}

// meterOf returns the meter, by the numbers of the calls and by the ids of the answers.
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

// idOf returns the id that an answer has in the ledger. For the creation of a cache it is the name of the cache.
func idOf(g llmtest.Generation) string {
	if g.Operation == "createCachedContent" {
		return g.Cache
	}
	return g.ID
}

func usageOf(g llmtest.Generation) price.Usage {
	return price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning}
}

// tierOf returns the catalog's name of the tier that served.
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

// measured compares a row whose usage was measured with its generation on the meter.
func measured(t *testing.T, n int, r *ledger.Row, g llmtest.Generation) {
	t.Helper()
	usage := usageOf(g)
	if g.Provider == "anthropic" {
		usage.Reasoning = r.Usage.Reasoning // Anthropic does not report it
	}
	if r.Usage != usage || string(r.ServedTier) != tierOf(g) {
		t.Errorf("call %d, %s %s: measured %+v on tier %s, the meter has %+v", n, r.Operation, r.ResponseID, r.Usage, r.ServedTier, g)
	}
	if want, err := costOf(g); r.Cost.Known != (err == nil) || r.Cost.Pico != want {
		t.Errorf("call %d, %s %s: measured, and cost $%s, exposure $%s, the meter has $%s, %v", n, r.Operation, r.ResponseID, r.Cost, r.Exposure, want, err)
	}
}

// story returns the requests and rows of a call, without its prompt.
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

// settle compares the rows with the provider's meter. Every call on the meter has a row, no call is on it twice, a measured
// row costs what the meter says, and what a call was billed is from its cost to its cost with its exposure.
func settle(t *testing.T, provider *llmtest.Server, rows []ledger.Row, work *traffic) {
	t.Helper()
	bills, answers := meterOf(t, provider)
	calls := map[int]account{}
	storage := map[string]price.Pico{}
	outcomes := map[policy.Outcome]int{}
	for i := range rows {
		r := &rows[i]
		n := numberOf(r.Tags)
		outcomes[r.Outcome]++
		a := calls[n]
		a.rows++
		if r.Outcome == policy.Storage {
			storage[r.Cache] += r.Cost.Pico
			calls[n] = a
			continue
		}
		a.cost += r.Cost.Pico
		a.exposure += r.Exposure.Pico
		a.unknown = a.unknown || !r.Cost.Known && !r.Exposure.Known
		calls[n] = a
		if r.UsageSource != ledger.Measured {
			continue
		}
		g := answers[r.ResponseID]
		if r.ResponseID == "" { // an answer with embeddings has no id
			g = bills[n].latest
		}
		measured(t, n, r, g)
	}
	settleCalls(t, bills, calls, func(n int) string { return story(provider, rows, n) })
	compared := settleStorage(t, provider, storage, work)
	for _, o := range []policy.Outcome{policy.NotSent, policy.Rejected, policy.Ambiguous, policy.Billed, policy.Partial, policy.Storage} {
		if outcomes[o] == 0 {
			t.Errorf("no row of outcome %s: %v", o, outcomes)
		}
	}
	t.Logf("%d rows, %d calls billed, %d of %d context caches compared: %s", len(rows), len(bills), compared, len(provider.Caches()), describe(rows))
}

// An account is what the rows of one call say.
type account struct {
	rows           int
	cost, exposure price.Pico
	unknown        bool // a row has neither a cost nor an exposure
}

// settleCalls compares what each call was billed with its rows.
func settleCalls(t *testing.T, bills map[int]bill, calls map[int]account, story func(n int) string) {
	t.Helper()
	for n, b := range bills {
		a := calls[n]
		switch {
		case a.rows == 0:
			t.Errorf("call %d was billed, and has no row", n)
		case b.times > 1:
			t.Errorf("call %d was billed %d times", n, b.times)
		case b.creation: // the documents do not say whether it is charged
		case b.unpriced && (a.cost != 0 || !a.unknown):
			t.Errorf("call %d: its price is not known, and its cost is $%s", n, a.cost)
		case !b.unpriced && (b.cost < a.cost || b.cost > a.cost+a.exposure):
			t.Errorf("call %d: billed $%s, cost $%s and exposure $%s: %s", n, b.cost, a.cost, a.exposure, story(n))
		}
	}
	for n, a := range calls {
		if bills[n].times == 0 && a.cost != 0 {
			t.Errorf("call %d: not billed, and cost $%s", n, a.cost)
		}
	}
}

// settleStorage compares the storage of context caches with its rows, and returns how many it compared.
func settleStorage(t *testing.T, provider *llmtest.Server, storage map[string]price.Pico, work *traffic) (compared int) {
	t.Helper()
	for _, c := range provider.Caches() {
		if _, ours := storage[c.Name]; !ours || work.unsure[c.Name] {
			continue
		}
		compared++
		want, err := price.Embedded().Storage(price.Query{Provider: "gemini", Model: c.Model}, c.Tokens, c.Created.Truncate(time.Microsecond), c.Expires)
		if err != nil || storage[c.Name] != want.Cost {
			t.Errorf("cache %s: its storage cost $%s, want $%s: %v", c.Name, storage[c.Name], want.Cost, err)
		}
	}
	if compared == 0 {
		t.Error("no context cache whose storage can be compared")
	}
	return compared
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
