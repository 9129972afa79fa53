package genai

import (
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"
)

// A try is forgotten once the SDK no longer holds its URL.
func TestTriesAreForgotten(t *testing.T) {
	var ts tries
	kept, err := url.Parse("https://generativelanguage.googleapis.com/v1beta/interactions")
	if err != nil {
		t.Fatal(err)
	}
	ts.add(kept, &try{err: http.ErrHandlerTimeout})
	for range 1000 {
		u := *kept
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
	if u := *kept; ts.before(&u) != nil || ts.before(kept) == nil {
		t.Error("a try is known by its URL's address, and by nothing else")
	}
}
