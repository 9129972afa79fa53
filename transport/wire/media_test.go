package wire_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestMediaUsage(t *testing.T) {
	const (
		audio   = "https://api.openai.com/v1/audio/transcriptions"
		mistral = "https://api.mistral.ai/v1/audio/transcriptions"
		images  = "https://api.openai.com/v1/images/generations"
		xai     = "https://api.x.ai/v1/images/generations"
	)
	testAnswers(t, []answered{
		{name: "tokens of audio", url: audio,
			docs:  []string{`{"usage":{"input_tokens":30,"output_tokens":9,"total_tokens":39,"input_token_details":{"audio_tokens":20}}}`},
			usage: price.Usage{Input: 10, AudioInput: 20, Output: 9}},
		{name: "more audio than input", url: audio, docs: []string{`{"usage":{"input_tokens":3,"output_tokens":9,"input_token_details":{"audio_tokens":20}}}`},
			problem: "more tokens of audio"},
		{name: "a total that is wrong", url: audio, docs: []string{`{"usage":{"input_tokens":3,"output_tokens":9,"total_tokens":13}}`}, problem: "sum"},
		{name: "seconds", url: audio, docs: []string{`{"usage":{"type":"duration","seconds":12}}`}, extras: "by the second", noUsage: true},
		{name: "seconds and tokens, as at Mistral", url: mistral,
			docs:  []string{`{"model":"voxtral","usage":{"prompt_tokens":4,"completion_tokens":9,"total_tokens":113,"prompt_audio_seconds":12}}`},
			usage: price.Usage{Input: 4, AudioInput: 100, Output: 9}, model: "voxtral", extras: "by the second"},
		{name: "images", url: images,
			docs:  []string{`{"usage":{"input_tokens":30,"output_tokens":100,"total_tokens":130,"input_tokens_details":{"image_tokens":20},"output_tokens_details":{"image_tokens":90}}}`},
			usage: price.Usage{Input: 10, ImageInput: 20, Output: 10, ImageOutput: 90}},
		{name: "images of an older model", url: images, docs: []string{`{"usage":{"input_tokens":30,"output_tokens":100}}`},
			usage: price.Usage{Input: 30, ImageOutput: 100}},
		{name: "more images than tokens", url: images, docs: []string{`{"usage":{"input_tokens":3,"output_tokens":1,"input_tokens_details":{"image_tokens":20}}}`},
			problem: "audio and images than"},
		{name: "images by their price", url: xai, docs: []string{`{"usage":{"cost_in_usd_ticks":200000000}}`}, noUsage: true, reported: "0.02"},
	})
}
