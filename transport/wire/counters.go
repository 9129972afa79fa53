package wire

import (
	"bytes"

	"github.com/skinflint-go/skinflint/transport"
)

// knownCounters are the counts of tokens in a usage object that are a part of others which are read here, or that are
// charged for otherwise.
var knownCounters = map[string]bool{
	"text_tokens": true, "image_tokens": true, "video_tokens": true, // OpenAI and others: parts of the prompt, or of the output
	"accepted_prediction_tokens": true, "rejected_prediction_tokens": true, // parts of the output
	"prompt_cache_miss_tokens": true, // DeepSeek: the rest of the prompt
	"citation_tokens":          true, // Perplexity, which says what all of it costs
}

// watchCounters has the paths find a count of tokens in a usage object that nobody here knows. A provider that begins to
// count something is likely to charge for it.
func watchCounters(paths *transport.Paths) *transport.Paths {
	return paths.WithUnknown("usage", func(name []byte) bool {
		return bytes.Contains(name, []byte("token")) && !bytes.Contains(name, []byte("cost")) && !knownCounters[string(name)]
	})
}

// strange says that the cost of the known tokens is not all, if the usage counts others.
func (a *Answer) strange(doc *transport.Fields) {
	if name := doc.Unknown(); name != "" {
		a.Extras = "it also counts " + printable(name) + ", whose price nobody here knows"
	}
}
