package wire

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// A form is the shape of an operation of OpenAI's API, which many providers share: what to look for in its requests and
// its answers.
type form struct {
	operation string
	tiers     bool // it accepts service_tier, where the provider has tiers
	asksUsage bool // its streams tell their usage only on request
	multipart bool

	paths   *transport.Paths // of the request
	answers *transport.Paths
	marks   [][]byte
	events  [][]byte
	done    []byte
	last    []byte

	request func(c *Call, body *transport.Fields)
	read    func(c *Call, doc *transport.Fields, a *Answer) (tierPath transport.Path) // of the member that names the tier which served
}

// formOf returns the form of a request, and whether it asks for the result of an earlier one; nil if it has none.
func formOf(method, path string) (f *form, poll bool) {
	switch method {
	case http.MethodPost:
		for _, e := range endpoints {
			if strings.HasSuffix(path, e.path) {
				return e.form, false
			}
		}
	case http.MethodGet:
		const resource = "/responses/"
		if at := strings.LastIndex(path, resource); at >= 0 && len(path) > at+len(resource) && !strings.Contains(path[at+len(resource):], "/") {
			return responsesForm, true
		}
	}
	return nil, false
}

var endpoints = []struct {
	path string
	form *form
}{
	{"/chat/completions", chatForm},
	{"/responses", responsesForm},
	{"/responses/compact", compactForm},
	{"/embeddings", embeddingsForm},
	{"/completions", completionsForm},
	{"/audio/transcriptions", transcriptionForm},
	{"/audio/translations", transcriptionForm},
	{"/images/generations", imagesForm},
	{"/images/edits", imagesForm},
	{"/images/variations", imagesForm},
}

var (
	usageMarks = [][]byte{[]byte(`"usage"`), []byte(`"error"`)}
	chatDone   = []byte("[DONE]")
	finishMark = []byte(`"finish_reason"`)
)

var chatForm = &form{
	operation: Chat, tiers: true, asksUsage: true,
	paths: transport.MustPaths("model", "stream", "service_tier", "stream_options", "max_tokens", "max_completion_tokens",
		"n", "extra_body", "web_search_options", "prompt_cache_options.ttl"),
	answers: usageAnswers,
	marks:   [][]byte{[]byte(`"usage"`), []byte(`"error"`), []byte(`"x_groq"`)},
	done:    chatDone,
	last:    finishMark,
	request: chatRequest,
	read:    chatAnswer,
}

var completionsForm = &form{
	operation: Completions, asksUsage: true,
	paths:   transport.MustPaths("model", "stream", "service_tier", "stream_options", "max_tokens", "n", "best_of", "prompt"),
	answers: usageAnswers,
	marks:   usageMarks,
	done:    chatDone,
	last:    finishMark,
	request: chatRequest,
	read:    chatAnswer,
}

var embeddingsForm = &form{
	operation: Embeddings,
	paths:     transport.MustPaths("model", "service_tier"),
	answers:   usageAnswers,
	request: func(c *Call, body *transport.Fields) {
		c.Model = modelOf(body, c.Model)
		c.MaxOutput = 0
	},
	read: chatAnswer,
}

// The form of a transcription's request is a multipart one.
var transcriptionForm = &form{
	operation: Transcription, multipart: true,
	paths: transport.MustPaths("model", "stream", "service_tier"),
	answers: transport.MustPaths(append([]string{
		"error", "error.code", "error.type", "error.message", "model", "usage.seconds", "usage.input_tokens",
		"usage.output_tokens", "usage.input_token_details.audio_tokens",
	}, chatNames.all()...)...),
	marks:   usageMarks,
	done:    chatDone,
	request: mediaRequest,
	read:    transcriptionAnswer,
}

// Images are made from a JSON object, and edited from a multipart form.
var imagesForm = &form{
	operation: Images, multipart: true,
	paths: transport.MustPaths("model", "stream", "service_tier", "n"),
	answers: transport.MustPaths("error", "error.code", "error.type", "error.message",
		"usage.input_tokens", "usage.output_tokens", "usage.total_tokens", "usage.input_tokens_details.image_tokens",
		"usage.output_tokens_details.image_tokens", "usage.cost_in_usd_ticks", "usage.cost", "model"),
	marks:   usageMarks,
	done:    chatDone,
	request: mediaRequest,
	read:    imagesAnswer,
}

