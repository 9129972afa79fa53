package transport

import (
	"net/http"
	"strings"
)

// HeaderValue returns the first value of a header, "" if there is none. The key, given in its canonical form, may stand
// among h in any case: some SDKs write theirs in lower case, past [http.Header.Set].
func HeaderValue(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	for k, v := range h {
		if isKey(k, key) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// isKey reports whether k is the key, in any case.
func isKey(k, key string) bool { return len(k) == len(key) && strings.EqualFold(k, key) }
