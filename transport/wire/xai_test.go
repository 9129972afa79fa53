package wire_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestXAIExtras(t *testing.T) {
	const url = "https://api.x.ai/v1/chat/completions"
	testAnswers(t, []answered{
		{name: "images are not cached", url: url,
			docs:  []string{`{"usage":{"prompt_tokens":100,"completion_tokens":1,"total_tokens":101,"prompt_tokens_details":{"cached_tokens":90,"image_tokens":40},"cost_in_usd_ticks":10000000}}`},
			usage: price.Usage{Input: 40, CachedInput: 90, Output: 1}, reported: "0.001"},
		{name: "sources", url: url, docs: []string{`{"usage":{"prompt_tokens":9,"completion_tokens":1,"num_sources_used":2}}`},
			usage: price.Usage{Input: 9, Output: 1}, extras: "sources of a search"},
		{name: "tools", url: url, docs: []string{`{"usage":{"prompt_tokens":9,"completion_tokens":1,"num_server_side_tools_used":2}}`},
			usage: price.Usage{Input: 9, Output: 1}, extras: "server-side tools"},
	})
}
