package llmtest

import "encoding/json"

// The bodies of Google's responses. The order of the fields is Google's. Fields that are zero
// are left out, as in the JSON of all protocol buffers.
type (
	generateBody struct {
		Candidates []any     `json:"candidates"`
		Usage      usageMeta `json:"usageMetadata"`
		Model      string    `json:"modelVersion"`
		Created    string    `json:"createTime,omitempty"` // only Vertex
		ID         string    `json:"responseId"`
	}
	geminiCandidate struct {
		Content geminiContent `json:"content"`
		Finish  any           `json:"finishReason,omitempty"`
		Index   int           `json:"index"`
		Message string        `json:"finishMessage,omitempty"`
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
		Text string        `json:"text,omitempty"`
		Call *functionCall `json:"functionCall,omitempty"`
	}
	functionCall struct {
		ID   string          `json:"id,omitempty"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	}
	usageMeta struct {
		Prompt           int64      `json:"promptTokenCount,omitempty"`
		Candidates       int64      `json:"candidatesTokenCount,omitempty"`
		Total            int64      `json:"totalTokenCount,omitempty"`
		Cached           int64      `json:"cachedContentTokenCount,omitempty"`
		Traffic          string     `json:"trafficType,omitempty"` // only Vertex
		PromptDetails    []modality `json:"promptTokensDetails,omitempty"`
		CacheDetails     []modality `json:"cacheTokensDetails,omitempty"`
		CandidateDetails []modality `json:"candidatesTokensDetails,omitempty"` // only Vertex
		Thoughts         int64      `json:"thoughtsTokenCount,omitempty"`
		Tier             string     `json:"serviceTier,omitempty"` // only Gemini
	}
	modality struct {
		Modality any   `json:"modality"`
		Tokens   int64 `json:"tokenCount"`
	}
	countBody struct {
		Total      int64      `json:"totalTokens"`
		Characters int64      `json:"totalBillableCharacters,omitempty"` // only Vertex
		Details    []modality `json:"promptTokensDetails"`
	}
)

// modalities returns the details of n tokens, which are all text; nil if n is 0.
func modalities(n int64, ints bool) []modality {
	switch {
	case n == 0:
		return nil
	case ints:
		return []modality{{1, n}}
	}
	return []modality{{"TEXT", n}}
}
