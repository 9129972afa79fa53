package wire

import (
	"bytes"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// geminiCounts are the counts of Gemini's usageMetadata as it has them.
type geminiCounts struct {
	prompt, cached, candidates, thoughts int64 // cached is part of prompt; thoughts are apart from candidates
	in, tool, fromCache, out             modalities
}

// readGeminiUsage turns Gemini's counts into counts that do not overlap. The prompt includes what came from a cache; the
// candidates include neither thoughts nor what tools put into the prompt. Gemini leaves out counts that are zero.
func readGeminiUsage(doc *transport.Fields, a *Answer) {
	r := countReader{doc: doc}
	var n geminiCounts
	var hasPrompt, hasCandidates bool
	n.prompt, hasPrompt = r.get(atUsageMetadataPromptTokenCount)
	total, hasTotal := r.get(atUsageMetadataTotalTokenCount)
	n.candidates, hasCandidates = r.get(atUsageMetadataCandidatesTokenCount)
	if !hasPrompt && !hasTotal && !hasCandidates && r.problem == "" {
		return
	}
	n.cached, _ = r.get(atUsageMetadataCachedContentTokenCount)
	n.thoughts, _ = r.get(atUsageMetadataThoughtsTokenCount)
	tools, _ := r.get(atUsageMetadataToolUsePromptTokenCount)
	switch sum := n.prompt + n.candidates + n.thoughts; {
	case !hasTotal, total == sum+tools:
		n.prompt += tools
	case total != sum: // else what the tools put in is in the prompt's count already
		r.wrong("usageMetadata.totalTokenCount is not the sum of its parts")
	}
	if n.cached > n.prompt {
		r.wrong("usageMetadata.cachedContentTokenCount is more than the prompt")
	}
	n.in = readModalities(&r, atUsageMetadataPromptTokensDetails)
	n.tool = readModalities(&r, atUsageMetadataToolUsePromptTokensDetails)
	n.fromCache = readModalities(&r, atUsageMetadataCacheTokensDetails)
	n.out = readModalities(&r, atUsageMetadataCandidatesTokensDetails)
	a.Usage = n.usage(&r)
	a.HasUsage, a.Problem = true, r.problem
}

// usage returns the counts without overlap; r gets what is wrong with them.
func (n *geminiCounts) usage(r *countReader) price.Usage {
	audio, cachedAudio := n.in.audio+n.tool.audio, n.fromCache.audio
	switch {
	case cachedAudio > audio || cachedAudio > n.cached || audio-cachedAudio > n.prompt-n.cached:
		r.wrong("usageMetadata has more audio tokens than tokens")
	case n.out.audio+n.out.image > n.candidates:
		r.wrong("usageMetadata has more audio and image tokens than candidates' tokens")
	case audio > 0 && n.cached > 0 && !n.fromCache.stated:
		r.wrong("usageMetadata does not say how much of the audio was cached")
	}
	return price.Usage{
		Input:       max(0, n.prompt-n.cached-(audio-cachedAudio)),
		CachedInput: max(0, n.cached-cachedAudio), AudioInput: max(0, audio-cachedAudio), CachedAudioInput: cachedAudio,
		Output:      max(0, n.candidates-n.out.audio-n.out.image) + n.thoughts,
		AudioOutput: n.out.audio, ImageOutput: n.out.image, Reasoning: n.thoughts,
	}
}

// modalities are the tokens of the kinds that have a price of their own. In a prompt, text, images, video and documents
// have the same.
type modalities struct {
	audio, image int64
	stated       bool // there was a list
}

var modalityPaths = transport.MustPaths("modality", "tokenCount")

// readModalities reads a list such as [{"modality": "TEXT", "tokenCount": 5}, {"modality": "AUDIO", "tokenCount": 9}]. A
// client can ask for modalities as numbers.
func readModalities(r *countReader, path transport.Path) (m modalities) {
	raw, there := r.doc.Look(path)
	if m.stated = raw != nil; !m.stated {
		if there {
			r.wrong(path.String() + " is too long")
		}
		return m
	}
	if bytes.IndexByte(raw, '{') == bytes.LastIndexByte(raw, '{') && bytes.Contains(raw, []byte(`"TEXT"`)) && !bytes.Contains(raw, []byte(`"AUDIO"`)) {
		return m // nearly all lists are one element of text
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
		}
	}
	return m
}
