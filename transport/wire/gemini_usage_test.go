package wire_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

const geminiURL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:generateContent"

func TestGeminiUsage(t *testing.T) {
	const embed = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:embedContent"
	testAnswers(t, []answered{
		{name: "an answer", url: geminiURL,
			docs:  []string{`{"responseId":"r","modelVersion":"gemini-3-pro-001","usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":80,"candidatesTokenCount":5,"thoughtsTokenCount":20,"totalTokenCount":125,"serviceTier":"flex"}}`},
			usage: price.Usage{Input: 20, CachedInput: 80, Output: 25, Reasoning: 20}, tier: policy.Flex, model: "gemini-3-pro-001"},
		{name: "a stream: the last event has it all", url: geminiURL,
			docs:  []string{`{"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}}`, `{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":13}}`},
			usage: price.Usage{Input: 9, Output: 4}, model: ""},
		{name: "what tools put into the prompt, apart", url: geminiURL,
			docs: []string{`{"usageMetadata":{"promptTokenCount":9,"toolUsePromptTokenCount":6,"candidatesTokenCount":4,"totalTokenCount":19}}`}, usage: price.Usage{Input: 15, Output: 4}},
		{name: "what tools put into the prompt, within", url: geminiURL,
			docs: []string{`{"usageMetadata":{"promptTokenCount":9,"toolUsePromptTokenCount":6,"candidatesTokenCount":4,"totalTokenCount":13}}`}, usage: price.Usage{Input: 9, Output: 4}},
		{name: "a total that is wrong", url: geminiURL, docs: []string{`{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":14}}`}, problem: "sum"},
		{name: "more cached than prompt", url: geminiURL, docs: []string{`{"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":10,"totalTokenCount":9}}`}, usage: price.Usage{CachedInput: 10}},
		{name: "later zeros", url: geminiURL, docs: []string{
			`{"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":4,"candidatesTokenCount":4,"thoughtsTokenCount":2,"totalTokenCount":15}}`,
			`{"usageMetadata":{"promptTokenCount":0,"cachedContentTokenCount":0,"candidatesTokenCount":7,"totalTokenCount":7}}`},
			usage: price.Usage{Input: 5, CachedInput: 4, Output: 9, Reasoning: 2}},
		{name: "a corrected count", url: geminiURL, docs: []string{
			`{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":13}}`,
			`{"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":7,"totalTokenCount":15}}`},
			usage: price.Usage{Input: 8, Output: 7}},
		{name: "audio, in and out", url: geminiURL,
			docs: []string{`{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":13,
				"promptTokensDetails":[{"modality":"TEXT","tokenCount":4},{"modality":"AUDIO","tokenCount":5}],"candidatesTokensDetails":[{"modality":1},{"modality":"IMAGE","tokenCount":3}]}}`},
			usage: price.Usage{Input: 4, AudioInput: 5, Output: 1, ImageOutput: 3}},
		{name: "audio that may be cached", url: geminiURL,
			docs:    []string{`{"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":4,"totalTokenCount":9,"promptTokensDetails":[{"modality":4,"tokenCount":5}]}}`},
			problem: "how much of the audio was cached"},
		{name: "a list that is none", url: geminiURL, docs: []string{`{"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":-5}]}}`}, problem: "makes no sense"},
		{name: "an embedding", url: embed, docs: []string{`{"usageMetadata":{"promptTokenCount":9}}`}, usage: price.Usage{Input: 9}},
		{name: "nothing", url: geminiURL, docs: []string{`{}`}, noUsage: true},
	})
}
