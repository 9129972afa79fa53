package middleware_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A batch cost what single calls do, or nothing (BerriAI/litellm#19925, #9077, #37219, dust#23702, truefoundry/models#765).
func TestTracker27Batch(t *testing.T) {
	// What a batch has used stands in its output file, one line for each call: the price of its tier is for those.
	usage := price.Usage{Input: 1000, Output: 1000}
	costAll(t, []costing{
		{model: "openai/gpt-5", tier: "batch", usage: usage, want: "0.005625"},              // 0.625, 5
		{model: "openai/gpt-5", usage: usage, want: "0.01125"},                              // 1.25, 10
		{model: "gemini/gemini-2.5-flash", tier: "batch", usage: usage, want: "0.0014"},     // 0.15, 1.25
		{model: "openai/gpt-5.1-codex", tier: "batch", usage: usage, want: "for this tier"}, // has none, rather than another's
	})
	// To submit one is not free: its row says that the cost is not known yet.
	for _, url := range []string{
		"https://api.openai.com/v1/batches",
		"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:batchGenerateContent",
		"https://api.groq.com/openai/v1/batches",
		"https://api.mistral.ai/v1/batch/jobs",
	} {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("POST "+url, says(200, jsonType, `{"id":"batch_1","object":"batch","status":"validating","usage":{"input_tokens":0,"output_tokens":0,"total_tokens":0}}`))
		mustDo(t, stack, "POST", url, `{"input_file_id":"file_1","endpoint":"/v1/chat/completions"}`)
		rows := stack.Rows()
		if len(rows) != 1 || rows[0].Operation != "unknown" || rows[0].Cost.Known || rows[0].UsageSource != ledger.Unknown || rows[0].Unpriced == "" {
			t.Errorf("%s: %+v", url, rows)
		}
		if totals := stack.Totals(); totals.Unpriced != 1 || totals.Cost.Sign() != 0 {
			t.Errorf("%s: %+v", url, totals.Total)
		}
	}
	// The output file has the usage of calls, but is not the answer to a call at the standard price.
	const file = "https://api.openai.com/v1/files/file_2/content"
	const line = `{"id":"1","response":{"status_code":200,"body":{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":1000,"completion_tokens":1000,"total_tokens":2000}}}}` + "\n"
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{})
	base.on("GET "+file, says(200, jsonType, line))
	if got := mustDo(t, stack, "GET", file, ""); got != line || len(stack.Rows()) != 0 {
		t.Errorf("%q, rows %+v", got, stack.Rows())
	}
}

// Cached tokens in a batch had the price of plain ones in a batch (BerriAI/litellm#38341).
func TestTracker28CachedInABatch(t *testing.T) {
	cached := price.Usage{Input: 1000, CachedInput: 1_000_000}
	costAll(t, []costing{
		{model: "openai/gpt-5", tier: "batch", usage: cached, want: "0.063125"},                                          // 0.625, 0.0625
		{model: "openai/gpt-5", usage: cached, want: "0.12625"},                                                          // 1.25, 0.125
		{model: "openai/gpt-5.4", tier: "batch", usage: price.Usage{Input: 1000, CachedInput: 100_000}, want: "0.01425"}, // 1.25, 0.13: as printed, not half of 0.25
		{model: "openai/o4-mini", tier: "batch", usage: price.Usage{Input: 1000, CachedInput: 100_000}, want: "0.05555"}, // 0.55: none is printed
		{model: "gemini/gemini-2.5-flash", tier: "batch", usage: cached, want: "0.15015"},                                // 0.15: none is printed
	})
}

