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

// A load is a long body that variants send over loopback.
type load struct {
	name  string
	body  []byte
	calls int // of each variant in a round
}

// loads returns the long bodies: conversations with many quotes and escapes, and images with hardly any.
func loads(size effort) []load {
	shorter, longer := size.long[0], size.long[1]
	return []load{
		{"1 MB prose", chat.Prose(shorter), size.longCalls},
		{"1 MB base64", chat.Image(shorter), size.longCalls},
		{"16 MB prose", chat.Prose(longer), max(1, size.longCalls/8)},
		{"16 MB base64", chat.Image(longer), max(1, size.longCalls/8)},
	}
}

// A longRunner is a variant with a load.
type longRunner struct {
	variant
	sink  *sink
	call  call
	audit *audit // nil for a variant without a ledger
	load  *load
	sent  *edges // of the body that it sends
	calls int64
}

// measureLong measures and checks every variant that sends long bodies.
func (r *report) measureLong(size effort) error {
	s, err := openSink()
	if err != nil {
		return err
	}
	defer s.close()
	for _, l := range loads(size) {
		timings, err := r.measureLoad(s, &l, size.longRounds)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		r.loads = append(r.loads, l.name)
		for i := range r.rows {
			if t, ok := timings[r.rows[i].key]; ok {
				r.rows[i].long = append(r.rows[i].long, t)
			}
		}
	}
	return nil
}

// measureLoad measures every variant with a load, and returns the timings by the variants' keys.
func (r *report) measureLoad(s *sink, l *load, rounds int) (map[string]bench.Timing, error) {
	runners, err := s.open(l)
	if err != nil {
		return nil, err
	}
	// The reference is the bare transport, which comes first.
	timings, err := bench.Interleave(rounds, len(runners), 0, func(i int) (time.Duration, error) {
		s.want.Store(runners[i].sent)
		return bench.Repeat(1, l.calls, runners[i].run)
	})
	if err != nil {
		return nil, err
	}
	if n := s.mismatch.Load(); n != 0 {
		return nil, fmt.Errorf("%d of the bodies are not the ones that were rehearsed", n)
	}
	byKey := make(map[string]bench.Timing)
	for i, lr := range runners {
		byKey[lr.key] = timings[i]
		if err := lr.rehearse(); err != nil { // check every byte once more, after all the calls
			return nil, fmt.Errorf("%s: %w", lr.name, err)
		}
		if lr.audit == nil {
			continue
		}
		line, err := lr.audit.check(lr.calls)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", lr.name, err)
		}
		r.checked = append(r.checked, fmt.Sprintf("%s, %s: %s", lr.name, l.name, line))
	}
	return byKey, nil
}

// open returns a runner with the load for every variant that sends long bodies, rehearsed.
func (s *sink) open(l *load) (runners []*longRunner, err error) {
	for _, v := range variants() {
		if !v.sendsLong() {
			continue
		}
		r := &longRunner{variant: v, sink: s, load: l}
		if r.call, r.audit, err = v.open(s.backend, l.body); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		if err = r.rehearse(); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		runners = append(runners, r)
	}
	return runners, nil
}

// run makes a call.
func (r *longRunner) run() error {
	r.calls++
	if err := r.call(); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}

// rehearse makes a call that is not timed, and checks every byte that arrives. It notes the edges of the body; the sink
// compares those of all later bodies with them.
func (r *longRunner) rehearse() error {
	r.sink.keep.Store(true)
	err := r.run()
	r.sink.keep.Store(false)
	sent := r.sink.take()
	if err != nil {
		return err
	}
	if len(sent) != 1 {
		return fmt.Errorf("1 call, and %d bodies arrived", len(sent))
	}
	if err := checkLong(sent[0], r.load.body, r.tier()); err != nil {
		return err
	}
	r.sent = new(edges)
	r.sent.Write(sent[0])
	runtime.GC() // free the body that was kept
	return nil
}

// checkLong is checkBody without encoding/json, which would take too long. The bytes must be those of the original, with
// the tier as the first or the last member of the object if there is to be one:
//
//	original  {"model":"gpt-5"}
//	flex      {"service_tier":"flex","model":"gpt-5"}  or  {"model":"gpt-5","service_tier":"flex"}
func checkLong(sent, original []byte, tier string) error {
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
