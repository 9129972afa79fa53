package ledger

import (
	"cmp"
	"iter"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Total is the sum of some rows. Money is exact. An unknown cost is not in the sums; Unpriced counts the rows that have
// one.
type Total struct {
	Calls    int64     `json:"calls"`
	Attempts int64     `json:"attempts"` // attempts to send, also those that failed before they were sent
	Cost     price.Sum `json:"cost_usd"`
	List     price.Sum `json:"list_usd"`
	Saved    price.Sum `json:"saved_usd"`    // List minus Cost, Storage, Exposure and Implicit
	Implicit price.Sum `json:"implicit_usd"` // saved by the provider's own caching
	Storage  price.Sum `json:"storage_usd"`
	Exposure price.Sum `json:"exposure_usd"`
	Unpriced int64     `json:"unpriced"` // rows whose cost is unknown
}

// add adds a row.
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

// one returns p as a Sum.
func one(p price.Pico) (s price.Sum) {
	s.Add(p)
	return s
}

// Totals has a Total of all rows, and one for each model, tier served, tag and hour. Its size is bounded: there are at most
// 10,000 groups, and 2,000 hours.
type Totals struct {
	Total

	// By has the groups: "model:gpt-5", "tier:flex", "tag:tenant=acme". When there are 10,000, rows of further groups are
	// summed up under "other:model", "other:tier" and "other:tag".
	By map[string]Total `json:"by"`

	// Hours has the hours, in UTC, in which attempts began: "2026-11-22T12:00:00Z". The latest 2,000 hours are kept, about 12
	// weeks. Earlier ones are summed up under "other".
	Hours map[string]Total `json:"hours,omitempty"`
}

// The bounds of [Totals]. A group takes about 300 bytes.
const (
	maxGroups = 10_000
	maxHours  = 2000
)

// A groupKey is the key of a group. Unlike a string such as "tag:tenant=acme", it is made without allocating.
type groupKey struct{ kind, name, value string }

func (k groupKey) String() string {
	if k.kind == "tag" {
		return k.kind + ":" + k.name + "=" + k.value
	}
	return k.kind + ":" + k.name
}

// A tally adds up rows for [Totals].
type tally struct {
	all    Total
	groups map[groupKey]*Total
	latest [2]latest // the groups of the latest row's model and tier: the next row is often in the same

	hours  map[int64]*Total // by the number of hours since 1970
	hour   int64            // the hour of the latest row
	inHour *Total           // the Total of that hour
	before *Total           // the hours that are no longer kept
}

// latest is a group that was found last.
type latest struct {
	key   groupKey
	total *Total
}

// modelOf returns the model of a row's group.
func modelOf(r *Row) string { return cmp.Or(r.ServedModel, r.Model) }

// groupsOf returns the groups of a row.
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

// add adds a row.
func (t *tally) add(r *Row) {
	t.all.add(r)
	if model := modelOf(r); model != "" {
		t.addLatest(&t.latest[0], groupKey{"model", model, ""}, r)
	}
	if r.ServedTier != "" {
		t.addLatest(&t.latest[1], groupKey{"tier", string(r.ServedTier), ""}, r)
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

// newHour returns the Total of an hour that is new. When all places are taken, the earliest hour gives up its place, which
// may be the new one.
func (t *tally) newHour(h int64) *Total {
	if t.hours == nil {
		t.hours = make(map[int64]*Total)
	}
	if len(t.hours) >= maxHours {
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

// AddTotal adds the total of other rows.
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

// addLatest adds a row to a group, which is looked up only if it differs from the latest one.
func (t *tally) addLatest(l *latest, k groupKey, r *Row) {
	if l.total == nil || l.key != k {
		l.key, l.total = k, t.group(k)
	}
	l.total.add(r)
}

// group returns the Total of a group, or that of all other groups of its kind if there is no room for a new one.
func (t *tally) group(k groupKey) *Total {
	if t.groups == nil {
		t.groups = make(map[groupKey]*Total)
	}
	g := t.groups[k]
	if g == nil && len(t.groups) >= maxGroups {
		k = groupKey{kind: "other", name: k.kind}
		g = t.groups[k]
	}
	if g == nil {
		g = new(Total)
		t.groups[k] = g
	}
	return g
}

// totals returns the sums.
func (t *tally) totals() Totals {
	by := make(map[string]Total, len(t.groups))
	for k, g := range t.groups {
		name := k.String()
		sum := by[name] // two tags can have one name: x with the value y=z, and x=y with the value z
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

// TotalsOf returns the totals of the rows, for example of those that a [Scanner] returns. It stops at the first error, and
// returns it with the totals until then.
func TotalsOf(rows iter.Seq2[Row, error]) (Totals, error) {
	var t tally
	for row, err := range rows {
		if err != nil {
			return t.totals(), err
		}
		t.add(&row)
	}
	return t.totals(), nil
}

// settle replaces a row by another one of the same model, tier, tags and time.
func (t *tally) settle(was, now *Row) {
	t.all.settle(was, now)
	for _, k := range groupsOf(was) {
		t.group(k).settle(was, now)
	}
	t.hourOf(was).settle(was, now)
}

// settle replaces an unknown cost, with its exposure, by a known one.
func (t *Total) settle(was, now *Row) {
	minus := func(sum *price.Sum, a Amount) {
		*sum = sum.Minus(one(a.Pico)) // an unknown Amount is 0
	}
	t.Cost.Add(now.Cost.Pico)
	minus(&t.Saved, now.Cost)
	minus(&t.Cost, was.Cost)
	t.Saved.Add(was.Cost.Pico)
	minus(&t.Exposure, was.Exposure)
	t.Saved.Add(was.Exposure.Pico)
	if was.Unpriced != "" {
		t.Unpriced--
	}
}
