package budget

import (
	"container/list"

	"github.com/skinflint-go/skinflint/policy"
)

// maxKnown is how many attempts whose cost is not fully known can be replaced by a later row.
const maxKnown = 65536

// An attempt is the key of a row.
type attempt struct {
	call   string
	number int
}

// A place is a slice of an account.
type place struct {
	ref    Ref
	leaves int64
	serial uint32
}

// An exposed is an attempt whose cost is not fully known, and where its amounts are counted.
type exposed struct {
	attempt attempt
	outcome policy.Outcome
	places  []place
	amounts amounts
}

// A known is the attempts whose cost is not fully known: the latest maxKnown ones.
type known struct {
	attempts map[attempt]*list.Element
	order    list.List // of *exposed, the oldest first
}

func newKnown() known { return known{attempts: make(map[attempt]*list.Element)} }

// find returns an attempt; nil if it is not known.
func (k *known) find(id attempt) *exposed {
	if e := k.attempts[id]; e != nil {
		return e.Value.(*exposed)
	}
	return nil
}

// forget removes an attempt.
func (k *known) forget(id attempt) {
	if e := k.attempts[id]; e != nil {
		k.order.Remove(e)
		delete(k.attempts, id)
	}
}

// add adds an attempt that is not known. It reports whether another one that still counts had to be forgotten for it.
func (k *known) add(e *exposed, now int64) (forgot bool) {
	k.attempts[e.attempt] = k.order.PushBack(e)
	for {
		first := k.order.Front().Value.(*exposed)
		if !first.left(now) && len(k.attempts) <= maxKnown {
			return forgot
		}
		forgot = forgot || !first.left(now)
		k.forget(first.attempt)
	}
}

// left reports whether the attempt counts no more.
func (e *exposed) left(now int64) bool {
	for _, p := range e.places {
		if p.leaves > now {
			return false
		}
	}
	return true
}
