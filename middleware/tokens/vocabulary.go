package tokens

import (
	"sync"

	"github.com/skinflint-go/skinflint/policy"
)

// A Vocabulary is an [Estimator] that counts the text of a prompt with a model's own vocabulary, where it has that, and as
// [Heuristic] where it does not. Everything else of a request is estimated as Heuristic does: what a provider adds to each
// message, tools and schemas, of which it is not known how providers write them, and media.
//
// Vocabularies are slow, at a few MB a second. So only the first 64 KB of a request's text are counted, and the rest in the
// same proportion to Heuristic.
type Vocabulary struct {
	// Count returns how many tokens a text has for a model, and whether the vocabulary of that model is known. It is called
	// concurrently. A string of a request that is longer than 64 KB comes cut at any byte.
	Count func(model, text string) (n int64, ok bool)
}

// maxExact is how much of the text of a request is counted with a vocabulary, in bytes.
const maxExact = 64 << 10

// An exactCounter keeps the beginning of a request's text until its model is known.
type exactCounter struct {
	counter
	count func(model, text string) (int64, bool)
	kept  keptText
}

// A keptText is the beginning of a request's text.
type keptText struct {
	bytes []byte
	ends  []int // of the texts in bytes
	full  bool
}

var exactCounters = sync.Pool{New: func() any { return new(exactCounter) }}

// Counter returns a counter that is used again after its Release.
func (v *Vocabulary) Counter() Counter {
	if v.Count == nil {
		return Heuristic{}.Counter()
	}
	c := exactCounters.Get().(*exactCounter)
	c.reset()
	c.count, c.kept = v.Count, keptText{bytes: c.kept.bytes[:0], ends: c.kept.ends[:0]}
	c.keep = &c.kept
	return c
}

// Release implements [Counter].
func (c *exactCounter) Release() {
	clear(c.kept.bytes) // or the pool would keep a prompt alive
	c.count = nil
	exactCounters.Put(c)
}

// Estimate implements [Counter].
func (c *exactCounter) Estimate(s *policy.Subject) Estimate {
	e := c.counter.Estimate(s)
	k := &c.kept
	if c.phase == phaseOpaque || len(k.bytes) == 0 {
		return e
	}
	exact, from := int64(0), 0
	var guessed text // what Heuristic counts of the same
	for _, end := range append(k.ends, len(k.bytes)) {
		if end == from {
			continue
		}
		n, ok := c.count(s.Model, string(k.bytes[from:end]))
		if !ok {
			return e
		}
		guessed.begin()
		guessed.write(c.table, k.bytes[from:end])
		exact, from = exact+bounded(n), end
	}
	guess := c.prose.tokens()
	e.Text -= guess
	if k.full {
		exact = times(exact, guess) / max(guessed.tokens(), 1)
	}
	e.Text += exact
	return e
}

// end notes that a text has ended.
func (k *keptText) end() {
	if !k.full {
		k.ends = append(k.ends, len(k.bytes))
	}
}
