package wire

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// vertex is Google's models on Vertex AI, which have the Gemini API's prices: a request names its tier in a header, the
// answer in trafficType, and context caches have full resource names. "Charged only for requests that return a 200
// response code": its pricing page. Other publishers' models there are calls that nobody understands. Sources:
// docs.cloud.google.com, pages on flex and priority, context caching and pricing, 2026; recorded traffic.
var vertex = &provider{
	name: "vertex",
	hosts: []string{"aiplatform.googleapis.com", "-aiplatform.googleapis.com", "aiplatform.us.rep.googleapis.com",
		"aiplatform.eu.rep.googleapis.com"},
	dialects: []Dialect{vertexNative, vertexFace},
}

type vertexDialect struct{}

var vertexNative Dialect = vertexDialect{}

// tierHeader names the tier of a request.
const tierHeader = "X-Vertex-Ai-Llm-Shared-Request-Type"

// Recognise takes POSTs to .../publishers/google/models/NAME:generateContent and its relatives, and to cachedContents, of
// which it also sees how they are prolonged and deleted.
func (vertexDialect) Recognise(method string, u *url.URL) (Call, bool) {
	if at := strings.Index(u.Path, "/projects/"); at >= 0 {
		if _, id, ok := strings.Cut(u.Path[at:], "/cachedContents/"); ok {
			c, ok := changeCall("vertex", method, u.Path[at+1:], id)
			c.place(u.Path)
			return c, ok
		}
	}
	if method != http.MethodPost {
		return Call{}, false
	}
	if strings.HasSuffix(u.Path, "/cachedContents") && strings.Contains(u.Path, "/projects/") {
		// Creation is "billed at the standard input token price": the page on context caching.
		c := cacheCall("vertex", "")
		c.place(u.Path)
		return c, true
	}
	model, verb, ok := modelVerb(u.Path)
	if !ok || !strings.Contains(u.Path, "/publishers/google/models/") {
		return Call{}, false
	}
	c, ok := generateCall("vertex", model, verb)
	if ok {
		c.place(u.Path)
	}
	return c, ok
}

// place notes what follows from the location in a path. Tiers are for the global location; elsewhere the header is
// ignored in silence. Newer models cost more at other locations since July 2026, which the catalog knows.
func (c *Call) place(path string) {
	c.Prices = "gemini"
	location := "global" // as in express mode, which has none
	if _, after, ok := strings.Cut(path, "/projects/"); ok {
		project, rest, _ := strings.Cut(after, "/locations/")
		location, _, _ = strings.Cut(rest, "/")
		c.parent = "projects/" + project + "/locations/" + location + "/"
	}
	if c.Operation == Generate && location == "global" {
		c.Tiers, c.Strict = geminiTiers, geminiStrict
	}
	c.Regional = location != "global"
}

// Request reads what the Gemini API's does, but for the tier.
func (vertexDialect) Request(c *Call, h http.Header, body *transport.Fields) {
	generateRequest(c, body)
	c.timed = transport.HeaderValue(h, timeoutHeader) != ""
	if v := transport.HeaderValue(h, tierHeader); v != "" {
		c.Tier = geminiTier(v)
	}
}

// Edit sets or removes the tier's header, and names a context cache in full.
func (vertexDialect) Edit(c *Call, body *transport.Fields, w Want, e *Edits) {
	if c.Tiers != nil && w.Tier != c.Tier {
		name := string(w.Tier)
		if w.Tier == policy.Standard {
			name = ""
		}
		e.Header = append(e.Header, HeaderEdit{tierHeader, name})
	}
	if w.Cache != "" && c.Cache == "" {
		editCache(c, body, w.Cache, e)
	}
	editTimeout(c, w, e)
}

// Headers finds nothing: Vertex AI tells in the body.
func (vertexDialect) Headers(*Call, http.Header, *Answer) {}

// Answer reads what the Gemini API's does, and the type of traffic.
func (vertexDialect) Answer(c *Call, doc *transport.Fields, a *Answer) {
	switch c.Operation {
	case CreateCache, UpdateCache, DeleteCache:
		cacheAnswer(c, doc, a)
		a.Tier = policy.Standard
	case Embeddings:
		geminiUsage(doc, a)
	case Generate:
		generateAnswer(c, doc, a)
		if tier := trafficTier(doc.Text(atUsageMetadataTrafficType)); tier != "" {
			a.Tier = tier
		}
	}
}

// trafficTier turns a type of traffic into a tier.
func trafficTier(traffic string) policy.Tier {
	switch traffic {
	case "":
		return ""
	case "ON_DEMAND":
		return policy.Standard
	case "ON_DEMAND_FLEX":
		return policy.Flex
	case "ON_DEMAND_PRIORITY":
		return policy.Priority
	}
	return policy.Tier(strings.ToLower(identifier(traffic)))
}

// Refusal reads Google's error object.
func (vertexDialect) Refusal(c *Call, r *Response) Refusal { return vertexRefusal(c, r) }

func vertexRefusal(c *Call, r *Response) Refusal {
	f, own := googleRefusal(r)
	// A page of something in front of it may hide an answer that it was about to give, but no refusal.
	own = own || r.Status < 500 && r.Status != http.StatusRequestTimeout
	if own && !c.Foreign && r.Status >= 400 {
		f.Outcome, f.Evidence = policy.Rejected, policy.Documented
	}
	return f
}

// vertexFace is Vertex AI's face that is compatible with OpenAI's: .../endpoints/openapi/chat/completions, where Google's
// models are called google/NAME.
var vertexFace Dialect = vertexFaceDialect{googleFace("vertex", func(c *Call, r *Response, _ *apiError, f *Refusal) {
	*f = vertexRefusal(c, r)
})}

type vertexFaceDialect struct{ *Compatible }

// Recognise takes chat completions, whose tier cannot be set in the body.
func (d vertexFaceDialect) Recognise(method string, u *url.URL) (Call, bool) {
	c, ok := d.Compatible.Recognise(method, u)
	if ok {
		c.place(u.Path)
		c.Tiers, c.Strict = nil, nil
	}
	return c, ok
}

// Request takes the publisher off the model's name.
func (d vertexFaceDialect) Request(c *Call, h http.Header, body *transport.Fields) {
	d.Compatible.Request(c, h, body)
	c.Model = strings.TrimPrefix(c.Model, "google/")
	if v := transport.HeaderValue(h, tierHeader); v != "" {
		c.Tier = geminiTier(v)
	}
}

// Answer takes it off the name of the model that served, too.
func (d vertexFaceDialect) Answer(c *Call, doc *transport.Fields, a *Answer) {
	d.Compatible.Answer(c, doc, a)
	a.Model = strings.TrimPrefix(a.Model, "google/")
}
