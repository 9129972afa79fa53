package wire

import (
	"bytes"

	"github.com/skinflint-go/skinflint/transport"
)

// knownCounts are counts of tokens in a usage object that are not read here and need not be: they are part of a count that
// is read, or charged for in another way.
var knownCounts = map[string]bool{
	"text_tokens": true, "image_tokens": true, "video_tokens": true, // OpenAI and others: parts of the prompt, or of the output
	"accepted_prediction_tokens": true, "rejected_prediction_tokens": true, // parts of the output
	"prompt_cache_miss_tokens": true, // DeepSeek: the rest of the prompt
	"citation_tokens":          true, // Perplexity, which reports the cost of all
}

// withUnknownCounts has the paths also find an unknown count of tokens within the member "usage". A provider that begins
// to count something is likely to charge for it:
//
//	"usage": {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"dream_tokens": 40}}
func withUnknownCounts(paths *transport.Paths) *transport.Paths {
	return paths.WithUnknown("usage", func(name []byte) bool {
		return bytes.Contains(name, []byte("token")) && !bytes.Contains(name, []byte("cost")) && !knownCounts[string(name)]
	})
}

// noteUnknownCount notes an unknown count of the usage: the cost of the known ones is then not all.
func noteUnknownCount(doc *transport.Fields, a *Answer) {
	if name := doc.Unknown(); name != "" {
		a.Extras = "it also counts " + printable(name) + ", whose price is not known"
	}
}
