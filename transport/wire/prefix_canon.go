package wire

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"hash"
	"hash/maphash"
	"slices"
)

// The canonical form of an element is a series of tokens and texts:
//
//	element  value Role kind role
//	value    True | False | Null | String text End | Number text End | Array value... End | Object member... mark End
//	mark     nothing | Typed | Untyped
//	member   Key text End value | Content value | Digest and its 32 bytes
//
// A token is a byte that no valid UTF-8 has, and a text is valid UTF-8, so that different values have different forms. The
// members of an object are sorted by their own forms. One that is longer than 256 bytes is replaced by its SHA-256, so that
// long texts need not be held to be sorted. A tool in the list of tools is replaced in the same way.
const (
	tokenTrue    = 0xC0
	tokenFalse   = 0xC1
	tokenNull    = 0xF5
	tokenTyped   = 0xF6 // at the end of a block: it has the type of a text, and no text
	tokenRole    = 0xF7
	tokenObject  = 0xF8
	tokenArray   = 0xF9
	tokenEnd     = 0xFA
	tokenString  = 0xFB
	tokenNumber  = 0xFC
	tokenKey     = 0xFD
	tokenContent = 0xFE // in place of the name of what holds the content
	tokenDigest  = 0xFF
	tokenUntyped = tokenRole // at the end of a block: it has a text, and no type
)

const (
	prefixLiteral = 256      // the longest form of a member that stands for itself, in bytes
	prefixPending = 64 << 10 // the longest sum of members that wait to be sorted
	prefixBuffer  = 4 << 10  // how much of a text is held before it is hashed
	prefixRoom    = 16       // at least this much is free in the buffer when something is put into it
)

// prefixSeed is of the hashes that are only compared within the process.
var prefixSeed = maphash.MakeSeed()

// A canon makes the canonical form of an element, and its digest. A part of the form that may be replaced by a digest has a
// frame. Only what comes after the last frame's start can grow.
type canon struct {
	buf     []byte
	frames  []frame
	members []canonMember
	scratch []byte
	hashes  []hash.Hash // by the index of a frame
	sum     [sha256.Size]byte

	// The text that is being read.
	limit   int    // of len(buf), until it has to be drained
	from    int    // where it begins in buf; negative if the beginning has been drained
	checked int    // up to here it is known to be valid UTF-8
	high    uint64 // has a high bit set if the text may have bytes that are not ASCII
	invalid bool
	counts  bool // it counts for Size, Masked and Rest
	hints   hints
}

// A frame is a part of the form that is being made. It begins at start in the buffer, after what has been drained.
type frame struct {
	start   int
	value   int    // of a member: where its value begins
	name    uint64 // the hash of its name
	drained bool
}

// A canonMember is a member that waits to be sorted.
type canonMember struct {
	from, to int // in the buffer
	name     uint64
}

func (c *canon) reset() {
	if cap(c.buf) > 2*prefixPending {
		c.buf = nil
	}
	c.buf, c.frames, c.members = slices.Grow(c.buf[:0], 2*prefixBuffer), c.frames[:0], c.members[:0]
}

// begin begins an element.
func (c *canon) begin() {
	c.buf, c.frames, c.members = c.buf[:0], c.frames[:0], c.members[:0]
	c.hints = hints{}
	c.push()
}

func (c *canon) put(b byte) { c.buf = append(c.buf, b) }

// push begins a part that may be replaced by its digest.
func (c *canon) push() { c.frames = append(c.frames, frame{start: len(c.buf)}) }

// pending returns how much waits in the buffer.
func (c *canon) pending() int { return len(c.buf) }

// take ends the last part, and replaces it by its digest if it is too long.
func (c *canon) take() frame {
	last := len(c.frames) - 1
	f := c.frames[last]
	if f.drained || len(c.buf)-f.start > prefixLiteral {
		c.digest()
		c.buf = append(c.buf[:f.start], tokenDigest)
		c.buf = append(c.buf, c.sum[:]...)
	}
	c.frames = c.frames[:last]
	return f
}

// digest sets sum to the digest of the last part.
func (c *canon) digest() {
	last := len(c.frames) - 1
	f := &c.frames[last]
	if !f.drained {
		c.sum = sha256.Sum256(c.buf[f.start:])
		return
	}
	c.hashes[last].Write(c.buf[f.start:])
	c.hashes[last].Sum(c.sum[:0])
}

