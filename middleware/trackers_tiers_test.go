package middleware_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// gpt-5 costs $1.25 for a million input tokens, $0.125 if cached, and $10 for output; on flex half, on priority twice that.
const (
	gpt5Usage     = `"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}`
	gpt5Responded = `"usage":{"input_tokens":1000,"output_tokens":500,"total_tokens":1500}`
	gpt5Standard  = "0.00625"  // 1000 x 1.25 + 500 x 10, in millionths
	gpt5Flex      = "0.003125" // 1000 x 0.625 + 500 x 5
	gpt5Priority  = "0.0125"   // 1000 x 2.5 + 500 x 20
)

// Flex was billed at the standard price, twice what it costs (BerriAI/litellm#13810, #14796).
func TestTracker01FlexBilledAsStandard(t *testing.T) {
	checkAll(t, []billedCall{
		{name: "chat", url: openaiURL, request: `{"model":"gpt-5","service_tier":"flex"}`,
			answer: `{"model":"gpt-5","service_tier":"flex",` + gpt5Usage + `}`,
			cost:   gpt5Flex, tier: policy.Flex, list: gpt5Standard},
		{name: "responses", url: responsesURL, request: `{"model":"gpt-5","service_tier":"flex"}`,
			answer: `{"id":"r","model":"gpt-5","status":"completed","service_tier":"flex",` + gpt5Responded + `}`,
			cost:   gpt5Flex, tier: policy.Flex, list: gpt5Standard},
		// The page prints $0.138 for a million cached tokens on flex, which is not half of the $0.275 on standard:
		// 600 x 0.55 + 400 x 0.138 + 100 x 2.2, where at standard it is 1000 x 1.1 + 100 x 4.4 without a cache.
		{name: "cached", url: openaiURL, request: `{"model":"o4-mini","service_tier":"flex"}`,
			answer: `{"model":"o4-mini","service_tier":"flex","usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,"prompt_tokens_details":{"cached_tokens":400}}}`,
			cost:   "0.0006052", tier: policy.Flex, list: "0.00154"},
		// 1000 x 0.15 + 500 x 1.25
		{name: "Gemini", url: geminiURL, request: `{"serviceTier":"flex"}`,
			answer: `{"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":500,"totalTokenCount":1500,"serviceTier":"flex"}}`,
			cost:   "0.000775", tier: policy.Flex, list: "0.00155"},
	})
}

// The tier stands in the answer alone, at its end or within its usage, and was not read there (BerriAI/litellm#17748).
func TestTracker02TierOnlyInTheAnswer(t *testing.T) {
	checkAll(t, []billedCall{
		{name: "behind the usage", url: openaiURL, request: `{"model":"gpt-5"}`,
			answer: `{"model":"gpt-5",` + gpt5Usage + `,"service_tier":"flex"}`, cost: gpt5Flex, tier: policy.Flex},
		{name: "in a stream's last chunk", url: openaiURL, request: `{"model":"gpt-5","stream":true}`,
			answer: chunks(`{"model":"gpt-5","choices":[{"delta":{"content":"x"}}],"usage":null}`,
				`{"model":"gpt-5","choices":[],"service_tier":"priority",`+gpt5Usage+`}`), cost: gpt5Priority, tier: policy.Priority},
		{name: "in a stream's terminal event", url: responsesURL, request: `{"model":"gpt-5","stream":true}`,
			answer: event("created", `{"id":"r","model":"gpt-5","status":"in_progress","service_tier":"auto","usage":null}`) +
				event("completed", `{"id":"r","model":"gpt-5","status":"completed","service_tier":"flex",`+gpt5Responded+`}`), cost: gpt5Flex, tier: policy.Flex},
		{name: "in Gemini's usage", url: geminiURL, request: `{}`,
			answer: `{"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":500,"totalTokenCount":1500,"serviceTier":"flex"}}`,
			cost:   "0.000775", tier: policy.Flex},
		{name: "in Gemini's last chunk", url: geminiStreamURL + "?alt=sse", request: `{}`,
			answer: pieces(`{"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":1,"totalTokenCount":1001}}`,
				`{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":500,"totalTokenCount":1500,"serviceTier":"flex"}}`),
			cost: "0.000775", tier: policy.Flex},
	})
	// Mistral has no tiers with prices of their own in our catalog: these are made up.
	checkAll(t, []billedCall{{name: "in Mistral's usage", url: "https://api.mistral.ai/v1/chat/completions", request: `{"model":"m"}`,
		answer: `{"model":"m","usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"service_tier":"priority"}}`,
		cost:   "0.0035", tier: policy.Priority}},
		middleware.WithPrices(catalogOf(t, "mistral", `"m":{"periods":[{"source":"test","tiers":{
			"standard":[{"usd_per_million":{"input":"1","output":"2"}}],"priority":[{"usd_per_million":{"input":"1.5","output":"4"}}]}}]}`)))
}