func modelOf(body *transport.Fields, otherwise string) string {
	if model := body.Text(atModel); model != "" {
		return printable(model)
	}
	return otherwise
}

func mediaRequest(c *Call, body *transport.Fields) {
	c.Model = modelOf(body, c.Model)
	stream, _ := body.Get(atStream)
	c.Stream = string(stream) == "true"
	c.Choices = -1 // what an image costs depends on its size, and on how many there are
}

func chatRequest(c *Call, body *transport.Fields) {
	c.Model = modelOf(body, c.Model)
	if ttl, there := body.Look(atPromptCacheOptionsTtl); there && string(ttl) != "null" {
		c.ttl = string(ttl)
	}
	if present(body, atWebSearchOptions) || strings.Contains(c.Model, "-search") {
		c.Tools = PaidTools
	}
	stream, _ := body.Get(atStream)
	c.Stream = string(stream) == "true"
	if options, ok := body.Get(atStreamOptions); ok && c.Stream {
		_, c.Usage = member(options, usageOption, "include_usage")
	}
	for _, path := range [...]transport.Path{atMaxTokens, atMaxCompletionTokens} {
		if raw, ok := body.Get(path); ok {
			if n, ok := count(raw); ok {
				c.MaxOutput = max(c.MaxOutput, n)
			}
		}
	}
	for _, path := range [...]transport.Path{atN, atBestOf} {
		if raw, ok := body.Get(path); ok {
			n, ok := count(raw)
			switch {
			case ok && c.Choices >= 0:
				c.Choices = max(c.Choices, n)
			case string(raw) != "null":
				c.Choices = -1
			}
		}
	}
	if prompt, there := body.Look(atPrompt); there && c.Operation == Completions && (len(prompt) == 0 || prompt[0] == '[') {
		c.Choices = -1 // each of several prompts gets its own answers
	}
}

var usageOption = transport.MustPaths("include_usage")

// editUsage asks for a stream's usage, unless the caller said anything about it.
func editUsage(c *Call, body *transport.Fields, w Want, e *Edits) {
	if !w.Usage || !c.AskUsage || !c.Stream || c.Usage {
		return
	}
	options, ok := body.Get(atStreamOptions)
	if !ok && body.Has(atStreamOptions) {
		return // too long to be what it is for
	}
	value := `{"include_usage":true}`
	if ok && string(options) != "null" {
		if value, ok = setMember(options, usageOption, "include_usage", "true"); !ok {
			return // not an object: for the provider to refuse
		}
	}
	e.Body = append(e.Body, transport.Edit{Path: "stream_options", Value: value})
	e.HideUsage = true
}

// setMember returns a raw object with one member set; false if it is no object.
func setMember(object []byte, paths *transport.Paths, path, value string) (string, bool) {
	fields, err := transport.Find(object, paths)
	if err != nil {
		return "", false
	}
	merged, err := fields.Splice(transport.Edit{Path: path, Value: value})
	return string(merged), err == nil
}

// usageNames are the paths of a usage object of the chat's kind.
type usageNames struct {
	prompt, completion, total, cached, hit, number, written, audioIn, seconds, reasoning, audioOut, imageOut transport.Path

	needsPrompt bool // without a prompt it is no usage of this kind
}

var (
	chatNames = namesOf("usage.")
	// A transcription of OpenAI's has a total, too, so that it must not do for Mistral's, which counts as chats do.
	transcriptNames = func() usageNames { n := chatNames; n.needsPrompt = true; return n }()
	groqNames       = namesOf("x_groq.usage.") // Groq sends it there in the last chunk but one of a stream
)

func namesOf(prefix string) usageNames {
	return usageNames{
		prompt: transport.PathOf(prefix + "prompt_tokens"), completion: transport.PathOf(prefix + "completion_tokens"), total: transport.PathOf(prefix + "total_tokens"),
		cached: transport.PathOf(prefix + "prompt_tokens_details.cached_tokens"), hit: transport.PathOf(prefix + "prompt_cache_hit_tokens"),
		number:    transport.PathOf(prefix + "num_cached_tokens"),
		written:   transport.PathOf(prefix + "prompt_tokens_details.cache_write_tokens"),
		audioIn:   transport.PathOf(prefix + "prompt_tokens_details.audio_tokens"),
		seconds:   transport.PathOf(prefix + "prompt_audio_seconds"),
		reasoning: transport.PathOf(prefix + "completion_tokens_details.reasoning_tokens"),
		audioOut:  transport.PathOf(prefix + "completion_tokens_details.audio_tokens"),
		imageOut:  transport.PathOf(prefix + "completion_tokens_details.image_tokens"),
	}
}

