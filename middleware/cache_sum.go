package middleware

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// sumsOf returns the hash of all before the first turn (tools, tool configuration, system instruction), and of that with the
// first turn, the first two turns and so on.
func sumsOf(p *wire.Prefix) []prefixSum {
	turns := p.Turns()
	sums := make([]prefixSum, 1+len(turns))
	h := sha256.New()
	for _, e := range p.Head() {
		h.Write([]byte{byte(e.Kind)})
		h.Write(e.Digest[:])
	}
	h.Sum(sums[0][:0])
	var both [2 * sha256.Size]byte
	for i := range turns {
		copy(both[:], sums[i][:])
		copy(both[sha256.Size:], turns[i].Digest[:])
		sums[i+1] = sha256.Sum256(both[:])
	}
	return sums
}

// A prefixSum is the hash of all that a cache holds.
type prefixSum [sha256.Size]byte

// id is a part of the sum, for package reuse.
func (s *prefixSum) id() uint64 { return binary.LittleEndian.Uint64(s[:8]) }
