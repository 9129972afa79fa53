package wire_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func TestMistralTier(t *testing.T) {
	testAnswers(t, []answered{
		{name: "the tier is in the usage", url: "https://api.mistral.ai/v1/chat/completions",
			docs:  []string{`{"model":"mistral-small","usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,"num_cached_tokens":4,"service_tier":"priority"}}`},
			usage: price.Usage{Input: 5, CachedInput: 4, Output: 1}, tier: policy.Priority, model: "mistral-small"},
	})
}
