package llmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The lives of caches.
const (
	defaultTTL = time.Hour
	// earlier is by how much a cache expires before it is ttl old, since its ttl
	// begins when the request for it arrives. Real ones lack up to a second.
	earlier = 500 * time.Millisecond
	// smallestCache is the least a cache must hold, if the Config does not say.
	smallestCache = 1024
)

// createCache is POST .../cachedContents.
type createCache struct{ google }

// cacheFields are the fields of a CachedContent that a request may set.
var cacheFields = []string{
	"name", "model", "contents", "systemInstruction", "tools", "toolConfig", "ttl", "expireTime",
	"displayName", "kmsKeyName", "encryptionSpec",
}

func (c createCache) read(x *exchange, body []byte) *flaw {
	a := &x.ask
	c.ask(x, "createCachedContent", "")
	a.mute, a.unlimited = true, true
	fields, f := protoFields(body, cacheFields)
	f = first(f, scanProto(fields, []target{{"model", &a.model}}))
	a.model = shortModel(a.model)
	a.about(fields["contents"])
	a.extra = besides(fields)
	x.fields = fields
	switch {
	case f != nil:
		return f
	case a.model == "":
		return unspecified("CreateCachedContentRequest", "model")
	}
	return nil
}

func (c createCache) vet(x *exchange) *apiError {
	least := x.s.cfg.MinCacheTokens
	if least <= 0 {
		least = smallestCache
	}
	if n := x.ask.prompt(); n < least {
		return c.badArgument(fmt.Sprintf(
			"Cached content is too small. total_token_count=%d, min_total_token_count=%d", n, least))
	}
	if _, f := expiry(x.fields, x.began); f != nil {
		return c.invalid(x, f)
	}
	return nil
}

func (c createCache) work(x *exchange) answer {
	var display string
	_ = json.Unmarshal(x.fields["displayName"], &display) // it is only a label
	expires, _ := expiry(x.fields, x.began)
	made := x.s.addCache(c.google, cacheRecord{
		Cache:   Cache{Model: x.ask.model, Tokens: x.ask.prompt(), Created: x.began, Expires: expires},
		display: display,
	})
	x.ask.cache = made.Name
	x.bill("cache-")
	return answer{body: append(indented(encode(c.resource(made))), '\n')}
}

// expiry returns when a cache that is set up now will expire.
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
		return now.Add(max(d-earlier, 0)), nil
	case present(until):
		var at time.Time
		if json.Unmarshal(until, &at) != nil || at.Before(now) {
			return now, badValue("expire_time")
		}
		return at, nil
	}
	return now.Add(defaultTTL - earlier), nil
}

// protoDuration reads a duration as proto JSON writes it: "300s", "1.5s".
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

// cacheBody is the resource, its keys in the order of the wire. What it holds is
// never shown again.
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

func (g google) resource(c cacheRecord) cacheBody {
	b := cacheBody{
		Name: c.Name, Model: c.resource, Usage: cacheUsage{c.Tokens},
		Created: c.Created.UTC().Format(microseconds),
		Updated: c.updated.UTC().Format(microseconds),
		Expires: c.Expires.UTC().Format(time.RFC3339Nano),
	}
	if !g.vertex || c.display != "" {
		b.Display = &c.display
	}
	return b
}

// listCaches is GET .../cachedContents.
type listCaches struct{ google }

func (c listCaches) read(x *exchange, _ []byte) *flaw {
	c.ask(x, "listCachedContents", "")
	x.ask.unlimited = true
	return nil
}

type cacheList struct {
	Caches []cacheBody `json:"cachedContents,omitempty"`
	Next   string      `json:"nextPageToken,omitempty"`
}

