package redis

import (
	"hash/maphash"
	"sync/atomic"
)

// A bucket is a limit or a budget for one of its values.
type bucket struct {
	value       string // see policy.KeyOf
	key, slices string // of Redis

	arg, slicesArg any // the same, as arguments of a command: each attempt has them
}

func newBucket(value, key, slices string) *bucket {
	return &bucket{value, key, slices, key, slices}
}

// buckets remember some of those that a limit or a budget has: making a key takes longer than a round trip's work in this process.
type buckets struct{ recent [64]atomic.Pointer[bucket] }

var bucketSeed = maphash.MakeSeed()

// of returns the bucket of a value. Its keys begin with the prefixes and the id.
func (b *buckets) of(prefix, slicesPrefix, id, value string) *bucket {
	place := &b.recent[0]
	if value != "" {
		place = &b.recent[maphash.String(bucketSeed, value)%uint64(len(b.recent))]
	}
	if k := place.Load(); k != nil && k.value == value {
		return k
	}
	if value != "" {
		id += "." + hash(value)
	}
	k := newBucket(value, prefix+id, slicesPrefix+id)
	place.Store(k)
	return k
}
