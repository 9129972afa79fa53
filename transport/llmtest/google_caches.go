package llmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	defaultTTL = time.Hour
	// ttlLoss is the part of its ttl that a cache does not live, because its ttl begins when
	// the request arrives. Real caches lose up to a second.
	ttlLoss = 500 * time.Millisecond
	// defaultMinCacheTokens is the minimum for a cache if the Config has none.
	defaultMinCacheTokens = 1024
)

// createCache is POST .../cachedContents.
type createCache struct{ google }

// cacheFields are the fields of a CachedContent that a request may set.
var cacheFields = []string{
	"name", "model", "contents", "systemInstruction", "tools", "toolConfig", "ttl", "expireTime",
	"displayName", "kmsKeyName", "encryptionSpec",
}

func (c createCache) read(x *exchange, body []byte) *flaw {
	p := &x.params
	c.readPath(x, "createCachedContent", "")
	p.readOnly, p.unlimited = true, true
	fields, f := protoFields(body, cacheFields)
	f = first(f, scanProto(fields, []target{{"model", &p.model}}))
	p.model = shortName(p.model)
	p.setContent(fields["contents"])
	p.extraTokens = extraTokens(fields)
	x.fields = fields
	switch {
	case f != nil:
		return f
	case p.model == "":
		return unspecified("CreateCachedContentRequest", "model")
	}
	return nil
}

func (c createCache) vet(x *exchange) *apiError {
	if e := c.useFiles(x); e != nil {
		return e
	}
	if strings.HasPrefix(x.params.model, "gemini-4") {
		return c.badArgument("Model " + c.modelName(x.params.model) + " does not support cached content with createCachedContent.")
	}
	if n, least := x.params.prompt(), x.cfg.minCacheTokens(x.params.model); n < least {
		return c.badArgument(fmt.Sprintf(
			"Cached content is too small. total_token_count=%d, min_total_token_count=%d", n, least))
	}
	if _, f := expiry(x.fields, x.began); f != nil {
		return c.invalid(x, f)
	}
	if x.cfg.FreeTier && !c.vertex {
		return c.failure(http.StatusTooManyRequests, fmt.Sprintf(
			"TotalCachedContentStorageTokensPerModelFreeTier limit exceeded for model %s: limit=0, requested=%d",
			x.params.model, x.params.prompt()))
	}
	return nil
}

func (c createCache) work(x *exchange) answer {
	var display string
	_ = json.Unmarshal(x.fields["displayName"], &display) // a label, which is ignored if it is no string
	expires, _ := expiry(x.fields, x.began)
	made := x.caches.add(cacheRecord{
		Cache:       Cache{Model: x.params.model, Tokens: x.params.prompt(), Created: x.began.Truncate(time.Microsecond), Expires: expires},
		displayName: display,
		owner:       x.owner(),
	}, c.googlePath, x.cfg.Seed)
	x.params.cache = made.Name
	x.bill("cache-")
	return answer{body: append(indented(encode(c.resource(made))), '\n')}
}

// expiry returns when a cache with these fields expires.
func expiry(fields map[string]json.RawMessage, now time.Time) (time.Time, *flaw) {
	ttl, until := fields["ttl"], fields["expireTime"]
	switch {
	case present(ttl) && present(until):
		return now, &flaw{param: "expire_time", message: "Invalid value (oneof), oneof field 'expiration' is already set. Cannot set 'expireTime'"}
	case present(ttl):
		d, ok := protoDuration(ttl)
		if !ok {
			return now, badValue("ttl")
		}
		return now.Add(max(d-ttlLoss, 0)), nil
	case present(until):
		var at time.Time
		if json.Unmarshal(until, &at) != nil || at.Before(now) {
			return now, badValue("expire_time")
		}
		return at, nil
	}
	return now.Add(defaultTTL - ttlLoss), nil
}

// protoDuration parses a duration in the JSON of protocol buffers, such as "300s" or "1.5s".
func protoDuration(raw json.RawMessage) (time.Duration, bool) {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return 0, false
	}
	number, ok := strings.CutSuffix(s, "s")
	if !ok || number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d > 0
}

// cacheBody is the REST resource of a cache. The order of the fields is Google's. The
// contents are not in it.
type cacheBody struct {
	Name    string     `json:"name"`
	Model   string     `json:"model"`
	Created string     `json:"createTime"`
	Updated string     `json:"updateTime"`
	Expires string     `json:"expireTime"`
	Display *string    `json:"displayName,omitempty"`
	Usage   cacheUsage `json:"usageMetadata"`
}

type cacheUsage struct {
	Total int64 `json:"totalTokenCount"`
}

// resource returns the REST resource of a cache.
func (g google) resource(c cacheRecord) cacheBody {
	b := cacheBody{
		Name: c.Name, Model: c.modelName, Usage: cacheUsage{c.Tokens},
		Created: c.Created.UTC().Format(microseconds),
		Updated: c.updated.UTC().Format(microseconds),
		Expires: c.Expires.UTC().Format(time.RFC3339Nano),
	}
	if !g.vertex || c.displayName != "" {
		b.Display = &c.displayName
	}
	return b
}

