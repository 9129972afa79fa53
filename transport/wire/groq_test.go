package wire_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestGroqStream(t *testing.T) {
	const url = "https://api.groq.com/openai/v1/chat/completions"
	testAnswers(t, []answered{
		{name: "usage in a member of its own", url: url, docs: []string{`{"choices":[{}],"x_groq":{"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}}`},
			usage: price.Usage{Input: 9, Output: 1}},
	})
	if a := answer(t, url, `{"x_groq":{"error":"over_capacity"}}`); !a.Failed || a.ErrorCode != "over_capacity" {
		t.Errorf("%+v", a)
	}
}
