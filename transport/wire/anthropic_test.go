package wire_test

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

const anthropicURL = "https://api.anthropic.com/v1/messages"

func TestAnthropicUsage(t *testing.T) {
	const start = `{"type":"message_start","message":{"id":"m-1","model":"claude","usage":{"input_tokens":9,"output_tokens":1,"cache_read_input_tokens":100}}}`
	testAnswers(t, []answered{
		{name: "an answer", url: anthropicURL,
			docs:  []string{`{"id":"m-1","model":"claude","usage":{"input_tokens":9,"output_tokens":5,"service_tier":"priority"}}`},
			usage: price.Usage{Input: 9, Output: 5}, tier: policy.Priority, model: "claude"},
		{name: "a stream: the delta corrects the output, and keeps the input", url: anthropicURL,
			docs:  []string{start, `{"type":"message_delta","usage":{"output_tokens":42}}`, `{"type":"message_stop"}`},
			usage: price.Usage{Input: 9, CachedInput: 100, Output: 42}, model: "claude"},
		{name: "writes by their time to live", url: anthropicURL,
			docs:  []string{`{"usage":{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}}`},
			usage: price.Usage{Input: 1, Output: 1, CacheWrite: 10, CacheWrite1h: 20}},
		{name: "more of them than there are", url: anthropicURL,
			docs:    []string{`{"usage":{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":3,"cache_creation":{"ephemeral_1h_input_tokens":20}}}`},
			problem: "usage.cache_creation has more tokens"},
		{name: "input alone is not all", url: anthropicURL, docs: []string{`{"usage":{"input_tokens":1}}`}, usage: price.Usage{Input: 1}, noUsage: true},
		{name: "a web search is counted", url: anthropicURL,
			docs:  []string{`{"usage":{"input_tokens":1,"output_tokens":1,"server_tool_use":{"web_search_requests":2}}}`},
			usage: price.Usage{Input: 1, Output: 1, WebSearches: 2}},
		{name: "code execution", url: anthropicURL,
			docs:  []string{`{"usage":{"input_tokens":1,"output_tokens":1,"server_tool_use":{"code_execution_requests":2}}}`},
			usage: price.Usage{Input: 1, Output: 1}, extras: "code execution"},
		{name: "a region", url: anthropicURL, docs: []string{`{"usage":{"input_tokens":1,"output_tokens":1,"inference_geo":"us"}}`},
			usage: price.Usage{Input: 1, Output: 1}, extras: "region"},
		{name: "another region", url: anthropicURL, docs: []string{`{"usage":{"input_tokens":1,"output_tokens":1,"inference_geo":"eu"}}`},
			usage: price.Usage{Input: 1, Output: 1}, extras: "region"},
		{name: "another region in a stream", url: anthropicURL, docs: []string{`{"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1,"inference_geo":"apac"}}}`,
			`{"type":"message_delta","usage":{"output_tokens":9}}`},
			usage: price.Usage{Input: 1, Output: 9}, extras: "region"},
		{name: "all regions", url: anthropicURL, docs: []string{`{"usage":{"input_tokens":1,"output_tokens":1,"inference_geo":"global"}}`},
			usage: price.Usage{Input: 1, Output: 1}},
		{name: "a model without regions", url: anthropicURL, docs: []string{`{"usage":{"input_tokens":1,"output_tokens":1,"inference_geo":"not_available"}}`},
			usage: price.Usage{Input: 1, Output: 1}},
		{name: "a region of none", url: anthropicURL, docs: []string{`{"usage":{"input_tokens":1,"output_tokens":1,"inference_geo":""}}`},
			usage: price.Usage{Input: 1, Output: 1}},
		{name: "fast", url: anthropicURL, docs: []string{`{"usage":{"input_tokens":1,"output_tokens":1,"speed":"fast","service_tier":"standard"}}`},
			usage: price.Usage{Input: 1, Output: 1}, tier: "fast"},
		{name: "fast in a stream", url: anthropicURL, docs: []string{`{"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1,"speed":"fast"}}}`,
			`{"type":"message_delta","usage":{"output_tokens":9,"service_tier":"standard"}}`},
			usage: price.Usage{Input: 1, Output: 9}, tier: "fast"},
		{name: "fast was not to be had", url: anthropicURL, docs: []string{`{"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1,"speed":"fast"}}}`,
			`{"type":"message_delta","usage":{"output_tokens":9,"speed":"standard"}}`},
			usage: price.Usage{Input: 1, Output: 9}, tier: "standard"},
		{name: "another speed", url: anthropicURL, docs: []string{`{"usage":{"input_tokens":1,"output_tokens":1,"speed":"turbo"}}`},
			usage: price.Usage{Input: 1, Output: 1}, extras: "speed"},
		{name: "later zeros", url: anthropicURL, docs: []string{
			`{"type":"message_start","message":{"usage":{"input_tokens":1500,"cache_read_input_tokens":8000,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_1h_input_tokens":30},"output_tokens":1}}}`,
			`{"type":"message_delta","usage":{"input_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":20}}`},
			usage: price.Usage{Input: 1500, CachedInput: 8000, CacheWrite1h: 30, Output: 20}},
		{name: "later without the times to live", url: anthropicURL, docs: []string{
			`{"type":"message_start","message":{"usage":{"input_tokens":1,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_1h_input_tokens":30},"output_tokens":1}}}`,
			`{"type":"message_delta","usage":{"cache_creation_input_tokens":30,"output_tokens":20}}`},
			usage: price.Usage{Input: 1, CacheWrite1h: 30, Output: 20}},
		{name: "not all of the times to live", url: anthropicURL, docs: []string{`{"usage":{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10}}}`},
			problem: "fewer tokens"},
		{name: "iterations", url: anthropicURL,
			docs:  []string{`{"usage":{"input_tokens":1,"output_tokens":1,"iterations":[{"input_tokens":1},{"input_tokens":2}]}}`},
			usage: price.Usage{Input: 1, Output: 1}, extras: "several iterations"},
	})
}

