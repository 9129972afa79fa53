package main

import (
	"bytes"
	"testing"

	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// TestEdges writes a document in pieces of several sizes. The result must not depend on the size.
func TestEdges(t *testing.T) {
	doc := chat.Prose(3 << 10)
	var want edges
	want.Write(doc)
	if want.size != len(doc) || !bytes.HasPrefix(doc, want.head[:]) || !bytes.HasSuffix(doc, want.tail[:]) {
		t.Fatalf("%d bytes, from %q to %q", want.size, want.head, want.tail)
	}
	for size := 1; size < len(doc); size += 7 {
		var got edges
		for rest := doc; len(rest) > 0; {
			n := min(size, len(rest))
			got.Write(rest[:n])
			rest = rest[n:]
		}
		if got != want {
			t.Fatalf("pieces of %d make a difference", size)
		}
	}
}

// TestSinkMismatch sends a wrong body after the rehearsal.
func TestSinkMismatch(t *testing.T) {
	s, err := openSink()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	r := &longRunner{variant: find(t, bare), sink: s, load: &load{body: chat.Prose(100 << 10)}}
	if r.call, _, err = r.open(s.backend, r.load.body); err != nil {
		t.Fatal(err)
	}
	if err := r.rehearse(); err != nil {
		t.Fatal(err)
	}
	s.want.Store(r.sent)
	if err := r.run(); err != nil || s.mismatch.Load() != 0 {
		t.Fatalf("%v; %d mismatches", err, s.mismatch.Load())
	}
	r.load.body[len(r.load.body)-1] = ' '
	if err := r.run(); err != nil || s.mismatch.Load() != 1 {
		t.Fatalf("%v; %d mismatches, want 1", err, s.mismatch.Load())
	}
}
