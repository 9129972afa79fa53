package reuse

import "time"

// seconds is the length of each bin.
var seconds = func() (s [bins]float64) {
	for i := range s {
		s[i] = (binEnd[i] - binStart(i)).Seconds()
	}
	return s
}()

// holding returns what it is worth to hold a token of a prefix that was just used, and for how long it should be held if it is
// not used. gain is the worth of the next use, rent the price of holding a token for a second; these and the result are in the
// price of an input token. At the end of each bin the holder may give up, so the worth is never less than nothing.
func holding(hazards *[bins]float64, gain, rent float64) (worth float64, hold time.Duration) {
	for bin := bins - 1; bin >= 0; bin-- {
		h, pay := hazards[bin], rent*seconds[bin]
		worth = h*(gain-pay/2) + (1-h)*(worth-pay)
		switch {
		case worth <= 0:
			worth, hold = 0, 0
		case hold == 0:
			hold = binEnd[bin]
		}
	}
	return worth, hold
}
