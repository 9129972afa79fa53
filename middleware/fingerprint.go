package middleware

import (
	"crypto/sha256"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// credentials are the keys of a request: those in its headers and, as Google accepts it, in its query.
type credentials struct {
	transport.Credentials
	query string
}

func credentialsOf(req *http.Request, headers *transport.Headers) credentials {
	c := credentials{Credentials: headers.Credentials}
	if req.URL.RawQuery == "" {
		return c
	}
	for pair := range strings.SplitSeq(req.URL.RawQuery, "&") {
		if key, ok := strings.CutPrefix(pair, "key="); ok {
			c.query += key
		}
	}
	return c
}

// A fingerprint stands for credentials, by which calls of different keys are kept apart. It never leaves the process.
type fingerprint [sha256.Size]byte

func (c credentials) fingerprint() fingerprint {
	return sha256.Sum256([]byte(strings.Join([]string{c.Authorization, c.APIKey, c.XAPIKey, c.GoogleKey, c.query}, "\x00")))
}
