package middleware

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// callHeaders are the headers of a call that are about its body, its answer or its retries, and not for a request about caches. All
// others go with that: a gateway may know the caller by any of them.
var callHeaders = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Digest", "Content-Encoding", "Content-Length", "Content-Md5", "Content-Type",
	"Digest", "Expect", "Idempotency-Key", "Repr-Digest", "Signature", "Signature-Input", "Te", "Trailer", "Transfer-Encoding",
	"X-Idempotency-Key", "X-Server-Timeout", "X-Vertex-Ai-Llm-Request-Type", "X-Vertex-Ai-Llm-Shared-Request-Type",
}

// stainlessHeaders begin the headers in which some SDKs count their retries.
const stainlessHeaders = "X-Stainless-"

// errandHeader returns the headers of a call that a request about caches has too.
func errandHeader(h http.Header) http.Header {
	kept := make(http.Header, len(h))
	for k, v := range h {
		if name := http.CanonicalHeaderKey(k); !slices.Contains(callHeaders, name) && !strings.HasPrefix(name, stainlessHeaders) {
			kept[name] = append(kept[name], v...)
		}
	}
	return kept
}

// errandQuery returns the query of a call without what is about the form of its answer.
func errandQuery(query string) string {
	if query == "" {
		return ""
	}
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == "alt" || name == "$alt" || name == "%24alt"
	})
	return strings.Join(pairs, "&")
}

// newCacheSender returns the sender for the caches of a call's model; false if no caches are known beside the call's URL, or they
// would not be known again.
func newCacheSender(c *call) (s cacheSender, ok bool) {
	u := c.request.URL
	caches, _, ok := c.wire.CachePath(u.Path)
	if !ok {
		return cacheSender{}, false
	}
	base := url.URL{Scheme: u.Scheme, Host: u.Host, Path: caches, RawQuery: errandQuery(u.RawQuery)}
	if u.RawPath != "" {
		base.RawPath, _, _ = c.wire.CachePath(u.RawPath)
	}
	_, create, ok := c.engine.router.Recognise(http.MethodPost, &base)
	if !ok || create.Operation != wire.CreateCache || create.Provider != c.wire.Provider {
		return cacheSender{}, false
	}
	return cacheSender{chain: c.again, next: c.Context.Value(nextKey{}), base: base, header: errandHeader(c.request.Header)}, true
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

// accountOf returns whose caches a call can use: the project and its location, or a hash of the keys. The same key counts as the
// same in whichever header it is. A token that is renewed each hour does not count if a header names the project that pays.
func accountOf(c *call) string {
	if p := c.wire.CacheParent(); p != "" {
		return p
	}
	key := credentialsOf(c.request, c.headers)
	token := key.Authorization
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = rest
		if project := transport.HeaderValue(c.request.Header, "X-Goog-User-Project"); project != "" {
			token = "project " + project
		}
	}
	var keys []string
	for _, k := range []string{key.GoogleKey, key.query, token, key.APIKey, key.XAPIKey} {
		if k = strings.TrimSpace(k); k != "" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(keys, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// noCaches says why there is no scope for a call.
const noCaches = "no context caches are known at this URL"

// scope returns the scope of a call, whose key becomes the latest of it. It returns nil if the call can have none, and notes why.
func (c *call) scope() *scope {
	sender, ok := newCacheSender(c)
	if !ok {
		c.noteCache(noCaches)
		return nil
	}
	s := c.engine.caching.scope(idOf(c, c.wire.Model), sender)
	if s == nil {
		c.noteCache(manyScopes)
	}
	return s
}

// idOf returns the id of the scope of a call, or of a request for caches, and of a model.
func idOf(c *call, model string) scopeID {
	return scopeID{c.wire.Provider, hostOf(c.request.URL), accountOf(c), lastPart(model)}
}
