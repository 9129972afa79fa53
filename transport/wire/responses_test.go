package wire_test

import (
	"net/http"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func TestResponsesUsage(t *testing.T) {
	const url = "https://api.openai.com/v1/responses"
	testAnswers(t, []answered{
		{name: "an answer", url: url,
			docs: []string{`{"id":"r","model":"gpt-5-2025-08-07","service_tier":"flex","status":"completed","usage":{"input_tokens":100,"output_tokens":50,"total_tokens":150,
				"input_tokens_details":{"cached_tokens":60,"cache_write_tokens":10},"output_tokens_details":{"reasoning_tokens":40}}}`},
			usage: price.Usage{Input: 30, CachedInput: 60, CacheWrite: 10, Output: 50, Reasoning: 40}, tier: policy.Flex, model: "gpt-5-2025-08-07"},
		{name: "a stream: the first event only repeats the request's tier", url: url, docs: []string{
			`{"type":"response.created","response":{"id":"r","model":"m","service_tier":"auto","status":"in_progress"}}`,
			`{"type":"response.completed","response":{"id":"r","model":"m","service_tier":"default","status":"completed","usage":{"input_tokens":5,"output_tokens":1}}}`},
			usage: price.Usage{Input: 5, Output: 1}, tier: policy.Standard, model: "m"},
		{name: "reasoning apart, as at xAI", url: "https://api.x.ai/v1/responses", docs: []string{`{"usage":{"input_tokens":5,"output_tokens":1,"total_tokens":10}}`},
			usage: price.Usage{Input: 5, Output: 5, Reasoning: 4}},
		{name: "total too small", url: url, docs: []string{`{"usage":{"input_tokens":5,"output_tokens":1,"total_tokens":2}}`}, problem: "total_tokens is less"},
		{name: "half of it", url: url, docs: []string{`{"usage":{"input_tokens":5}}`}, problem: "lacks"},
		{name: "searches are counted", url: url, request: `{"tools":[{"type":"web_search"}]}`,
			docs:  []string{`{"usage":{"input_tokens":5,"output_tokens":1},"tool_usage":{"web_search":{"num_requests":3}}}`},
			usage: price.Usage{Input: 5, Output: 1, WebSearches: 3}},
		{name: "searches are not counted", url: url, request: `{"tools":[{"type":"web_search"}]}`,
			docs: []string{`{"usage":{"input_tokens":5,"output_tokens":1}}`}, usage: price.Usage{Input: 5, Output: 1}, extras: "web searches"},
		{name: "images were generated", url: url, docs: []string{`{"usage":{"input_tokens":5,"output_tokens":1},"tool_usage":{"image_gen":{"output_tokens":7}}}`},
			usage: price.Usage{Input: 5, Output: 1}, extras: "generated images"},
		{name: "an unknown count", url: url, docs: []string{`{"usage":{"input_tokens":5,"output_tokens":1,"output_tokens_details":{"dream_tokens":7}}}`},
			usage: price.Usage{Input: 5, Output: 1}, extras: "dream_tokens"},
		{name: "a write with a longer time to live", url: url, request: `{"prompt_cache_options":{"ttl":"12h"}}`,
			docs:  []string{`{"usage":{"input_tokens":50,"output_tokens":1,"input_tokens_details":{"cache_write_tokens":40}}}`},
			usage: price.Usage{Input: 10, CacheWrite12h: 40, Output: 1}},
	})
}

func TestResponsesState(t *testing.T) {
	d, call, ok := recognise(t, http.MethodPost, "https://api.openai.com/v1/responses")
	if !ok {
		t.Fatal("not recognised")
	}
	for doc, want := range map[string]wire.Answer{
		`{"id":"r","status":"queued","background":true}`:                                                     {ResponseID: "r", Pending: true, Background: true},
		`{"type":"response.incomplete","response":{"id":"r","status":"incomplete"}}`:                         {ResponseID: "r", Complete: true},
		`{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"server_error"}}}`: {ResponseID: "r", Complete: true, Failed: true, ErrorCode: "server_error"},
		`{"type":"error","error":{"code":"server_is_overloaded"}}`:                                           {Failed: true, ErrorCode: "server_is_overloaded"},
		`{"type":"error","code":"rate_limit_exceeded","message":"x"}`:                                        {Failed: true, ErrorCode: "rate_limit_exceeded"},
		`{"type":"response.output_text.delta","delta":"you said: \"type\":\"error\""}`:                       {},
	} {
		var got wire.Answer
		d.Answer(&call, fields(t, call.AnswerPaths, doc), &got)
		if got.ResponseID != want.ResponseID || got.Pending != want.Pending || got.Background != want.Background || got.Complete != want.Complete ||
			got.Failed != want.Failed || got.ErrorCode != want.ErrorCode {
			t.Errorf("%s:\ngot  %+v\nwant %+v", doc, got, want)
		}
	}
}
