package wire

import (
	"hash/maphash"
	"sync/atomic"
)

// A program calls few models, so that their names need not be allocated for each call. interned has the names seen last,
// each in the place that its hash selects; a name that is not there is allocated, and takes the place.
var interned [256]atomic.Pointer[string]

var internSeed = maphash.MakeSeed()

// intern returns the text as a string.
func intern(text []byte) string {
	if len(text) > maxName {
		return string(text)
	}
	place := &interned[maphash.Bytes(internSeed, text)%uint64(len(interned))]
	if s := place.Load(); s != nil && *s == string(text) {
		return *s
	}
	s := string(text)
	place.Store(&s)
	return s
}
