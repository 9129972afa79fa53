package reuse

import (
	"cmp"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// purse is what caches have earned and cost, for the loss budget.
type purse struct {
	now      time.Duration
	earned   price.Pico    // savings less creation and storage
	spend    price.Pico    // what the calls would have cost without caches
	reserved price.Pico    // for creations under way
	perHour  price.Pico    // what holding the living caches costs
	halved   time.Duration // when the amounts were last halved
	halfLife time.Duration // after how long half of them is forgotten, so that a good month does not pay for a bad day; 0: a day
}

// advance pays the rent of the living caches until a time.
func (p *purse) advance(now time.Duration) {
	if now <= p.now {
		return
	}
	p.earned = add(p.earned, -mulDiv(p.perHour, uint64(now-p.now), uint64(time.Hour)))
	p.now = now
	halfLife := cmp.Or(p.halfLife, 24*time.Hour)
	for ; p.halved+halfLife <= now && (p.earned != 0 || p.spend != 0); p.halved += halfLife {
		p.earned, p.spend = p.earned/2, p.spend/2
	}
	p.halved = max(p.halved, now-halfLife)
}

// limit forgets what was earned beyond the loss budget. So good times do not pay for bad ones: from any time on, at most twice
// the budget is lost.
func (p *purse) limit(perMille int) {
	p.earned = min(p.earned, mulDiv(p.spend, uint64(perMille), 1000))
}

// room returns how much caches may still lose.
func (p *purse) room(perMille int) price.Pico {
	return add(add(p.earned, -p.reserved), mulDiv(p.spend, uint64(perMille), 1000))
}

// overdrawn reports whether caches have lost a tenth more than they may.
func (p *purse) overdrawn(perMille int) bool {
	return add(p.earned, mulDiv(p.spend, 11*uint64(perMille), 10_000)) < 0
}