func (n *usageNames) all() []string {
	return pathNames(
		n.prompt, n.completion, n.total, n.cached, n.hit, n.number, n.written, n.audioIn, n.seconds, n.reasoning, n.audioOut, n.imageOut,
	)
}

// usageAnswers is what to look for in answers of chats, completions and embeddings: OpenAI's own members, and those that
// other providers add.
var usageAnswers = watchCounters(transport.MustPaths(append(append([]string{
	"id", "model", "service_tier", "choices", "error", "error.code", "error.type", "error.message",
	"usage.service_tier",                  // Mistral
	"usage.cost", "usage.cost.total_cost", // OpenRouter; Perplexity
	"usage.estimated_cost",                              // DeepInfra
	"usage.is_byok",                                     // OpenRouter
	"usage.prompt_tokens_details.image_tokens",          // xAI
	"usage.cost_in_usd_ticks", "usage.num_sources_used", // xAI
	"usage.num_server_side_tools_used",
	"usage.extra_properties.google.traffic_type", // Vertex AI's compatible face
	"x_groq.error",
}, chatNames.all()...), groqNames.all()...)...))

func chatAnswer(c *Call, doc *transport.Fields, a *Answer) transport.Path {
	keep(&a.ResponseID, doc, atId, "")
	keep(&a.Model, doc, atModel, c.Model)
	code, failed := errorCode(doc)
	if failed {
		a.Failed, a.ErrorCode = true, code
	}
	if raw, ok := doc.Get(atXGroqError); ok && string(raw) != "null" {
		text, _ := Text(raw)
		a.Failed, a.ErrorCode = true, identifier(text)
	}
	found := chatUsage(doc, &chatNames, c.Operation == Embeddings, a)
	if found {
		c.writeFor(a)
		a.strange(doc)
	} else {
		chatUsage(doc, &groqNames, false, a)
	}
	cost(doc, atUsageEstimatedCost, a)
	cost(doc, atUsageCost, a)
	ticks(doc, atUsageCostInUsdTicks, a)
	choices, ok := doc.Get(atChoices)
	a.Hide = found && !failed && ok && len(choices) >= 2 && len(bytes.TrimSpace(choices[1:len(choices)-1])) == 0
	return atServiceTier
}

var errorMembers = [...]transport.Path{atErrorCode, atErrorType, atErrorMessage, atError}

// errorCode returns the code of the document's error object, or its type; some providers' errors are a string.
func errorCode(doc *transport.Fields) (string, bool) {
	found := false
	for _, path := range errorMembers {
		raw, ok := doc.Get(path)
		if !ok || string(raw) == "null" {
			continue
		}
		found = true
		if path == atErrorMessage || path == atError {
			break
		}
		if text, ok := Text(raw); ok {
			return identifier(text), true
		}
	}
	return "", found
}

// chatUsage turns OpenAI's counting into disjoint counts: of prompt_tokens, cached tokens, cache writes and audio are
// parts; of completion_tokens, reasoning, audio and images. Where total_tokens is larger than both together, the rest is
// what the provider counts apart: audio at Mistral, reasoning at Google's compatible face and xAI. So is more reasoning
// than there are completion_tokens, as some gateways have it. An embedding has no output.
func chatUsage(doc *transport.Fields, names *usageNames, noOutput bool, a *Answer) (found bool) {
	r := countReader{doc: doc}
	prompt, hasPrompt := r.get(names.prompt)
	completion, hasCompletion := r.get(names.completion)
	total, hasTotal := r.get(names.total)
	if !hasPrompt && (names.needsPrompt || !hasCompletion && !hasTotal && r.problem == "") {
		return false
	}
	cached := r.first(names.cached, names.hit, names.number)
	written, _ := r.get(names.written)
	audioIn, _ := r.get(names.audioIn)
	reasoning, _ := r.get(names.reasoning)
	audioOut, _ := r.get(names.audioOut)
	imageOut, _ := r.get(names.imageOut)
	seconds, hasSeconds := doc.Get(names.seconds)
	hasSeconds = hasSeconds && len(seconds) > 0 && seconds[0] >= '0' && seconds[0] <= '9'
	if !hasPrompt || !hasCompletion && !noOutput {
		r.wrong("usage lacks prompt_tokens or completion_tokens")
	}
	output := completion
	switch apart := total - prompt - completion; {
	case !hasTotal || apart == 0:
	case apart < 0:
		r.wrong("usage.total_tokens is less than its parts")
	case apart == audioIn || hasSeconds:
		prompt, audioIn = prompt+apart, apart
	default:
		output += apart
	}
	if reasoning > output {
		output = completion + reasoning
	}
	if audioOut+imageOut > output {
		r.wrong("usage.completion_tokens_details has more audio and image tokens than the output")
	}
	if audioIn > 0 && cached+written+audioIn > prompt {
		r.wrong("usage does not say how much of the audio was cached")
	}
	text := max(0, output-audioOut-imageOut)
	a.Usage = price.Usage{
		// Some hosts report more cached tokens than prompt tokens; they bill the cached ones and nothing fresh.
		Input:       max(0, prompt-cached-written-audioIn),
		CachedInput: cached, CacheWrite: written, AudioInput: audioIn,
		Output: text, AudioOutput: audioOut, ImageOutput: imageOut,
		Reasoning: min(max(reasoning, output-completion), text),
	}
	a.HasUsage, a.Problem = true, r.problem
	return true
}

