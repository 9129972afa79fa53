package wire

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// gemini has an API of its own, and a face that is compatible with OpenAI's.
var gemini = &provider{
	name:     "gemini",
	hosts:    []string{"generativelanguage.googleapis.com"},
	dialects: []Dialect{geminiFace, geminiNative},
	free:     []string{"auth_tokens", "corpora", "fileSearchStores", "tunedModels"},
}

// A geminiDialect is the dialect of generateContent and its relatives, on the Gemini API.
//
// Sources: ai.google.dev, pages on the API, on flex and priority inference, on context caching and on billing, 2026;
// googleapis/go-genai; recorded traffic of 2026.
type geminiDialect struct{}

var geminiNative Dialect = geminiDialect{}

var (
	geminiPaths = transport.MustPaths("model", "stream", "service_tier", "serviceTier", "cachedContent", "cached_content",
		"generationConfig.maxOutputTokens", "generationConfig.max_output_tokens", "generationConfig.candidateCount",
		"generationConfig.candidate_count", "generation_config.maxOutputTokens", "generation_config.max_output_tokens",
		"generation_config.candidateCount", "generation_config.candidate_count", "background", "tools", "previous_interaction_id")

	geminiAnswers = transport.MustPaths("responseId", "modelVersion", "error", "error.code", "error.status", "error.message",
		"usageMetadata.promptTokenCount", "usageMetadata.cachedContentTokenCount", "usageMetadata.candidatesTokenCount",
		"usageMetadata.thoughtsTokenCount", "usageMetadata.toolUsePromptTokenCount", "usageMetadata.totalTokenCount",
		"usageMetadata.promptTokensDetails", "usageMetadata.cacheTokensDetails", "usageMetadata.candidatesTokensDetails",
		"usageMetadata.toolUsePromptTokensDetails",
		"usageMetadata.serviceTier", "usageMetadata.trafficType", "candidates")
	geminiMarks = [][]byte{[]byte(`"usageMetadata"`), []byte(`"error"`)}
	geminiLast  = []byte(`"finishReason"`)

	cacheAnswers = transport.MustPaths("name", "model", "createTime", "expireTime", "usageMetadata.totalTokenCount", "usageMetadata.audioDurationSeconds")
)

// generateCall is what a call is before its body is known, by the verb of its path; false if it is none.
func generateCall(provider, model, verb string) (Call, bool) {
	c := Call{
		Provider: provider, Operation: Generate, Model: printable(model), MaxOutput: -1,
		RequestPaths: geminiPaths, AnswerPaths: geminiAnswers, Marks: geminiMarks, Last: geminiLast, Running: true,
	}
	switch verb {
	case "generateContent":
		c.Caches = true
	case "streamGenerateContent":
		c.Caches, c.Stream = true, true
	case "embedContent", "batchEmbedContents", "asyncBatchEmbedContent":
		c.Operation, c.MaxOutput = Embeddings, 0
	case "countTokens":
		c.Operation, c.Kind = CountTokens, Free
	default:
		return Call{}, false
	}
	return c, true
}

// modelVerb takes "models/NAME:VERB", or "tunedModels/NAME:VERB", off the end of a path.
func modelVerb(path string) (model, verb string, ok bool) {
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 {
		return "", "", false
	}
	model, verb, ok = strings.Cut(path[slash+1:], ":")
	return model, verb, ok && (strings.HasSuffix(path[:slash], "/models") || strings.HasSuffix(path[:slash], "/tunedModels"))
}

// Recognise takes POSTs to models/NAME:generateContent and its relatives, to interactions and to cachedContents, of which
// it also sees how they are prolonged and deleted.
func (geminiDialect) Recognise(method string, u *url.URL) (Call, bool) {
	version, resource, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	current := strings.HasPrefix(version, "v1")
	if method == http.MethodGet && current && strings.HasPrefix(resource, "interactions/") && strings.Count(resource, "/") == 1 {
		c := interactionCall()
		c.Kind, c.Tiers = Poll, nil
		return c, true
	}
	if name, ok := strings.CutPrefix(resource, "cachedContents/"); ok && current {
		return changeCall("gemini", method, resource, name)
	}
	if method != http.MethodPost {
		return Call{}, false
	}
	if model, verb, ok := modelVerb(u.Path); ok {
		c, ok := generateCall("gemini", model, verb)
		if c.Operation == Generate {
			c.Tiers, c.Strict = geminiTiers, geminiStrict
		}
		return c, ok
	}
	switch {
	case current && resource == "interactions":
		return interactionCall(), true
	case current && resource == "cachedContents":
		return cacheCall("gemini", "whether creating a context cache is charged for is not documented"), true
	}
	return Call{}, false
}

