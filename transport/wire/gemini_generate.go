package wire

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// What the Gemini API and Vertex AI have in common: calls of a model, generateContent above all.

var (
	generateRequests = transport.MustPaths("model", "stream", "service_tier", "serviceTier", "cachedContent", "cached_content",
		"generationConfig.maxOutputTokens", "generationConfig.max_output_tokens", "generationConfig.candidateCount",
		"generationConfig.candidate_count", "generation_config.maxOutputTokens", "generation_config.max_output_tokens",
		"generation_config.candidateCount", "generation_config.candidate_count", "background", "tools")

	embedRequests = transport.MustPaths("content", "requests")

	generateAnswers = transport.MustPaths("responseId", "modelVersion", "error", "error.code", "error.status", "error.message",
		"usageMetadata.promptTokenCount", "usageMetadata.cachedContentTokenCount", "usageMetadata.candidatesTokenCount",
		"usageMetadata.thoughtsTokenCount", "usageMetadata.toolUsePromptTokenCount", "usageMetadata.totalTokenCount",
		"usageMetadata.promptTokensDetails", "usageMetadata.cacheTokensDetails", "usageMetadata.candidatesTokensDetails",
		"usageMetadata.toolUsePromptTokensDetails", "usageMetadata.promptTokenDetails",
		"usageMetadata.serviceTier", "usageMetadata.trafficType", "candidates")

	generateMarks = [][]byte{[]byte(`"usageMetadata"`), []byte(`"error"`), generateLast}
	generateLast  = []byte(`"finishReason"`)
)

// modelShapes are the shapes of the calls of a model.
type modelShapes struct{ generate, embeddings, countTokens Shape }

// newModelShapes returns the shapes of a provider's calls. tiers are those that generateContent accepts; prices is the
// provider whose prices hold, if they are another's.
func newModelShapes(provider, prices string, tiers, strict []policy.Tier) *modelShapes {
	model := Shape{
		Provider: provider, Prices: prices, Added: addedBy[provider], Metering: meteringOf[provider], RequestPaths: generateRequests, AnswerPaths: generateAnswers,
		Marks: generateMarks, Last: generateLast, Running: true,
	}
	s := &modelShapes{generate: model, embeddings: model, countTokens: model}
	s.generate.Operation, s.generate.Tiers, s.generate.Strict, s.generate.Caches = Generate, tiers, strict, true
	s.generate.Harmless, s.embeddings.Harmless = generateHarmless, geminiEmbeddingsHarmless
	s.generate.OwnTools, s.generate.Prefix = ownGoogleTools, generatePrefix
	s.embeddings.Operation, s.embeddings.NoOutput, s.embeddings.RequestPaths = Embeddings, true, embedRequests
	s.countTokens.Operation = CountTokens

	// Searches are counted in the candidates, which are long and in every event. Only calls that may search pay for that.
	grounded := s.generate
	grounded.AnswerLimit, grounded.Marks = groundedLimit, groundedMarks
	s.generate.grounded = &grounded
	return s
}

// modelCall returns a call of a model by the verb at the end of its path; false if the verb is not known.
func modelCall(shapes *modelShapes, model, verb string) (c Call, ok bool) {
	switch verb {
	case "generateContent":
		c = newCall(&shapes.generate)
	case "streamGenerateContent":
		c = newCall(&shapes.generate)
		c.Stream = true
	case "embedContent", "batchEmbedContents":
		c = newCall(&shapes.embeddings)
	case "countTokens":
		c = newCall(&shapes.countTokens)
		c.Kind = Free
	default:
		return Call{}, false
	}
	c.Model = printable(model)
	return c, true
}

// modelVerb cuts "models/NAME:VERB", or "tunedModels/NAME:VERB", from the end of a path.
func modelVerb(path string) (model, verb string, ok bool) {
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 {
		return "", "", false
	}
	model, verb, ok = strings.Cut(path[slash+1:], ":")
	return model, verb, ok && (strings.HasSuffix(path[:slash], "/models") || strings.HasSuffix(path[:slash], "/tunedModels"))
}

// The output limit and the number of answers, in every spelling that protocol buffers allow.
var (
	generateOutputs = []transport.Path{
		transport.PathOf("generationConfig.maxOutputTokens"), transport.PathOf("generationConfig.max_output_tokens"),
		transport.PathOf("generation_config.maxOutputTokens"), transport.PathOf("generation_config.max_output_tokens"),
	}
	generateChoices = []transport.Path{
		transport.PathOf("generationConfig.candidateCount"), transport.PathOf("generationConfig.candidate_count"),
		transport.PathOf("generation_config.candidateCount"), transport.PathOf("generation_config.candidate_count"),
	}
)

// generateRequest reads tools, output limit, number of answers, and context cache.
func generateRequest(c *Call, body *transport.Fields) {
	if c.Shape != nil && c.Operation == Embeddings {
		embedRequest(c, body)
		return
	}
	readTools(c, body, "", geminiFunctions, geminiSearches)
	if c.Tools == CountedTools && c.Shape != nil && c.grounded != nil {
		c.Shape = c.grounded
	}
	generateConfig(c, body)
}

// embedRequest notes whether anything but text is embedded.
func embedRequest(c *Call, body *transport.Fields) {
	for _, path := range [...]transport.Path{atContent, atRequests} {
		raw, there := body.Look(path)
		c.media = c.media || there && raw == nil || slices.ContainsFunc(mediaNames, func(name []byte) bool { return bytes.Contains(raw, name) })
	}
}

// mediaNames are ends of the names of members that hold what is no text.
var mediaNames = [][]byte{[]byte(`nlineData"`), []byte(`nline_data"`), []byte(`ileData"`), []byte(`ile_data"`)}

// generateConfig reads what interactions have too.
func generateConfig(c *Call, body *transport.Fields) {
	c.MaxOutput = countAt(body, generateOutputs...)
	c.Choices = choicesAt(body, generateChoices...)
	if c.Cache = body.Text(atCachedContentCamel); c.Cache == "" {
		c.Cache = body.Text(atCachedContent)
	}
	c.Cache = printable(c.Cache)
}

// timeoutHeader says how many seconds Google's servers may take. Without it they give up a flex request after 10 minutes,
// while the target for flex is 15 (the page on flex inference, 2026). Google's newer SDK sends it for any deadline.
const timeoutHeader = "X-Server-Timeout"

// flexSeconds is how long flex may take if nothing ends the attempt.
const flexSeconds = 15 * 60

// readTimeout notes whether the request says how long the server may take.
func readTimeout(c *Call, h http.Header) { c.timed = transport.HeaderValue(h, timeoutHeader) != "" }

// editTimeout says how long the server may take, if the request does not.
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

// generateAnswer reads an answer, or an event of a stream, each of which reports the usage so far:
//
//	{"candidates":[{"content":{"parts":[{"text":"Hello"}]},"finishReason":"STOP"}],"modelVersion":"gemini-3-pro","responseId":"r",
//		"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":4,"candidatesTokenCount":1,"thoughtsTokenCount":5,"totalTokenCount":15}}
func generateAnswer(c *Call, doc *transport.Fields, a *Answer) {
	keep(&a.ResponseID, doc, atResponseID)
	keepName(&a.Model, doc, atModelVersion)
	readSearches(c, doc, a)
	if code, failed := googleErrorCode(doc); failed {
		a.Failed, a.ErrorCode = true, code
	}
	used := a.Usage.WebSearches
	readGeminiUsage(c, doc, a)
	a.Usage.WebSearches = used
}
