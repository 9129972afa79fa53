package reuse

import (
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// WriterConfig bounds a [Writer]. The zero value is ready: each zero is the default that its comment names.
type WriterConfig struct {
	Blocks   int // how many prefixes are remembered, at about 100 bytes each; 100,000
	PerMille int // how much writes may lose, of what the calls would cost without them, before they are stopped; 8
}

// WriteRates are the prices in force for a request at a provider that charges for what it writes to its cache. Where Cached is
// not less than Input, nothing is written.
type WriteRates struct {
	Input   price.Pico    // of a token that is neither read from the cache nor written to it
	Cached  price.Pico    // of a token that is read from the cache
	Options []WriteOption // in the same order for all requests of a Writer; those after the fourth are ignored

	// Implicit says that the provider writes each prompt by itself for the first option's time to live, and reads it where
	// another begins with it, unless a request asks for something else (OpenAI). What writes may lose is then compared with that.
	Implicit bool
}

// base returns the price of a token that a write is compared with.
func (r *WriteRates) base() price.Pico {
	if r.Implicit && len(r.Options) > 0 {
		return max(r.Options[0].Write, r.Input)
	}
	return r.Input
}

// ok reports whether a write can earn at all.
func (r *WriteRates) ok() bool { return r.Input > 0 && r.Cached >= 0 && r.Cached < r.Input }

// WriteOption is a time to live that the provider sells. It begins again with each read.
type WriteOption struct {
	TTL   time.Duration
	Write price.Pico // of a token that is written; less than the input price counts as that
}

// maxOptions is how many options a Writer looks at.
const maxOptions = 4

// Writer decides what prompts of one scope (one provider, key and model) write to a prefix cache whose writes have a price
// (OpenAI, Anthropic). It is safe for concurrent use.
//
// A prefix is written if the expected saving exceeds the price of the write. The saving is the probability that the prefix is
// used again before its time to live ends, times what that read saves and what it is worth afterwards that the prefix is still
// in the cache. This is learned from all requests before, whether their prefixes were written or not. Where nothing is known,
// nothing is expected: a longer time to live is worth more only for uses that were seen at such ages. A loss budget bounds what
// it costs to be wrong.
//
// benchmarks/docs/cacheeconomics.md says what it reaches, and what was tried.
type Writer struct {
	config WriterConfig

	mu       sync.Mutex
	clock    clock
	prefixes *lru[written]
	learner  *learner
	next     [maxOptions][kinds]mean // worth of a token in the cache after the next use
	short    shortfall
	purse    purse
	unasked  *unasked // nil until a provider writes by itself
}

// written is what is remembered of a node.
type written struct {
	prefix
	until time.Duration // when it leaves the cache
	life  time.Duration // its time to live
}

const (
	writerBias = -2.7 // logit of a hazard about which nothing is known
	margin     = 0.05 // of the input price, that a token has to earn

	// writerHalfLife is after how long half of what writes earned is forgotten. Where a prompt comes once an hour, it takes some
	// days until the loss budget allows a write.
	writerHalfLife = 7 * 24 * time.Hour
)

// NewWriter returns a Writer that has learned nothing yet.
func NewWriter(config WriterConfig) *Writer {
	if config.Blocks <= 0 {
		config.Blocks = 100_000
	}
	if config.PerMille <= 0 {
		config.PerMille = 8
	}
	config.Blocks = max(config.Blocks, 2*blocksPerRecord)
	return &Writer{
		config: config, prefixes: newLRU[written](config.Blocks),
		learner: newLearner(writerBias, ageds, flats, config.Blocks/blocksPerRecord),
		short:   shortfall{30}, purse: purse{halfLife: writerHalfLife},
	}
}

// Writing is one request's advice and what becomes of it. Its fields are for reading. Its methods are safe for concurrent
// use. After one of them was called, none does anything.
type Writing struct {
	Read   int // index in Prompt.Nodes of the longest prefix that should be in the cache; -1: none. If it is not there, it is written
	Node   int // index of the longest prefix to write; -1: write nothing
	Option int // index in WriteRates.Options of the time to live to write for, also of what should be in the cache and is not

	// Leave says to leave the request as it is: what the provider writes by itself is as good, or it is not known to be worse.
	// Node and Option are then what it writes.
	Leave bool

	writer *Writer
	nodes  []Node
	tokens int64
	rates  WriteRates
	life   time.Duration // of what is in the cache
	best   float64       // what the write is expected to earn, in input tokens
	cost   price.Pico    // of the write, beyond the input price
	done   bool
	off    left // what the provider would do by itself
}

// Arrive learns that a request is about to be sent, and advises what it should write. Afterwards Answered or Failed has to be
// called: until then the price of the write is reserved in the loss budget, and the nodes and the options must not change.
func (w *Writer) Arrive(p Prompt, r WriteRates) *Writing {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.read(p.At)
	w.learner.advance(now)
	w.purse.advance(now)
	p = p.checked()
	x := &Writing{Read: -1, Node: -1, writer: w, nodes: p.Nodes, tokens: p.Tokens, rates: r, done: !r.ok()}
	if len(p.Nodes) == 0 {
		x.Leave = r.Implicit
		return x
	}
	if !w.purse.overdrawn(w.config.PerMille) { // or the provider does not keep what is written, and would write it again
		w.lookUp(x, now)
	}
	s := w.look(&p, now)
	places := s.places()
	var worth [maxOptions]float64
	if r.ok() {
		for i := range min(len(r.Options), maxOptions) {
			worth[i] = w.weigh(x, i, &places)
		}
	}
	if r.Implicit && r.ok() && len(r.Options) > 0 {
		w.leave(x, &p, &s, &places, now)
	}
	if x.Node >= 0 {
		w.purse.reserved = add(w.purse.reserved, x.cost)
	}
	w.remember(x, &s, &places, worth)
	return x
}

// place is a node at which a write may end.
type place struct {
	nodes  int // of the prefix; 0: there is no such place
	traits traits
}

// places returns the place of the tip and that of the stem. If they are the same, it is that of the tip.
func (s *sight) places() (both [2]place) {
	if s.tip > 0 {
		both[0] = place{s.tip, s.is.tip(0)}
	}
	if s.repeated > 0 {
		both[1] = place{s.repeated, s.is.stem(0)}
	}
	if s.repeated == s.tip {
		both[1] = both[0]
	}
	return both
}

// lookUp finds how much of a prompt is in the cache.
func (w *Writer) lookUp(x *Writing, now time.Duration) {
	for i, n := range x.nodes {
		was := w.prefixes.find(n.Hash)
		if was == nil || was.life == 0 || was.until <= now {
			break
		}
		x.Read, x.life = i, was.life
	}
}

// weigh advises an option if it is the best one yet, and returns what a token is worth that is in the cache with it.
func (w *Writer) weigh(x *Writing, option int, places *[2]place) float64 {
	o, in := x.rates.Options[option], float64(x.rates.Input)
	pay := max(float64(o.Write)/in-1, 0) // for a token that is written, beyond the input price
	var worth [2]float64
	for i := range places {
		if t := &places[i].traits; places[i].nodes > 0 {
			gain := 1 - float64(x.rates.Cached)/in + w.next[option][t.aged[0]].value(0, 5)
			worth[i] = w.learner.within(t, o.TTL) * gain
		}
	}
	tip, stem := worth[0], worth[1]
	most := max(tip, stem)
	// Providers want a longer time to live before a shorter one, so a part in the cache limits what comes after it.
	if x.Read < 0 || o.TTL <= x.life {
		read, repeated, all := x.prefix(x.Read+1), x.prefix(places[1].nodes), x.prefix(places[0].nodes)
		old := float64(max(0, repeated-read))
		fresh := float64(max(0, all-max(repeated, read)))
		pay := pay + margin
		w.consider(x, option, places[1].nodes-1, old*(stem-pay))
		w.consider(x, option, places[0].nodes-1, old*(most-pay)+fresh*(tip-pay))
	}
	// The next use would pay no more than a new write for it.
	return min(most, pay)
}

// prefix returns how many tokens a number of nodes have.
func (x *Writing) prefix(nodes int) int64 {
	if nodes <= 0 {
		return 0
	}
	return x.nodes[nodes-1].Tokens
}

// consider advises a write if it earns more than the best one so far and the loss budget allows it.
func (w *Writer) consider(x *Writing, option, node int, earns float64) {
	if node <= x.Read || earns <= x.best {
		return
	}
	each := max(x.rates.Options[option].Write-x.rates.base(), 0)
	cost := times(x.nodes[node].Tokens-x.prefix(x.Read+1), each)
	if w.purse.room(w.config.PerMille) < cost {
		return
	}
	x.Node, x.Option, x.best, x.cost = node, option, earns, cost
}

// look finds how much of a prompt was seen before, and in which circumstances it is.
func (w *Writer) look(p *Prompt, now time.Duration) sight {
	n := 0
	for n < len(p.Nodes) && w.prefixes.find(p.Nodes[n].Hash) != nil {
		n++
	}
	var stem *prefix
	if n > 0 {
		stem = &w.prefixes.find(p.Nodes[n-1].Hash).prefix
	}
	return see(p, n, stem, &w.short, now)
}

// remember learns that all prefixes of a prompt are used and which of them are in the cache now, and begins to wait for the
// next use of its places. worth is what a token is worth with each option.
func (w *Writer) remember(x *Writing, s *sight, places *[2]place, worth [maxOptions]float64) {
	turn, depth := uint8(min(s.turn, 255)), uint16(min(len(x.nodes), 1<<16-1))
	// From the last to the first: what many prompts share is touched last and forgotten last.
	for i := len(x.nodes) - 1; i >= 0; i-- {
		was, isNew := w.prefixes.touch(x.nodes[i].Hash)
		if isNew {
			was.born = turn
		}
		if r := w.learner.find(was.wait); r != nil {
			for o := range min(len(x.rates.Options), maxOptions) {
				w.next[o][r.traits.aged[0]].add(worth[o])
			}
			w.learner.used(was.wait)
			was.wait = ticket{}
		}
		switch {
		case i <= x.Read:
			was.until = s.now + was.life
		case i <= x.Node:
			was.life = x.rates.Options[x.Option].TTL
			was.until = s.now + was.life
		}
		was.last, was.depth, was.turn = s.now, depth, turn
		was.uses = min(was.uses, 1<<16-2) + 1
	}
	for i := range places {
		if n := places[i].nodes; n > 0 && (i == 0 || n != places[0].nodes) {
			if was := w.prefixes.find(x.nodes[n-1].Hash); was != nil {
				was.wait = w.learner.begin(s.now, places[i].traits)
			}
		}
	}
}

// Answered says that the answer came, at a time, and how many tokens of the prompt the provider read from its cache and wrote
// to it. All that was written is charged to the loss budget, if anything was advised. Where less than half of what was expected
// was read or written as advised, that counts as not in the cache.
func (x *Writing) Answered(cached, written int64, at time.Time) {
	w := x.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.finish(x) {
		return
	}
	w.purse.advance(w.clock.read(at))
	w.purse.spend = add(w.purse.spend, x.without())
	cached, written = min(max(cached, 0), x.tokens), min(max(written, 0), x.tokens)
	w.purse.earned = add(w.purse.earned, x.saved(cached, written))
	w.purse.limit(w.config.PerMille)
	w.correct(x, cached, written)
}

// Unknown says that an answer came, but not what was read and written. All that may have been written is charged to the loss budget.
func (x *Writing) Unknown(at time.Time) {
	if x.Leave {
		x.Answered(x.off.read, x.off.written, at) // we have added nothing
		return
	}
	x.Answered(0, x.prefix(max(x.Read, x.Node)+1), at)
}

// without returns what the prompt would have cost without us.
func (x *Writing) without() price.Pico {
	r := &x.rates
	cost := times(x.tokens, r.Input)
	if r.Implicit {
		cost = add(cost, add(times(x.off.written, r.base()-r.Input), -times(x.off.read, r.Input-r.Cached)))
	}
	return cost
}

// saved returns by how much less a request has cost than it would have without us, given the tokens that were read and written.
func (x *Writing) saved(cached, written int64) price.Pico {
	if x.rates.Implicit {
		return x.beyond(cached, written)
	}
	saved := -x.premium(written)
	if x.Read >= 0 {
		saved = add(saved, times(cached, x.rates.Input-x.rates.Cached))
	}
	return saved
}

// premium returns what written tokens cost beyond the input price, if they were written as advised.
func (x *Writing) premium(written int64) price.Pico {
	if max(x.Read, x.Node) < 0 || x.Option >= len(x.rates.Options) {
		return 0
	}
	return times(written, max(x.rates.Options[x.Option].Write-x.rates.Input, 0))
}

// Failed says that no answer came: nothing was read, written or paid for.
func (x *Writing) Failed() {
	w := x.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finish(x) {
		w.correct(x, x.prefix(x.Read+1), 0)
	}
}

// finish frees what was reserved for the write. It reports whether this is the first time.
func (w *Writer) finish(x *Writing) bool {
	if x.done {
		return false
	}
	x.done = true
	w.purse.reserved -= x.cost
	return true
}

// correct forgets what should be in the cache and is not, as the provider counts. Its tokens are not exactly ours. What was not in
// the cache may have been written again, by the mark that it was to be read by.
func (w *Writer) correct(x *Writing, cached, written int64) {
	read := x.prefix(x.Read + 1)
	for i := max(x.Read, x.Node); i >= 0; i-- {
		n := x.nodes[i].Tokens
		fresh := n - read
		was := w.prefixes.find(x.nodes[i].Hash)
		switch {
		case i <= x.Read && cached >= n/2:
			return
		case was == nil:
		case i <= x.Read && cached+written >= n/2 && x.Option < len(x.rates.Options):
			life := x.rates.Options[x.Option].TTL
			was.until += life - was.life
			was.life = life
		case i > x.Read && (written >= fresh/2 || cached >= read+fresh/2):
		default:
			was.life, was.until = 0, 0
		}
	}
}
