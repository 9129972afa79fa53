package main

import (
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// bound returns a sum that no policy of the setting can save more than, whatever it knows.
//
// Why: count what a policy saves block by block. A cache of n blocks costs n times the input price of a block, and n times
// the storage of a block for as long as it lives. A request that is served from it gains, for each of the n blocks, the
// difference between what the block would have cost inline and the cached price. So the saving is the sum over all blocks of
//
//	the gains of the requests in which the block was read from a cache
//	- for each cache that has the block: the input price and the storage.
//
// Whatever caches have the block, the times at which at least one of them lives are some intervals. The policy paid at least
// the input price once for each interval, and storage for its length, and a request can have read the block only within an
// interval. So the best choice of intervals for the block alone, by itself, saves at least as much. An interval may as well
// begin at a request and end at one: caches of the setting are created at requests, and storage after the last use is
// wasted. The best choice is found exactly, from request to request: the block is held, or it is not.
//
// The sum of these over all blocks is above what can be reached. In it a block may be held while those before it are not,
// caches may be below the provider's least size, and a longer cache costs only the blocks by which it is longer, where in
// life it is paid for as a whole.
func bound(requests []request, nodes []node, s setting) price.Pico {
	var sum price.Pico
	for _, n := range nodes {
		switch {
		case n.depth == leastBlocks:
			sum += leastBlocks * boundBlock(requests, n, s)
		case n.depth > leastBlocks:
			sum += boundBlock(requests, n, s)
		}
	}
	return sum
}

// boundBlock returns the most that can be saved on the block that a prefix ends with.
func boundBlock(requests []request, n node, s setting) price.Pico {
	create := s.create(block)
	free, held := price.Pico(0), -create*1000 // the most saved so far if after the request the block is not held, or is
	var before time.Duration
	for i, u := range n.users {
		r := &requests[u]
		inline := s.model.rates.Input
		if int64(n.depth)*block <= r.repeatable() {
			inline = s.repeated()
		}
		gain := (inline - s.model.rates.Cached) * block
		at := s.time(r.at)
		read := held + gain - s.rent(block, at-before) // it was held since the request before
		made := free - create                          // it is created now
		if !s.beside() {
			made += gain
		}
		if i == 0 {
			read = made
		}
		held = max(read, made)
		free = max(free, held)
		before = at
	}
	return free
}