// changeCall is a call that changes a context cache, by its name.
func changeCall(provider, method, name, id string) (Call, bool) {
	c := Call{Provider: provider, Cache: printable(name), Kind: Free, AnswerPaths: cacheAnswers}
	switch {
	case id == "" || strings.ContainsAny(id, "/:"):
		return Call{}, false
	case method == http.MethodPatch:
		c.Operation = UpdateCache
	case method == http.MethodDelete:
		c.Operation = DeleteCache
	default:
		return Call{}, false
	}
	return c, true
}

// interactionCall is what an interaction is before its body is known.
func interactionCall() Call {
	return Call{
		Provider: "gemini", Operation: Interactions, MaxOutput: -1, Tiers: geminiTiers, Strict: geminiStrict,
		RequestPaths: geminiPaths, AnswerPaths: interactionAnswers, Marks: interactionMarks, Events: interactionEvents,
	}
}

// cacheCall is the creation of a context cache.
func cacheCall(provider, unpriced string) Call {
	return Call{Provider: provider, Operation: CreateCache, MaxOutput: 0, Kind: Observed, AnswerPaths: cacheAnswers, Unpriced: unpriced}
}

var (
	geminiTiers = []policy.Tier{policy.Flex, policy.Standard, policy.Priority}
	// "The system won't automatically upgrade a flex request": the page on flex inference.
	geminiStrict = []policy.Tier{policy.Flex}
)

// Request reads tier, context cache and output limit, however their names are spelt, as protocol buffers allow.
func (geminiDialect) Request(c *Call, h http.Header, body *transport.Fields) {
	generateRequest(c, body)
	c.timed = transport.HeaderValue(h, timeoutHeader) != ""
	c.Tier = geminiTier(body.Text(transport.PathOf(tierMember(body))))
}

func generateRequest(c *Call, body *transport.Fields) {
	if c.Operation == Interactions {
		c.Model = modelOf(body, c.Model)
		stream, _ := body.Get(atStream)
		c.Stream = string(stream) == "true"
		c.background(body)
		c.Refers = present(body, atPreviousInteractionId)
		c.readTools(body, "type", ownTools, nil)
	} else {
		c.readTools(body, "", geminiFunctions, geminiSearches)
		if c.Tools == CountedTools {
			c.AnswerLimit, c.Marks = groundedLimit, groundedMarks
		}
	}
	for _, config := range [...]string{"generationConfig.", "generation_config."} {
		for _, name := range [...]string{"maxOutputTokens", "max_output_tokens"} {
			if raw, ok := body.Get(transport.PathOf(config + name)); ok {
				if n, ok := count(raw); ok {
					c.MaxOutput = max(c.MaxOutput, n)
				}
			}
		}
		for _, name := range [...]string{"candidateCount", "candidate_count"} {
			if raw, ok := body.Get(transport.PathOf(config + name)); ok {
				var ok bool
				if c.Choices, ok = count(raw); !ok {
					c.Choices = -1
				}
			}
		}
	}
	if c.Cache = body.Text(atCachedContentCamel); c.Cache == "" {
		c.Cache = body.Text(atCachedContent)
	}
	c.Cache = printable(c.Cache)
}

// tierMember returns the spelling of service_tier that the body uses.
func tierMember(body *transport.Fields) string {
	if body.Has(atServiceTierCamel) && !body.Has(atServiceTier) {
		return "serviceTier"
	}
	return "service_tier"
}

// geminiTier turns Gemini's name of a tier into a policy's; early clients wrote SERVICE_TIER_FLEX.
func geminiTier(name string) policy.Tier {
	switch name {
	case "":
		return ""
	case "flex":
		return policy.Flex
	case "standard":
		return policy.Standard
	case "priority":
		return policy.Priority
	}
	name = strings.TrimPrefix(strings.ToLower(printable(name)), "service_tier_")
	if name == "unspecified" {
		return ""
	}
	return policy.Tier(name)
}

// Edit sets or removes the tier, and names a context cache.
func (geminiDialect) Edit(c *Call, body *transport.Fields, w Want, e *Edits) {
	if c.Tiers != nil && w.Tier != c.Tier {
		e.Body = append(e.Body, tierEdit(tierMember(body), string(w.Tier)))
	}
	if w.Cache != "" && c.Cache == "" {
		editCache(c, body, w.Cache, e)
	}
	editTimeout(c, w, e)
}

