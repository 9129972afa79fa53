package wire

import (
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// Transcriptions of audio, and images.

// transcriptionOperation has a multipart form as its request.
var transcriptionOperation = &operation{
	shape: Shape{
		Operation: Transcription, Form: true,
		RequestPaths: transport.MustPaths("model", "stream", "service_tier"),
		AnswerPaths: transport.MustPaths(append([]string{
			"error", "error.code", "error.type", "error.message", "model", "usage.seconds", "usage.input_tokens",
			"usage.output_tokens", "usage.input_token_details.audio_tokens",
		}, chatUsagePaths.all()...)...),
		Marks:   usageMarks,
		Done:    chatDone,
		request: mediaRequest,
		answer:  transcriptionAnswer,
	},
}

// imagesOperation has a JSON object as its request if images are made, and a multipart form if they are edited.
var imagesOperation = &operation{
	shape: Shape{
		Operation: Images, Form: true,
		RequestPaths: transport.MustPaths("model", "stream", "service_tier", "n"),
		AnswerPaths: transport.MustPaths("error", "error.code", "error.type", "error.message",
			"usage.input_tokens", "usage.output_tokens", "usage.total_tokens", "usage.input_tokens_details.image_tokens",
			"usage.output_tokens_details.image_tokens", "usage.cost_in_usd_ticks", "usage.cost", "model"),
		Marks:   usageMarks,
		Done:    chatDone,
		request: mediaRequest,
		answer:  imagesAnswer,
	},
}

// mediaRequest reads the request of either.
func mediaRequest(c *Call, body *transport.Fields) {
	c.Model = modelOf(body, c.Model)
	c.Stream = isTrue(body, atStream)
	c.Choices = 0 // what an image costs depends on its size, and on how many there are
}

// mediaAnswer reads what the answers of both have.
func mediaAnswer(c *Call, doc *transport.Fields, a *Answer) {
	keepName(&a.Model, doc, atModel)
	if code, failed := errorCode(doc); failed {
		a.Failed, a.ErrorCode = true, code
	}
}

// transcriptUsagePaths are the paths of Mistral's usage of a transcription, which counts as chats do. OpenAI's has a total as
// well, so a usage without prompt_tokens is not Mistral's.
var transcriptUsagePaths = func() usagePaths { p := chatUsagePaths; p.needsPrompt = true; return p }()

// transcriptionAnswer reads the usage of a transcription, in tokens. Some models count seconds instead, which no
// [price.Usage] holds.
//
//	"usage": {"type": "tokens", "input_tokens": 30, "output_tokens": 9, "input_token_details": {"audio_tokens": 20}}
//	"usage": {"type": "duration", "seconds": 12}
//	"usage": {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 113, "prompt_audio_seconds": 12}   Mistral
func transcriptionAnswer(c *Call, doc *transport.Fields, a *Answer) (tier transport.Path) {
	mediaAnswer(c, doc, a)
	if _, ok := doc.Get(atUsageSeconds); ok {
		a.Extras = "it is charged for by the second"
	}
	if readChatUsage(doc, &transcriptUsagePaths, false, a) {
		if _, ok := doc.Get(transcriptUsagePaths.seconds); ok {
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
	r.checkTotal(atUsageTotalTokens, input+output)
	a.Usage = price.Usage{Input: max(0, input-audio), AudioInput: audio, Output: output}
	a.HasUsage, a.Problem = true, r.problem
	return 0
}

// imagesAnswer reads the usage of generated images.
//
//	"usage": {"input_tokens": 30, "output_tokens": 100, "input_tokens_details": {"image_tokens": 20}, "output_tokens_details": {"image_tokens": 90}}
func imagesAnswer(c *Call, doc *transport.Fields, a *Answer) (tier transport.Path) {
	mediaAnswer(c, doc, a)
	readTicks(doc, atUsageCostInUSDTicks, a)
	readCost(doc, atUsageCost, a)
	r := countReader{doc: doc}
	input, ok := r.get(atUsageInputTokens)
	output, hasOutput := r.get(atUsageOutputTokens)
	if !ok && !hasOutput && r.problem == "" {
		return 0
	}
	imageIn, _ := r.get(atUsageInputTokensDetailsImageTokens)
	imageOut, hasDetails := r.get(atUsageOutputTokensDetailsImageTokens)
	if !hasDetails {
		imageOut = output // older models did not say, and generate images only
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
