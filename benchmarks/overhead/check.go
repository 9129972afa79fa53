package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"sync/atomic"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// rehearsals is how many bodies of each kind are looked at closely.
const rehearsals = 64

// rehearse makes some calls that nobody times, looks closely at what arrives, and notes its hash for the witness, who
// compares the body of every later call.
func (r *runner) rehearse(body []byte) error {
	w := r.ground.witness
	w.keep.Store(true)
	err := r.run(rehearsals)
	w.keep.Store(false)
	sent := w.take()
	if err != nil {
		return err
	}
	if len(sent) != rehearsals {
		return fmt.Errorf("%d calls, and %d bodies arrived", rehearsals, len(sent))
	}
	want := ""
	if r.ours != nil {
		want = string(r.ours.Tier)
	}
	for _, b := range sent {
		if !bytes.Equal(b, sent[0]) {
			return errors.New("the same call was sent with different bodies")
		}
		if err := checkBody(b, body, want); err != nil {
			return err
		}
	}
	r.body = w.hash(sent[0])
	// The rehearsal's own bodies had no hash to be compared with.
	w.strange.Store(w.strange.Load() - rehearsals)
	return nil
}

// checkBody checks a body that was sent for the original: it names the tier exactly once, or not at all if tier is "",
// and nothing else in it has changed.
func checkBody(sent, original []byte, tier string) error {
	want := 0
	if tier != "" {
		want = 1
	}
	if n := bytes.Count(sent, []byte(`"service_tier"`)); n != want {
		return fmt.Errorf(`the body has "service_tier" %d times, want %d`, n, want)
	}
	var got, all map[string]any
	if err := errors.Join(json.Unmarshal(sent, &got), json.Unmarshal(original, &all)); err != nil {
		return err
	}
	if want == 1 && got["service_tier"] != tier {
		return fmt.Errorf("the body asks for tier %v, want %q", got["service_tier"], tier)
	}
	delete(got, "service_tier")
	if !reflect.DeepEqual(got, all) {
		return errors.New("more of the body has changed than its tier")
	}
	return nil
}

// check checks what has happened on a ground, and says what it found right.
func check(g *ground, runners []*runner) (checked []string, err error) {
	w := g.witness
	if n := w.strange.Load(); n != 0 {
		return nil, fmt.Errorf("%d of the bodies are not the ones that were rehearsed: they lack the tier, have it twice, or are broken", n)
	}
	var calls int64
	for _, r := range runners {
		calls += r.calls
	}
	if n := w.seen.Load(); n != calls {
		return nil, fmt.Errorf("%d calls, and %d bodies arrived", calls, n)
	}
	for _, r := range runners {
		if r.audit == nil {
			continue
		}
		line, err := r.audit.check(r.calls)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		tier := "name no tier"
		if r.ours.Tier != "" {
			tier = fmt.Sprintf("name the tier %s, once", r.ours.Tier)
		}
		checked = append(checked, fmt.Sprintf("%s, %s: %d bodies %s; %s", r.name, g.name, r.calls, tier, line))
	}
	return checked, nil
}

// What gpt-5 costs on the flex tier, in US dollars for a million tokens, and what the answer says was used. They stand
// here once more so that the catalog is not checked against itself.
const (
	inputPrice  = "0.625"
	outputPrice = "5"
	inputTokens = 437
	// Reasoning is among them.
	outputTokens = 74
)

// costOfCall returns what a call costs, in picodollars.
func costOfCall() (*big.Int, error) {
	cost := new(big.Rat)
	for _, part := range []struct {
		tokens int64
		price  string
	}{{inputTokens, inputPrice}, {outputTokens, outputPrice}} {
		dollars, ok := new(big.Rat).SetString(part.price)
		if !ok {
			return nil, fmt.Errorf("price %q", part.price)
		}
		cost.Add(cost, dollars.Mul(dollars, big.NewRat(part.tokens, 1_000_000)))
	}
	cost.Mul(cost, big.NewRat(1e12, 1))
	if !cost.IsInt() {
		return nil, fmt.Errorf("a call costs %s picodollars, which is no whole number", cost)
	}
	return cost.Num(), nil
}

// An audit is the store of a stack of ours: the one that it has by default, whose work is measured with it, and a check
// of every row that goes in.
type audit struct {
	memory *ledger.Memory
	asked  policy.Tier
	cost   price.Pico
	exact  *big.Int // cost
	rows   atomic.Int64
	wrong  atomic.Int64
	first  atomic.Pointer[ledger.Row] // a wrong one
}

func newAudit(asked policy.Tier) (*audit, error) {
	exact, err := costOfCall()
	if err != nil {
		return nil, err
	}
	a := &audit{memory: ledger.NewMemory(0), asked: asked, cost: price.Pico(exact.Int64()), exact: exact}
	// It begins full, as that of a program which has run for a while, so that no call pays for its growth.
	for range ledger.DefaultRows {
		a.memory.Add(ledger.Row{})
	}
	return a, nil
}

// Add checks a row and stores it.
func (a *audit) Add(r ledger.Row) {
	a.rows.Add(1)
	if r.Cost != ledger.Known(a.cost) || r.Outcome != policy.Billed || r.AskedTier != a.asked || r.ServedTier != policy.Flex {
		a.wrong.Add(1)
		wrong := r // so that only a wrong row is moved to the heap
		a.first.CompareAndSwap(nil, &wrong)
	}
	a.memory.Add(r)
}

// check checks the books after so many calls.
func (a *audit) check(calls int64) (string, error) {
	if r := a.first.Load(); r != nil {
		return "", fmt.Errorf("%d of %d rows are wrong; the first cost %s, want %s (%s, asked for %q, served %q, %s)",
			a.wrong.Load(), a.rows.Load(), r.Cost, a.cost, r.Outcome, r.AskedTier, r.ServedTier, r.Unpriced)
	}
	if n := a.rows.Load(); n != calls {
		return "", fmt.Errorf("%d calls, and %d rows in the ledger", calls, n)
	}
	// In picodollars, which a sum prints as dollars with up to 12 decimals.
	total := new(big.Int).Mul(a.exact, big.NewInt(calls))
	got, ok := new(big.Rat).SetString(a.memory.Totals().Cost.String())
	if !ok || got.Mul(got, big.NewRat(1e12, 1)).Cmp(new(big.Rat).SetInt(total)) != 0 {
		return "", fmt.Errorf("the ledger's sum is %s, want %s picodollars", a.memory.Totals().Cost, total)
	}
	return fmt.Sprintf("%d rows cost exactly $%s each, $%s in all", calls, a.cost, a.memory.Totals().Cost), nil
}
