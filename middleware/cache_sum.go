package middleware

import (
	"crypto/sha256"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// sumsOf returns the hash of the tools, the tool configuration and the system instruction, and of these with the first turn,
// the first two turns and so on.
func sumsOf(p *wire.Prefix) []prefixSum {
	sums := make([]prefixSum, 1, len(p.Elements)+1)
	h := sha256.New()
	h.Write([]byte("head"))
	i := 0
	for ; i < len(p.Elements) && p.Elements[i].Kind != wire.Turn; i++ {
		h.Write([]byte{byte(p.Elements[i].Kind)})
		h.Write(p.Elements[i].Digest[:])
	}
	h.Sum(sums[0][:0])
	var room [2 * sha256.Size]byte
	for ; i < len(p.Elements); i++ {
		copy(room[:], sums[len(sums)-1][:])
		copy(room[sha256.Size:], p.Elements[i].Digest[:])
		sums = append(sums, sha256.Sum256(room[:]))
	}
	return sums
}
