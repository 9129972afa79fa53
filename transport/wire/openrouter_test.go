package wire_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func TestOpenRouterCost(t *testing.T) {
	const url = "https://openrouter.ai/api/v1/chat/completions"
	testAnswers(t, []answered{
		{name: "it reports what it charged", url: url, docs: []string{`{"service_tier":"standard","usage":{"prompt_tokens":9,"completion_tokens":1,"cost":0.00125,"is_byok":false}}`},
			usage: price.Usage{Input: 9, Output: 1}, tier: policy.Standard, reported: "0.00125"},
		{name: "the program's own key pays", url: url, docs: []string{`{"usage":{"prompt_tokens":9,"completion_tokens":1,"cost":0.00125,"is_byok":true}}`},
			usage: price.Usage{Input: 9, Output: 1}},
		{name: "a cost that is none", url: url, docs: []string{`{"usage":{"prompt_tokens":9,"completion_tokens":1,"cost":-1}}`}, usage: price.Usage{Input: 9, Output: 1}},
	})
}
