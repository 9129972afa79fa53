package wire

import (
	"bytes"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// geminiUsage turns Gemini's counting into disjoint counts: the prompt includes what came from a cache; thoughts are
// apart from the candidates, and so is what tools put into the prompt. What is zero is left out.
func geminiUsage(doc *transport.Fields, a *Answer) {
	r := countReader{doc: doc}
	prompt, hasPrompt := r.get(atUsageMetadataPromptTokenCount)
	total, hasTotal := r.get(atUsageMetadataTotalTokenCount)
	candidates, hasCandidates := r.get(atUsageMetadataCandidatesTokenCount)
	if !hasPrompt && !hasTotal && !hasCandidates && r.problem == "" {
		return
	}
	cached, _ := r.get(atUsageMetadataCachedContentTokenCount)
	thoughts, _ := r.get(atUsageMetadataThoughtsTokenCount)
	tools, _ := r.get(atUsageMetadataToolUsePromptTokenCount)
	if !hasTotal {
		prompt += tools
	} else {
		switch sum := prompt + candidates + thoughts; total {
		case sum + tools:
			prompt += tools
		case sum:
			// What the tools put in is in the prompt's count already.
		default:
			r.wrong("usageMetadata.totalTokenCount is not the sum of its parts")
		}
	}
	if cached > prompt {
		r.wrong("usageMetadata.cachedContentTokenCount is more than the prompt")
	}
	in := r.modalities(atUsageMetadataPromptTokensDetails)
	tool := r.modalities(atUsageMetadataToolUsePromptTokensDetails)
	fromCache := r.modalities(atUsageMetadataCacheTokensDetails)
	out := r.modalities(atUsageMetadataCandidatesTokensDetails)
	audio := in.audio + tool.audio
	switch {
	case fromCache.audio > audio || fromCache.audio > cached || audio-fromCache.audio > prompt-cached:
		r.wrong("usageMetadata has more audio tokens than tokens")
	case out.audio+out.image > candidates:
		r.wrong("usageMetadata has more audio and image tokens than candidates' tokens")
	case audio > 0 && cached > 0 && !fromCache.told:
		r.wrong("usageMetadata does not say how much of the audio was cached")
	}
	a.Usage = price.Usage{
		Input:       max(0, prompt-cached-(audio-fromCache.audio)),
		CachedInput: max(0, cached-fromCache.audio), AudioInput: max(0, audio-fromCache.audio), CachedAudioInput: fromCache.audio,
		Output:      max(0, candidates-out.audio-out.image) + thoughts,
		AudioOutput: out.audio, ImageOutput: out.image, Reasoning: thoughts,
	}
	a.HasUsage, a.Problem = true, r.problem
}

// modalities are the tokens of a kind that have a price of their own; text, images, video and documents in a prompt have
// the same.
type modalities struct {
	audio, image int64
	told         bool
}

var modalityPaths = transport.MustPaths("modality", "tokenCount")

// modalities reads a list such as [{"modality": "TEXT", "tokenCount": 5}]. A client can have modalities as numbers, too.
func (r *countReader) modalities(path transport.Path) (m modalities) {
	raw, there := r.doc.Look(path)
	if m.told = raw != nil; !m.told {
		if there {
			r.wrong(path.String() + " is too long")
		}
		return m
	}
	if bytes.IndexByte(raw, '{') == bytes.LastIndexByte(raw, '{') && bytes.Contains(raw, []byte(`"TEXT"`)) && !bytes.Contains(raw, []byte(`"AUDIO"`)) {
		return m // by far the most
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

// The Interactions API tells its usage by other names, and counts thoughts and tool use apart, too. Source:
// googleapis/python-genai.
var (
	interactionAnswers = transport.MustPaths(append(append([]string{"error", "error.code", "error.status", "error.message", "event_type"},
		interactionMembers("")...), interactionMembers("interaction.")...)...)
	interactionMarks  = [][]byte{[]byte(`"usage"`), []byte(`"error"`)}
	interactionEvents = [][]byte{[]byte("interaction.complete"), []byte("interaction.completed"), []byte("error")}
)

func interactionMembers(prefix string) (paths []string) {
	for _, path := range []string{
		"id", "model", "status", "background", "service_tier", "usage.total_input_tokens", "usage.total_output_tokens", "usage.total_cached_tokens",
		"usage.total_thought_tokens", "usage.total_tool_use_tokens", "usage.total_tokens", "usage.grounding_tool_count",
		"usage.input_tokens_by_modality", "usage.cached_tokens_by_modality", "usage.output_tokens_by_modality",
	} {
		paths = append(paths, prefix+path)
	}
	return paths
}

func interactionAnswer(c *Call, doc *transport.Fields, a *Answer) {
	prefix := ""
	if _, ok := doc.Get(atInteractionId); ok {
		prefix = "interaction."
	}
	keep(&a.ResponseID, doc, transport.PathOf(prefix+"id"), "")
	keep(&a.Model, doc, transport.PathOf(prefix+"model"), c.Model)
	a.Model = lastSegment(a.Model)
	if code, failed := googleErrorCode(doc); failed {
		a.Failed, a.ErrorCode = true, code
	}
	if tier := geminiTier(doc.Text(transport.PathOf(prefix + "service_tier"))); tier != "" {
		a.Tier = tier
	}
	a.status(doc, transport.PathOf(prefix+"status"), transport.PathOf(prefix+"background"))
	interactionUsage(doc, prefix+"usage.", a)
}

func interactionUsage(doc *transport.Fields, prefix string, a *Answer) {
	r := countReader{doc: doc}
	input, hasInput := r.get(transport.PathOf(prefix + "total_input_tokens"))
	output, hasOutput := r.get(transport.PathOf(prefix + "total_output_tokens"))
	if !hasInput && !hasOutput && r.problem == "" {
		return
	}
	cached, _ := r.get(transport.PathOf(prefix + "total_cached_tokens"))
	thoughts, _ := r.get(transport.PathOf(prefix + "total_thought_tokens"))
	tools, _ := r.get(transport.PathOf(prefix + "total_tool_use_tokens"))
	if total, ok := r.get(transport.PathOf(prefix + "total_tokens")); ok && total != input+output+thoughts+tools && total != input+output+thoughts {
		r.wrong(prefix + "total_tokens is not the sum of its parts")
	}
	if cached > input+tools {
		r.wrong(prefix + "total_cached_tokens is more than the input")
	}
	for _, kind := range [...]string{"input", "cached", "output"} {
		raw, _ := doc.Get(transport.PathOf(prefix + kind + "_tokens_by_modality"))
		if lower := bytes.ToLower(raw); bytes.Contains(lower, []byte(`"audio"`)) || kind == "output" && bytes.Contains(lower, []byte(`"image"`)) {
			a.Extras = "some of its tokens are of audio or of images, which cost otherwise"
		}
	}
	a.Usage = price.Usage{
		Input: max(0, input+tools-cached), CachedInput: cached, Output: output + thoughts, Reasoning: thoughts,
	}
	if raw, there := doc.Look(transport.PathOf(prefix + "grounding_tool_count")); there && (raw == nil || len(bytes.TrimSpace(raw)) > 2) {
		a.Extras = "it also used grounding, which is charged for, and which it counts otherwise than it is"
	}
	a.HasUsage, a.Problem = true, r.problem
}
