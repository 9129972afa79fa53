package middleware

import (
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// held is a context cache of a prefix, which may not exist yet, or not any more. Its fields are guarded by the scope's mu.
type held struct {
	sum   prefixSum
	query price.Query
	tags  map[string]string // of what caused it

	handles  int            // registrations that were not closed
	body     []byte         // the request that creates it, without its time to live, if it is registered
	elements []wire.Element // of what it holds, if it is registered
	media    bool           // it holds what is no text
	ttl      time.Duration  // for how long it is held after a use, if it is registered

	making chan struct{} // closed when its creation has ended; nil if none is under way
	err    error         // why it does not exist; nil if it does, or was never tried
	again  time.Time     // when it may be tried again

	name    string // "" if it does not exist
	tokens  int64
	counted int64 // the tokens that it will hold, if the provider was asked
	from    time.Time
	until   time.Time     // by our clock
	skew    time.Duration // of the provider's clock, which is ahead by that
	lease   *lease        // for how long it may live, if an answer to a change of until was not seen
	others  bool          // another replica has created it, and deletes it
	asked   bool          // the provider was asked to delete it, and its answer was not seen
	busy    bool          // a change of its time to live is under way
	fixed   time.Time     // when such a change may be tried again, after one that failed
	cost    price.Pico    // of its creation, which may be an upper bound
	miss    string        // why the latest call of the scope did not use it that did not, if it is registered
	missed  time.Time     // when that was
	uses    int64         // by calls, of all caches of the prefix

	// Whether it pays to create a registered cache again:
	usesBefore int64 // uses when the latest cache was created
	wasted     int   // how many caches in a row have expired without paying
	pause      int   // how many more calls go without a cache because of that
}

// maxPause bounds for how many calls a registered cache is not created again, as a power of two.
const maxPause = 10

// pays reports whether a registered cache that has expired is to be created again. If it expired without a use, the time to live
// is shorter than the time between calls: it is then not created for a while, for longer each time. own is how many uses a
// creation has by itself: that of the call that waits for it.
func (h *held) pays(own int64) bool {
	switch {
	case h.pause > 0:
		h.pause--
		return false
	case h.from.IsZero():
		return true
	case h.uses-h.usesBefore > own:
		h.wasted = 0
		return true
	}
	h.from = time.Time{}
	h.wasted = min(h.wasted+1, maxPause)
	h.pause = 1<<h.wasted - 2
	return false
}

// expiryMargin is how long a cache must still live to be used: the request has to arrive before the cache expires.
const expiryMargin = 5 * time.Second

// reuseMargin is how much longer a cache lives than package reuse knows, which plans to use it up to the end. It is more than
// expiryMargin, because a cache is not chosen at the moment when its request is sent, and its end is rounded.
const reuseMargin = expiryMargin + 2*time.Second

// usable reports whether a request that is sent now can use the cache.
func (h *held) usable(now time.Time) bool { return h.name != "" && h.until.Sub(now) > expiryMargin }

// failed notes why a cache was not made, and when it may be tried again.
func (h *held) failed(again time.Time, err error) { h.err, h.again = err, again }
