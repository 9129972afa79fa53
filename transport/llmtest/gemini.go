package llmtest

import (
	"encoding/json"
	"net/http"
)

// generate is the methods generateContent and streamGenerateContent of Gemini and Vertex.
type generate struct {
	google
	model         string
	streamed, sse bool
	ints          bool // enums are sent as numbers
}

// generateFields are the fields of a GenerateContentRequest.
var generateFields = []string{
	"model", "contents", "systemInstruction", "tools", "toolConfig", "safetySettings",
	"generationConfig", "cachedContent", "serviceTier", "store", "labels", "modelArmorConfig",
}

// tierHeader is the header that asks Vertex for a tier.
const tierHeader = "X-Vertex-Ai-Llm-Shared-Request-Type"

func (c generate) read(x *exchange, body []byte) *flaw {
	p := &x.params
	c.readPath(x, "generateContent", c.model)
	p.stream, p.includeUsage = c.streamed, c.streamed
	fields, f := protoFields(body, generateFields)
	if c.vertex {
		p.tier = x.r.Header.Get(tierHeader)
		if present(fields["serviceTier"]) {
			f = first(f, unknownName("service_tier"))
		}
	} else {
		f = first(f, scanProto(fields, []target{{"serviceTier", &p.tier}}))
	}
	if p.servedTier = googleTier(p.tier); p.servedTier != "" && c.regional() {
		p.servedTier = "standard"
	}
	return first(f, p.readContents(fields))
}

// readContents reads the contents and the limits of a GenerateContentRequest.
func (p *params) readContents(fields map[string]json.RawMessage) *flaw {
	var contents json.RawMessage
	var config map[string]json.RawMessage
	f := scanProto(fields, []target{
		{"contents", &contents}, {"cachedContent", &p.cache}, {"generationConfig", &config},
	})
	p.setContent(contents)
	p.extraTokens = extraTokens(fields)
	p.ownContext = present(fields["systemInstruction"]) || present(fields["tools"]) || present(fields["toolConfig"])
	f = first(f, p.readConfig(config))
	switch {
	case f != nil:
		return f
	case !present(contents):
		return unspecified("GenerateContentRequest", "contents")
	case contents[0] != '[' && contents[0] != '{':
		return badValue("contents")
	}
	return nil
}

// readConfig reads a generationConfig. Its limit includes the thoughts.
func (p *params) readConfig(raw map[string]json.RawMessage) *flaw {
	if raw == nil {
		return nil
	}
	config, _ := protoFields(encode(raw), nil)
	var most *int64
	var thinking map[string]json.RawMessage
	f := scanProto(config, []target{{"maxOutputTokens", &most}, {"thinkingConfig", &thinking}})
	if thinking != nil {
		thinking, _ = protoFields(encode(thinking), nil)
		var budget *int64
		f = first(f, scanProto(thinking, []target{{"thinkingBudget", &budget}}))
		p.noThinking = budget != nil && *budget == 0
	}
	if most != nil && *most < 1 {
		return first(f, badValue("generation_config.max_output_tokens"))
	}
	return first(f, p.boundOutput("maxOutputTokens", most))
}

func (c generate) vet(x *exchange) *apiError {
	if e := c.useFiles(x); e != nil {
		return e
	}
	return c.useCache(x)
}

// setHeader adds the tier that served the request, which Gemini sends with a 200 or 429.
func (c generate) setHeader(x *exchange, h http.Header, status int) {
	c.google.setHeader(x, h, status)
	if !c.vertex && x.params.servedTier != "" && (status == http.StatusOK || status == http.StatusTooManyRequests) {
		h.Set("X-Gemini-Service-Tier", x.params.servedTier)
	}
	if status == http.StatusOK && c.sse {
		h.Set("Content-Disposition", "attachment")
	}
}
