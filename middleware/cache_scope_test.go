package middleware

import (
	"fmt"
	"testing"
)

// Scopes are bounded. One that has caches, or registered content, is never forgotten.
func TestScopesAreBounded(t *testing.T) {
	k := &newEngine().caching
	id := func(n int) scopeID { return scopeID{"gemini", "host", fmt.Sprint(n), "m"} }
	held0 := k.scope(id(0), cacheSender{})
	held0.held[prefixSum{}] = &held{name: "cachedContents/a"}
	forgotten := k.scope(id(1), cacheSender{})
	for n := range 3 * maxScopes {
		if k.scope(id(n), cacheSender{}) == nil {
			t.Fatal(n)
		}
	}
	if len(k.scopes) > maxScopes || k.known(id(0)) != held0 {
		t.Errorf("%d scopes, the first is %v", len(k.scopes), k.known(id(0)))
	}
	if !forgotten.ended {
		t.Error("a scope that was forgotten can still make caches")
	}
	for _, s := range k.scopes {
		s.held[prefixSum{}] = &held{handles: 1}
	}
	if s := k.scope(id(-1), cacheSender{}); s != nil {
		t.Error("a scope with registered content was forgotten")
	}
}
