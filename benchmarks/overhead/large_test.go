package main

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

func TestCheckLarge(t *testing.T) {
	const original = `{"model":"gpt-5","n":1}`
	for _, c := range []struct{ name, sent, tier, want string }{
		{"first", `{"service_tier":"flex","model":"gpt-5","n":1}`, "flex", ""},
		{"last", `{"model":"gpt-5","n":1,"service_tier":"flex"}`, "flex", ""},
		{"none wanted", original, "", ""},
		{"missing", original, "flex", "not the original with the tier flex"},
		{"not wanted", `{"service_tier":"flex","model":"gpt-5","n":1}`, "", "has changed"},
		{"twice", `{"service_tier":"flex","model":"gpt-5","n":1,"service_tier":"flex"}`, "flex", "not the original"},
		{"another", `{"service_tier":"priority","model":"gpt-5","n":1}`, "flex", "not the original"},
		{"cut off", `{"service_tier":"flex","model":"gpt-5","n":1`, "flex", "not the original"},
		{"changed", `{"service_tier":"flex","model":"gpt-5","n":2}`, "flex", "not the original"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, checkLarge([]byte(c.sent), []byte(original), c.tier), c.want)
		})
	}
}

// TestEdges writes a document in pieces of every size, which must not matter.
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

// TestStrangeLoad has a body go wrong after the rehearsal.
func TestStrangeLoad(t *testing.T) {
	d, err := openDepot()
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	h := &hauler{kind: kinds()[0], depot: d, load: &load{body: chat.Prose(100 << 10)}}
	if h.call, _, err = h.open(&d.ground, h.load.body); err != nil {
		t.Fatal(err)
	}
	if err := h.rehearse(); err != nil {
		t.Fatal(err)
	}
	d.want.Store(h.sent)
	if err := h.run(); err != nil || d.strange.Load() != 0 {
		t.Fatalf("%v; %d bodies are strange", err, d.strange.Load())
	}
	h.load.body[len(h.load.body)-1] = ' '
	if err := h.run(); err != nil || d.strange.Load() != 1 {
		t.Fatalf("%v; %d bodies are strange, want 1", err, d.strange.Load())
	}
}

// TestCrowdFails has a call end before all bodies have arrived, which must not leave the others waiting for ever.
func TestCrowdFails(t *testing.T) {
	d, err := openDepot()
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	h := &hauler{kind: kinds()[0], depot: d, load: &load{body: []byte("{}")}, sent: new(edges)}
	h.over = func(http.RoundTripper) http.RoundTripper { return broken{} }
	_, err = h.crowd(3)
	wantError(t, err, "ended before all bodies had arrived")
	if !strings.Contains(err.Error(), errBroken.Error()) {
		t.Errorf("got error %v, want the call's own in it", err)
	}
}

var errBroken = errors.New("the line is dead")

type broken struct{}

func (broken) RoundTrip(req *http.Request) (*http.Response, error) {
	req.Body.Close()
	return nil, errBroken
}
