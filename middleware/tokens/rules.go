package tokens

import (
	"strings"

	"github.com/skinflint-go/skinflint/policy"
)

// rules are what a provider counts in addition to the text of a request, in tokens.
type rules struct {
	request int64 // once
	message int64 // for each message
	tools   int64 // once, if the request has tools
	defined int64 // how much of the JSON of tools and schemas counts, in percent

	image         int64 // one
	audioSeconds  int64 // ten seconds
	videoSeconds  int64 // ten seconds
	documentPages int64 // one page
}

// The rules are typical values, and learning corrects them for a model. What a provider documents has its source; the rest
// was measured on recorded traffic, or is an assumption.
var (
	// Gemini: 258 tokens for a tile of an image, 32 for a second of audio, about 300 for a second of video, 258 for a page of a
	// document (ai.google.dev/gemini-api/docs/tokens and /document-processing). Four tiles for an image is an assumption. It
	// counts the text of messages and nothing for each, and tools without the signs of their JSON (measured).
	googleRules = rules{
		defined: 40,
		image:   4 * 258, audioSeconds: 320, videoSeconds: 3000, documentPages: 258,
	}
	// Anthropic: width times height / 750, for an image of at most 1568 pixels a side, so about 1,600 at most; 1,500 to 3,000 for
	// the text of a page, and its image; about 350 for a system prompt about tools (docs.claude.com/en/docs/build-with-claude/vision,
	// /pdf-support, and agents-and-tools/tool-use/overview). Messages and JSON are measured.
	anthropicRules = rules{
		request: 3, message: 4, tools: 350, defined: 140,
		image: 1500, audioSeconds: 320, videoSeconds: 3000, documentPages: 2250,
	}
	// OpenAI: 3 for each message and 1 for its role, 3 for the beginning of the answer (its cookbook); 85 for an image and 170
	// for each tile of 512 pixels, 765 for a square of 1024 pixels (platform.openai.com/docs/guides/images-vision); the text and
	// the image of a page. A tenth of a second of audio is a token. Tools are measured.
	openaiRules = rules{
		request: 3, message: 4, tools: 20, defined: 100,
		image: 765, audioSeconds: 100, videoSeconds: 3000, documentPages: 1200,
	}
)

// rulesFor returns the rules of the provider that serves a call, or of the vendor of the model where that is another's.
func rulesFor(s *policy.Subject) *rules {
	switch {
	case strings.Contains(s.Model, "claude") || s.Provider == "anthropic":
		return &anthropicRules
	case strings.Contains(s.Model, "gemini") || s.Provider == "gemini" || s.Provider == "vertex":
		return &googleRules
	}
	return &openaiRules
}

// media returns what media cost.
func (r *rules) media(m *media) int64 {
	seconds := func(kind medium, rate int64) int64 { return m[kind].bytes/rate + m[kind].count }
	n := m[image].count * r.image
	n += (seconds(audio, audioRate) + seconds(wave, waveRate)) * r.audioSeconds / 10
	n += seconds(video, videoRate) * r.videoSeconds / 10
	n += (m[document].bytes/pageSize + m[document].count) * r.documentPages
	return n
}
