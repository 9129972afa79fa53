package middleware

import (
	"crypto/sha256"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// A fingerprint stands for the credentials of a request, by which calls of different keys are kept apart. It never leaves
// the process.
type fingerprint [sha256.Size]byte

// credentials are the headers that hold a key.
var credentials = []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key"}

func fingerprintOf(req *http.Request) (f fingerprint) {
	sum := sha256.New()
	writeCredentials(sum, req)
	sum.Sum(f[:0])
	return f
}

// writeCredentials writes the credentials of a request: in its headers or, as Google accepts them, in its query.
func writeCredentials(w io.Writer, req *http.Request) {
	for _, name := range credentials {
		io.WriteString(w, transport.HeaderValue(req.Header, name))
		io.WriteString(w, "\x00")
	}
	io.WriteString(w, queryKey(req))
}

// A credential is the credentials of a request in a form that can be compared and hashed.
type credential struct {
	transport.Credentials
	query string
}

func queryKey(req *http.Request) (keys string) {
	if req.URL.RawQuery == "" {
		return ""
	}
	for pair := range strings.SplitSeq(req.URL.RawQuery, "&") {
		if key, ok := strings.CutPrefix(pair, "key="); ok {
			keys += key
		}
	}
	return keys
}