// listCaches is GET .../cachedContents.
type listCaches struct{ google }

func (c listCaches) read(x *exchange, _ []byte) *flaw {
	c.readPath(x, "listCachedContents", "")
	x.params.unlimited = true
	return nil
}

// cacheList is a page of caches.
type cacheList struct {
	Caches []cacheBody `json:"cachedContents,omitempty"`
	Next   string      `json:"nextPageToken,omitempty"`
}

// work lists the caches that are alive, the newest first.
func (c listCaches) work(x *exchange) answer {
	var list cacheList
	var page []cacheRecord
	page, list.Next = paged(x.r, x.caches.alive(c.googlePath, x.owner(), time.Now()), 100)
	for _, one := range page {
		list.Caches = append(list.Caches, c.resource(one))
	}
	return answer{body: append(indented(encode(list)), '\n')}
}

// oneCache is GET, PATCH and DELETE .../cachedContents/ID.
type oneCache struct {
	google
	operation, name string
}

func (c oneCache) read(x *exchange, body []byte) (f *flaw) {
	c.readPath(x, c.operation, "")
	x.params.unlimited = true
	if c.operation == "updateCachedContent" {
		x.fields, f = protoFields(body, cacheFields)
		if f == nil && !present(x.fields["ttl"]) && !present(x.fields["expireTime"]) {
			f = &flaw{message: "Only the expiration of a CachedContent can be updated."}
		}
	}
	return f
}

func (c oneCache) vet(x *exchange) *apiError {
	if known, _ := x.caches.lookUp(c.name, x.owner()); !known.Alive(x.began) {
		return c.notFound(c.operation)
	}
	if c.operation == "updateCachedContent" {
		if _, f := expiry(x.fields, x.began); f != nil {
			return c.invalid(x, f)
		}
	}
	return nil
}

// notFound returns the error of an operation on a cache that is not alive.
func (c oneCache) notFound(operation string) *apiError {
	_, id := cutLast(c.name)
	switch {
	case !c.vertex:
		return c.cacheDenied()
	case operation == "updateCachedContent":
		return c.failure(http.StatusNotFound, "Cached content "+id+" is not found.")
	}
	return c.failure(http.StatusNotFound, "Not found: cached content metadata for "+id+".")
}

// cacheDenied returns Gemini's error for a cache that does not exist.
func (g google) cacheDenied() *apiError {
	return g.failure(http.StatusForbidden, "CachedContent not found (or permission denied)")
}

func (c oneCache) work(x *exchange) answer {
	changed := x.caches.update(c.name, func(one *cacheRecord) {
		switch c.operation {
		case "updateCachedContent":
			one.Expires, _ = expiry(x.fields, x.began)
			one.updated = x.began
		case "deleteCachedContent":
			if one.Deleted.IsZero() {
				one.Deleted = x.began
			}
		}
	})
	if c.operation == "deleteCachedContent" {
		return answer{body: []byte("{}\n")}
	}
	return answer{body: append(indented(encode(c.resource(changed))), '\n')}
}

// useCache sets the cached tokens of a request with a cache, or returns why the request is
// rejected: the cache must be alive and belong to the model, and the request must have no
// context of its own.
func (g google) useCache(x *exchange) *apiError {
	p := &x.params
	if p.cache == "" {
		return nil
	}
	name := p.cache
	if g.vertex {
		at := parseGooglePath(name)
		at.vertex = true // a bare name is not Gemini's here
		name = at.cacheName(shortName(name))
	}
	known, ok := x.caches.lookUp(name, x.owner())
	p.cache = name
	switch {
	case !ok || !known.Alive(x.began):
		return g.unusableCache(name, known, ok)
	case p.ownContext:
		return g.badArgument("CachedContent can not be used with GenerateContent request setting system_instruction, " +
			"tools or tool_config.\n\nProposed fix: move those values to CachedContent from GenerateContent request.")
	case known.Model != p.model:
		return g.badArgument(fmt.Sprintf("Model used by GenerateContent request (%s) and CachedContent (%s) has to be the same.",
			g.modelName(p.model), known.modelName))
	}
	p.cached = known.Tokens
	return nil
}

// unusableCache returns the error for the use of a cache that is not alive. Gemini's does
// not say whether the cache ever existed.
func (g google) unusableCache(name string, known cacheRecord, ok bool) *apiError {
	_, id := cutLast(name)
	switch {
	case !g.vertex:
		return g.cacheDenied()
	case !ok:
		return g.failure(http.StatusNotFound, "Not found: cached content metadata for "+id+".")
	case !known.Deleted.IsZero():
		return g.badArgument("Invalid resource state for cache content " + id + ".")
	}
	return g.badArgument("Cache content " + id + " is expired.")
}
