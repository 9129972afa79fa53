package middleware

import (
	"crypto/sha256"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// A fingerprint stands for credentials where calls of one key are told from those of another. It never leaves the process.
type fingerprint [sha256.Size]byte

// credentials are the headers that hold a key.
var credentials = []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key"}

func fingerprintOf(req *http.Request) (f fingerprint) {
	sum := sha256.New()
	writeCredentials(sum, req)
	sum.Sum(f[:0])
	return f
}

// writeCredentials writes what credentials a request has, in its headers or, as Google takes them, in its query.
func writeCredentials(w io.Writer, req *http.Request) {
	for _, name := range credentials {
		io.WriteString(w, transport.HeaderValue(req.Header, name))
		io.WriteString(w, "\x00")
	}
	io.WriteString(w, queryKey(req))
}

// A credential is what a request has of them.
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
