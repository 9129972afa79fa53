package middleware

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// keyHeaders are the headers that say for whom a request is.
var keyHeaders = []string{"Authorization", "X-Goog-Api-Key", "X-Goog-User-Project"}

// newCacheSender returns the sender for the caches of a call's model; false if the call's URL has no caches beside it.
func newCacheSender(c *call) (s cacheSender, ok bool) {
	u := c.request.URL
	caches, _, ok := c.wire.CachePath(u.Path)
	if !ok {
		return cacheSender{}, false
	}
	s = cacheSender{chain: c.again, next: c.Context.Value(nextKey{}), base: url.URL{Scheme: u.Scheme, Host: u.Host, Path: caches}, header: make(http.Header)}
	if key := u.Query().Get("key"); key != "" {
		s.base.RawQuery = url.Values{"key": {key}}.Encode()
	}
	for _, k := range keyHeaders {
		if v := transport.HeaderValue(c.request.Header, k); v != "" {
			s.header.Set(k, v)
		}
	}
	return s, true
}

// hostOf returns the host of a URL in one spelling: in lower case, and without the port that the scheme means by itself.
func hostOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch strings.ToLower(u.Scheme) {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

// accountOf returns whose caches a call can use: the project and its location, or a hash of the key.
func accountOf(c *call) string {
	if p := c.wire.CacheParent(); p != "" {
		return p
	}
	key := credentialsOf(c.request, c.headers)
	text := key.GoogleKey + key.query
	if text == "" {
		_, text, _ = strings.Cut(key.Authorization, " ")
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// scope returns the scope of a call, whose key becomes the latest of it; nil if it can have none.
func (c *call) scope() *scope {
	sender, ok := newCacheSender(c)
	if !ok {
		return nil
	}
	return c.engine.caching.scope(idOf(c, c.wire.Model), sender)
}

// idOf returns the id of the scope of a call, or of a request for caches, and of a model.
func idOf(c *call, model string) scopeID {
	return scopeID{c.wire.Provider, hostOf(c.request.URL), accountOf(c), lastPart(model)}
}