func TestAnthropicRequest(t *testing.T) {
	for body, want := range map[string]wire.Call{
		`{"model":"c","max_tokens":7,"stream":true}`:                                                                   {Model: "c", MaxOutput: 7, Stream: true, Tools: wire.NoTools, Fees: wire.NoTools},
		`{"service_tier":"standard_only"}`:                                                                             {Tier: policy.Standard, Tools: wire.NoTools, Fees: wire.NoTools},
		`{"tools":[{"name":"f"},{"type":"custom","name":"g"}]}`:                                                        {Tools: wire.NoTools, Fees: wire.NoTools},
		`{"tools":[{"name":"f"},{"type":"web_search_20250305"}]}`:                                                      {Refers: true, Tools: wire.NoTools, Fees: wire.PaidTools},
		`{"tools":[{"name":"f"},{"type":"bash_20250124"},{"type":"text_editor_20250728"},{"type":"memory_20250818"}]}`: {Tools: wire.NoTools, Fees: wire.NoTools},
		`{"tools":[{"type":"bash_20250124"},{"type":"code_execution_20250825"}]}`:                                      {Refers: true, Tools: wire.NoTools, Fees: wire.PaidTools},
		`{"tools":[{"type":"bash"}]}`:                                                                                  {Refers: true, Tools: wire.NoTools, Fees: wire.PaidTools},
		`{"mcp_servers":[{"url":"x"}]}`:                                                                                {Refers: true, Tools: wire.NoTools, Fees: wire.NoTools},
	} {
		d, call, ok := recognise(t, http.MethodPost, anthropicURL)
		if !ok {
			t.Fatal("not recognised")
		}
		d.Request(&call, nil, fields(t, call.RequestPaths, body))
		if want.Shape, want.Choices = call.Shape, 1; call != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", body, call, want)
		}
	}
}

func TestAnthropicReset(t *testing.T) {
	d, call, _ := recognise(t, http.MethodPost, anthropicURL)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	h := http.Header{}
	h.Set("Anthropic-Ratelimit-Requests-Remaining", "5")
	h.Set("Anthropic-Ratelimit-Requests-Reset", "2026-11-21T13:00:00Z")
	h.Set("Anthropic-Ratelimit-Input-Tokens-Remaining", "0")
	h.Set("Anthropic-Ratelimit-Input-Tokens-Reset", "2026-11-21T12:00:09Z")
	r := &wire.Response{Status: 429, Header: h, At: at, Body: []byte(`{"type":"error","error":{"type":"rate_limit_error","message":"x"}}`)}
	got := d.Rejection(&call, r)
	if want := (wire.Rejection{Outcome: policy.Rejected, Evidence: policy.Documented, Reason: policy.Rate, Code: "rate_limit_error", RetryAfter: 9 * time.Second}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	call.Foreign = true
	if got := d.Rejection(&call, r); got.Evidence != policy.Inferred {
		t.Errorf("an unknown host: %+v", got)
	}
	r.Body = []byte(`{"type":"error","error":{"type":"rate_limit_error","message":"the monthly limit is reached"}}`)
	if got := d.Rejection(&call, r); got.Reason != policy.Quota {
		t.Errorf("a monthly limit: %+v", got)
	}
}
