package wire

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// gemini has an API of its own, and one that is compatible with OpenAI's.
var gemini = &provider{
	name:     "gemini",
	aliases:  []string{"google", "googleai", "googlegemini", "geminiapi", "googleaistudio", "aistudio"},
	hosts:    []string{"generativelanguage.googleapis.com"},
	dialects: []Dialect{geminiCompatible, geminiNative},
	free:     []string{"auth_tokens", "corpora", "fileSearchStores", "tunedModels"},
}

// A geminiDialect is the dialect of the Gemini API: generateContent, interactions and context caches.
//
// Sources: ai.google.dev, pages on the API, on flex and priority inference, on context caching and on billing, 2026;
// googleapis/go-genai; recorded traffic of 2026.
type geminiDialect struct {
	strict bool // of context caches it takes only paths that the API itself may have, behind any other
}

var (
	geminiNative      Dialect = geminiDialect{}
	unknownHostGemini Dialect = geminiDialect{strict: true}
)

var (
	geminiModelShapes = newModelShapes("gemini", "", geminiTiers, geminiStrict)
	geminiCacheShapes = newCacheShapes("gemini", "")
)

// Recognise takes POSTs to models/NAME:generateContent and its relatives, to interactions and to cachedContents, and the
// requests that ask for an interaction, or change or delete a context cache. Models and context caches may be behind any path.
func (d geminiDialect) Recognise(method string, u *url.URL) (Call, bool) {
	if before, id, ok := cachePath(u.Path); ok {
		if version := lastSegment(before); d.strict && !strings.HasPrefix(version, "v1") {
			return Call{}, false
		}
		return cacheCall(geminiCacheShapes, method, before, id)
	}
	version, resource, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	current := strings.HasPrefix(version, "v1")
	if method == http.MethodGet && current && strings.HasPrefix(resource, "interactions/") && strings.Count(resource, "/") == 1 {
		c := newCall(interactionPollShape)
		c.Kind = Poll
		return c, true
	}
	if method != http.MethodPost {
		return Call{}, false
	}
	if model, verb, ok := modelVerb(u.Path); ok {
		c, ok := modelCall(geminiModelShapes, model, verb)
		if strings.Contains(u.Path, "/publishers/google/models/") { // Vertex AI, behind a host that was said to be Gemini's
			c.parent = parentOf(u.Path)
		}
		return c, ok
	}
	if current && resource == "interactions" {
		return newCall(&interactionShape), true
	}
	return Call{}, false
}

// Request reads tier, context cache, tools and output limit.
func (geminiDialect) Request(c *Call, h http.Header, body *transport.Fields) {
	if c.Shape != nil && c.Operation == Interactions {
		interactionRequest(c, body)
	} else {
		generateRequest(c, body)
	}
	readTimeout(c, h)
	c.Tier = geminiTier(body.Text(tierMember(body)))
	if body.Has(atServiceTier) && body.Has(atServiceTierCamel) {
		c.Tier = unknownTier // which of the two counts is not known
	}
}

// Edit sets or removes the tier, names a context cache, and says how long the server may take.
func (geminiDialect) Edit(c *Call, body *transport.Fields, w Want, e *Edits) {
	if c.Shape != nil && c.Tiers != nil && w.Tier != c.Tier {
		e.Body = append(e.Body, tierEdit(tierMember(body).String(), string(w.Tier)))
	}
	if w.Cache != "" && c.Cache == "" {
		editCache(c, body, w.Cache, e)
	}
	takeOut(c, body, w, e)
	editTimeout(c, w, e)
}

// Headers reads the tier that serves.
func (geminiDialect) Headers(_ *Call, h http.Header, a *Answer) { geminiHeaders(h, a) }

// Answer reads an answer, or an event of a stream, each of which reports the usage so far.
func (geminiDialect) Answer(c *Call, doc *transport.Fields, a *Answer) {
	if c.Shape == nil {
		return
	}
	switch c.Operation {
	case Interactions:
		interactionAnswer(c, doc, a)
	case CreateCache, UpdateCache, DeleteCache:
		cacheAnswer(c, doc, a)
	case Embeddings:
		readGeminiUsage(c, doc, a)
	case Generate:
		generateAnswer(c, doc, a)
		if tier := geminiTier(doc.Text(atUsageMetadataServiceTier)); tier != "" {
			a.Tier = tier
		}
	}
}

// Rejection reads Google's error object.
func (geminiDialect) Rejection(c *Call, r *Response) Rejection { return geminiRejection(c, r) }

// Problem has the shape of Google's errors.
func (geminiDialect) Problem(_ *Call, p Problem) []byte { return googleProblem(p) }
