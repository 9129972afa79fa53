package policy

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy/price"
)

// cachesNotTaken returns the settings of context caches that the rule sets, and that have an effect on no known call which it
// matches. In force are the rule's settings and those of the policy. A kind of call of which no known call says that it takes
// it is not checked.
func (r *Rule) cachesNotTaken(prefix string, inForce *Cache, known []Known) (list []*FieldError) {
	set := &r.Set.Cache
	for _, s := range []struct {
		field string
		value any
		on    bool
		takes func(Known) bool
	}{
		{"Mode", set.Mode, set.Mode == CacheAuto, Known.caches},
		{"Create", set.Create, set.Create != "", Known.caches},
		{"Writes", set.Writes, set.Writes == WritesAuto, Known.writes},
		{"Key", set.Key, set.Key, Known.key},
		{"Compatible", set.Compatible, set.Compatible, Known.compatible},
		{"MaxCost", set.MaxCost, set.MaxCost != 0, Known.caches},
		{"MaxCostPerHour", set.MaxCostPerHour, set.MaxCostPerHour != 0, Known.caches},
		{"MaxLive", set.MaxLive, set.MaxLive != 0, Known.caches},
	} {
		takers := fitting(known, s.takes)
		if !s.on || len(takers) == 0 {
			continue
		}
		takers = fitting(takers, r.Match.fitsKnown)
		problem := fmt.Sprintf("it has no effect on a call that the rule matches (%s)", r.Match)
		if len(takers) > 0 {
			if inForce.Compatible || len(fitting(takers, Known.compatible)) < len(takers) {
				continue
			}
			problem = fmt.Sprintf("it has an effect on the calls that the rule matches (%s) only with Cache.Compatible", r.Match)
		}
		list = append(list, &FieldError{prefix + "Set.Cache." + s.field, s.value, problem})
	}
	return list
}

func (k Known) caches() bool     { return k.Caches }
func (k Known) compatible() bool { return k.Caches && k.Compatible }
func (k Known) writes() bool     { return k.Writes }
func (k Known) key() bool        { return k.Key }

// leastCost is less than any context cache costs: a thousand tokens at a hundredth of today's lowest prices.
const leastCost = price.USD / 1_000_000

// capsWithoutEffect returns the caps of c that allow no cache at all, or that are above the cap on an hour. In force are the
// caps of c and those that it inherits.
func (c *Cache) capsWithoutEffect(prefix string, inForce *Cache) (list []*FieldError) {
	for _, s := range []struct {
		field string
		most  price.Pico
	}{{"MaxCost", c.MaxCost}, {"MaxCostPerHour", c.MaxCostPerHour}} {
		if s.most > 0 && s.most < leastCost {
			list = append(list, &FieldError{prefix + s.field, s.most, "no cache costs as little, so none is created; a dollar is price.USD"})
		}
	}
	var settled Settings
	for i := range table {
		if table[i].part == CachePart {
			table[i].value.settle(&settled, &Policy{Cache: *inForce}, false)
		}
	}
	if c.MaxCost > settled.Cache.MaxCostPerHour {
		list = append(list, &FieldError{prefix + "MaxCost", c.MaxCost,
			fmt.Sprintf("no cache may cost as much, because MaxCostPerHour is %v", settled.Cache.MaxCostPerHour)})
	}
	return list
}
