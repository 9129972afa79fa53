package ledger

import (
	"cmp"
	"iter"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Total sums rows up. Money is exact: what is not known is not in it, but counted in Unpriced.
type Total struct {
	Calls    int64     `json:"calls"`
	Attempts int64     `json:"attempts"` // sent, or tried to
	Cost     price.Sum `json:"cost_usd"`
	List     price.Sum `json:"list_usd"`
	Saved    price.Sum `json:"saved_usd"`    // List less Cost, Storage, Exposure and Implicit
	Implicit price.Sum `json:"implicit_usd"` // saved by the provider's own caching
	Storage  price.Sum `json:"storage_usd"`
	Exposure price.Sum `json:"exposure_usd"`
	Unpriced int64     `json:"unpriced"` // rows whose cost is unknown
}

func (t *Total) add(r *Row) {
	if r.Attempt <= 1 && r.Outcome != policy.Storage {
		t.Calls++
	}
	if r.Outcome != policy.Refused && r.Outcome != policy.Storage {
		t.Attempts++
	}
	if r.Unpriced != "" {
		t.Unpriced++
	}
	var saved price.Sum
	take := func(sum *price.Sum, a Amount) {
		if a.Known {
			sum.Add(a.Pico)
			saved = saved.Minus(one(a.Pico))
		}
	}
	take(&t.Exposure, r.Exposure)
	if r.Outcome == policy.Storage {
		take(&t.Storage, r.Cost)
	} else {
		take(&t.Cost, r.Cost)
		take(&t.Implicit, r.Implicit)
	}
	if r.List.Known {
		t.List.Add(r.List.Pico)
		saved.Add(r.List.Pico)
	}
	t.Saved.AddSum(saved)
}

func one(p price.Pico) (s price.Sum) {
	s.Add(p)
	return s
}

// Totals are a Total of all rows, and one for each model, tier served and tag, and for each hour.
type Totals struct {
	Total
	By map[string]Total `json:"by"` // "model:gpt-5", "tier:flex", "tag:tenant=acme", "other:tag"

	// Hours are the hours of UTC in which attempts began: "2026-11-22T12:00:00Z".
	Hours map[string]Total `json:"hours,omitempty"`
}

const (
	// MaxGroups is how many groups [Totals] keep, each of some 300 bytes. Rows of further ones are summed up, and
	// counted, under "other:model", "other:tier" and "other:tag".
	MaxGroups = 10_000
	// MaxHours is how many hours they keep: the latest, some 12 weeks. Those before are summed up under "other".
	MaxHours = 2000
)

// A groupKey is a group's key, which costs nothing to make.
type groupKey struct{ kind, name, value string }

func (k groupKey) String() string {
	if k.kind == "tag" {
		return k.kind + ":" + k.name + "=" + k.value
	}
	return k.kind + ":" + k.name
}

// A tally is Totals in the making.
type tally struct {
	all    Total
	groups map[groupKey]*Total
	latest [2]latest // the model and the tier of the latest row, as the next one's are often the same

	hours  map[int64]*Total // by the hours since 1970
	hour   int64            // of the latest row
	inHour *Total
	before *Total // of hours that are no longer kept
}

type latest struct {
	key   groupKey
	total *Total
}

// modelOf returns the model that a row counts for.
func modelOf(r *Row) string { return cmp.Or(r.ServedModel, r.Model) }

// groupsOf returns the groups that a row counts in.
func groupsOf(r *Row) (keys []groupKey) {
	if model := modelOf(r); model != "" {
		keys = append(keys, groupKey{"model", model, ""})
	}
	if r.ServedTier != "" {
		keys = append(keys, groupKey{"tier", string(r.ServedTier), ""})
	}
	for name, value := range r.Tags {
		keys = append(keys, groupKey{"tag", name, value})
	}
	return keys
}

func (t *tally) add(r *Row) {
	t.all.add(r)
	if model := modelOf(r); model != "" {
		t.again(&t.latest[0], groupKey{"model", model, ""}, r)
	}
	if r.ServedTier != "" {
		t.again(&t.latest[1], groupKey{"tier", string(r.ServedTier), ""}, r)
	}
	for name, value := range r.Tags {
		t.group(groupKey{"tag", name, value}).add(r)
	}
	t.hourOf(r).add(r)
}

// hourOf returns the Total of the hour in which the row's attempt began.
func (t *tally) hourOf(r *Row) *Total {
	const hour = 60 * 60
	seconds := r.At.Unix()
	h := seconds / hour
	if seconds%hour < 0 {
		h--
	}
	if t.inHour != nil && t.hour == h {
		return t.inHour
	}
	in := t.hours[h]
	if in == nil {
		in = t.newHour(h)
	}
	t.hour, t.inHour = h, in
	return in
}

// newHour makes room for an hour, unless it is before those that are kept.
func (t *tally) newHour(h int64) *Total {
	if t.hours == nil {
		t.hours = make(map[int64]*Total)
	}
	if len(t.hours) >= MaxHours {
		if t.before == nil {
			t.before = new(Total)
		}
		first := h
		for hour := range t.hours {
			first = min(first, hour)
		}
		if first == h {
			return t.before
		}
		t.before.AddTotal(*t.hours[first])
		delete(t.hours, first)
	}
	in := new(Total)
	t.hours[h] = in
	return in
}

// AddTotal adds what other rows sum up to.
func (t *Total) AddTotal(u Total) {
	t.Calls += u.Calls
	t.Attempts += u.Attempts
	t.Cost.AddSum(u.Cost)
	t.List.AddSum(u.List)
	t.Saved.AddSum(u.Saved)
	t.Implicit.AddSum(u.Implicit)
	t.Storage.AddSum(u.Storage)
	t.Exposure.AddSum(u.Exposure)
	t.Unpriced += u.Unpriced
}

func (t *tally) again(l *latest, k groupKey, r *Row) {
	if l.total == nil || l.key != k {
		l.key, l.total = k, t.group(k)
	}
	l.total.add(r)
}

func (t *tally) group(k groupKey) *Total {
	if t.groups == nil {
		t.groups = make(map[groupKey]*Total)
	}
	g := t.groups[k]
	if g == nil && len(t.groups) >= MaxGroups {
		k = groupKey{kind: "other", name: k.kind}
		g = t.groups[k]
	}
	if g == nil {
		g = new(Total)
		t.groups[k] = g
	}
	return g
}

func (t *tally) totals() Totals {
	by := make(map[string]Total, len(t.groups))
	for k, g := range t.groups {
		name := k.String()
		sum := by[name] // tags x=y: z and x: y=z have one name
		sum.AddTotal(*g)
		by[name] = sum
	}
	hours := make(map[string]Total, len(t.hours))
	for h, total := range t.hours {
		hours[time.Unix(h*60*60, 0).UTC().Format(time.RFC3339)] = *total
	}
	if t.before != nil {
		hours["other"] = *t.before
	}
	return Totals{Total: t.all, By: by, Hours: hours}
}

// Sum adds rows up, for instance those of a [Source]. It ends at the first error, and returns what it has then.
func Sum(rows iter.Seq2[Row, error]) (Totals, error) {
	var t tally
	for row, err := range rows {
		if err != nil {
			return t.totals(), err
		}
		t.add(&row)
	}
	return t.totals(), nil
}
