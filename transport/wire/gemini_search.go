package wire

import (
	"encoding/json"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

var (
	geminiFunctions = []string{"functionDeclarations", "function_declarations"}
	geminiSearches  = []string{"googleSearch", "google_search"}
)

var groundedMarks = append(geminiMarks[:len(geminiMarks):len(geminiMarks)], []byte(`"groundingMetadata"`))

// groundedLimit is how much is kept of an answer that may tell of searches, to count them: beside the text.
const groundedLimit = 1 << 20

// searches counts the searches that grounded an answer. From Gemini 3 on each query is charged for that is not empty and
// was not made before; for older models each prompt that was grounded, however many searches that took. Source: Google's
// page on prices, 2026; the free ones of each month are the account's, and not known here.
func searches(c *Call, doc *transport.Fields, a *Answer) {
	if c.Tools != CountedTools {
		return
	}
	raw, there := doc.Look("candidates")
	var candidates []struct {
		GroundingMetadata struct {
			WebSearchQueries []string
			GroundingChunks  []struct{ Web json.RawMessage }
		}
	}
	if !there {
		return
	}
	if raw == nil || json.Unmarshal(raw, &candidates) != nil {
		a.Extras = "it may also have used searches, which are charged for, and the answer is too long to count them"
		return
	}
	for _, candidate := range candidates {
		for _, query := range candidate.GroundingMetadata.WebSearchQueries {
			if query = strings.TrimSpace(query); query == "" {
				continue
			}
			if a.queries == nil {
				a.queries = make(map[string]bool)
			}
			a.queries[query] = true
		}
		for _, chunk := range candidate.GroundingMetadata.GroundingChunks {
			if byPrompt(c, a) && len(chunk.Web) > 0 {
				a.Usage.WebSearches = 1
			}
		}
	}
	switch n := int64(len(a.queries)); {
	case !byPrompt(c, a):
		a.Usage.WebSearches = n
	case n > 0:
		a.Usage.WebSearches = 1
	}
}

// byPrompt reports whether the model's searches are charged for by the prompt.
func byPrompt(c *Call, a *Answer) bool {
	model := a.Model
	if model == "" {
		model = c.Model
	}
	return strings.HasPrefix(model, "gemini-1") || strings.HasPrefix(model, "gemini-2")
}
