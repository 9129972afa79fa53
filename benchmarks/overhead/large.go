package main

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// A load is a long body that every kind sends over loopback.
type load struct {
	key, name string
	body      []byte
	calls     int // of each kind in a round
}

// loads returns the long bodies: conversations, and images, which hardly have a quote or an escape to look for.
func loads(size effort) []load {
	middle, long := size.large[0], size.large[1]
	return []load{
		{"1m_prose", "1 MB prose", chat.Prose(middle), size.largeCalls},
		{"1m_base64", "1 MB base64", chat.Image(middle), size.largeCalls},
		{"16m_prose", "16 MB prose", chat.Prose(long), max(1, size.largeCalls/8)},
		{"16m_base64", "16 MB base64", chat.Image(long), max(1, size.largeCalls/8)},
	}
}

// heavy reports whether a kind sends long bodies, too. The SDK does not: it makes its JSON itself, and so would send
// another body than everyone else, most of its time spent on that.
func (k *kind) heavy() bool { return k.ours != nil || k.over != nil }

// A hauler is a kind with a load.
type hauler struct {
	kind
	depot *depot
	call  call
	audit *audit // of ours
	load  *load
	sent  *edges // of the body that it sends
	calls int64
}

// onLoads measures and checks every kind that sends long bodies.
func (r *report) onLoads(size effort) error {
	d, err := openDepot()
	if err != nil {
		return err
	}
	defer d.close()
	for _, l := range loads(size) {
		timings, err := r.haul(d, &l, size.largeRounds)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		r.loads = append(r.loads, l.name)
		for i := range r.rows {
			if t, ok := timings[r.rows[i].key]; ok {
				r.rows[i].loads = append(r.rows[i].loads, t)
			}
		}
	}
	return nil
}

// haul measures every kind with a load, and returns their timings by key.
func (r *report) haul(d *depot, l *load, rounds int) (map[string]bench.Timing, error) {
	haulers, err := d.haulers(l)
	if err != nil {
		return nil, err
	}
	// The bare transport comes first.
	timings, err := bench.Interleave(rounds, len(haulers), 0, func(i int) (time.Duration, error) {
		d.want.Store(haulers[i].sent)
		return bench.Repeat(1, l.calls, haulers[i].run)
	})
	if err != nil {
		return nil, err
	}
	if n := d.strange.Load(); n != 0 {
		return nil, fmt.Errorf("%d of the bodies are not the ones that were rehearsed", n)
	}
	found := make(map[string]bench.Timing)
	for i, h := range haulers {
		found[h.key] = timings[i]
		if err := h.rehearse(); err != nil { // every byte once more, after all the calls
			return nil, fmt.Errorf("%s: %w", h.name, err)
		}
		if h.audit == nil {
			continue
		}
		line, err := h.audit.check(h.calls)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.name, err)
		}
		r.checked = append(r.checked, fmt.Sprintf("%s, %s: %s", h.name, l.name, line))
	}
	return found, nil
}

// haulers sets every kind up with a load, and rehearses it.
func (d *depot) haulers(l *load) (all []*hauler, err error) {
	for _, k := range kinds() {
		if !k.heavy() {
			continue
		}
		h := &hauler{kind: k, depot: d, load: l}
		if h.call, h.audit, err = k.open(&d.ground, l.body); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		if err = h.rehearse(); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		all = append(all, h)
	}
	return all, nil
}

// run makes a call.
func (h *hauler) run() error {
	h.calls++
	if err := h.call(); err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	return nil
}

// rehearse makes a call that nobody times, looks at every byte that arrives, and notes the body's edges, with which
// those of every later call are compared.
func (h *hauler) rehearse() error {
	h.depot.keep.Store(true)
	err := h.run()
	h.depot.keep.Store(false)
	sent := h.depot.take()
	if err != nil {
		return err
	}
	if len(sent) != 1 {
		return fmt.Errorf("1 call, and %d bodies arrived", len(sent))
	}
	tier := ""
	if h.ours != nil {
		tier = string(h.ours.Tier)
	}
	if err := checkLarge(sent[0], h.load.body, tier); err != nil {
		return err
	}
	h.sent = new(edges)
	h.sent.Write(sent[0])
	runtime.GC() // the body that was kept
	return nil
}

// checkLarge is checkBody for a body that would take encoding/json too long: the bytes are the original's, and among them
// once the member with the tier, if there is to be one, as the first or the last of the object.
func checkLarge(sent, original []byte, tier string) error {
	if tier == "" {
		if !bytes.Equal(sent, original) {
			return errors.New("the body has changed")
		}
		return nil
	}
	member := []byte(`"service_tier":"` + tier + `"`)
	first := append(append([]byte("{"), member...), ',')
	last := append(append([]byte(","), member...), '}')
	inner := original[1 : len(original)-1]
	if rest, ok := bytes.CutPrefix(sent, first); ok && len(rest) == len(inner)+1 && bytes.HasPrefix(rest, inner) && rest[len(inner)] == '}' {
		return nil
	}
	if rest, ok := bytes.CutSuffix(sent, last); ok && len(rest) == len(inner)+1 && bytes.HasSuffix(rest, inner) && rest[0] == '{' {
		return nil
	}
	return fmt.Errorf("the body is not the original with the tier %s, once", tier)
}
