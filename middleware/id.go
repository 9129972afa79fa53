package middleware

import (
	"math/rand/v2"
	"time"
)

// newID returns a call's id: 48 bits of time in milliseconds and 80 random ones, in 26 digits of base 32 that sort by
// time.
func newID(now time.Time) string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	ms := uint64(now.UnixMilli())
	hi, lo := ms<<16|rand.Uint64()>>48, rand.Uint64()
	var b [26]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(b[:])
}
