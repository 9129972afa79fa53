package middleware

import (
	"sync"
	"sync/atomic"
)

// A retry costs retryCost tokens; a success without a paid retry gives successGives back. The scheme and its figures are
// those of aws-sdk-go-v2: when a provider is down, retries end for the whole process after about a hundred failures, and
// begin again as calls succeed.
const (
	retryCost    = 5
	successGives = 1
	maxQuotas    = 4096
)

// quotas hold how much of each retry quota is spent. The zero quotas are all full, and cost a call nothing.
type quotas struct {
	any   atomic.Bool
	mu    sync.Mutex
	spent map[quotaKey]int // tokens; a quota that is full has none here
}

// A quotaKey identifies a quota: that of one key's calls to one host.
type quotaKey struct {
	provider, host string
	key            fingerprint
}

// take takes a retry from a quota of size retries. It returns false if the quota is used up.
func (q *quotas) take(k quotaKey, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spent[k]+retryCost > size*retryCost {
		return false
	}
	if q.spent == nil {
		q.spent = make(map[quotaKey]int)
	}
	if len(q.spent) >= maxQuotas && q.spent[k] == 0 {
		for other := range q.spent { // any one, which is full after that
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
