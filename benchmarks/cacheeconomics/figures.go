package main

import (
	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
)

// figures is what -json prints. Shares are of what hindsight saves or, of writes, the clairvoyant. Those of the second half of
// a recorded trace are null where there is none.
type figures struct {
	Worst      float64             `json:"worst_over_no_cache"` // the highest cost of ours in all rows, of writes as well
	X01P0      *float64            `json:"share_x01_p0"`        // of 2.5 Pro, created before, in the second half
	X01P30     *float64            `json:"share_x01_p30"`
	X1P0       *float64            `json:"share_x1_p0"`
	Dollars    *float64            `json:"dollars_share"` // of the sum over all settings, created before, in the second half
	Apps       float64             `json:"apps_share"`    // the least of all settings of apps at x1 and up to 30 % implicit hits
	Writes     map[string]*float64 `json:"writes_share"`  // at x1, in the second half
	Explicit   []explicitRow       `json:"explicit"`
	WritesRows []writesRow         `json:"writes"`
}

// explicitRow is a row of a table. All costs are over that of no cache.
type explicitRow struct {
	Trace     string             `json:"trace"`
	Model     string             `json:"model"`
	Scale     float64            `json:"scale"`
	Implicit  int                `json:"implicit_percent"`
	Create    string             `json:"create"`
	Simple    map[string]float64 `json:"simple"`
	Ours      float64            `json:"ours"`
	Hindsight float64            `json:"hindsight"`
	Bound     float64            `json:"bound"`
	Share     float64            `json:"share"`
	Created   int                `json:"created"`
}

// writesRow is a row of a table. All costs are over that of no write.
type writesRow struct {
	Trace       string  `json:"trace"`
	Product     string  `json:"product"`
	Scale       float64 `json:"scale"`
	Always      float64 `json:"always"`
	Ours        float64 `json:"ours"`
	Clairvoyant float64 `json:"clairvoyant"`
	Share       float64 `json:"share"`
}

func figuresOf(results []result) figures {
	f := figures{Apps: 1, Writes: make(map[string]*float64)}
	for _, p := range products {
		f.Writes[p.name] = nil
	}
	for i := range results {
		r := &results[i]
		for k := range r.explicit {
			e := &r.explicit[k]
			f.Explicit = append(f.Explicit, e.row(r.name))
			f.Worst = max(f.Worst, f.Explicit[len(f.Explicit)-1].Ours)
			if r.name == "apps" && e.setting.scale == 1 && e.setting.implicit <= 30 {
				f.Apps = min(f.Apps, bench.Round(e.share()))
			}
		}
		for k := range r.writes {
			w := &r.writes[k]
			f.WritesRows = append(f.WritesRows, w.row(r.name))
			f.Worst = max(f.Worst, f.WritesRows[len(f.WritesRows)-1].Ours)
		}
		if r.main {
			f.second(r)
		}
	}
	return f
}

// second fills in the figures of the second half of the recorded trace.
func (f *figures) second(r *result) {
	var saved, could price.Pico
	for k := range r.explicit {
		e := &r.explicit[k]
		s := &e.setting
		if s.beside() {
			continue
		}
		saved += e.none - e.ours.cost
		could += e.hindsight
		if s.model.name != models[0].name {
			continue
		}
		switch {
		case s.scale == 0.1 && s.implicit == 0:
			f.X01P0 = rounded(e.share())
		case s.scale == 0.1 && s.implicit == 30:
			f.X01P30 = rounded(e.share())
		case s.scale == 1 && s.implicit == 0:
			f.X1P0 = rounded(e.share())
		}
	}
	f.Dollars = rounded(share(saved, could))
	for k := range r.writes {
		if w := &r.writes[k]; w.scale == 1 {
			f.Writes[w.product] = rounded(w.share())
		}
	}
}

func rounded(x float64) *float64 {
	x = bench.Round(x)
	return &x
}

// over is a cost in relation to another.
func over(cost, none price.Pico) float64 { return bench.Round(float64(cost) / float64(none)) }

// share is which part of what could be saved was saved; 0 where nothing could.
func share(saved, could price.Pico) float64 {
	if could <= 0 {
		return 0
	}
	return float64(saved) / float64(could)
}

func (e *explicit) share() float64 { return share(e.none-e.ours.cost, e.hindsight) }

func (e *explicit) row(trace string) explicitRow {
	s := &e.setting
	row := explicitRow{
		Trace: trace, Model: s.model.name, Scale: s.scale, Implicit: s.implicit, Create: modeName(s.mode),
		Simple: make(map[string]float64), Ours: over(e.ours.cost, e.none), Hindsight: over(e.none-e.hindsight, e.none),
		Bound: over(e.none-e.bound, e.none), Share: bench.Round(e.share()), Created: e.ours.created,
	}
	for i, cost := range e.simple {
		row.Simple[simple[i].name] = over(cost, e.none)
	}
	return row
}

func modeName(m reuse.Mode) string {
	if m == reuse.Beside {
		return "beside"
	}
	return "before"
}

func (w *writes) share() float64 { return share(w.never-w.ours, w.never-w.clairvoyant) }

func (w *writes) row(trace string) writesRow {
	return writesRow{
		Trace: trace, Product: w.product, Scale: w.scale, Always: over(w.always, w.never), Ours: over(w.ours, w.never),
		Clairvoyant: over(w.clairvoyant, w.never), Share: bench.Round(w.share()),
	}
}
