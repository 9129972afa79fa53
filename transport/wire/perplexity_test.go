package wire_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestPerplexityCost(t *testing.T) {
	const url = "https://api.perplexity.ai/chat/completions"
	testAnswers(t, []answered{
		{name: "a model that searches", url: url, docs: []string{`{"model":"sonar","usage":{"prompt_tokens":9,"completion_tokens":1,"cost":{"total_cost":0.006}}}`},
			usage: price.Usage{Input: 9, Output: 1}, model: "sonar", reported: "0.006", extras: "by the request"},
		{name: "the one that does not", url: url, docs: []string{`{"model":"r1-1776","usage":{"prompt_tokens":9,"completion_tokens":1}}`},
			usage: price.Usage{Input: 9, Output: 1}, model: "r1-1776"},
	})
}