// What it costs to hold a context cache was not counted at all (margince#5581, chatcli#1451).
func TestTracker29CacheStorage(t *testing.T) {
	const (
		caches = "https://generativelanguage.googleapis.com/v1beta/cachedContents"
		abc    = caches + "/abc"
	)
	// What is asked of a cache, and until when it then is to be held, in minutes after its creation.
	type change struct {
		after  int
		method string
		until  int
	}
	for _, test := range []struct {
		name, model, from string
		tokens            int
		changes           []change
		want              []string // what each answer adds
		sum               string
		seconds           int64
	}{
		// gemini-2.5-flash: $1 for a million tokens and hour. 100,000 tokens are $0.1 an hour.
		{"held to its end", "gemini-2.5-flash", noon, 100_000, []change{{0, "POST", 60}}, []string{"0.1"}, "0.1", 360_000_000},
		{"deleted", "gemini-2.5-flash", noon, 100_000, []change{{0, "POST", 60}, {15, "DELETE", 0}}, []string{"0.1", "-0.075"}, "0.025", 90_000_000},
		{"prolonged", "gemini-2.5-flash", noon, 100_000, []change{{0, "POST", 60}, {30, "PATCH", 150}}, []string{"0.1", "0.15"}, "0.25", 900_000_000},
		{"prolonged, and deleted", "gemini-2.5-flash", noon, 100_000, []change{{0, "POST", 60}, {30, "PATCH", 150}, {90, "DELETE", 0}},
			[]string{"0.1", "0.15", "-0.1"}, "0.15", 540_000_000},
		{"cut short", "gemini-2.5-flash", noon, 100_000, []change{{0, "POST", 60}, {30, "PATCH", 45}}, []string{"0.1", "-0.025"}, "0.075", 270_000_000},
		// gemini-2.5-pro: $4.5. 9609 tokens for five minutes are 9609 x 4.5 / 12 millionths.
		{"an odd number", "gemini-2.5-pro", noon, 9609, []change{{0, "POST", 5}}, []string{"0.003603375"}, "0.003603375", 2_882_700},
		// gemini-3.6-flash: $0.5 until the new year, then $1.
		{"over a change of price", "gemini-3.6-flash", "2026-12-31T23:00:00Z", 1_000_000, []change{{0, "POST", 120}, {90, "DELETE", 0}}, []string{"1.5", "-0.5"}, "1", 5_400_000_000},
	} {
		synctest.Test(t, func(t *testing.T) {
			created := moment(t, test.from)
			time.Sleep(time.Until(created))
			base := newAPI()
			stack := stackOver(t, base, policy.Policy{})
			for _, c := range test.changes {
				time.Sleep(time.Until(created.Add(time.Duration(c.after) * time.Minute)))
				body := fmt.Sprintf(`{"name":"cachedContents/abc","model":"models/%s","createTime":%q,"expireTime":%q,"usageMetadata":{"totalTokenCount":%d}}`,
					test.model, created.Format(time.RFC3339Nano), created.Add(time.Duration(c.until)*time.Minute).Format(time.RFC3339Nano), test.tokens)
				url := abc
				switch c.method {
				case "POST":
					url = caches
				case "DELETE":
					body = `{}`
				}
				base.on(c.method+" "+url, says(200, jsonType, body))
				mustDo(t, stack, c.method, url, `{}`)
			}
			var sum price.Sum
			var seconds int64
			var costs []string
			create := stack.Rows()[0].Call
			for _, row := range stack.Rows() {
				if row.Outcome != policy.Storage {
					continue
				}
				costs = append(costs, row.Cost.String())
				sum.Add(row.Cost.Pico)
				seconds += row.Usage.StorageTokenSeconds
				if !row.Cost.Known || row.Unpriced != "" || row.Parent != create || row.Call == create {
					t.Errorf("%s: %+v", test.name, row)
				}
			}
			if fmt.Sprint(costs) != fmt.Sprint(test.want) || sum.String() != test.sum || seconds != test.seconds {
				t.Errorf("%s: %s, in all %s for %d token-seconds, want %s, %s for %d", test.name, costs, sum, seconds, test.want, test.sum, test.seconds)
			}
			if totals := stack.Totals(); totals.Storage.String() != test.sum {
				t.Errorf("%s: the totals have %s", test.name, totals.Storage)
			}
		})
	}
}

// What a region costs on top was missing, and then was charged for models that have none (BerriAI/litellm#28626, #31136,
// #37543, dust#30528).
func TestTracker30RegionalUplift(t *testing.T) {
	chat := func(host, model string) billedCall {
		return billedCall{name: model + " at " + host, url: "https://" + host + "/v1/chat/completions", request: `{"model":"` + model + `"}`,
			answer: `{"model":"` + model + `","service_tier":"default","usage":{"prompt_tokens":1000,"completion_tokens":1000,"total_tokens":2000}}`}
	}
	for _, x := range []struct{ host, model, cost string }{
		// OpenAI: a tenth, for models that came out on or after 2026-03-05.
		{"api.openai.com", "gpt-5.4", "0.0175"},     // 2.5, 15
		{"eu.api.openai.com", "gpt-5.4", "0.01925"}, // 0.0175 x 1.1
		{"us.api.openai.com", "gpt-5.4", "0.01925"},
		{"EU.API.OpenAI.com", "gpt-5.4", "0.01925"},
		{"api.openai.com", "gpt-5", "0.01125"},        // 1.25, 10
		{"eu.api.openai.com", "gpt-5", "0.01125"},     // came out before
		{"eu.api.openai.com", "gpt-5.2", "0.01575"},   // 1.75, 14: came out before
		{"eu.api.openai.com", "gpt-6-astra", "0.066"}, // (10 + 50) x 1.1
		{"eu.example.com", "gpt-5.4", "0.0175"},       // of no region
	} {
		call := chat(x.host, x.model)
		call.cost = x.cost
		call.check(t)
	}
	// Vertex AI: a tenth for newer models, at any location but global.
	for _, x := range []struct{ host, location, model, cost string }{
		{"aiplatform.googleapis.com", "global", "gemini-3.6-flash", "0.0045"}, // 0.75, 3.75
		{"europe-west1-aiplatform.googleapis.com", "europe-west1", "gemini-3.6-flash", "0.00495"},
		{"aiplatform.eu.rep.googleapis.com", "eu", "gemini-3.6-flash", "0.00495"},
		{"europe-west1-aiplatform.googleapis.com", "europe-west1", "gemini-2.5-flash", "0.0028"}, // 0.3, 2.5: came out before
	} {
		billedCall{name: x.model + " at " + x.location, request: `{}`, cost: x.cost,
			url:    "https://" + x.host + "/v1/projects/p/locations/" + x.location + "/publishers/google/models/" + x.model + ":generateContent",
			answer: gemini(x.model, `"promptTokenCount":1000,"candidatesTokenCount":1000,"totalTokenCount":2000,"trafficType":"ON_DEMAND"`)}.check(t)
	}
}

