package ledger

import (
	"cmp"
	"iter"
	"strings"
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
	Saved    price.Sum `json:"saved_usd"`    // of measured usages, List minus Cost and Implicit; minus Storage
	Implicit price.Sum `json:"implicit_usd"` // saved by the provider's own caching
	Storage  price.Sum `json:"storage_usd"`
	Exposure price.Sum `json:"exposure_usd"` // what may have been spent beyond Cost; in no other figure
	Unpriced int64     `json:"unpriced"`     // rows whose cost is unknown
}

// add adds a row, but not the call that it belongs to: see [tally].
func (t *Total) add(r *Row) {
	if r.Outcome != policy.Refused && r.Outcome != policy.Storage {
		t.Attempts++
	}
	if r.Unpriced != "" {
		t.Unpriced++
	}
	if r.Outcome == policy.Storage {
		t.Storage.Add(r.Cost.Pico)
	} else {
		t.Cost.Add(r.Cost.Pico)
		t.Implicit.Add(r.Implicit.Pico)
	}
	t.List.Add(r.List.Pico)
	t.Exposure.Add(r.Exposure.Pico)
	t.Saved.AddSum(savedBy(r))
}

// savedBy returns what a row adds to what was saved.
func savedBy(r *Row) (saved price.Sum) {
	switch {
	case r.Outcome == policy.Storage:
		saved = saved.Minus(one(r.Cost.Pico))
	case measured(r):
		saved = one(r.List.Pico).Minus(one(r.Cost.Pico)).Minus(one(r.Implicit.Pico))
	}
	return saved
}

// measured reports whether it is known what a row used and what that cost, so that both can be compared.
func measured(r *Row) bool {
	return r.Cost.Known && r.UsageSource != Estimated && r.UsageSource != Unknown
}

// one returns p as a Sum.
func one(p price.Pico) (s price.Sum) {
	s.Add(p)
	return s
}

// Totals has a Total of all rows, and one for each model, tier served, value of a tag, and hour. The groups of one kind add up
// to the Total, and so do those of one name of a tag: rows that have no model, no tier or no such tag are in a group named
// [NoGroup]. A row that replaces another one, such as the result of a background call or the cost from a bill, takes its place
// in all of them.
//
// A call counts in the model and tier of its latest attempt, and in the hour of its first one. A group whose figures are all
// zero is left out.
//
// The size is bounded: there are at most 10,000 groups, and 2,000 hours.
type Totals struct {
	Total

	// By has the groups: "model:gpt-5", "tier:flex", "tier:(none)", "tag:tenant=acme". When there are 10,000, rows of further
	// groups are summed up under "other:model", "other:tier" and "other:tag".
	By map[string]Total `json:"by"`

	// Hours has the hours, in UTC, in which attempts began: "2026-11-22T12:00:00Z". The latest 2,000 hours are kept, about 12
	// weeks. Earlier ones are summed up under "other".
	Hours map[string]Total `json:"hours,omitempty"`
}

// NoGroup is the name of the groups of [Totals.By] for rows without a model ("model:(none)"), for those that were served on no
// tier or on one that is not known ("tier:(none)"), and for those without a tag that others have ("tag:tenant=(none)"). A model,
// tier or value that has this name itself is in the same group.
const NoGroup = "(none)"

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

// tag returns the name of the tag that the group's rows have, if it is a group of a tag.
func (k groupKey) tag() (name string, ok bool) {
	if k.kind == "other" {
		return k.value, k.name == "tag"
	}
	return k.name, k.kind == "tag"
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

	going map[string]place // the calls whose latest attempt had no answer, so that another one may follow
	order []string         // these calls, the oldest first
	early window[string]   // the calls that were counted by another row than their first
}

// latest is a group that was found last.
type latest struct {
	key   groupKey
	total *Total
}

// A place has the groups of a row's model and tier.
type place [2]*Total

// maxGoing is how many calls between two attempts are known. The later attempt of any other counts as a call of its own.
const maxGoing = 16384

// modelOf returns the model of a row.
func modelOf(r *Row) string { return cmp.Or(r.ServedModel, r.Model) }

// add adds a row.
func (t *tally) add(r *Row) {
	var row Total
	row.add(r)
	in := t.placeOf(r)
	if t.begins(r, in) {
		row.Calls = 1
	}
	t.all.AddTotal(row)
	in[0].AddTotal(row)
	in[1].AddTotal(row)
	for name, value := range r.Tags {
		t.group(groupKey{"tag", name, value}).AddTotal(row)
	}
	t.hourOf(r).AddTotal(row)
}

// placeOf returns the groups of a row's model and tier.
func (t *tally) placeOf(r *Row) place {
	return place{
		t.find(&t.latest[0], groupKey{kind: "model", name: cmp.Or(modelOf(r), NoGroup)}),
		t.find(&t.latest[1], groupKey{kind: "tier", name: cmp.Or(string(r.ServedTier), NoGroup)}),
	}
}

