package reuse

import (
	"math"
	"time"
)

// A prefix that is used has a next use or none. The time until then is divided into bins, half an octave each, from
// shortest to longest. The hazard of a bin is the probability that the next use is in it, given that it was not earlier.
const (
	bins     = 34
	shortest = 125 * time.Millisecond
	perGroup = 4 // neighbours share the weights of a trait
	groups   = (bins + perGroup - 1) / perGroup
)

// binEnd is the age at which each bin ends.
var binEnd = func() (ends [bins]time.Duration) {
	for i := range ends {
		ends[i] = time.Duration(float64(shortest) * math.Exp2(1+float64(i)/2))
	}
	return ends
}()

// binStart returns the age at which a bin starts.
func binStart(bin int) time.Duration {
	if bin == 0 {
		return 0
	}
	return binEnd[bin-1]
}

// traits is what is known about a prefix when it is used. Each is the index of a weight; indexes of different traits must not
// overlap.
type traits struct {
	aged  [3]uint16 // these raise or lower the hazard differently at each age. All are always there
	flat  [7]uint16 // these raise or lower it at all ages alike
	flats uint8     // how many of them there are
}

// add adds a flat trait.
func (t *traits) add(index int) {
	t.flat[t.flats] = uint16(index)
	t.flats++
}

// weight is one coefficient of the regression, with the sum of the squares of its gradients.
type weight struct{ value, squares float64 }

// learner estimates hazards by logistic regression on traits. It learns while it works (AdaGrad), from each use that it is
// given and from each bin that passes without one. Its memory does not grow. It is not safe for concurrent use.
//
// A use counts at the end of its bin, as the lack of one does. If uses counted at once, they would be ahead of the prefixes
// of the same age that are not used, and the hazards would be too high for as long as the learner is young.
type learner struct {
	bias  float64
	rate  float64
	byBin [bins]weight
	aged  [][groups]weight
	flat  []weight
	known [bins]int // from how many prefixes something is known about each bin

	blank   func(traits) traits // returns traits as they were before the answer; nil: an answer adds nothing
	limit   int                 // of the records
	records []record
	free    int32         // first of the free records, chained by next; -1: none
	queues  [bins]queue   // of records by the bin that they are in, in the order of their starts
	now     time.Duration // the latest time seen
}

// record is a use of a prefix that waits for the next one.
type record struct {
	start  time.Duration
	traits traits
	used   bool
	bin    uint8
	next   int32
	reused uint32 // counts how often the record was freed, so that an old ticket does not match
}

type queue struct{ first, last int32 }

// ticket names a record. The zero ticket names none.
type ticket struct {
	index  int32 // one more than the record's, so that zero is none
	reused uint32
}

// newLearner returns a learner with a number of aged and of flat traits, that remembers at most as many uses that wait
// for the next as records says. bias is the logit of a hazard about which nothing is known.
func newLearner(bias float64, aged, flat, records int) *learner {
	l := &learner{
		bias: bias, rate: 0.25, aged: make([][groups]weight, aged), flat: make([]weight, flat), limit: records, free: -1,
	}
	for i := range l.queues {
		l.queues[i] = queue{-1, -1}
	}
	return l
}

// begin says that a prefix is used at a time, which must not be before that of an earlier call. If there is no room, the oldest
// use of all is forgotten.
func (l *learner) begin(at time.Duration, t traits) ticket {
	i := l.room()
	r := &l.records[i]
	r.start, r.traits, r.used, r.bin = at, t, false, 0
	l.push(0, i)
	return ticket{i + 1, r.reused}
}

// revise replaces the traits of a use that still waits: more is known about it now.
func (l *learner) revise(t ticket, to traits) {
	if r := l.find(t); r != nil {
		r.traits = to
	}
}

// used says that the prefix of a ticket is used again. It is done with the ticket.
func (l *learner) used(t ticket) {
	if r := l.find(t); r != nil {
		r.used = true
	}
}

// find returns the record of a ticket; nil if it waits no longer.
func (l *learner) find(t ticket) *record {
	if t.index == 0 {
		return nil
	}
	r := &l.records[t.index-1]
	if r.reused != t.reused || r.used {
		return nil
	}
	return r
}

// advance learns from all that was not used until now, and from uses whose bin has ended.
func (l *learner) advance(now time.Duration) {
	if now <= l.now {
		return
	}
	l.now = now
	for bin := range l.queues {
		q := &l.queues[bin]
		for q.first >= 0 && l.records[q.first].start+binEnd[bin] <= now {
			i := l.pop(bin)
			r := &l.records[i]
			l.learn(&r.traits, bin, r.used)
			if r.used || bin == bins-1 {
				l.release(i)
				continue
			}
			r.bin++
			l.push(bin+1, i)
		}
	}
}

