package genai

import (
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"
)

// What the SDK no longer holds is forgotten.
func TestTriesAreForgotten(t *testing.T) {
	var ts tries
	held, err := url.Parse("https://generativelanguage.googleapis.com/v1beta/interactions")
	if err != nil {
		t.Fatal(err)
	}
	ts.add(held, &try{err: http.ErrHandlerTimeout})
	for range 1000 {
		u := *held
		ts.add(&u, &try{})
	}
	count := func() int {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		return len(ts.made)
	}
	for end := time.Now().Add(time.Minute); count() > 1 && time.Now().Before(end); {
		runtime.GC()
		runtime.Gosched()
	}
	if n := count(); n != 1 {
		t.Errorf("%d are remembered", n)
	}
	if u := *held; ts.before(&u) != nil || ts.before(held) == nil {
		t.Error("a try is known by its URL's address, and by nothing else")
	}
}
