package wire_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Waiting does not help where credit, a cap or a day's quota is used up, and everyone says that in other words.
func TestQuota(t *testing.T) {
	const anthropicOwn = "https://api.anthropic.com/v1/messages"
	for _, test := range []struct {
		provider, url string
		status        int
		body          string
	}{
		{"OpenAI", chatURL, 429, `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","code":"insufficient_quota"}}`},
		{"OpenAI, not active", chatURL, 429, `{"error":{"message":"Your account is not active, please check your billing details on our website.","type":"billing_not_active","code":"billing_not_active"}}`},
		{"passed on by LiteLLM", gatewayURL, 429, `{"error":{"message":"litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota, please check your plan and billing details.","type":"throttling_error","code":"429"}}`},
		{"Moonshot", moonshotURL, 429, `{"error":{"message":"Your account is suspended, please check your plan","type":"exceeded_current_quota_error"}}`},
		{"Moonshot, by words", moonshotURL, 429, `{"error":{"message":"Your account org-x is suspended due to insufficient balance, please recharge your account","type":"x"}}`},
		{"MiniMax", gatewayURL, 429, `{"error":{"http_code":"429","message":"insufficient balance (1008)","type":"insufficient_balance_error"}}`},
		{"MiniMax, by code", gatewayURL, 429, `{"error":{"message":"x","code":1008}}`},
		{"MiniMax's own", gatewayURL, 429, `{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}`},
		{"DeepSeek", "https://api.deepseek.com/chat/completions", 402, `{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}`},
		{"Z.ai", "https://api.z.ai/api/paas/v4/chat/completions", 429, `{"error":{"code":"1113","message":"Insufficient balance or no resource package. Please recharge."}}`},
		{"DashScope", gatewayURL, 400, `{"error":{"code":"Arrearage","type":"Arrearage","message":"Access denied, please make sure your account is in good standing."}}`},
		{"DashScope's own", gatewayURL, 403, `{"code":"AllocationQuota.FreeTierOnly","message":"The free tier of the model has been exhausted.","request_id":"r"}`},
		{"Baidu", gatewayURL, 429, `{"error_code":17,"error_msg":"Open api daily request limit reached"}`},
		{"Volcengine", gatewayURL, 403, `{"error":{"code":"AccountOverdueError","message":"The request failed because your account has an overdue balance.","type":"Forbidden"}}`},
		{"SiliconFlow", gatewayURL, 403, `{"code":30001,"message":"Sorry, your account balance is insufficient","data":null}`},
		{"Together", gatewayURL, 402, `{"error":{"message":"Credit limit exceeded, please navigate to billing to add credits","type":"credit_limit"}}`},
		{"Fireworks", gatewayURL, 412, `{"error":{"object":"error","type":"invalid_request_error","message":"Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices."}}`},
		{"xAI", "https://api.x.ai/v1/chat/completions", 429, `{"code":"Some resource has been exhausted","error":"Your team x has either used all available credits or reached its monthly spending limit."}`},
		{"xAI, new", "https://api.x.ai/v1/chat/completions", 403, `{"code":"The caller does not have permission to execute the specified operation","error":"Your newly created team doesn't have any credits yet."}`},
		{"Cohere's trial", gatewayURL, 429, `{"message":"You are using a Trial key, which is limited to 1000 API calls / month."}`},
		{"Cohere", gatewayURL, 402, `{"message":"Please add or update your payment method to continue"}`},
		{"Hugging Face", "https://router.huggingface.co/v1/chat/completions", 402, `{"error":"You have exceeded your monthly included credits for Inference Providers."}`},
		{"Hugging Face, by 429", "https://router.huggingface.co/v1/chat/completions", 429, `{"error":"You have exceeded your monthly included credits for Inference Providers."}`},
		{"GitHub Models", gatewayURL, 429, `{"error":{"code":"RateLimitReached","message":"Rate limit of 50 per 86400s exceeded for UserByModelByDay. Please wait 60000 seconds before retrying."}}`},
		{"Anthropic", anthropicOwn, 400, `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}`},
		{"Anthropic, limit", anthropicOwn, 400, `{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}`},
		{"Anthropic, billing", anthropicOwn, 402, `{"type":"error","error":{"type":"billing_error","message":"x"}}`},
		{"Azure's free tier", "https://me.openai.azure.com/openai/deployments/d/chat/completions", 403, `{"error":{"code":"403","message":"Out of call volume quota. Quota will be replenished in 2 days."}}`},
		{"Bedrock, a day", "https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions", 429, `{"message":"Too many tokens per day, please wait before trying again."}`},
		{"Bedrock", "https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions", 403, `{"message":"Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must be provided."}`},
		{"OpenRouter", openRouterURL, 402, `{"error":{"message":"This request requires more credits, or fewer max_tokens.","code":402}}`},
		{"OpenRouter, key", openRouterURL, 403, `{"error":{"message":"Key limit exceeded (total limit).","code":403}}`},
		{"OpenRouter, free", openRouterURL, 429, `{"error":{"message":"Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day","code":429}}`},
		{"Groq", "https://api.groq.com/openai/v1/chat/completions", 400, `{"error":{"message":"x","type":"invalid_request_error","code":"blocked_api_access"}}`},
		{"Vercel", "https://ai-gateway.vercel.sh/v1/chat/completions", 402, `{"error":{"message":"Insufficient funds.","type":"insufficient_funds"}}`},
		{"Perplexity", "https://api.perplexity.ai/chat/completions", 401, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":401}}`},
		{"LiteLLM", gatewayURL, 429, `{"error":{"message":"Budget has been exceeded! Current cost: 1.2, Max budget: 1.0","type":"budget_exceeded","code":"429"}}`},
		{"Cloudflare", gatewayURL, 429, `{"errors":[{"message":"AiError: you have used up your daily free allocation of 10,000 neurons","code":4006}]}`},
		{"Google, passed on", gatewayURL, 429, `{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"RequestsPerDay"}]}]}}`},
		{"Gemini", geminiURL, 429, `{"error":{"code":429,"message":"Your prepayment credits are depleted.","status":"RESOURCE_EXHAUSTED"}}`},
	} {
		if r := rejectionOf(t, test.url, test.status, nil, test.body); r.Reason != policy.Quota || r.Outcome != policy.Rejected {
			t.Errorf("%s: %+v", test.provider, r)
		}
	}
}

// What is only too fast is not taken for it.
func TestNotQuota(t *testing.T) {
	for name, test := range map[string]struct {
		url    string
		status int
		body   string
		want   policy.Reason
	}{
		"Gemini, a minute":         {geminiURL, 429, `{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"TokensPerMinute"}]}]}}`, policy.Rate},
		"the same, passed on":      {gatewayURL, 429, `{"error":{"message":"You exceeded your current quota, please check your plan and billing details. Please retry in 48.9s.","code":429}}`, policy.Rate},
		"the same, as it is":       {gatewayURL, 429, `{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"TokensPerMinute"}]}]}}`, policy.Rate},
		"passed on by LiteLLM":     {gatewayURL, 429, `{"error":{"message":"litellm.RateLimitError: VertexAIException - {\"error\": {\"message\": \"You exceeded your current quota, please check your plan and billing details.\", \"status\": \"RESOURCE_EXHAUSTED\"}}","code":"429"}}`, policy.Rate},
		"Cerebras, a minute":       {"https://api.cerebras.ai/v1/chat/completions", 429, `{"message":"Tokens per minute limit exceeded - too many tokens processed.","type":"too_many_tokens_error","param":"quota","code":"token_quota_exceeded"}`, policy.Rate},
		"Cohere's trial, a minute": {gatewayURL, 429, `{"message":"You are using a Trial key, which is limited to 10 API calls / minute. Upgrade to a monthly plan."}`, policy.Rate},
		"Moonshot":                 {moonshotURL, 429, `{"error":{"message":"Your account reached max request per minute, please try again after 1 seconds","type":"rate_limit_reached_error"}}`, policy.Rate},
		"Mistral":                  {"https://api.mistral.ai/v1/chat/completions", 429, `{"object":"error","message":"Rate limit exceeded","type":"rate_limited","code":"1300"}`, policy.Rate},
		"GitHub Models":            {gatewayURL, 429, `{"error":{"code":"RateLimitReached","message":"Rate limit of 10 per 60s exceeded for UserByModelByMinute. Please wait 3 seconds before retrying."}}`, policy.Rate},
		"a key that is wrong":      {"https://api.perplexity.ai/chat/completions", 401, `{"error":{"message":"Invalid API key or insufficient credits.","type":"invalid_api_key","code":401}}`, policy.BadRequest},
		"OpenAI":                   {chatURL, 429, `{"error":{"message":"Rate limit reached on tokens per min (TPM): Limit 200000, Used 200000, Requested 775. Please try again in 232ms. Add a payment method to raise it.","type":"tokens","code":"rate_limit_exceeded"}}`, policy.Rate},
	} {
		if r := rejectionOf(t, test.url, test.status, nil, test.body); r.Reason != test.want {
			t.Errorf("%s: %+v, want %s", name, r, test.want)
		}
	}
}

// Vertex AI gives a request up with 499, and charges for nothing but a 200.
func TestVertexCancelled(t *testing.T) {
	const vertexURL = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:generateContent"
	const cancelled = `{"error":{"code":499,"message":"The operation was cancelled.","status":"CANCELLED"}}`
	if r := rejectionOf(t, vertexURL, 499, nil, cancelled); r.Outcome != policy.Rejected || r.Evidence != policy.Documented || r.Reason != policy.ServerError {
		t.Errorf("%+v", r)
	}
	// Not so elsewhere, and not if someone else says it.
	for url, body := range map[string]string{geminiURL: cancelled, vertexURL: "<html>", "https://gw.example/v1/projects/p/locations/global/publishers/google/models/m:generateContent": cancelled} {
		if r := rejectionOf(t, url, 499, nil, body); r.Outcome != policy.Ambiguous || r.Reason != policy.ServerError {
			t.Errorf("%s: %+v", url, r)
		}
	}
}

// Limits that are used up come back when their headers say so, in many forms. Others do not count.
func TestRateResets(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"Cerebras":                            {map[string]string{"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-reset-tokens-minute": "41.2", "x-ratelimit-remaining-requests-day": "9", "x-ratelimit-reset-requests-day": "43200"}, 41200 * time.Millisecond},
		"a day":                               {map[string]string{"x-ratelimit-remaining-requests-day": "0", "x-ratelimit-reset-requests-day": "43200.5"}, 12*time.Hour + 500*time.Millisecond},
		"OpenAI":                              {map[string]string{"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 6 * time.Minute},
		"project":                             {map[string]string{"x-ratelimit-remaining-project-tokens": "0", "x-ratelimit-reset-project-tokens": "7ms"}, 7 * time.Millisecond},
		"OpenRouter, milliseconds since 1970": {map[string]string{"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795262460000"}, time.Minute},
		"seconds since 1970":                  {map[string]string{"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795262460"}, time.Minute},
		"a date":                              {map[string]string{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2026-11-21T12:00:05Z"}, 5 * time.Second},
		"a date that is past":                 {map[string]string{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2026-11-21T11:00:05Z"}, 0},
		"the longest":                         {map[string]string{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3", "x-ratelimit-remaining-tokens": "0.0", "x-ratelimit-reset-tokens": "2"}, 3 * time.Second},
		"nothing used up":                     {map[string]string{"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "3", "x-ratelimit-remaining-tokens": "", "x-ratelimit-reset-tokens": "2"}, 0},
		"no number":                           {map[string]string{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"}, 0},
		"no reset":                            {map[string]string{"x-ratelimit-remaining-requests": "0"}, 0},
	} {
		h := http.Header{}
		for k, v := range test.header {
			h.Set(k, v)
		}
		d, call, _ := recognise(t, http.MethodPost, gatewayURL)
		if r := d.Rejection(&call, &wire.Response{Status: 429, Header: h, Body: []byte(`{"message":"x"}`), At: at}); r.RetryAfter != test.want {
			t.Errorf("%s: %v, want %v", name, r.RetryAfter, test.want)
		}
	}
}

// rejectionOf returns what a rejection means.
func rejectionOf(t *testing.T, url string, status int, h http.Header, body string) wire.Rejection {
	t.Helper()
	d, call, ok := recognise(t, http.MethodPost, url)
	if !ok {
		t.Fatal(url)
	}
	return d.Rejection(&call, &wire.Response{Status: status, Header: h, Body: []byte(body), At: time.Now()})
}
