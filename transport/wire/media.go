package wire

import "github.com/skinflint-go/skinflint/transport"

// Transcriptions of audio, and images.

// transcriptionOperation has a multipart form as its request.
var transcriptionOperation = &operation{
	shape: Shape{
		Operation: Transcription, Form: true, exactTotal: true,
		RequestPaths: transport.MustPaths("model", "stream", "service_tier"),
		AnswerPaths:  mediaAnswers,
		AnswerLimit:  usageLimit,
		Marks:        usageMarks,
		Done:         chatDone,
		request:      mediaRequest,
		answer:       mediaAnswer,
	},
}

// imagesOperation has a JSON object as its request if images are made, and a multipart form if they are edited.
var imagesOperation = &operation{
	shape: Shape{
		Operation: Images, Form: true, exactTotal: true,
		RequestPaths: transport.MustPaths("model", "stream", "service_tier", "n"),
		AnswerPaths:  mediaAnswers,
		AnswerLimit:  usageLimit,
		Marks:        usageMarks,
		Done:         chatDone,
		request:      mediaRequest,
		answer:       imagesAnswer,
	},
}

// mediaRequest reads the request of either.
func mediaRequest(c *Call, body *transport.Fields) {
	c.Model = modelOf(body, c.Model)
	c.Stream = isTrue(body, atStream)
	c.Choices = 0 // what an image costs depends on its size, and on how many there are
}

// mediaAnswers are the members to look for in their answers.
var mediaAnswers = transport.MustPaths("error", "error.code", "error.type", "error.message", "model", "usage")

// mediaAnswer reads an answer of either. Some models that transcribe count seconds instead of tokens, which no
// [price.Usage] holds.
//
//	"usage": {"type": "tokens", "input_tokens": 30, "output_tokens": 9, "input_token_details": {"audio_tokens": 20}}
//	"usage": {"type": "duration", "seconds": 12}
//	"usage": {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 113, "prompt_audio_seconds": 12}   Mistral
func mediaAnswer(c *Call, doc *transport.Fields, a *Answer) (tier transport.Path) {
	keepName(&a.Model, doc, atModel)
	if code, failed := errorCode(doc); failed {
		a.Failed, a.ErrorCode = true, code
	}
	readUsage(c, doc, a, atUsage)
	return 0
}

// imagesAnswer reads the usage of generated images. Older models do not say what they generated: images only.
//
//	"usage": {"input_tokens": 30, "output_tokens": 100, "input_tokens_details": {"image_tokens": 20}, "output_tokens_details": {"image_tokens": 90}}
func imagesAnswer(c *Call, doc *transport.Fields, a *Answer) (tier transport.Path) {
	mediaAnswer(c, doc, a)
	if u := &a.Usage; a.HasUsage && !a.images {
		u.ImageOutput, u.Output, u.Reasoning = u.ImageOutput+u.Output, 0, 0
	}
	return 0
}