// room takes a record that is free, or else that of the oldest use.
func (l *learner) room() int32 {
	if l.free < 0 && len(l.records) < l.limit {
		l.records = append(l.records, record{})
		return int32(len(l.records)) - 1
	}
	if l.free < 0 {
		l.forget()
	}
	i := l.free
	l.free = l.records[i].next
	return i
}

// forget frees the record of the oldest use.
func (l *learner) forget() {
	for bin := bins - 1; bin >= 0; bin-- {
		if l.queues[bin].first >= 0 {
			l.release(l.pop(bin))
			return
		}
	}
}

func (l *learner) release(i int32) {
	r := &l.records[i]
	r.reused++
	r.next, l.free = l.free, i
}

func (l *learner) push(bin int, i int32) {
	l.records[i].next = -1
	q := &l.queues[bin]
	if q.first < 0 {
		q.first = i
	} else {
		l.records[q.last].next = i
	}
	q.last = i
}

func (l *learner) pop(bin int) int32 {
	q := &l.queues[bin]
	i := q.first
	q.first = l.records[i].next
	return i
}

// learn moves the weights of one observation: whether a prefix was used in a bin.
func (l *learner) learn(t *traits, bin int, used bool) {
	l.known[bin]++
	l.byBin[bin].move(l.rate, l.move(t, nil, bin, used))
	if l.blank != nil {
		before := l.blank(*t)
		l.move(&before, t, bin, used)
	}
}

// move moves the weights of traits that others do not have; nil: of all. It returns by how much the hazard was too low.
func (l *learner) move(t, except *traits, bin int, used bool) (miss float64) {
	miss = -sigmoid(l.level(t) + l.agedLevel(t, bin/perGroup) + l.byBin[bin].value)
	if used {
		miss++
	}
	for k, i := range t.aged {
		if except == nil || except.aged[k] != i {
			l.aged[i][bin/perGroup].move(l.rate, miss)
		}
	}
	for k, i := range t.flat[:t.flats] {
		if except == nil || except.flat[k] != i {
			l.flat[i].move(l.rate, miss)
		}
	}
	return miss
}

func (w *weight) move(rate, miss float64) {
	w.squares += miss * miss
	w.value += rate * miss / math.Sqrt(1+w.squares)
}

// level returns the part of the logit that is the same at all ages.
func (l *learner) level(t *traits) float64 {
	z := l.bias
	for _, i := range t.flat[:t.flats] {
		z += l.flat[i].value
	}
	return z
}

// agedLevel returns the part of the logit that is the same in a group of bins.
func (l *learner) agedLevel(t *traits, group int) (z float64) {
	for _, i := range t.aged {
		z += l.aged[i][group].value
	}
	return z
}

// hazards writes the hazard of each bin for a prefix with these traits.
func (l *learner) hazards(t *traits, into *[bins]float64) {
	level := l.level(t)
	for group := range groups {
		z := level + l.agedLevel(t, group)
		for bin := group * perGroup; bin < min(bins, (group+1)*perGroup); bin++ {
			into[bin] = sigmoid(z + l.byBin[bin].value)
		}
	}
}

// evidence is of how many prefixes it has to be known what became of them in a bin, for the bin's hazard to count by half.
const evidence = 10

// within returns the probability that a prefix with these traits is used again before an age. A bin of which little is known
// counts less: where no prefix has reached an age yet, no use is expected at it.
func (l *learner) within(t *traits, age time.Duration) float64 { return l.assuming(0, t, age) }

// hopeful is the hazard of a bin of which nothing is known, for a caller who wants to be sure that no use comes.
const hopeful = 0.4

// assuming is like within, with a hazard of bins of which nothing is known.
func (l *learner) assuming(unknown float64, t *traits, age time.Duration) float64 {
	var hazards [bins]float64
	l.hazards(t, &hazards)
	unused := 1.0
	for bin, h := range hazards {
		start, end := binStart(bin), binEnd[bin]
		if start >= age {
			break
		}
		doubt := evidence / (float64(l.known[bin]) + evidence)
		h = h*(1-doubt) + unknown*doubt*doubt
		if end > age {
			h *= float64(age-start) / float64(end-start)
		}
		unused *= 1 - h
	}
	return 1 - unused
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// mean is an average in which older values count less. Until there are some, it is near zero.
type mean struct{ sum, weight float64 }

// fade is how much of an earlier value counts when the next one comes.
const fade = 0.998

func (m *mean) add(x float64) {
	m.sum, m.weight = m.sum*fade+x, m.weight*fade+1
}

// value returns the average, with the prior as heavy as a number of values.
func (m *mean) value(prior, heavy float64) float64 {
	return (m.sum + heavy*prior) / (m.weight + heavy)
}
