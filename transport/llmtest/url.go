package llmtest

import (
	"net"
	"net/http"
	"strings"
)

// hostOf returns the name of the host that the client addressed, in lower case and
// without a port.
func hostOf(r *http.Request) string {
	name := r.Host
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	return strings.ToLower(name)
}

// cutLast cuts a path before its last part.
func cutLast(path string) (rest, last string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}
