package main

import (
	"errors"
	"strings"
	"testing"
)

// TestRetryCount sends a call, and then the same call as a retry of the SDK. The stack refuses the retry only if it kept
// track of the first try, which is the work that the row "under an SDK" measures.
func TestRetryCount(t *testing.T) {
	const body = `{"model":"gpt-5","messages":[]}`
	for _, c := range []struct {
		key     string
		refused bool
	}{{ours, false}, {oursSDK, true}} {
		t.Run(c.key, func(t *testing.T) {
			b, err := inMemory()
			if err != nil {
				t.Fatal(err)
			}
			v := find(t, c.key)
			rt, _, err := v.roundTripper(b.base())
			if err != nil {
				t.Fatal(err)
			}
			if err := roundTrips(rt, b.root+path, []byte(body), v.retryCount)(); err != nil {
				t.Fatal(err)
			}
			err = roundTrips(rt, b.root+path, []byte(body), "1")()
			if c.refused != errors.Is(err, errStatus) || b.verifier.seen.Load() != map[bool]int64{true: 1, false: 2}[c.refused] {
				t.Errorf("got %v, and %d bodies arrived; want a refusal: %v", err, b.verifier.seen.Load(), c.refused)
			}
		})
	}
}

// TestReferences checks that the reference of each variant is a bare transport that sends the same header.
func TestReferences(t *testing.T) {
	if variants()[0].key != bare {
		t.Error("the bare transport is not the first, as measureLoad expects")
	}
	for _, v := range variants() {
		if v.reference == "" {
			if v.retryCount != "" && !strings.HasPrefix(v.key, bare) {
				t.Errorf("%s sends a header that its reference does not send", v.key)
			}
			continue
		}
		if ref := find(t, v.reference); ref.does != "nothing" || ref.retryCount != v.retryCount {
			t.Errorf("%s has the reference %s, which is no bare transport with the header %q", v.key, ref.key, v.retryCount)
		}
	}
}
