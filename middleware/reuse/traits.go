package reuse

import (
	"math/bits"
	"time"
)

// What a learner gets of a prefix. A tip is the whole of a prompt, or nearly: its next use is most often the next turn of the same
// conversation. A stem is the part of a prompt that an earlier one had as well: shared instructions, or a document.
//
// How many tokens are new says the most: a turn with little new text is three times as likely to have a next one as a turn with
// a new document. A fork, which leaves the earlier prompt before its end, has a class of its own among the turns.
const (
	turns   = 7 // classes of how many turns a conversation has had, or of how often a prefix was used
	forked  = turns - 1
	growths = 4  // classes of which share of a prompt is new
	fresh   = 10 // classes of how many tokens are new
	sizes   = 6  // classes of how many tokens a prompt has
	outputs = 12 // classes of how many tokens the answer has; 0: it is not known yet
	gaps    = 8  // classes of the time since the use before
	few     = 3  // coarse classes of turns

	kinds = 2 * turns // the turn's class, for tips and for stems

	// Weights that depend on the age. A long answer is read for longer, and who was fast will be fast again.
	agedOutput = kinds
	agedGap    = agedOutput + 2*2*outputs
	ageds      = agedGap + 2*gaps

	// Weights that do not.
	byGrowth = 0
	bySize   = byGrowth + 2*turns*growths
	byOutput = bySize + 2*turns*sizes
	byGap    = byOutput + 2*turns*outputs
	byUses   = byGap + 2*few*gaps
	byFresh  = byUses + turns
	flats    = byFresh + 2*turns*fresh

	// Where the output is among the traits.
	outputAged = 1
	outputFlat = 2
)

// circumstances are the classes that a request is in.
type circumstances struct {
	fork                                 bool
	turn, uses, growth, fresh, size, gap int
}

// classify returns the class of a count of turns or of uses.
func classify(n int) int {
	switch {
	case n < 3:
		return n
	case n < 5:
		return 3
	case n < 9:
		return 4
	}
	return 5
}

// octave returns the logarithm to the base of 2, rounded down; 0 for numbers below 1.
func octave(n int64) int { return max(bits.Len64(uint64(max(n, 1)))-1, 0) }

// gapClass is the class of the time since the use before; 0 stands for none.
func gapClass(gap time.Duration) int { return 1 + min(octave(1+int64(gap/time.Second)), 12)/2 }

// growthClass is the class of the share of a prompt that is new.
func growthClass(tokens, repeated int64, turn int) int {
	switch fresh := tokens - repeated; {
	case fresh*5 < tokens:
		return 0
	case fresh*5 < 2*tokens:
		return 1
	case turn > 0:
		return 2
	}
	return 3
}

// tip returns the traits of a prompt's tip; output is the class of the answer's length.
func (c *circumstances) tip(output int) (t traits) {
	t.aged = [3]uint16{uint16(c.turn), uint16(agedOutput + min(c.turn, 1)*outputs + output), uint16(agedGap + c.gap)}
	t.add(byGrowth + c.turn*growths + c.growth)
	t.add(bySize + c.turn*sizes + c.size)
	t.add(byOutput + c.turn*outputs + output)
	t.add(byGap + min(c.turn, few-1)*gaps + c.gap)
	t.add(byFresh + c.turn*fresh + c.fresh)
	return t
}

// stem returns the traits of a prompt's stem.
func (c *circumstances) stem(output int) (t traits) {
	t.aged = [3]uint16{uint16(turns + c.turn), uint16(agedOutput + (2+min(c.turn, 1))*outputs + output), uint16(agedGap + gaps + c.gap)}
	t.add(byGrowth + (turns+c.turn)*growths + c.growth)
	t.add(bySize + (turns+c.uses)*sizes + c.size)
	t.add(byOutput + (turns+min(c.uses, few-1))*outputs + output)
	t.add(byGap + (few+min(c.uses, few-1))*gaps + c.gap)
	t.add(byUses + c.uses)
	t.add(byFresh + (turns+c.turn)*fresh + c.fresh)
	return t
}

// outputClass is the class of an answer's length; 0 while it is not known.
func outputClass(tokens int64) int { return 1 + min(octave(tokens+1), outputs-2) }

// bucket is where the mean value of holding such prefixes is: the finest of four levels.
type bucket [levels]int

const (
	levels  = 4
	buckets = 2 * (1 + turns + turns*fresh + turns*fresh*sizes)
)

// bucketOf returns the bucket of the tip (0) or stem (1).
func (c *circumstances) bucketOf(which int) (b bucket) {
	by := c.turn
	if which == 1 {
		by = c.uses
	}
	at := which * (buckets / 2)
	b[0] = at
	b[1] = at + 1 + by
	b[2] = at + 1 + turns + by*fresh + c.fresh
	b[3] = at + 1 + turns + turns*fresh + (by*fresh+c.fresh)*sizes + c.size
	return b
}

// beforeAnswer returns traits as they are while the answer's length is not known.
func beforeAnswer(t traits) traits {
	t.aged[outputAged] -= (t.aged[outputAged] - agedOutput) % outputs
	t.flat[outputFlat] -= (t.flat[outputFlat] - byOutput) % outputs
	return t
}
