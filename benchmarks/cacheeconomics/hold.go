package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
)

// least is the fewest tokens that an explicit cache may have.
const least = 2048

// creation is how long it takes to create a cache beside a call.
const creation = 3 * time.Second

// model is a model's prices.
type model struct {
	name  string
	rates reuse.Rates
}

// The prices of Gemini 2.5 per token, and per token and hour.
var models = []model{
	{"pro", reuse.Rates{Input: 1_250_000, Cached: 125_000, Storage: 4_500_000}},
	{"flash", reuse.Rates{Input: 300_000, Cached: 30_000, Storage: 1_000_000}},
}

// setting is what a policy for explicit caches is tried in.
type setting struct {
	model    model
	scale    float64 // by which the times of the trace are multiplied
	implicit int     // percent: how often a repeated prefix is cached by the provider anyway
	mode     reuse.Mode
}

// repeated is the expected price of a repeated token without an explicit cache.
func (s *setting) repeated() price.Pico {
	return s.model.rates.Input - (s.model.rates.Input-s.model.rates.Cached)*price.Pico(s.implicit)/100
}

// input is the expected price of a request's prompt when so many of its tokens are read from an explicit cache.
func (s *setting) input(r *request, cached int64) price.Pico {
	repeated := r.repeatable()
	rates := s.model.rates
	return price.Pico(cached)*rates.Cached + price.Pico(max(0, repeated-cached))*s.repeated() +
		price.Pico(r.tokens-max(cached, repeated))*rates.Input
}

// repeatable is how many tokens of a request the provider may have cached by itself.
func (r *request) repeatable() int64 {
	if tokens := int64(r.repeated) * block; tokens >= least {
		return tokens
	}
	return 0
}

// outcome is what a policy cost.
type outcome struct {
	without price.Pico // what no policy at all costs
	cost    price.Pico // of input, creation and storage
	storage price.Pico
	created int
	peak    int // caches alive at once
}

// market is the provider in virtual time: it holds caches and charges for them.
type market struct {
	outcome
	setting *setting
	start   time.Time
	alive   map[uint64]*alive
}

// alive is a cache that the provider holds.
type alive struct {
	hash        uint64
	tokens      int64
	from, until time.Time
}

func (m *market) create(node reuse.Node, at, until time.Time) {
	m.alive[node.Hash] = &alive{node.Hash, node.Tokens, at, until}
	m.cost += m.setting.create(node.Tokens)
	m.created++
	m.peak = max(m.peak, len(m.alive))
}

// end charges for a cache's storage until a time, and deletes it.
func (m *market) end(c *alive, at time.Time) {
	if at.After(c.until) {
		at = c.until
	}
	rent := m.setting.rent(c.tokens, at.Sub(c.from))
	m.cost, m.storage = m.cost+rent, m.storage+rent
	delete(m.alive, c.hash)
}

// expire ends the caches whose time is over.
func (m *market) expire(now time.Time) {
	for _, c := range m.alive {
		if !c.until.After(now) {
			m.end(c, c.until)
		}
	}
}

// follow does what a policy advises about caches.
func (m *market) follow(changes []reuse.Change, at time.Time, extended func(uint64, time.Time)) error {
	for _, change := range changes {
		c := m.alive[change.Hash]
		switch {
		case c == nil:
			return fmt.Errorf("advice about a cache that is not there: %d", change.Hash)
		case change.Until.IsZero():
			m.end(c, at)
		default:
			c.until = change.Until
			extended(change.Hash, change.Until)
		}
	}
	return nil
}

// restart forgets what was charged so far and ends all caches.
func (m *market) restart(at time.Time, gone func(uint64, time.Time)) {
	for _, c := range m.alive {
		m.end(c, at)
		gone(c.hash, at)
	}
	m.outcome = outcome{}
}

