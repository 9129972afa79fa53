package reconcile

import (
	"maps"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A group is what is compared: the lines and the rows of one day and model.
type group struct {
	Figures
	models set
	named  bool // the bill names the model, on this day or another
	unsure bool // a part of it is billed on another day, or there is a credit

	// Of the bill.
	lines int64
	items map[string]price.Sum // the amounts by kind

	// Of the rows.
	alts      alternatives // what they would cost if they were billed in another way
	tools     bool         // their cost includes tools, which the bill has in other lines
	open      []attempt    // attempts whose cost may be resolved
	openMost  price.Sum    // what these may cost beyond what is known, at most
	unbounded int64        // rows of unknown cost without any bound
	near      [2]nearSide  // the calls near each end of the day
}

// A nearSide is about the calls near one end of a day, which may be billed on the other side of it.
type nearSide struct {
	cost price.Sum // their cost
	most price.Sum // their cost and exposure
	any  bool      // there is a call that may cost something
	open bool      // there is a call of unknown cost
}

// add adds the calls of another group.
func (n *nearSide) add(m *nearSide) {
	n.cost.AddSum(m.cost)
	n.most.AddSum(m.most)
	n.any = n.any || m.any
	n.open = n.open || m.open
}

// An attempt is one whose cost may be resolved.
type attempt struct {
	call     string
	number   int
	known    price.Pico // its known cost
	exposure price.Pico // the most that it may have cost beyond that
	near     [2]bool    // it is near that end of the day
}

func newGroup() *group {
	return &group{models: make(set), items: make(map[string]price.Sum)}
}

// addLine adds a line of the bill.
func (g *group) addLine(l *Line) {
	g.unsure = g.unsure || l.Amount < 0
	g.lines++
	g.Billed.Add(l.Amount)
	sum := g.items[l.Kind]
	sum.Add(l.Amount)
	g.items[l.Kind] = sum
}

// addRow adds a row, which is near these ends of its day.
func (g *group) addRow(r *ledger.Row, near [2]bool) {
	g.Rows++
	g.Ours.Add(r.Cost.Pico)
	g.Reported.Add(r.Reported.Pico)
	g.Exposure.Add(r.Exposure.Pico)
	if r.Unpriced != "" {
		g.Unpriced++
	}
	if isUnbounded(r) {
		g.unbounded++
	}
	for side := range near {
		if near[side] {
			n := nearSide{cost: sumOf(r.Cost.Pico), most: sumOf(r.Cost.Pico), open: mayCost(r)}
			n.most.Add(max(r.Exposure.Pico, 0))
			n.any = n.open || r.Cost.Pico != 0
			g.near[side].add(&n)
		}
	}
	if isOpen(r) {
		g.open = append(g.open, attempt{r.Call, r.Attempt, r.Cost.Pico, r.Exposure.Pico, near})
	}
	g.tools = g.tools || usesTools(&r.Usage)
}

// nearEnds reports which ends of its day a call was close to.
func nearEnds(r *ledger.Row, boundary time.Duration) (near [2]bool) {
	begin := dayOf(r.At).begin()
	done := r.At.Add(time.Duration(min(max(r.LatencyMS, 0), 1000*daySecs)) * time.Millisecond)
	near[start] = r.At.Sub(begin) < boundary
	near[end] = begin.AddDate(0, 0, 1).Sub(done) < boundary
	if r.Settles || r.Outcome == policy.Billed && r.UsageSource == ledger.Unknown {
		near[end] = true // a background call, which ends at an unknown time
	}
	return near
}

// isOpen reports whether a row's cost is unknown and has a bound.
func isOpen(r *ledger.Row) bool { return r.Exposure.Known && r.Exposure.Pico > 0 }

// isUnbounded reports whether a row's cost is unknown and has no bound.
func isUnbounded(r *ledger.Row) bool { return r.Unpriced != "" && !r.Exposure.Known }

// mayCost reports whether a row may have a cost that is not known.
func mayCost(r *ledger.Row) bool { return isOpen(r) || isUnbounded(r) }

// join adds another group.
func (g *group) join(h *group) {
	g.Figures.add(&h.Figures)
	maps.Copy(g.models, h.models)
	g.lines += h.lines
	for kind, sum := range h.items {
		all := g.items[kind]
		all.AddSum(sum)
		g.items[kind] = all
	}
	g.tools = g.tools || h.tools
	g.alts.join(&h.alts)
	for side := range g.near {
		g.near[side].add(&h.near[side])
	}
	g.open = append(g.open, h.open...)
	g.unbounded += h.unbounded
	g.unsure = g.unsure || h.unsure
}

// residual returns what was billed minus what the rows say.
func (g *group) residual() price.Sum { return g.Billed.Minus(g.Ours) }
