package price

import "math/bits"

// used is a usage as an array, and which of its counts are not zero: a call uses few of the counters, and each is looked
// at several times on the way to its price.
type used struct {
	counts counts
	some   uint32 // bit c is counter c
}

// read fills n, which is zero, with u, and says whether u can be a usage: nothing negative, and no more reasoning than
// output.
func (n *used) read(u *Usage) bool {
	n.counts = u.counts()
	var all int64
	for c, count := range &n.counts {
		all |= count
		if count != 0 {
			n.some |= 1 << c
		}
	}
	return all >= 0 && 0 <= u.Reasoning && u.Reasoning <= u.Output
}

// cost adds up what the counts cost, times the factor.
func (p *prices) cost(n *used, up ratio) (Pico, error) {
	var total tally
	for some := n.some; some != 0; some &= some - 1 {
		c := bits.TrailingZeros32(some) % int(counters) // which spares a check of the bounds
		if p[c] < 0 {
			return 0, errNoCounter[c]
		}
		total.add(n.counts[c], p[c])
	}
	sum, err := total.pico()
	if err != nil {
		return 0, err
	}
	return up.timesEven(sum)
}