// writeFor puts what was written to a cache where the price for its time to live is: GPT-6.1 has a longer one.
func (c *Call) writeFor(a *Answer) {
	u := &a.Usage
	switch c.ttl {
	case "", `"30m"`:
	case `"12h"`:
		u.CacheWrite12h, u.CacheWrite = u.CacheWrite, 0
	default:
		if u.CacheWrite > 0 {
			a.Extras = "it wrote to a cache for a time whose price is not known"
		}
	}
}

// transcriptionAnswer reads the usage of a transcription, in tokens; some models count seconds instead, which no
// [price.Usage] holds.
func transcriptionAnswer(c *Call, doc *transport.Fields, a *Answer) transport.Path {
	mediaAnswer(c, doc, a)
	if _, ok := doc.Get(atUsageSeconds); ok {
		a.Extras = "it is charged for by the second"
	}
	if chatUsage(doc, &transcriptNames, false, a) {
		if _, ok := doc.Get(transcriptNames.seconds); ok {
			a.Extras = "it is charged for by the second" // Mistral's are, whatever the tokens
		}
		return 0
	}
	r := countReader{doc: doc}
	input, ok := r.get(atUsageInputTokens)
	output, _ := r.get(atUsageOutputTokens)
	if !ok && r.problem == "" {
		return 0
	}
	audio, _ := r.get(atUsageInputTokenDetailsAudioTokens)
	if audio > input {
		r.wrong("usage.input_token_details.audio_tokens is more than the input")
	}
	r.checkTotal(chatNames.total, input+output)
	a.Usage = price.Usage{Input: max(0, input-audio), AudioInput: audio, Output: output}
	a.HasUsage, a.Problem = true, r.problem
	return 0
}

// imagesAnswer reads the usage of generated images.
func imagesAnswer(c *Call, doc *transport.Fields, a *Answer) transport.Path {
	mediaAnswer(c, doc, a)
	ticks(doc, atUsageCostInUsdTicks, a)
	cost(doc, atUsageCost, a)
	r := countReader{doc: doc}
	input, ok := r.get(atUsageInputTokens)
	output, hasOutput := r.get(atUsageOutputTokens)
	if !ok && !hasOutput && r.problem == "" {
		return 0
	}
	imageIn, _ := r.get(atUsageInputTokensDetailsImageTokens)
	imageOut, hasDetails := r.get(atUsageOutputTokensDetailsImageTokens)
	if !hasDetails {
		imageOut = output // older models did not say, and put out nothing else
	}
	if imageIn > input || imageOut > output {
		r.wrong("usage has more image tokens than tokens")
	}
	r.checkTotal(atUsageTotalTokens, input+output)
	a.Usage = price.Usage{
		Input: max(0, input-imageIn), ImageInput: imageIn, Output: max(0, output-imageOut), ImageOutput: imageOut,
	}
	a.HasUsage, a.Problem = true, r.problem
	return 0
}

func mediaAnswer(c *Call, doc *transport.Fields, a *Answer) {
	keep(&a.Model, doc, atModel, c.Model)
	if code, failed := errorCode(doc); failed {
		a.Failed, a.ErrorCode = true, code
	}
}
