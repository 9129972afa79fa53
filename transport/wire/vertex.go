package wire

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// vertex has Google's models, at the Gemini API's prices. A request names its tier in a header, the answer in trafficType,
// and context caches have full resource names. Only answers of status 200 are charged, by its pricing page.
// Other publishers' models there are operations that are not known. Sources: docs.cloud.google.com, pages on flex and
// priority, context caching and pricing, 2026; recorded traffic.
var vertex = &provider{
	name:    "vertex",
	aliases: []string{"vertexai", "googlevertex", "googlevertexai", "googlecloud"},
	hosts: []string{"aiplatform.googleapis.com", "-aiplatform.googleapis.com", "aiplatform.us.rep.googleapis.com",
		"aiplatform.eu.rep.googleapis.com"},
	dialects: []Dialect{vertexNative, vertexCompatible},
}

type vertexDialect struct {
	strict bool // of context caches it takes only paths that name a project or the publisher: any other may be the Gemini API's
}

var (
	vertexNative      Dialect = vertexDialect{}
	unknownHostVertex Dialect = vertexDialect{strict: true}
)

// Tiers are for the global location. Elsewhere the header is ignored without an error.
var (
	vertexGlobalShapes   = newModelShapes("vertex", "gemini", geminiTiers, geminiStrict)
	vertexRegionalShapes = newModelShapes("vertex", "gemini", nil, nil)
	// Creation costs what standard input costs (page on context caching).
	vertexCacheShapes = newCacheShapes("vertex", "gemini")
)

// tierHeader names the tier of a request.
const tierHeader = "X-Vertex-Ai-Llm-Shared-Request-Type"

// Recognise takes POSTs to .../publishers/google/models/NAME:generateContent and its relatives, and to cachedContents, and
// the requests that change or delete a context cache.
func (d vertexDialect) Recognise(method string, u *url.URL) (c Call, ok bool) {
	if before, id, cache := cachePath(u.Path); cache {
		if d.strict && parentOf(before) == "" && !strings.HasSuffix(before, "/publishers/google") {
			return Call{}, false
		}
		c, ok = cacheCall(vertexCacheShapes, method, before, id)
	} else {
		c, ok = vertexCall(method, u.Path)
	}
	if ok {
		setLocation(&c, u.Path)
		c.Regional = c.Regional || regionalHost(u)
	}
	return c, ok
}

// vertexCall returns the call of a model by its path; what follows from its location is not yet in it.
func vertexCall(method, path string) (Call, bool) {
	if method != http.MethodPost {
		return Call{}, false
	}
	model, verb, ok := modelVerb(path)
	if !ok || !strings.Contains(path, "/publishers/google/models/") {
		return Call{}, false
	}
	shapes := vertexRegionalShapes
	if _, location := locationOf(path); location == "global" {
		shapes = vertexGlobalShapes
	}
	return modelCall(shapes, model, verb)
}

// locationOf returns the project and the location in a path, such as .../projects/P/locations/global/... In express mode a
// path has neither, and the location is global.
func locationOf(path string) (project, location string) {
	at := strings.LastIndex(path, "/projects/") // what comes before may be a gateway's
	if at < 0 {
		return "", "global"
	}
	project, rest, _ := strings.Cut(path[at+len("/projects/"):], "/locations/")
	location, _, _ = strings.Cut(rest, "/")
	if strings.Contains(project, "/") {
		return "", ""
	}
	return project, location
}

// parentOf returns what the names of context caches begin with at a path, "projects/P/locations/L/"; "" if it names no project
// or no location.
func parentOf(path string) string {
	project, location := locationOf(path)
	if project == "" || location == "" {
		return ""
	}
	return "projects/" + project + "/locations/" + location + "/"
}

// setLocation notes what follows from the location in a path. Newer models cost more at other locations than global since
// July 2026, which the catalog knows.
func setLocation(c *Call, path string) {
	_, location := locationOf(path)
	c.parent, c.Regional = parentOf(path), location != "global"
}

// regionalHost reports whether the host is that of a region, such as us-east5-aiplatform.googleapis.com.
func regionalHost(u *url.URL) bool {
	return strings.Contains(u.Host, "-aiplatform.") || strings.Contains(u.Host, ".rep.googleapis.com")
}

// Request reads what the Gemini API's does, and the tier's header.
func (vertexDialect) Request(c *Call, h http.Header, body *transport.Fields) {
	generateRequest(c, body)
	readTimeout(c, h)
	readTierHeader(c, h)
}

// readTierHeader reads the tier that the request names.
func readTierHeader(c *Call, h http.Header) {
	if v := transport.HeaderValue(h, tierHeader); v != "" {
		c.Tier = geminiTier(v)
	}
}

// Edit sets or removes the tier's header, names a context cache in full, and says how long the server may take.
func (vertexDialect) Edit(c *Call, body *transport.Fields, w Want, e *Edits) {
	if c.Shape != nil && c.Tiers != nil && w.Tier != c.Tier {
		name := string(w.Tier)
		if w.Tier == policy.Standard {
			name = ""
		}
		e.Header = append(e.Header, HeaderEdit{tierHeader, name})
	}
	if w.Cache != "" && c.Cache == "" {
		editCache(c, body, w.Cache, e)
	}
	takeOut(c, body, w, e)
	editTimeout(c, w, e)
}

// Headers finds nothing: Vertex AI reports in the body.
func (vertexDialect) Headers(*Call, http.Header, *Answer) {}

// Answer reads what the Gemini API's does, and the type of traffic.
func (vertexDialect) Answer(c *Call, doc *transport.Fields, a *Answer) {
	if c.Shape == nil {
		return
	}
	switch c.Operation {
	case CreateCache, UpdateCache, DeleteCache:
		cacheAnswer(c, doc, a)
		a.Tier = policy.Standard
	case Embeddings:
		readGeminiUsage(c, doc, a)
	case Generate:
		generateAnswer(c, doc, a)
		if tier := trafficTier(doc.Text(atUsageMetadataTrafficType)); tier != "" {
			a.Tier = tier
		}
	}
}

// Rejection reads Google's error object.
func (vertexDialect) Rejection(c *Call, r *Response) Rejection { return vertexRejection(c, r) }

// Problem has the shape of Google's errors.
func (vertexDialect) Problem(_ *Call, p Problem) []byte { return googleProblem(p) }

// vertexCompatible is Vertex AI's API that is compatible with OpenAI's: .../endpoints/openapi/chat/completions, where
// Google's models are called google/NAME. The tier is named by a header, as everywhere on Vertex AI.
var vertexCompatible Dialect = func() Dialect {
	d := newGoogleCompatible("vertex", vertexRejection)
	d.prices, d.headerTier = "gemini", true
	return vertexCompatibleDialect{d}
}()

type vertexCompatibleDialect struct{ *Compatible }

// Recognise takes chat completions and embeddings.
func (d vertexCompatibleDialect) Recognise(method string, u *url.URL) (Call, bool) {
	c, ok := d.Compatible.Recognise(method, u)
	if ok {
		setLocation(&c, u.Path)
	}
	return c, ok
}

// Request cuts the publisher from the model's name.
func (d vertexCompatibleDialect) Request(c *Call, h http.Header, body *transport.Fields) {
	d.Compatible.Request(c, h, body)
	c.Model = strings.TrimPrefix(c.Model, "google/")
	readTierHeader(c, h)
}

// Answer does the same for the name of the model that served.
func (d vertexCompatibleDialect) Answer(c *Call, doc *transport.Fields, a *Answer) {
	d.Compatible.Answer(c, doc, a)
	a.Model = strings.TrimPrefix(a.Model, "google/")
}