// work lists what is alive, the newest first. A page token is the number of
// those that came before.
func (c listCaches) work(x *exchange) answer {
	query := x.r.URL.Query()
	size, _ := strconv.Atoi(query.Get("pageSize"))
	from, _ := strconv.Atoi(query.Get("pageToken"))
	if size <= 0 {
		size = 100
	}
	all := x.s.living(c.google, time.Now())
	all = all[min(max(from, 0), len(all)):]
	var list cacheList
	if len(all) > size {
		all, list.Next = all[:size], strconv.Itoa(from+size)
	}
	for _, one := range all {
		list.Caches = append(list.Caches, c.resource(one))
	}
	return answer{body: append(indented(encode(list)), '\n')}
}

// living returns the caches that g can see, the newest first.
func (s *Server) living(g google, now time.Time) (all []cacheRecord) {
	prefix := g.parent() + "cachedContents/"
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range slices.Backward(s.caches) {
		if strings.HasPrefix(c.Name, prefix) && c.Alive(now) {
			all = append(all, *c)
		}
	}
	return all
}

// oneCache is GET, PATCH and DELETE of one of them.
type oneCache struct {
	google
	operation, name string
}

func (c oneCache) read(x *exchange, body []byte) (f *flaw) {
	c.ask(x, c.operation, "")
	x.ask.unlimited = true
	if c.operation == "updateCachedContent" {
		x.fields, f = protoFields(body, cacheFields)
		if f == nil && !present(x.fields["ttl"]) && !present(x.fields["expireTime"]) {
			f = &flaw{message: "Only the expiration of a CachedContent can be updated."}
		}
	}
	return f
}

func (c oneCache) vet(x *exchange) *apiError {
	if known, _ := x.s.lookUp(c.name); !known.Alive(x.began) {
		return c.gone(c.operation)
	}
	if c.operation == "updateCachedContent" {
		if _, f := expiry(x.fields, x.began); f != nil {
			return c.invalid(x, f)
		}
	}
	return nil
}

// gone is what a dead cache answers to anything but its use.
func (c oneCache) gone(operation string) *apiError {
	_, id := cutLast(c.name)
	switch {
	case !c.vertex:
		return c.cacheDenied()
	case operation == "updateCachedContent":
		return c.failure(http.StatusNotFound, "Cached content "+id+" is not found.")
	}
	return c.failure(http.StatusNotFound, "Not found: cached content metadata for "+id+".")
}

func (g google) cacheDenied() *apiError {
	return g.failure(http.StatusForbidden, "CachedContent not found (or permission denied)")
}

func (c oneCache) work(x *exchange) answer {
	changed := x.s.change(c.name, func(one *cacheRecord) {
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

// change changes a cache that is known to be there.
func (s *Server) change(name string, how func(*cacheRecord)) cacheRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.findCache(name)
	how(c)
	return *c
}

// useCache looks at the cache that a request names, and notes its tokens: it has
// to be alive, to be the model's, and to be all the context there is.
func (g google) useCache(x *exchange) *apiError {
	a := &x.ask
	if a.cache == "" {
		return nil
	}
	name := a.cache
	if g.vertex {
		at := googleAt(name)
		at.vertex = true // a short name is not one of Gemini's here
		name = at.cacheName(shortModel(name))
	}
	known, ok := x.s.lookUp(name)
	a.cache = name
	switch {
	case !ok || !known.Alive(x.began):
		return g.deadCache(name, known, ok)
	case a.context:
		return g.badArgument("CachedContent can not be used with GenerateContent request setting system_instruction, " +
			"tools or tool_config.\n\nProposed fix: move those values to CachedContent from GenerateContent request.")
	case known.Model != a.model:
		return g.badArgument(fmt.Sprintf("Model used by GenerateContent request (%s) and CachedContent (%s) has to be the same.",
			g.modelName(a.model), known.resource))
	}
	a.cached = known.Tokens
	return nil
}

// deadCache is what the use of a cache gets that is not alive. Gemini does not say
// whether it ever was.
func (g google) deadCache(name string, known cacheRecord, ok bool) *apiError {
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