// trial is a run of a Holder over a trace in virtual time.
type trial struct {
	market
	holder *reuse.Holder
	coin   *rand.Rand
	queue  []later
}

// later is something that happens after a time.
type later struct {
	at time.Time
	do func(time.Time) error
}

// hold runs a Holder over a trace. It is charged from the time begin of the trace on, and has learned from what was before. A
// repeated prefix is charged by the expected price of implicit hits; the Holder sees a coin's flips.
func hold(t *trace, s setting, begin time.Duration, config reuse.HolderConfig) (outcome, error) {
	x := trial{
		market: market{setting: &s, start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), alive: make(map[uint64]*alive)},
		holder: reuse.NewHolder(config),
		coin:   rand.New(rand.NewPCG(1, uint64(s.implicit))),
	}
	var now time.Time
	began := begin == 0
	for i := range t.requests {
		r := &t.requests[i]
		now = x.start.Add(s.time(r.at))
		if err := x.until(now); err != nil {
			return outcome{}, err
		}
		if !began && r.at >= begin {
			began = true
			x.restart(now, x.holder.Gone)
		}
		if err := x.call(r, now); err != nil {
			return outcome{}, fmt.Errorf("request %d: %w", i, err)
		}
	}
	for _, c := range x.alive {
		x.end(c, now)
	}
	return x.outcome, nil
}

// until lets happen what is due before a time.
func (x *trial) until(now time.Time) error {
	for len(x.queue) > 0 && !x.queue[0].at.After(now) {
		next := x.queue[0]
		x.queue = x.queue[1:]
		x.expire(next.at)
		if err := next.do(next.at); err != nil {
			return err
		}
	}
	x.expire(now)
	return x.follow(x.holder.Tick(now), now, x.holder.Extended)
}

// call sends a request. If a cache is created beside it, the answer comes when that is there.
func (x *trial) call(r *request, now time.Time) error {
	s, nodes := x.setting, r.nodes()
	v := x.holder.Arrive(reuse.Prompt{At: now, Nodes: nodes, Tokens: r.tokens, Least: least}, s.model.rates, s.mode)
	if err := x.follow(v.Changes, now, x.holder.Extended); err != nil {
		return err
	}
	served, err := x.read(v)
	if err != nil {
		return err
	}
	made := func(time.Time) {}
	if v.Create != nil {
		node, until := nodes[v.Create.Node], now.Add(v.Create.For)
		x.create(node, now, until)
		made = func(at time.Time) {
			v.Made(node.Tokens, now, until)
			if x.alive[node.Hash] == nil { // the restart ended it
				x.holder.Gone(node.Hash, at)
			}
		}
		if s.mode == reuse.Before {
			served = node.Tokens
		}
	}
	x.without += s.input(r, 0)
	x.cost += s.input(r, served)
	cached := served
	if served == 0 && x.coin.IntN(100) < s.implicit {
		cached = r.repeatable()
	}
	answered := func(at time.Time) error {
		made(at)
		return x.follow(v.Answered(at, r.output, cached), at, x.holder.Extended)
	}
	if s.mode == reuse.Beside && v.Create != nil {
		x.queue = append(x.queue, later{now.Add(creation), answered})
		return nil
	}
	return answered(now)
}

// read returns how many tokens a request reads from the cache that it is advised to read.
func (x *trial) read(v *reuse.Visit) (int64, error) {
	switch {
	case v.Read == nil:
		return 0, nil
	case x.alive[v.Read.Hash] == nil:
		return 0, fmt.Errorf("it is to read a cache that is not there: %d", v.Read.Hash)
	}
	return v.Read.Tokens, nil
}

// nodes are the places where a cached prefix of a request may end.
func (r *request) nodes() []reuse.Node {
	nodes := make([]reuse.Node, r.full)
	for i := range nodes {
		nodes[i] = reuse.Node{Hash: r.blocks[i] + 1, Tokens: int64(i+1) * block}
	}
	return nodes
}
