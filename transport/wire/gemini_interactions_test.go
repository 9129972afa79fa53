package wire_test

import (
	"net/http"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func TestInteractions(t *testing.T) {
	const url = "https://generativelanguage.googleapis.com/v1beta/interactions"
	testAnswers(t, []answered{
		{name: "an answer", url: url,
			docs:  []string{`{"id":"i","model":"models/gemini-3-pro","service_tier":"flex","status":"completed","usage":{"total_input_tokens":9,"total_cached_tokens":4,"total_output_tokens":3,"total_thought_tokens":2,"total_tool_use_tokens":1,"total_tokens":15}}`},
			usage: price.Usage{Input: 6, CachedInput: 4, Output: 5, Reasoning: 2}, tier: policy.Flex, model: "gemini-3-pro"},
		{name: "an event", url: url, docs: []string{`{"event_type":"interaction.complete","interaction":{"id":"i","usage":{"total_input_tokens":9,"total_output_tokens":3}}}`},
			usage: price.Usage{Input: 9, Output: 3}},
		{name: "a total that is wrong", url: url, docs: []string{`{"usage":{"total_input_tokens":9,"total_output_tokens":3,"total_tokens":20}}`}, problem: "usage.total_tokens is not the sum"},
		{name: "more cached than input", url: url, docs: []string{`{"usage":{"total_input_tokens":9,"total_output_tokens":3,"total_cached_tokens":20}}`}, problem: "more than the input"},
		{name: "audio", url: url, docs: []string{`{"usage":{"total_input_tokens":9,"total_output_tokens":3,"input_tokens_by_modality":[{"modality":"audio","tokens":5}]}}`},
			usage: price.Usage{Input: 9, Output: 3}, extras: "audio"},
		{name: "grounding", url: url, docs: []string{`{"usage":{"total_input_tokens":9,"total_output_tokens":3,"grounding_tool_count":[{"type":"google_search","count":1}]}}`},
			usage: price.Usage{Input: 9, Output: 3}, extras: "grounding"},
	})
	d, call, _ := recognise(t, http.MethodPost, url)
	d.Request(&call, nil, fields(t, call.RequestPaths, `{"model":"gemini-3-pro","background":true,"previous_interaction_id":"i","tools":[{"type":"google_search"}],"stream":true}`))
	if call.Model != "gemini-3-pro" || !call.Background || !call.Stream || call.Tools != wire.PaidTools {
		t.Errorf("%+v", call)
	}
}