// find returns a group, which is looked up only if it differs from the latest one.
func (t *tally) find(l *latest, k groupKey) *Total {
	if l.total == nil || l.key != k {
		l.key, l.total = k, t.group(k)
	}
	return l.total
}

// begins reports whether a row is the first of its call. A later row takes the call from the place of the row before to its
// own. Where the rows before are not among those that are added, or come later, it is the first.
func (t *tally) begins(r *Row, in place) bool {
	if r.Outcome == policy.Storage {
		return false
	}
	early := t.early.has(r.Call)
	if r.Attempt <= 1 && early {
		return false
	}
	from, known := t.going[r.Call]
	if known && r.Attempt > 1 {
		from.move(in, 1)
	}
	switch {
	case r.Outcome != policy.Billed && r.Outcome != policy.Partial && r.Outcome != policy.Refused:
		t.goesOn(r.Call, in)
	case known:
		delete(t.going, r.Call)
	}
	if r.Attempt <= 1 || known || early {
		return r.Attempt <= 1
	}
	if t.early.keys == nil {
		t.early = newWindow[string](maxGoing)
	}
	t.early.add(strings.Clone(r.Call))
	return true
}

// move moves calls to another place.
func (p place) move(to place, calls int64) {
	for i := range p {
		p[i].Calls -= calls
		to[i].Calls += calls
	}
}

// goesOn notes the place of a call that may have another attempt.
func (t *tally) goesOn(call string, in place) {
	if t.going == nil {
		t.going = make(map[string]place)
	}
	if _, ok := t.going[call]; !ok {
		call = strings.Clone(call) // it may be a part of a whole line
		t.order = append(t.order, call)
	}
	t.going[call] = in
	if len(t.order) > maxGoing {
		delete(t.going, t.order[0])
		t.order = t.order[1:]
	}
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

// minus returns t without the total of some of its rows.
func (t Total) minus(u Total) Total {
	return Total{
		Calls: t.Calls - u.Calls, Attempts: t.Attempts - u.Attempts, Unpriced: t.Unpriced - u.Unpriced,
		Cost: t.Cost.Minus(u.Cost), List: t.List.Minus(u.List), Saved: t.Saved.Minus(u.Saved), Implicit: t.Implicit.Minus(u.Implicit),
		Storage: t.Storage.Minus(u.Storage), Exposure: t.Exposure.Minus(u.Exposure),
	}
}

// group returns the Total of a group, or that of all other groups of its kind if there is no room for a new one.
func (t *tally) group(k groupKey) *Total {
	if t.groups == nil {
		t.groups = make(map[groupKey]*Total)
	}
	g := t.groups[k]
	if g == nil && len(t.groups) >= maxGroups {
		rest := groupKey{kind: "other", name: k.kind}
		if k.kind == "tag" && len(t.groups) < 2*maxGroups {
			rest.value = k.name // so that it is known which rows have the tag
		}
		k, g = rest, t.groups[rest]
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
	add := func(k groupKey, total Total) {
		if total != (Total{}) {
			sum := by[k.String()] // two tags can have one name: x with the value y=z, and x=y with the value z
			sum.AddTotal(total)
			by[k.String()] = sum
		}
	}
	tagged := make(map[string]*Total) // by the name of a tag
	for k, g := range t.groups {
		add(k, *g)
		tag, ok := k.tag()
		if ok && tagged[tag] == nil {
			tagged[tag] = new(Total)
		}
		if ok {
			tagged[tag].AddTotal(*g)
		}
	}
	for name, with := range tagged {
		add(groupKey{"tag", name, NoGroup}, t.all.minus(*with))
	}
	hours := make(map[string]Total, len(t.hours))
	for h, total := range t.hours {
		if *total != (Total{}) {
			hours[time.Unix(h*60*60, 0).UTC().Format(time.RFC3339)] = *total
		}
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

// replace replaces a row by another one of the same attempt, whose model and tier may differ, and takes the call with it if it
// was there.
func (t *tally) replace(was, now *Row) {
	var minus, plus Total
	minus.add(was)
	plus.add(now)
	change := plus.minus(minus)
	t.all.AddTotal(change)
	t.hourOf(was).AddTotal(change)
	for name, value := range was.Tags {
		t.group(groupKey{"tag", name, value}).AddTotal(change)
	}
	from, to := t.placeOf(was), t.placeOf(now)
	for i := range from {
		*from[i] = from[i].minus(minus)
		to[i].AddTotal(plus)
	}
	switch in, going := t.going[was.Call]; {
	case !going && (was.Outcome == policy.Billed || was.Outcome == policy.Partial):
		from.move(to, 1)
	case going && in == from:
		from.move(to, 1)
		t.going[was.Call] = to
	}
}
