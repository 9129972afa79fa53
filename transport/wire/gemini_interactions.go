package wire

import (
	"bytes"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// Gemini's Interactions API. It reports its usage under other names than generateContent. Source: googleapis/python-genai.

// interactionNames are the members to look for in answers.
var interactionNames = append(append([]string{"error", "error.code", "error.status", "error.message", "event_type"},
	interactionTop.all()...), interactionEvent.all()...)

var interactionShape = Shape{
	Provider: "gemini", Operation: Interactions, Tiers: geminiTiers, Strict: geminiStrict,
	RequestPaths: generateRequests, Harmless: interactionHarmless, OwnTools: ownTypedTools, Added: addedBy["gemini"],
	Metering:    meteringOf["gemini"],
	AnswerPaths: transport.MustPaths(interactionNames...),
	Marks:       usageMarks,
	Events:      [][]byte{[]byte("interaction.complete"), []byte("interaction.completed"), []byte("error")},
}

// interactionPollShape also looks for the tools, which the request for a result does not have.
var interactionPollShape = func() *Shape {
	s := interactionShape
	s.Tiers = nil
	s.AnswerPaths = transport.MustPaths(append([]string{"tools", "interaction.tools"}, interactionNames...)...)
	return &s
}()

// interactionRequest reads model, stream, tools and what else generateContent has too.
func interactionRequest(c *Call, body *transport.Fields) {
	c.Model = modelOf(body, c.Model)
	c.Stream = isTrue(body, atStream)
	c.Background = isTrue(body, atBackground)
	readTools(c, body, "type", ownTools, nil)
	generateConfig(c, body)
}

// interactionPaths are the paths of an interaction's members.
type interactionPaths struct {
	id, model, status, background, tier             transport.Path
	input, output, cached, thoughts, tools, total   transport.Path
	grounding, inputKinds, cachedKinds, outputKinds transport.Path
	offered                                         transport.Path // the list of tools
}

var (
	interactionTop   = interactionPathsOf("")             // in an answer
	interactionEvent = interactionPathsOf("interaction.") // in an event of a stream
)

// interactionPathsOf returns the paths of an interaction at a prefix: "interaction.", or "" for the document itself.
func interactionPathsOf(prefix string) interactionPaths {
	at := func(name string) transport.Path { return transport.PathOf(prefix + name) }
	return interactionPaths{
		id: at("id"), model: at("model"), status: at("status"), background: at("background"), tier: at("service_tier"),
		input: at("usage.total_input_tokens"), output: at("usage.total_output_tokens"), cached: at("usage.total_cached_tokens"),
		thoughts: at("usage.total_thought_tokens"), tools: at("usage.total_tool_use_tokens"), total: at("usage.total_tokens"),
		grounding: at("usage.grounding_tool_count"), inputKinds: at("usage.input_tokens_by_modality"),
		cachedKinds: at("usage.cached_tokens_by_modality"), outputKinds: at("usage.output_tokens_by_modality"),
		offered: at("tools"),
	}
}

// all returns the names of the paths.
func (p *interactionPaths) all() []string {
	return pathNames(
		p.id, p.model, p.status, p.background, p.tier, p.input, p.output, p.cached, p.thoughts, p.tools, p.total,
		p.grounding, p.inputKinds, p.cachedKinds, p.outputKinds,
	)
}

// interactionAnswer reads an interaction, or an event of a stream that has one:
//
//	{"event_type":"interaction.complete","interaction":{"id":"i","status":"completed","usage":{"total_input_tokens":9,
//		"total_cached_tokens":4,"total_output_tokens":3,"total_thought_tokens":2,"total_tool_use_tokens":1,"total_tokens":15}}}
func interactionAnswer(c *Call, doc *transport.Fields, a *Answer) {
	p := &interactionTop
	if _, ok := doc.Get(interactionEvent.id); ok {
		p = &interactionEvent
	}
	keep(&a.ResponseID, doc, p.id)
	keepName(&a.Model, doc, p.model)
	a.Model = lastSegment(a.Model)
	if code, failed := googleErrorCode(doc); failed {
		a.Failed, a.ErrorCode = true, code
	}
	if tier := geminiTier(doc.Text(p.tier)); tier != "" {
		a.Tier = tier
	}
	readStatus(doc, p.status, p.background, a)
	readInteractionUsage(doc, p, a)
	if p == &interactionEvent {
		kind := doc.Text(atEventType)
		a.Running = kind != "interaction.complete" && kind != "interaction.completed" // the usage so far
	} else {
		a.Running = a.Pending
	}
	if a.HasUsage && foreign(c, a) && foreignTools(doc, p.offered, ownTools, nil, MaybeTools) != NoTools {
		a.Extras = maybeTools // an interaction need not repeat its tools
	}
}

// readInteractionUsage turns the counts of interactions into counts that do not overlap. The output does not include
// thoughts, and the input does not include what tools put into the prompt.
func readInteractionUsage(doc *transport.Fields, p *interactionPaths, a *Answer) {
	r := countReader{doc: doc}
	input, hasInput := r.get(p.input)
	output, hasOutput := r.get(p.output)
	if !hasInput && !hasOutput && r.problem == "" {
		return
	}
	cached, _ := r.get(p.cached)
	thoughts, _ := r.get(p.thoughts)
	tools, _ := r.get(p.tools)
	if total, ok := r.get(p.total); ok && total != input+output+thoughts+tools && total != input+output+thoughts {
		r.wrong(p.total.String() + " is not the sum of its parts")
	}
	if cached > input+tools {
		r.wrong(p.cached.String() + " is more than the input")
	}
	a.Usage = price.Usage{
		Input: max(0, input+tools-cached), CachedInput: cached, Output: output + thoughts, Reasoning: thoughts,
	}
	a.HasUsage, a.Problem = true, r.problem
	readInteractionExtras(doc, p, a)
}

// readInteractionExtras notes what makes the cost another than that of the counts.
func readInteractionExtras(doc *transport.Fields, p *interactionPaths, a *Answer) {
	for _, kinds := range [...]transport.Path{p.inputKinds, p.cachedKinds, p.outputKinds} {
		raw, _ := doc.Get(kinds)
		if lower := bytes.ToLower(raw); bytes.Contains(lower, []byte(`"audio"`)) || kinds == p.outputKinds && bytes.Contains(lower, []byte(`"image"`)) {
			a.Extras = "some of its tokens are of audio or of images, which have another price"
		}
	}
	if raw, there := doc.Look(p.grounding); there && (raw == nil || len(bytes.TrimSpace(raw)) > 2) {
		a.Extras = "it also used grounding, which is charged for by another count than the answer has"
	}
}
