package middleware

import (
	"crypto/sha256"
	"net/http"

	"github.com/skinflint-go/skinflint/transport"
)

// A fingerprint stands for credentials where calls of one key are told from those of another. It never leaves the process.
type fingerprint [sha256.Size]byte

// credentials are the headers that hold a key.
var credentials = []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key"}

func fingerprintOf(h http.Header) (f fingerprint) {
	sum := sha256.New()
	for _, name := range credentials {
		sum.Write([]byte(transport.HeaderValue(h, name)))
		sum.Write([]byte{0})
	}
	sum.Sum(f[:0])
	return f
}
