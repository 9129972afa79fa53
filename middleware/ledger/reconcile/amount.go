package reconcile

import "github.com/skinflint-go/skinflint/policy/price"

// sumOf returns p as a Sum.
func sumOf(p price.Pico) (s price.Sum) {
	s.Add(p)
	return s
}

// negative returns the amount with the other sign.
func negative(s price.Sum) price.Sum { return price.Sum{}.Minus(s) }

// abs returns the amount without its sign.
func abs(s price.Sum) price.Sum {
	if s.Sign() < 0 {
		return negative(s)
	}
	return s
}

// within reports whether the amount is from -most to most.
func within(s, most price.Sum) bool { return abs(s).Cmp(most) <= 0 }
