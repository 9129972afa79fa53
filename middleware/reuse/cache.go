package reuse

import (
	"cmp"
	"container/heap"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// cache is a cache that lives, or whose creation is under way.
type cache struct {
	hash        uint64
	tokens      int64
	stem        bool // it is for what several prompts share, and not for one conversation
	made        bool
	perHour     price.Pico // of a token
	from, until time.Duration
	visit       uint64    // the latest one that used it
	index       int       // in the endings
	spent       price.Sum // on its creation
}

// rate returns what holding it costs in an hour.
func (c *cache) rate() price.Pico {
	if !c.made {
		return 0
	}
	return times(c.tokens, c.perHour)
}

// claimed is how long a creation may take. After that, it counts as failed, until Made is called.
const claimed = 2 * time.Minute

// claim enters a cache that is to be created.
func (h *Holder) claim(hash uint64, tokens int64, v *Visit, stem bool, hold time.Duration) *cache {
	c := &cache{hash: hash, tokens: tokens, stem: stem, perHour: v.rates.Storage, until: v.now + claimed, visit: v.order}
	h.caches[hash] = c
	heap.Push(&h.ends, c)
	return c
}

// endings is a heap of the caches by the times at which they end.
type endings []*cache

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, k int) bool { return e[i].until < e[k].until }
func (e endings) Swap(i, k int) {
	e[i], e[k] = e[k], e[i]
	e[i].index, e[k].index = i, k
}
func (e *endings) Push(x any) {
	c := x.(*cache)
	c.index = len(*e)
	*e = append(*e, c)
}
func (e *endings) Pop() any {
	last := len(*e) - 1
	c := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return c
}

// purse is what caches have earned and cost so far, for the loss budget.
type purse struct {
	now    time.Duration
	earned price.Pico // savings less creation and storage
	spend  price.Pico // what the calls would have cost without caches
	rate   price.Pico // what holding the living caches costs in an hour
	day    time.Duration

	halfLife time.Duration // 0: the constant
}

// halfLife is after how long half of what was earned and spent is forgotten: a good month does not pay for a bad day.
const halfLife = 24 * time.Hour

func (p *purse) advance(now time.Duration) {
	if now <= p.now {
		return
	}
	p.earned = add(p.earned, -mulDiv(p.rate, uint64(now-p.now), uint64(time.Hour)))
	p.now = now
	halfLife := cmp.Or(p.halfLife, halfLife)
	for ; p.day+halfLife <= now && (p.earned != 0 || p.spend != 0); p.day += halfLife {
		p.earned, p.spend = p.earned/2, p.spend/2
	}
	p.day = max(p.day, now-halfLife)
}

// room returns how much caches may still lose.
func (p *purse) room(perMille int) price.Pico {
	return add(p.earned, p.spend/1000*price.Pico(perMille))
}

// overdrawn reports whether caches lost a tenth more than they may.
func (p *purse) overdrawn(perMille int) bool {
	return add(p.earned, p.spend/10_000*price.Pico(11*perMille)) < 0
}

// add returns a sum that does not overflow.
func add(a, b price.Pico) price.Pico {
	var s price.Sum
	s.Add(a)
	s.Add(b)
	p, ok := s.Pico()
	if !ok {
		return a
	}
	return p
}