// Priority was asked for, standard served, and priority billed (BerriAI/litellm#31837).
func TestTracker03ServedTierWins(t *testing.T) {
	checkAll(t, []billedCall{
		{name: "chat", url: openaiURL, request: `{"model":"gpt-5","service_tier":"priority"}`,
			answer: `{"model":"gpt-5","service_tier":"default",` + gpt5Usage + `}`, cost: gpt5Standard, tier: policy.Standard},
		{name: "chat, by the alias", url: openaiURL, request: `{"model":"gpt-5","service_tier":"fast"}`,
			answer: `{"model":"gpt-5","service_tier":"priority",` + gpt5Usage + `}`, cost: gpt5Priority, tier: policy.Priority},
		{name: "responses, where the first event repeats what was asked", url: responsesURL, request: `{"model":"gpt-5","service_tier":"priority","stream":true}`,
			answer: event("created", `{"id":"r","model":"gpt-5","status":"in_progress","service_tier":"priority","usage":null}`) +
				event("completed", `{"id":"r","model":"gpt-5","status":"completed","service_tier":"default",`+gpt5Responded+`}`),
			cost: gpt5Standard, tier: policy.Standard},
		{name: "Gemini, which downgrades in silence", url: geminiURL, request: `{"service_tier":"priority"}`,
			answer: `{"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":500,"totalTokenCount":1500,"serviceTier":"standard"}}`,
			cost:   "0.00155", tier: policy.Standard},
		// It is not said which tier served, so neither price is known to be right.
		{name: "not said", url: openaiURL, request: `{"model":"gpt-5","service_tier":"priority"}`,
			answer: `{"model":"gpt-5",` + gpt5Usage + `}`, cost: "unknown"},
	})
}

// Vertex AI's traffic type was not taken for the tier (BerriAI/litellm#37724).
func TestTracker04VertexTrafficType(t *testing.T) {
	answer := func(traffic string) string {
		return `{"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":500,"totalTokenCount":1500,"trafficType":"` + traffic + `"}}`
	}
	header := http.Header{"X-Vertex-Ai-Llm-Shared-Request-Type": {"flex"}}
	checkAll(t, []billedCall{
		{name: "flex", url: vertexURL, header: header, request: `{}`, answer: answer("ON_DEMAND_FLEX"), cost: "0.000775", tier: policy.Flex},
		{name: "flex, unasked", url: vertexURL, request: `{}`, answer: answer("ON_DEMAND_FLEX"), cost: "0.000775", tier: policy.Flex},
		{name: "standard, where flex was asked for", url: vertexURL, header: header, request: `{}`, answer: answer("ON_DEMAND"), cost: "0.00155", tier: policy.Standard},
		{name: "priority", url: vertexURL, request: `{}`, answer: answer("ON_DEMAND_PRIORITY"), cost: "0.00279", tier: policy.Priority}, // 1000 x 0.54 + 500 x 4.5
		{name: "paid for in advance", url: vertexURL, request: `{}`, answer: answer("PROVISIONED_THROUGHPUT"), cost: "unknown"},
		{name: "the compatible face", url: vertexFaceURL, request: `{"model":"google/gemini-2.5-flash"}`,
			answer: `{"model":"google/gemini-2.5-flash","usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"extra_properties":{"google":{"traffic_type":"ON_DEMAND_FLEX"}}}}`,
			cost:   "0.000775", tier: policy.Flex},
	})
}

