package reuse

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// The store against a slice in the order of the last touches.
func TestLRU(t *testing.T) {
	const limit = 50
	s := newLRU[int](limit)
	var model []uint64
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		hash := random.Uint64N(90) << 50
		at := slices.Index(model, hash)
		if found := s.find(hash) != nil; found != (at >= 0) {
			t.Fatalf("find(%d): %v, want %v", hash, found, at >= 0)
		}
		value, isNew := s.touch(hash)
		if isNew != (at < 0) || !isNew && *value != int(hash) {
			t.Fatalf("touch(%d): new %v, value %d", hash, isNew, *value)
		}
		*value = int(hash)
		if at >= 0 {
			model = slices.Delete(model, at, at+1)
		}
		model = append(model, hash)
		if len(model) > limit {
			model = model[1:]
		}
	}
	if len(s.slots) != limit {
		t.Errorf("%d slots, want %d", len(s.slots), limit)
	}
}

// A remembered prefix takes less than 100 bytes, with its share of the index and of the learner.
func TestBytesPerBlock(t *testing.T) {
	const index = 8 // two heads of four bytes at worst
	perBlock := unsafe.Sizeof(slot[prefix]{}) + index + unsafe.Sizeof(record{})/blocksPerRecord
	if perBlock > 100 {
		t.Errorf("%d bytes, want at most 100", perBlock)
	}
	t.Logf("%d bytes", perBlock)
}
