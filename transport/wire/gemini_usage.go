package wire

import (
	"bytes"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// geminiCounts are the counts of Gemini's usageMetadata as it has them.
type geminiCounts struct {
	prompt, cached, candidates, thoughts, tools, total int64 // cached is part of prompt; thoughts are apart from candidates
	in, tool, fromCache, out                           modalities
}

// geminiKinds are the names of the prompt's modalities: generateContent's and, with another letter, those of embeddings.
var geminiKinds = [...]transport.Path{atUsageMetadataPromptTokensDetails, atUsageMetadataPromptTokenDetails}

// readGeminiUsage turns Gemini's counts into counts that do not overlap. The prompt includes what came from a cache; the
// candidates include neither thoughts nor what tools put into the prompt. Gemini leaves out counts that are zero, so what an
// event does not have stays as an earlier one said it.
func readGeminiUsage(c *Call, doc *transport.Fields, a *Answer) {
	r := countReader{doc: doc}
	var n geminiCounts
	var hasPrompt, hasCandidates, hasTotal bool
	n.prompt, hasPrompt = r.get(atUsageMetadataPromptTokenCount)
	n.total, hasTotal = r.get(atUsageMetadataTotalTokenCount)
	n.candidates, hasCandidates = r.get(atUsageMetadataCandidatesTokenCount)
	if !hasPrompt && !hasTotal && !hasCandidates && r.problem == "" {
		return
	}
	n.cached, _ = r.get(atUsageMetadataCachedContentTokenCount)
	n.thoughts, _ = r.get(atUsageMetadataThoughtsTokenCount)
	n.tools, _ = r.get(atUsageMetadataToolUsePromptTokenCount)
	for _, path := range geminiKinds {
		n.in.add(&r, path)
	}
	n.tool.add(&r, atUsageMetadataToolUsePromptTokensDetails)
	n.fromCache.add(&r, atUsageMetadataCacheTokensDetails)
	n.out.add(&r, atUsageMetadataCandidatesTokensDetails)
	n.follow(c, a)
	if a.Extras == uncountedOutput {
		a.Extras = "" // of an earlier event
	}
	if !hasTotal && !hasCandidates && n.candidates+n.thoughts == 0 && !c.NoOutput {
		a.Extras = uncountedOutput
	}
	a.Usage = n.usage(c, &r)
	a.HasUsage, a.Problem = true, r.problem
	if c.NoOutput && c.media && !n.in.stated {
		a.Extras = "it does not say which of its tokens are of audio, images or video, which have prices of their own"
	}
}

// uncountedOutput is what a usage without a total lacks if it has a count of the prompt only.
const uncountedOutput = "it may also have had output, which the answer does not count"

// follow completes the counts with those of the event before, and keeps them for the next one.
func (n *geminiCounts) follow(c *Call, a *Answer) {
	if !c.Stream && !a.several {
		return
	}
	if a.gemini == nil {
		a.gemini = new(geminiCounts)
	}
	if a.gemini.prompt+a.gemini.candidates > 0 {
		n.keep(a.gemini)
	}
	*a.gemini = *n
}

// keep takes the counts of an earlier event where n has none. A total only holds for counts that came with it.
func (n *geminiCounts) keep(earlier *geminiCounts) {
	for _, count := range [...]struct {
		to   *int64
		from int64
	}{
		{&n.prompt, earlier.prompt}, {&n.cached, earlier.cached}, {&n.candidates, earlier.candidates},
		{&n.thoughts, earlier.thoughts}, {&n.tools, earlier.tools},
	} {
		if *count.to == 0 && count.from > 0 {
			*count.to = count.from
			if count.to != &n.cached {
				n.total = 0
			}
		}
	}
	for _, kinds := range [...]struct{ to, from *modalities }{
		{&n.in, &earlier.in}, {&n.tool, &earlier.tool}, {&n.fromCache, &earlier.fromCache}, {&n.out, &earlier.out},
	} {
		if !kinds.to.stated {
			*kinds.to = *kinds.from
		}
	}
}

// usage returns the counts without overlap; r gets what is wrong with them. Some answers have more cached tokens than prompt
// tokens: the cached ones count, and nothing is fresh.
func (n *geminiCounts) usage(c *Call, r *countReader) price.Usage {
	prompt := n.prompt
	switch sum := n.prompt + n.candidates + n.thoughts; {
	case n.total == 0, n.total == sum+n.tools:
		prompt += n.tools
	case n.total != sum: // else what the tools put in is in the prompt's count already
		r.wrong("usageMetadata.totalTokenCount is not the sum of its parts")
	}
	audio, cachedAudio := n.in.audio+n.tool.audio, n.fromCache.audio
	fresh := max(0, prompt-n.cached)
	u := price.Usage{
		CachedInput: max(0, n.cached-cachedAudio), AudioInput: max(0, audio-cachedAudio), CachedAudioInput: cachedAudio,
		Output:      max(0, n.candidates-n.out.audio-n.out.image) + n.thoughts,
		AudioOutput: n.out.audio, ImageOutput: n.out.image, Reasoning: n.thoughts,
	}
	if c.NoOutput { // embeddings have prices for images and video
		u.ImageInput, u.VideoInput = n.in.image, n.in.video
	}
	apart := u.AudioInput + u.ImageInput + u.VideoInput
	switch {
	case cachedAudio > audio || cachedAudio > n.cached || apart > fresh:
		r.wrong("usageMetadata has more audio tokens than tokens")
	case n.out.audio+n.out.image > n.candidates:
		r.wrong("usageMetadata has more audio and image tokens than candidates' tokens")
	case audio > 0 && n.cached > 0 && !n.fromCache.stated:
		r.wrong("usageMetadata does not say how much of the audio was cached")
	}
	u.Input = max(0, fresh-apart)
	return u
}

// modalities are the tokens of the kinds that may have a price of their own. In a prompt of generateContent, text, images,
// video and documents have the same.
type modalities struct {
	audio, image, video int64
	stated              bool // there was a list
}

var modalityPaths = transport.MustPaths("modality", "tokenCount")

// add reads a list such as [{"modality": "TEXT", "tokenCount": 5}, {"modality": "AUDIO", "tokenCount": 9}], if there is one. A
// client can ask for modalities as numbers.
func (m *modalities) add(r *countReader, path transport.Path) {
	raw, there := r.doc.Look(path)
	if raw == nil {
		if there {
			r.wrong(path.String() + " is too long")
		}
		return
	}
	*m = modalities{stated: true} // of two names for the same, the second counts
	if bytes.IndexByte(raw, '{') == bytes.LastIndexByte(raw, '{') && bytes.Contains(raw, []byte(`"TEXT"`)) && !bytes.Contains(raw, []byte(`"AUDIO"`)) {
		return // nearly all lists are one element of text
	}
	for object, err := range transport.Objects(raw, modalityPaths) {
		element := countReader{doc: object}
		n, _ := element.get(atTokenCount) // zero is left out
		if err != nil || element.problem != "" {
			r.wrong(path.String() + " makes no sense")
		}
		switch modality, _ := object.Get(atModality); string(modality) {
		case `"AUDIO"`, "4":
			m.audio += n
		case `"IMAGE"`, "2":
			m.image += n
		case `"VIDEO"`, "3":
			m.video += n
		}
	}
}