// A host of others' models served priority, which the gateway priced as standard, and what the host itself said that it
// charged was dropped (BerriAI/litellm#38802).
func TestTracker05ProvidersOwnCost(t *testing.T) {
	const url = "https://openrouter.ai/api/v1/chat/completions"
	prices := catalogOf(t, "openrouter", `"acme/m":{"periods":[{"source":"test","tiers":{
		"standard":[{"usd_per_million":{"input":"1","output":"4"}}],"priority":[{"usd_per_million":{"input":"1.5","output":"6"}}]}}]}`)
	answer := func(model, cost string) string {
		return `{"model":"` + model + `","service_tier":"priority","usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"cost":` + cost + `}}`
	}
	call := billedCall{name: "equal", url: url, request: `{"model":"acme/m","service_tier":"priority"}`,
		answer: answer("acme/m", "0.0045"), cost: "0.0045", tier: policy.Priority} // 1000 x 1.5 + 500 x 6
	if row := call.check(t, middleware.WithPrices(prices)); row.Reported != ledger.Known(price.MustUSD("0.0045")) {
		t.Errorf("reported %v", row.Reported)
	}
	// Where theirs and ours differ, the row has both.
	call.name, call.answer = "different", answer("acme/m", "4.6e-3")
	if row := call.check(t, middleware.WithPrices(prices)); row.Reported != ledger.Known(price.MustUSD("0.0046")) {
		t.Errorf("reported %v", row.Reported)
	}
	// Where we have no price, what was charged is what is exposed.
	call.name, call.answer, call.cost = "unpriced", answer("acme/new", "0.0046"), "unknown"
	if row := call.check(t, middleware.WithPrices(prices)); row.Reported != ledger.Known(price.MustUSD("0.0046")) || row.Exposure != row.Reported {
		t.Errorf("reported %v, exposed %v", row.Reported, row.Exposure)
	}
	// DeepInfra, the provider of that issue, calls it an estimate.
	estimate := billedCall{name: "an estimate", url: "https://api.deepinfra.com/v1/openai/chat/completions", request: `{"model":"acme/m"}`, cost: "unknown",
		answer: `{"model":"acme/m","usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"estimated_cost":0.000123}}`}
	if row := estimate.check(t); row.Reported != ledger.Known(price.MustUSD("0.000123")) {
		t.Errorf("reported %v", row.Reported)
	}
	// xAI states it in ticks, of which a dollar has 10,000,000,000.
	ticks := billedCall{name: "ticks", url: "https://api.x.ai/v1/chat/completions", request: `{"model":"grok-4.3"}`,
		answer: `{"model":"grok-4.3","service_tier":"default","usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,"cost_in_usd_ticks":15000000}}`,
		cost:   "0.0015"} // 1000 x 1.25 + 100 x 2.5
	if row := ticks.check(t); row.Reported != ledger.Known(price.MustUSD("0.0015")) {
		t.Errorf("reported %v", row.Reported)
	}
}

// The parts of a cost were at the standard price, and their sum at flex's (BerriAI/litellm#38424).
func TestTracker06PartsAddUp(t *testing.T) {
	// The parts are those of the usage, by a tier's price for each.
	usage := price.Usage{Input: 600, CachedInput: 400, Output: 500}
	for tier, want := range map[string][4]string{ // input, cached, output, all
		"standard": {"0.00075", "0.00005", "0.005", "0.0058"},
		"flex":     {"0.000375", "0.000025", "0.0025", "0.0029"},
		"priority": {"0.0015", "0.0001", "0.01", "0.0116"},
		"batch":    {"0.000375", "0.000025", "0.0025", "0.0029"},
	} {
		for i, part := range []price.Usage{{Input: usage.Input}, {CachedInput: usage.CachedInput}, {Output: usage.Output}, usage} {
			costing{model: "openai/gpt-5", tier: tier, usage: part, want: want[i]}.check(t, price.Embedded())
		}
	}
	// The parts are the rows of tiers, whose sums are those of all.
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(moment(t, noon)))
		base := &script{}
		for _, tier := range []string{"flex", "default", "priority", "flex"} {
			base.answers = append(base.answers, says(200, jsonType, `{"model":"gpt-5","service_tier":"`+tier+`","usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"prompt_tokens_details":{"cached_tokens":400}}}`))
		}
		stack := stackOver(t, base, policy.Policy{})
		for range base.answers {
			if _, err := chat(t, t.Context(), stack, chatBody); err != nil {
				t.Fatal(err)
			}
		}
		totals := stack.Totals()
		for group, want := range map[string]string{"tier:flex": "0.0058", "tier:standard": "0.0058", "tier:priority": "0.0116", "model:gpt-5": "0.0232"} {
			if got := totals.By[group].Cost.String(); got != want {
				t.Errorf("%s: %s, want %s", group, got, want)
			}
		}
		// 400 cached tokens take off 400 x (0.625 - 0.0625), (1.25 - 0.125), (2.5 - 0.25) and the first again.
		if totals.Cost.String() != "0.0232" || totals.List.String() != "0.025" || totals.Implicit.String() != "0.0018" {
			t.Errorf("cost %s, list %s, implicit %s", totals.Cost, totals.List, totals.Implicit)
		}
		var parts price.Sum
		for group, total := range totals.By {
			if strings.HasPrefix(group, "tier:") {
				parts.AddSum(total.Cost)
			}
		}
		if parts.Cmp(totals.Cost) != 0 {
			t.Errorf("the tiers' costs add up to %s, all to %s", parts, totals.Cost)
		}
	})
}
