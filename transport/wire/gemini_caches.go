package wire

import (
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/transport"
)

// The context caches of the Gemini API and of Vertex AI.

var cacheAnswers = transport.MustPaths("name", "model", "createTime", "expireTime", "usageMetadata.totalTokenCount", "usageMetadata.audioDurationSeconds")

// A Holding is until when a request has a context cache held: see [ReadHolding].
type Holding struct {
	// TTL is for how long, from when the provider gets the request. Until is until when. Of two that are not zero the later one
	// counts. Both are zero if the request states neither.
	TTL   time.Duration
	Until time.Time
	// Problem says why it is not known; "" if it is.
	Problem string
}

// DefaultTTL is for how long a new context cache is held if its request does not say it. Sources: the pages on context caching
// of ai.google.dev and docs.cloud.google.com, 2026.
const DefaultTTL = time.Hour

// cacheRequests are the members of a request that creates a context cache, or changes one. Google's APIs take both spellings.
var cacheRequests = transport.MustPaths("model", "ttl", "expireTime", "expire_time")

// cacheHarmless are the members of a request that creates a context cache.
var cacheHarmless = MustOutline(`
	name model displayName display_name contents` + geminiContent + ` systemInstruction` + geminiContent + ` system_instruction` + geminiContent + `
	tools* toolConfig* tool_config* ttl expireTime expire_time kmsKeyName kms_key_name encryptionSpec* encryption_spec*
`)

// HoldingPaths are the members to look for in the body of a request that creates a context cache, or changes one.
func HoldingPaths() *transport.Paths { return cacheRequests }

// ReadHolding reads until when a context cache is to be held, from the body of a request that creates it or changes it, and for
// which model it is, which it notes in the call. body has the members at [HoldingPaths].
func ReadHolding(c *Call, body *transport.Fields) *Holding {
	if c.Model == "" {
		c.Model = printable(lastSegment(body.Text(atModel)))
	}
	h := new(Holding)
	if text, ok := statedAt(body, atTTL); text != "" {
		h.TTL, ok = protoDuration(text)
		if !ok {
			h.Problem = "its ttl is not a number of seconds such as \"3600s\""
		}
	} else if !ok {
		h.Problem = "its ttl is no string"
	}
	for _, path := range [...]transport.Path{atExpireTime, atExpireTimeSnake} {
		text, ok := statedAt(body, path)
		if text == "" && ok {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			h.Problem = "its expireTime is not a time such as \"2026-12-01T12:00:00Z\""
		}
		if at.After(h.Until) {
			h.Until = at
		}
	}
	return h
}

// statedAt returns a string of the body; "" if there is none, or null. It reports false for any other value.
func statedAt(body *transport.Fields, p transport.Path) (string, bool) {
	raw, there := body.Look(p)
	if !there || string(raw) == "null" {
		return "", true
	}
	text := body.Text(p)
	return text, text != ""
}

// protoDuration parses a duration in the JSON of protocol buffers, such as "300s" or "1.5s". One that is not positive is none.
func protoDuration(s string) (time.Duration, bool) {
	number, ok := strings.CutSuffix(s, "s")
	if !ok || number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d > 0
}

// cacheShapes are the shapes of the calls that create or change a context cache.
type cacheShapes struct{ create, update, remove Shape }

// newCacheShapes returns the shapes of a provider's calls. Creating a cache costs its tokens at the price of input. Vertex AI's
// page on context caching (2026) says so; the Gemini API's pages do not say it, and it is taken to cost as much there.
func newCacheShapes(provider, prices string) *cacheShapes {
	cache := Shape{Provider: provider, Prices: prices, Added: addedBy[provider], AnswerPaths: cacheAnswers, NoOutput: true}
	s := &cacheShapes{create: cache, update: cache, remove: cache}
	s.create.Operation, s.create.Harmless = CreateCache, cacheHarmless
	s.update.Operation = UpdateCache
	s.remove.Operation = DeleteCache
	return s
}

// cachePath cuts "cachedContents" or "cachedContents/ID" from the end of a path. Like a model, it may be behind any path.
func cachePath(path string) (before, id string, ok bool) {
	const caches = "/cachedContents"
	if before, ok = strings.CutSuffix(path, caches); ok {
		return before, "", true
	}
	at := strings.LastIndexByte(path, '/')
	before, ok = strings.CutSuffix(path[:max(at, 0)], caches)
	return before, path[at+1:], ok
}

// cacheCall returns the creation of a context cache or, if there is an id, the call that changes that one; false for any other
// request. before is the path before cachedContents.
func cacheCall(shapes *cacheShapes, method, before, id string) (c Call, ok bool) {
	switch {
	case strings.Contains(id, ":"):
		return Call{}, false
	case method == http.MethodPost && id == "":
		c = newCall(&shapes.create)
		c.Kind = Observed
		return c, true
	case method == http.MethodPatch && id != "":
		c = newCall(&shapes.update)
	case method == http.MethodDelete && id != "":
		c = newCall(&shapes.remove)
	default:
		return Call{}, false
	}
	c.Cache, c.Kind = printable(parentOf(before)+"cachedContents/"+id), Free
	return c, true
}

// editCache names a context cache. If the body has null or "" as the name, it replaces that.
func editCache(c *Call, body *transport.Fields, name string, e *Edits) {
	name, ok := cacheName(c, name, e)
	if !ok {
		return
	}
	member := "cachedContent"
	if body.Has(atCachedContent) && !body.Has(atCachedContentCamel) {
		member = "cached_content"
	}
	e.Body = append(e.Body, transport.Edit{Path: member, Value: quoted(name)})
}

// cacheAnswer reads what a new context cache holds, or how long an old one will be held.
func cacheAnswer(c *Call, doc *transport.Fields, a *Answer) {
	if c.Operation == DeleteCache {
		a.Stored = Stored{Name: c.Cache, Deleted: true}
		return
	}
	r := countReader{doc: doc}
	tokens, ok := r.get(atUsageMetadataTotalTokenCount)
	a.Stored = Stored{Name: printable(doc.Text(atName)), Model: lastSegment(printable(doc.Text(atModel))), Tokens: tokens}
	a.Stored.Created, _ = time.Parse(time.RFC3339, doc.Text(atCreateTime))
	a.Stored.Expires, _ = time.Parse(time.RFC3339, doc.Text(atExpireTime))
	if c.Operation == UpdateCache {
		return
	}
	a.ResponseID, a.Model = a.Stored.Name, a.Stored.Model
	if ok || r.problem != "" {
		a.Usage.Input, a.HasUsage, a.Problem = tokens, true, r.problem
	}
	if seconds, _ := r.get(atUsageMetadataAudioDurationSeconds); seconds > 0 {
		a.Extras = "it does not say how many of its tokens are of audio, which have another price"
	}
}
