package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// TestConcurrentFails has every call fail before its body arrives. The measurement must end with the error of a call, and
// not wait for the bodies.
func TestConcurrentFails(t *testing.T) {
	s, err := openSink()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	r := &longRunner{variant: find(t, bare), sink: s, load: &load{body: []byte("{}")}, sent: new(edges)}
	r.wrap = func(http.RoundTripper) http.RoundTripper { return broken{} }
	_, err = r.runConcurrent(3)
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
