package main

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"

	"github.com/skinflint-go/skinflint/policy"
)

// A state says how a line stands when a run begins.
type state uint8

const (
	todo     state = iota
	answered       // the output has its answer
	failed         // the output has its error, and it was free
	unclear        // the output has its error, and it may have been paid for
	paid           // the output has nothing, and the ledger says that it may have been paid for
)

// An entry is what is known of a line.
type entry struct {
	sum    uint64 // of the request that was answered
	line   uint32 // of the input; 0 if it is in the output only
	state  state
	tier   uint8 // that served, in index.tiers
	spent  bool  // the output says that it was paid for, or may have been
	booked bool  // the ledger has a row of an attempt that can have cost something
}

// An index knows all lines by their ids. It is the only thing in memory that grows with the files: it has about 50 bytes for
// a line.
type index struct {
	at      map[[16]byte]uint32 // hashes of ids, to positions in entries
	entries []entry
	tiers   []policy.Tier // the first 256 that were seen
}

func newIndex() *index { return &index{at: map[[16]byte]uint32{}} }

// entry returns the entry for an id. It makes one if there is none.
func (x *index) entry(id string) *entry {
	hash := [16]byte(hashOf(tagOf(id)))
	i, ok := x.at[hash]
	if !ok {
		i = uint32(len(x.entries))
		x.at[hash] = i
		x.entries = append(x.entries, entry{})
	}
	return &x.entries[i]
}

// find returns the entry for an id, or nil.
func (x *index) find(id string) *entry {
	if i, ok := x.at[[16]byte(hashOf(tagOf(id)))]; ok {
		return &x.entries[i]
	}
	return nil
}

// tierOf returns the number of a tier in tiers.
func (x *index) tierOf(tier policy.Tier) uint8 {
	i := slices.Index(x.tiers, tier)
	if i < 0 && len(x.tiers) <= math.MaxUint8 {
		i, x.tiers = len(x.tiers), append(x.tiers, tier)
	}
	return uint8(max(i, 0))
}

// unbooked returns how many lines were paid for by the output, and are not in the ledger.
func (x *index) unbooked() (n int) {
	for i := range x.entries {
		if x.entries[i].unbooked() {
			n++
		}
	}
	return n
}

func (e *entry) unbooked() bool { return e.spent && !e.booked }

// foreign returns how many lines of the output are to no line of the input.
func (x *index) foreign() (n int) {
	for i := range x.entries {
		if e := &x.entries[i]; e.line == 0 && e.state != todo && e.state != paid {
			n++
		}
	}
	return n
}

func hashOf(text string) []byte {
	hash := sha256.Sum256([]byte(text))
	return hash[:16]
}

// maxTag is the length of the longest value of a tag.
const maxTag = 256

// tagOf returns the tag of a line in the ledger: its id or, if that cannot be the value of a tag, a hash of it.
func tagOf(id string) string {
	plain := len(id) > 0 && len(id) <= maxTag
	for _, r := range id {
		plain = plain && r >= ' ' && (r < 0x7f || r > 0x9f)
	}
	if plain {
		return id
	}
	hash := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(hash[:])
}
