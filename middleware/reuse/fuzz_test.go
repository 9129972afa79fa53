package reuse

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// FuzzHolder calls the methods of a Holder and of its visits in any order, at any times. Nothing may panic, the caps hold, and
// what is kept of the caches agrees.
func FuzzHolder(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x01\x00\x01\x00\x00\x03\x00\x00"))
	f.Add([]byte("\x00\x01\x02\x00\x01\x02\x01\x00\x02\x03\x00\x05\x04\x01\x09\x05\x01\xff\x06\x00\xf0\x02\x01\x00"))
	f.Fuzz(func(t *testing.T, script []byte) {
		h := NewHolder(HolderConfig{Blocks: 50, Caches: 4, TokenHours: 5000, PerMille: 1000})
		// It has seen reuse, so that it creates.
		at := start
		for range 60 {
			at = at.Add(time.Second)
			h.Arrive(prompt(at, run(1, 12)...), pro, Never).Answered(at, 10, 0)
		}
		var visits []*Visit
		for ; len(script) >= 3; script = script[3:] {
			what, which, when := script[0]%8, int(script[1]), script[2]
			at = jump(at, when)
			until := jump(at, when^0x55)
			if what == 0 || len(visits) == 0 {
				visits = append(visits, h.Arrive(prompt(at, run(uint64(which%5), uint64(when%60))...), pro, Mode(which%3)))
				check(t, h)
				continue
			}
			v := visits[which%len(visits)]
			hash := prompt(at, run(uint64(which%5), uint64(when%60))...).last()
			switch what {
			case 1:
				v.Made(int64(which)*100, at, until)
			case 2:
				v.NotMade(at)
			case 3:
				for _, change := range v.Answered(at, int64(when)-20, int64(which)*1000-500) {
					if !change.Until.IsZero() {
						h.Extended(change.Hash, change.Until)
					}
				}
			case 4:
				if v.Read != nil {
					hash = v.Read.Hash
				}
				h.Gone(hash, at)
			case 5:
				h.Extended(hash, until)
			case 6:
				h.Tick(at)
			case 7:
				h.Report(at)
			case 8:
				v.Inline()
			}
			check(t, h)
		}
	})
}

func (p Prompt) last() uint64 {
	if len(p.Nodes) == 0 {
		return 0
	}
	return p.Nodes[len(p.Nodes)-1].Hash
}

// jump moves a time by something between minus ten years and plus ten years.
func jump(at time.Time, by byte) time.Time {
	n := time.Duration(by & 0x1f)
	switch by >> 5 {
	case 0, 1, 2:
		return at.Add(n * time.Second)
	case 3:
		return at.Add(n * time.Minute)
	case 4:
		return at.Add(n * time.Hour)
	case 5:
		return at.Add(-n * time.Minute)
	case 6:
		return at.Add(-n * 2500 * time.Hour)
	}
	return at.Add(n * 2500 * time.Hour)
}

// check checks what holds at all times.
func check(t *testing.T, h *Holder) {
	t.Helper()
	s := &h.caches
	if len(s.byHash) != len(s.ends) || len(s.byHash) > h.config.Caches+1 { // one that is made after its claim ended may be too many
		t.Fatalf("%d caches, %d ends, cap %d", len(s.byHash), len(s.ends), h.config.Caches)
	}
	var tokens, tokenEnds int64
	var reserved, perHour price.Pico
	for i, c := range s.ends {
		if s.byHash[c.hash] != c || c.index != i {
			t.Fatalf("cache %d of the heap is not there", i)
		}
		if parent := s.ends[(i-1)/2]; i > 0 && parent.until > c.until {
			t.Fatal("the heap is out of order")
		}
		tokens += c.tokens
		tokenEnds += c.tokens * int64((c.counted+time.Second-1)/time.Second)
		if c.made {
			perHour += c.perHour()
		} else {
			reserved += c.reserved
		}
	}
	if tokens != s.tokens || tokenEnds != s.tokenEnds || reserved != h.purse.reserved || perHour != h.purse.perHour {
		t.Fatalf("tokens %d, %d; ends %d, %d; reserved %v, %v; rent %v, %v", tokens, s.tokens, tokenEnds, s.tokenEnds,
			reserved, h.purse.reserved, perHour, h.purse.perHour)
	}
	if len(h.prefixes.slots) > h.config.Blocks || len(h.learner.records) > h.config.Blocks/blocksPerRecord {
		t.Fatalf("%d prefixes, %d records", len(h.prefixes.slots), len(h.learner.records))
	}
}