// pop ends a member, or drops it.
func (c *canon) pop(drop bool) {
	last := len(c.frames) - 1
	f := c.frames[last]
	if drop {
		c.buf, c.frames = c.buf[:f.start], c.frames[:last]
	} else {
		c.take()
	}
	c.members = append(c.members, canonMember{f.start, len(c.buf), f.name})
}

// popPart ends a member that is its object's only one.
func (c *canon) popPart() { c.take() }

// popItem ends a tool, and returns a hash of it.
func (c *canon) popItem() uint64 {
	f := c.take()
	return maphash.Bytes(prefixSeed, c.buf[f.start:])
}

// finish ends the element.
func (c *canon) finish(e *Element) {
	c.digest()
	e.Digest = c.sum
	e.Masked, e.Rest = c.hints.sums()
	c.buf, c.frames = c.buf[:0], c.frames[:0]
}

// drain hashes the last part up to an index of the buffer, and removes that.
func (c *canon) drain(to int) {
	last := len(c.frames) - 1
	f := &c.frames[last]
	for last >= len(c.hashes) {
		c.hashes = append(c.hashes, sha256.New())
	}
	if !f.drained {
		c.hashes[last].Reset()
		f.drained = true
	}
	c.hashes[last].Write(c.buf[f.start:to])
	n := copy(c.buf[f.start:], c.buf[to:])
	c.buf = c.buf[:f.start+n]
}

// spill drains the last part before the members of an object come, if it is too long to stand for itself.
func (c *canon) spill() {
	if len(c.buf)-c.frames[len(c.frames)-1].start > prefixLiteral {
		c.drain(len(c.buf))
	}
}

// relieve drains the last part between the elements of an array, if it is long.
func (c *canon) relieve() {
	if len(c.buf)-c.frames[len(c.frames)-1].start > prefixBuffer {
		c.drain(len(c.buf))
	}
}

// sortMembers sorts the members from first on, which stand at the end of the buffer. It reports false if two have the same
// name.
func (c *canon) sortMembers(first int) bool {
	members := c.members[first:]
	c.members = c.members[:first]
	if len(members) < 2 {
		return true
	}
	start := members[0].from
	slices.SortFunc(members, func(a, b canonMember) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(members); i++ {
		if members[i].name == members[i-1].name {
			return false
		}
	}
	slices.SortFunc(members, func(a, b canonMember) int { return bytes.Compare(c.buf[a.from:a.to], c.buf[b.from:b.to]) })
	c.scratch = c.scratch[:0]
	for _, m := range members {
		c.scratch = append(c.scratch, c.buf[m.from:m.to]...)
	}
	copy(c.buf[start:], c.scratch)
	return true
}

// beginName begins a member with its name.
func (c *canon) beginName() {
	c.push()
	c.put(tokenKey)
	c.room()
}

// name returns the name of the member that has begun.
func (c *canon) name() []byte { return c.buf[c.frames[len(c.frames)-1].start+1:] }

// endName ends the name of a member, which may be written in another way than it is called.
func (c *canon) endName(name []byte, content bool) {
	f := &c.frames[len(c.frames)-1]
	f.name = maphash.Bytes(prefixSeed, name)
	if c.buf = c.buf[:f.start]; content {
		c.put(tokenContent)
	} else {
		c.put(tokenKey)
		c.buf = append(c.buf, name...)
		c.put(tokenEnd)
	}
	f.value = len(c.buf)
}

// dropName forgets the member that has begun.
func (c *canon) dropName() {
	last := len(c.frames) - 1
	c.buf, c.frames = c.buf[:c.frames[last].start], c.frames[:last]
}

// text returns the string that is the value of the last member; nil if it is none, or a long one.
func (c *canon) text() []byte {
	f := &c.frames[len(c.frames)-1]
	if f.drained || len(c.buf) < f.value+2 || c.buf[f.value] != tokenString {
		return nil
	}
	return c.buf[f.value+1 : len(c.buf)-1]
}

// room makes room for a piece of a text or of a name.
func (c *canon) room() {
	c.limit = c.frames[len(c.frames)-1].start + prefixBuffer
	c.buf = slices.Grow(c.buf, max(0, c.limit+prefixRoom-len(c.buf)))
}
