package wire

import (
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/transport"
)

// The context caches of the Gemini API and of Vertex AI.

var cacheAnswers = transport.MustPaths("name", "model", "createTime", "expireTime", "usageMetadata.totalTokenCount", "usageMetadata.audioDurationSeconds")

// cacheShapes are the shapes of the calls that create or change a context cache.
type cacheShapes struct{ create, update, remove Shape }

// newCacheShapes returns the shapes of a provider's calls. Creating a cache costs its tokens at the price of input. Vertex AI's
// page on context caching (2026) says so; the Gemini API's pages do not say it, and it is taken to cost as much there.
func newCacheShapes(provider, prices string) *cacheShapes {
	cache := Shape{Provider: provider, Prices: prices, AnswerPaths: cacheAnswers, NoOutput: true}
	s := &cacheShapes{create: cache, update: cache, remove: cache}
	s.create.Operation = CreateCache
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