// Searches were charged for by the request where each query costs, or the other way round, or at one price for all
// models (BerriAI/litellm#36377, #24369, #15858, #17921, #38418).
func TestTracker31Searches(t *testing.T) {
	const (
		request = `{"tools":[{"googleSearch":{}}]}`
		counts  = `"promptTokenCount":100,"candidatesTokenCount":20,"totalTokenCount":120,"serviceTier":"standard"`
	)
	searched := func(model, queries string) string {
		return `{"candidates":[{"finishReason":"STOP","groundingMetadata":{"webSearchQueries":[` + queries + `],"groundingChunks":[{"web":{"uri":"x"}}]}}],"modelVersion":"` + model + `","usageMetadata":{` + counts + `}}`
	}
	const two, three = "gemini-2.5-flash", "gemini-3-flash-preview"
	threeURL := strings.Replace(geminiURL, two, three, 1)
	// The tokens cost 100 x 0.3 + 20 x 2.5 on 2.5 Flash, and 100 x 0.5 + 20 x 3 on 3 Flash: $0.00008 and $0.00011.
	checkAll(t, []billedCall{
		// From Gemini 3 on, $14 for a thousand queries: those that differ, and are not empty.
		{name: "3, one", url: threeURL, request: request, answer: searched(three, `"a"`), cost: "0.01411"},
		{name: "3, two, one of them twice", url: threeURL, request: request, answer: searched(three, `"a","b","a"`), cost: "0.02811"},
		{name: "3, two and empty ones", url: threeURL, request: request, answer: searched(three, `"a","","b"," "`), cost: "0.02811"},
		{name: "3, only empty ones", url: threeURL, request: request, answer: searched(three, `"",""`), cost: "0.00011"},
		{name: "3, none", url: threeURL, request: request, answer: gemini(three, counts[:strings.LastIndex(counts, ",")]), cost: "0.00011"},
		{name: "3, streamed, each piece with those so far", url: strings.Replace(threeURL, ":g", ":streamG", 1) + "?alt=sse", request: request,
			answer: pieces(searched(three, `"a"`), searched(three, `"a","b"`), searched(three, `"b","","c"`)), cost: "0.04211"},
		{name: "3, on Vertex AI", url: strings.Replace(vertexURL, two, three, 1), request: request, answer: searched(three, `"a","a","b"`), cost: "0.02811"},
		// Before, $35 for a thousand prompts that were grounded, however many queries that took.
		{name: "2.5, one", url: geminiURL, request: request, answer: searched(two, `"a"`), cost: "0.03508"},
		{name: "2.5, three", url: geminiURL, request: request, answer: searched(two, `"a","b","c"`), cost: "0.03508"},
		{name: "2.5, none", url: geminiURL, request: request, answer: gemini(two, counts[:strings.LastIndex(counts, ",")]), cost: "0.00008"},
		{name: "2.5, streamed", url: geminiStreamURL + "?alt=sse", request: request, answer: pieces(searched(two, `"a"`), searched(two, `"b"`)), cost: "0.03508"},
		// Maps cost otherwise, and the answer does not count them in a way that is known.
		{name: "maps", url: threeURL, request: `{"tools":[{"googleMaps":{}}]}`, answer: searched(three, `"a"`), cost: "unknown"},
		// OpenAI: $10 for a thousand, as the answer counts them; the tokens cost 100 x 1.25 + 20 x 10.
		{name: "OpenAI, two", url: responsesURL, request: `{"model":"gpt-5","tools":[{"type":"web_search"}]}`, cost: "0.020325",
			answer: `{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","tool_usage":{"web_search":{"num_requests":2}},"usage":{"input_tokens":100,"output_tokens":20,"total_tokens":120}}`},
		{name: "OpenAI, not counted", url: responsesURL, request: `{"model":"gpt-5","tools":[{"type":"web_search"}]}`, cost: "unknown",
			answer: `{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","usage":{"input_tokens":100,"output_tokens":20,"total_tokens":120}}`},
		// Anthropic: $10 for a thousand; the tokens cost 100 x 3 + 20 x 15.
		{name: "Anthropic, two", url: anthropicURL, request: `{"model":"claude-sonnet-4-5","tools":[{"type":"web_search_20250305"}]}`, cost: "0.0206",
			answer: `{"type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":100,"output_tokens":20,"service_tier":"standard","server_tool_use":{"web_search_requests":2}}}`},
	})
}