// timeoutHeader tells Google how many seconds its servers may take. Without it they give the flex tier up after 10
// minutes, and its target ends at 15 (the page on flex inference, 2026). Google's newer SDK sends it for any deadline.
const timeoutHeader = "X-Server-Timeout"

// flexSeconds is what flex is given where nothing ends the attempt.
const flexSeconds = 15 * 60

// editTimeout says how long the attempt has, if the request does not.
func editTimeout(c *Call, w Want, e *Edits) {
	switch {
	case c.timed:
	case w.Left > 0:
		seconds := int64((w.Left + time.Second - 1) / time.Second)
		e.Header = append(e.Header, HeaderEdit{timeoutHeader, strconv.FormatInt(seconds, 10)})
	case w.Tier == policy.Flex:
		e.Header = append(e.Header, HeaderEdit{timeoutHeader, strconv.Itoa(flexSeconds)})
	}
}

// editCache names a context cache. One that the body spells out as null, or as "", is none.
func editCache(c *Call, body *transport.Fields, name string, e *Edits) {
	name, ok := c.cacheName(name, e)
	if !ok {
		return
	}
	member := "cachedContent"
	if body.Has(atCachedContent) && !body.Has(atCachedContentCamel) {
		member = "cached_content"
	}
	e.Body = append(e.Body, transport.Edit{Path: member, Value: quoted(name)})
}

// cacheName returns the name of a context cache as the call has to write it: in full on Vertex AI. If it is no name, e
// has the problem.
func (c *Call) cacheName(name string, e *Edits) (string, bool) {
	id, short := strings.CutPrefix(name, "cachedContents/")
	short = short && id != ""
	switch {
	case c.parent == "" && short, c.parent != "" && strings.HasPrefix(name, "projects/"):
		return name, true
	case c.parent != "" && short:
		return c.parent + name, true
	}
	want := "cachedContents/ID"
	if c.parent != "" {
		want = c.parent + want
	}
	e.Problem = "the context cache is called " + strconv.Quote(printable(name)) + ", which should be " + want
	return "", false
}

// Headers reads the tier that serves.
func (geminiDialect) Headers(_ *Call, h http.Header, a *Answer) {
	if tier := h.Get("X-Gemini-Service-Tier"); tier != "" {
		a.Tier = geminiTier(tier)
	}
}

// Answer reads an answer, or a piece of a stream, each of which tells the usage up to then.
func (geminiDialect) Answer(c *Call, doc *transport.Fields, a *Answer) {
	switch c.Operation {
	case Interactions:
		interactionAnswer(c, doc, a)
	case CreateCache, UpdateCache, DeleteCache:
		cacheAnswer(c, doc, a)
	case Embeddings:
		geminiUsage(doc, a)
	case Generate:
		generateAnswer(c, doc, a)
		if tier := geminiTier(doc.Text(atUsageMetadataServiceTier)); tier != "" {
			a.Tier = tier
		}
	}
}

func generateAnswer(c *Call, doc *transport.Fields, a *Answer) {
	keep(&a.ResponseID, doc, atResponseId, "")
	keep(&a.Model, doc, atModelVersion, c.Model)
	searches(c, doc, a)
	if code, failed := googleErrorCode(doc); failed {
		a.Failed, a.ErrorCode = true, code
	}
	used := a.Usage.WebSearches
	geminiUsage(doc, a)
	a.Usage.WebSearches = used
}

func googleErrorCode(doc *transport.Fields) (string, bool) {
	code, failed := errorCode(doc)
	if status := identifier(doc.Text(atErrorStatus)); status != "" {
		return status, true
	}
	return code, failed
}

// cacheAnswer reads what a new context cache holds, or an old one for how long it will.
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
		a.Extras = "it does not say how many of its tokens are of audio, which cost otherwise"
	}
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Refusal reads Google's error object.
func (geminiDialect) Refusal(c *Call, r *Response) Refusal {
	f, own := googleRefusal(r)
	if own && !c.Foreign && (r.Status == http.StatusBadRequest || r.Status == http.StatusInternalServerError) {
		// "400 or 500 error, you won't be charged for the tokens used": the page on billing, 2026-09-20.
		f.Outcome, f.Evidence = policy.Rejected, policy.Documented
	}
	return f
}
