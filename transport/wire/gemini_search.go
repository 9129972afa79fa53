package wire

import (
	"encoding/json"
	"hash/maphash"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

var (
	geminiFunctions = []string{"functionDeclarations", "function_declarations"}
	geminiSearches  = []string{"googleSearch", "google_search"}
)

// groundedMarks are the marks of events of a call that may use searches.
var groundedMarks = [][]byte{[]byte(`"usageMetadata"`), []byte(`"error"`), generateLast, []byte(`"groundingMetadata"`)}

// groundedLimit is how much is kept, in bytes, of an answer's candidates in which searches are counted: they hold the text
// too.
const groundedLimit = 1 << 20

// readSearches counts the searches that grounded an answer. From Gemini 3 on, Google charges for each different query that
// is not empty; for older models, for each prompt that was grounded, however many searches that took. Source: Google's page
// on prices, 2026. How many of a month's free searches an account has left is not known here.
//
//	"candidates": [{"groundingMetadata": {"webSearchQueries": ["a", "b"], "groundingChunks": [{"web": {"uri": ...}}]}}]
func readSearches(c *Call, doc *transport.Fields, a *Answer) {
	if c.Tools != CountedTools {
		return
	}
	raw, there := doc.Look(atCandidates)
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
			if query = strings.TrimSpace(query); query != "" {
				addQuery(a, query)
			}
		}
		for _, chunk := range candidate.GroundingMetadata.GroundingChunks {
			a.grounded = a.grounded || len(chunk.Web) > 0
		}
	}
	switch {
	case !pricedByPrompt(c, a):
		a.Usage.WebSearches = int64(len(a.queries))
	case a.grounded || len(a.queries) > 0:
		a.Usage.WebSearches = 1
	}
}

// maxQueries is how many different queries of an answer are counted: far more than any answer has.
const maxQueries = 4096

var querySeed = maphash.MakeSeed()

// addQuery notes a query by its hash: its text could be the prompt's.
func addQuery(a *Answer, query string) {
	if len(a.queries) >= maxQueries {
		a.Extras = "it also used more searches, which are charged for, than are counted"
		return
	}
	if a.queries == nil {
		a.queries = make(map[uint64]bool)
	}
	a.queries[maphash.String(querySeed, query)] = true
}

// pricedByPrompt reports whether the model's searches are charged for by the prompt.
func pricedByPrompt(c *Call, a *Answer) bool {
	model := a.Model
	if model == "" {
		model = c.Model
	}
	return strings.HasPrefix(model, "gemini-1") || strings.HasPrefix(model, "gemini-2")
}
