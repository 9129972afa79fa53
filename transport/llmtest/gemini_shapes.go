package llmtest

// The shapes of Google's answers, their keys in the order of the wire. A field
// that is zero is left out, as proto JSON has it.
type (
	generateBody struct {
		Candidates []any     `json:"candidates"`
		Usage      usageMeta `json:"usageMetadata"`
		Model      string    `json:"modelVersion"`
		Created    string    `json:"createTime,omitempty"` // Vertex alone
		ID         string    `json:"responseId"`
	}
	geminiCandidate struct {
		Content geminiContent `json:"content"`
		Finish  any           `json:"finishReason,omitempty"`
		Index   int           `json:"index"`
	}
	geminiContent struct {
		Parts []part `json:"parts"`
		Role  string `json:"role"`
	}
	vertexCandidate struct {
		Content vertexContent `json:"content"`
		Finish  any           `json:"finishReason,omitempty"`
	}
	vertexContent struct {
		Role  string `json:"role"`
		Parts []part `json:"parts"`
	}
	part struct {
		Text string `json:"text"`
	}
	usageMeta struct {
		Prompt           int64      `json:"promptTokenCount,omitempty"`
		Candidates       int64      `json:"candidatesTokenCount,omitempty"`
		Total            int64      `json:"totalTokenCount,omitempty"`
		Cached           int64      `json:"cachedContentTokenCount,omitempty"`
		Traffic          string     `json:"trafficType,omitempty"` // Vertex alone
		PromptDetails    []modality `json:"promptTokensDetails,omitempty"`
		CacheDetails     []modality `json:"cacheTokensDetails,omitempty"`
		CandidateDetails []modality `json:"candidatesTokensDetails,omitempty"` // Vertex alone
		Thoughts         int64      `json:"thoughtsTokenCount,omitempty"`
		Tier             string     `json:"serviceTier,omitempty"` // Gemini alone
	}
	modality struct {
		Modality any   `json:"modality"`
		Tokens   int64 `json:"tokenCount"`
	}
	countBody struct {
		Total      int64      `json:"totalTokens"`
		Characters int64      `json:"totalBillableCharacters,omitempty"` // Vertex alone
		Details    []modality `json:"promptTokensDetails"`
	}
)

// modalities says that n tokens are text, and nothing if there are none.
func modalities(n int64, ints bool) []modality {
	switch {
	case n == 0:
		return nil
	case ints:
		return []modality{{1, n}}
	}
	return []modality{{"TEXT", n}}
}

func (c generate) candidate(text string, finish any) any {
	if c.vertex {
		return vertexCandidate{Content: vertexContent{"model", []part{{text}}}, Finish: finish}
	}
	return geminiCandidate{Content: geminiContent{[]part{{text}}, "model"}, Finish: finish}
}

// trafficTypes are Vertex' names for the tiers.
var trafficTypes = map[string]string{
	"standard": "ON_DEMAND", "flex": "ON_DEMAND_FLEX", "priority": "ON_DEMAND_PRIORITY",
}

// usage is a snapshot of the count, with so many tokens of the candidate. The
// thoughts come before them. Vertex counts at the end only, and says until then
// nothing but what kind of traffic it is.
func (c generate) usage(g Generation, candidates int64, last bool) usageMeta {
	if c.vertex && !last {
		return usageMeta{Traffic: trafficTypes[g.Tier]}
	}
	u := usageMeta{
		Prompt: g.Prompt, Candidates: candidates, Total: g.Prompt + candidates + g.Reasoning, Cached: g.Cached,
		PromptDetails: modalities(g.Prompt, c.ints), CacheDetails: modalities(g.Cached, c.ints),
		Thoughts: g.Reasoning,
	}
	if !c.vertex {
		// The numbers of these names are nowhere documented.
		if !c.ints {
			u.Tier = g.Tier
		}
		return u
	}
	u.Traffic, u.CandidateDetails = trafficTypes[g.Tier], modalities(candidates, c.ints)
	if g.Cache != "" {
		u.CacheDetails = nil
	}
	return u
}
