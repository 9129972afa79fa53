package middleware

import (
	"sync"
	"sync/atomic"
)

// What a retry costs, in tokens, and what a success that needed no paid retry gives back. The scheme and its
// figures are those of aws-sdk-go-v2: when a provider is down, retries come to an end for the whole process after some
// hundred failures, and begin again by themselves as calls succeed.
const (
	retryCost    = 5
	successGives = 1
	quotasMost   = 4096
)

// quotas hold what is left of each retry quota that is not full. The zero quotas are all full, and cost nothing then.
type quotas struct {
	any   atomic.Bool
	mu    sync.Mutex
	spent map[quotaKey]int
}

// A quotaKey is whom a quota is for: one key's calls to one host.
type quotaKey struct {
	provider, host string
	key            fingerprint
}

// take takes a retry out of a quota of so many; false if it is used up.
func (q *quotas) take(k quotaKey, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spent[k]+retryCost > size*retryCost {
		return false
	}
	if q.spent == nil {
		q.spent = make(map[quotaKey]int)
	}
	if len(q.spent) >= quotasMost && q.spent[k] == 0 {
		for other := range q.spent { // any: it is then full
			delete(q.spent, other)
			break
		}
	}
	q.spent[k] += retryCost
	q.any.Store(true)
	return true
}

// give puts tokens back.
func (q *quotas) give(k quotaKey, tokens int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spent[k] -= tokens; q.spent[k] <= 0 {
		delete(q.spent, k)
	}
	q.any.Store(len(q.spent) > 0)
}
