package llmtest_test

import (
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	azureHost  = "https://r.openai.azure.com"
	azureURL   = azureHost + "/openai/deployments/gpt-5-prod/chat/completions?api-version=2024-10-21"
	azureEmbed = azureHost + "/openai/deployments/embed/embeddings?api-version=2024-10-21"
	azureV1    = azureHost + "/openai/v1"
)

// azure is an answer of Azure's, whole or a chunk of it, or an error.
type azure struct {
	completion
	Usage   *usage
	Created int64
	Prompts []struct {
		Filter map[string]struct{ Filtered bool } `json:"content_filter_results"`
	} `json:"prompt_filter_results"`
	Error *struct {
		Type, Param *string
		Code        string
		Message     string
		Details     string
		Status      int
		Inner       struct{ Code string } `json:"innererror"`
	}
}

func checkAzure(t *testing.T, u *usage, g llmtest.Generation) {
	t.Helper()
	if u == nil || u.Prompt != g.Prompt || u.Completion != g.Completion || u.Total != g.Prompt+g.Completion ||
		u.In.Cached != g.Cached || u.Out.Reasoning != g.Reasoning {
		t.Errorf("usage %+v, meter %+v", u, g)
	}
}

func TestAzure(t *testing.T) {
	for asked, want := range map[string]string{"": "default", "auto": "default", "default": "default", "priority": "priority"} {
		everywhere(t, asked, llmtest.Config{CachedPercent: 50}, func(t *testing.T, srv *llmtest.Server) {
			request := strings.Replace(body(strings.Repeat("long ", 2000)), `"model":"gpt-5-mini",`, "", 1)
			if asked != "" {
				request = strings.Replace(request, "{", `{"service_tier":"`+asked+`",`, 1)
			}
			a := mustDo(t, srv, "POST", azureURL, request, 200, "x-ms-client-request-id", "mine")
			c, g := decode[azure](t, a.body), srv.Meter()[0]
			checkAzure(t, c.Usage, g)
			if c.Model != "gpt-5-prod" || c.ID != g.ID || (c.Tier != "") != (asked != "") || asked != "" && c.Tier != want ||
				len(c.Prompts) != 1 || len(c.Prompts[0].Filter) != 5 {
				t.Errorf("got %s", a.body)
			}
			if g.Provider != "azure" || g.Operation != "chat" || g.Model != "gpt-5-prod" || g.Tier != want || g.Cached == 0 || g.Reasoning == 0 {
				t.Errorf("metered %+v", g)
			}
			keysInOrder(t, a.body, "choices", "content_filter_results", "hate", "protected_material_code", "self_harm", "finish_reason", "index",
				"message", "annotations", "content", "refusal", "role", "created", "id", "model", "object", "prompt_filter_results", "jailbreak",
				"system_fingerprint", "usage", "completion_tokens", "completion_tokens_details", "prompt_tokens", "prompt_tokens_details", "total_tokens")
			checkHeaders(t, a.header, map[string]string{
				"openai-version": "", "x-ms-region": "West Europe", "x-ms-client-request-id": "mine", "x-ms-deployment-name": "gpt-5-prod",
				"azureai-processed-tier": want, "x-ratelimit-limit-requests": "5000", "x-ratelimit-remaining-requests": "4999",
				"x-ratelimit-limit-tokens": "2000000", "x-ratelimit-reset-requests": "",
			})
			if id := a.header.Get("apim-request-id"); len(id) != 36 || id[14] != '4' || id == a.header.Get("x-request-id") {
				t.Errorf("ids of %v", a.header)
			}
		})
	}
}

// The deployment of the path counts, whatever the body says; below /openai/v1 it is
// that of the body.
func TestAzureDeployments(t *testing.T) {
	for _, tt := range []struct{ target, request, model string }{
		{azureURL, body("hi"), "gpt-5-prod"},
		{azureURL, `{"messages":[]}`, "gpt-5-prod"},
		{"/openai/deployments/mine/chat/completions", `{"messages":[]}`, "mine"},
		{"//openai/deployments/mine/chat/completions", `{"messages":[]}`, "mine"},
		{"/gateway/openai/deployments/mine/chat/completions/", `{"messages":[]}`, "mine"},
		{azureEmbed, `{"input":["a","b"]}`, "embed"},
		{azureEmbed, `{"input":"a","model":"b"}`, "embed"},
		{azureV1 + "/embeddings", `{"input":"a","model":"b"}`, "b"},
		{azureV1 + "/chat/completions", body("hi"), "gpt-5-mini"},
		{"/openai/v1/chat/completions", body("hi"), "gpt-5-mini"},
		{azureV1 + "/responses", input("hi"), "gpt-5-mini"},
	} {
		inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
			a := mustDo(t, srv, "POST", tt.target, tt.request, 200)
			g := srv.Meter()[0]
			if model := decode[struct{ Model string }](t, a.body).Model; model != tt.model || g.Model != tt.model || g.Provider != "azure" || g.Tier != "default" {
				t.Errorf("%s: got %s, metered %+v", tt.target, a.body, g)
			}
			if a.header.Get("apim-request-id") == "" || a.header.Get("openai-version") != "" {
				t.Errorf("%s: headers %v", tt.target, a.header)
			}
		})
	}
}

func TestAzurePathsOfOthers(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		mustDo(t, srv, "POST", groqURL, body("hi"), 200)
		mustDo(t, srv, "POST", compatPath, compatible("hi"), 200)
		mustDo(t, srv, "POST", "/openai/deployments/d/completions", body("hi"), 404)
		mustDo(t, srv, "POST", "/openai/v1/completions", body("hi"), 404)
		mustDo(t, srv, "GET", azureURL, "", 404)
		for i, want := range []string{"groq", "gemini", "", "", ""} {
			if r := srv.Requests()[i]; r.Provider != want {
				t.Errorf("%s %s is %s, want %s", r.Host, r.Path, r.Provider, want)
			}
		}
	})
}

func TestAzureStream(t *testing.T) {
	for _, asked := range []bool{false, true} {
		inBubble(t, llmtest.Config{Chunks: 3}, func(t *testing.T, srv *llmtest.Server) {
			fields := []string{`"stream":true`}
			if asked {
				fields = append(fields, `"stream_options":{"include_usage":true,"include_obfuscation":false}`)
			}
			events := sse(t, mustDo(t, srv, "POST", azureURL, body("hi", fields...), 200).body, "\n")
			var chunks []azure
			for _, event := range events[:len(events)-1] {
				chunks = append(chunks, decode[azure](t, event))
			}
			g, first, finish := srv.Meter()[0], chunks[0], chunks[5]
			if len(chunks) != map[bool]int{false: 6, true: 7}[asked] || events[len(events)-1] != "[DONE]" || deref(finish.Choices[0].Finish) != "stop" {
				t.Fatalf("got %q", events)
			}
			if len(first.Choices) != 0 || first.ID != "" || first.Created != 0 || len(first.Prompts) != 1 || len(chunks[1].Prompts) != 0 || chunks[1].ID != g.ID {
				t.Errorf("begins with %s", events[0])
			}
			keysInOrder(t, events[2], "choices", "content_filter_results", "delta", "finish_reason", "created", "id", "model", "object", "system_fingerprint")
			if strings.Contains(events[2], "usage") != asked || strings.Contains(events[2], "obfuscation") == asked {
				t.Errorf("got %s", events[2])
			}
			if asked {
				checkAzure(t, chunks[6].Usage, g)
				if len(chunks[6].Choices) != 0 || chunks[6].Model != "gpt-5-prod" {
					t.Errorf("ends with %s", events[6])
				}
			}
		})
	}
}

func TestAzureErrorInStream(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream, llmtest.ErrorInStream)}, func(t *testing.T, srv *llmtest.Server) {
		events := sse(t, mustDo(t, srv, "POST", azureURL, body("hi", `"stream":true`), 200).body, "\n")
		last := decode[azure](t, events[len(events)-1])
		if len(decode[azure](t, events[0]).Prompts) != 1 || last.Error == nil || deref(last.Error.Type) != "server_error" {
			t.Errorf("got %q", events)
		}
		a := mustDo(t, srv, "POST", azureV1+"/responses", input("hi", `"stream":true`), 200)
		if !strings.Contains(a.body, "event: response.failed") {
			t.Errorf("got %s", a.body)
		}
	})
}

func TestAzureRefusals(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.Overloaded,
		llmtest.FlexUnavailable, llmtest.ServerError, llmtest.BadRequest, llmtest.RateLimited, llmtest.RateLimited)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		gone := strings.Replace(azureURL, "gpt-5-prod", "missing", 1)
		for _, tt := range []struct {
			target, request string
			status          int
			code, message   string
			retryAfter      string
			millis          string
		}{
			{azureURL, body("hi"), 429, "429", "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded call rate limit of your current OpenAI S0 pricing tier. Please retry after 1 seconds. ", "1", "1000"},
			{azureURL, body("hi"), 429, "429", "exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 86400 seconds. ", "86400", ""},
			{azureURL, body("hi"), 503, "ServiceUnavailable", "temporarily", "", ""},
			{azureURL, body("hi"), 429, "429", "high demand", "20", ""},
			{azureURL, body("hi"), 500, "InternalServerError", "unexpected", "", ""},
			{azureURL, body("hi"), 400, "", "script", "", ""},
			{azureEmbed, `{"input":"hi"}`, 429, "429", "Requests to the Embeddings_Create Operation", "1", "1000"},
			{azureV1 + "/responses", input("hi"), 429, "RateLimitReached", "Your requests to gpt-5-mini for gpt-5-mini in westeurope have exceeded rate limit.", "1", "0"},
			{azureURL, body("hi", `"service_tier":"flex"`), 400, "", "service_tier", "", ""},
			{azureV1 + "/responses", input("hi", `"service_tier":"flex"`), 400, "", "service_tier", "", ""},
			{gone, body("hi"), 404, "DeploymentNotFound", "deployment", "", ""},
			{azureV1 + "/chat/completions", `{"model":"missing","messages":[]}`, 404, "DeploymentNotFound", "deployment", "", ""},
			{azureV1 + "/chat/completions", `{"messages":[]}`, 400, "missing_required_parameter", "model", "", ""},
			{azureURL, `{}`, 400, "missing_required_parameter", "messages", "", ""},
			{azureURL, `{"model":5,"messages":[]}`, 400, "invalid_type", "model", "", ""},
			{azureURL, body("hi", `"stream_options":{}`), 400, "", "stream_options", "", ""},
			{azureV1 + "/responses", input("hi", `"background":true`, `"store":false`), 400, "", "store", "", ""},
			{azureURL, `{`, 400, "", "parse", "", ""},
		} {
			a := mustDo(t, srv, "POST", tt.target, tt.request, tt.status)
			e := decode[azure](t, a.body).Error
			if e.Code != tt.code || !strings.Contains(e.Message, tt.message) || a.header.Get("retry-after") != tt.retryAfter || a.header.Get("retry-after-ms") != tt.millis {
				t.Errorf("got %v %s", a.header, a.body)
			}
			if a.header.Get("apim-request-id") == "" || a.header.Get("x-ms-client-request-id") != "" {
				t.Errorf("headers %v", a.header)
			}
		}
		if len(srv.Meter()) != 0 {
			t.Errorf("billed %+v", srv.Meter())
		}
	})
}

// What is refused before its body is read has the deployment of its path.
func TestAzureRefusesEarly(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.EarlyRateLimited)}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", azureURL, body("hi"), 429)
		if r := srv.Requests()[0]; r.Provider != "azure" || r.Operation != "chat" || r.Model != "gpt-5-prod" || len(srv.Meter()) != 0 {
			t.Errorf("recorded %+v", r)
		}
		checkHeaders(t, a.header, map[string]string{"retry-after": "1", "retry-after-ms": "1000"})
	})
}

// Two refusals are charged for.
func TestAzureChargedRefusals(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "filtered", 1), body("hi"), 400)
		if e := decode[azure](t, a.body).Error; e.Code != "content_filter" || e.Type != nil || deref(e.Param) != "prompt" || e.Status != 400 ||
			e.Inner.Code != "ResponsibleAIPolicyViolation" || !strings.Contains(a.body, `"violence":{"filtered":true,"severity":"medium"}`) {
			t.Errorf("got %s", a.body)
		}
		b := mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "timeout", 1), body("hi"), 408)
		if !strings.HasPrefix(b.body, "upstream request timeout") || b.header.Get("content-type") != "text/plain" {
			t.Errorf("got %v %s", b.header, b.body)
		}
		g := srv.Meter()
		if len(g) != 2 || g[0].Prompt == 0 || g[0].Completion != 0 || g[1].Prompt == 0 || g[1].Completion == 0 || g[0].Provider != "azure" || g[0].ID == "" {
			t.Errorf("billed %+v", g)
		}
		// What is refused for another reason is free.
		mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "filtered", 1), body("hi", `"service_tier":"flex"`), 400)
		mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "timeout", 1), `{}`, 400)
		mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "timeout-missing", 1), body("hi"), 404)
		if len(srv.Meter()) != 2 {
			t.Errorf("billed %+v", srv.Meter())
		}
	})
}

func TestAzureStoredResponses(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", azureV1+"/responses", input("hi", `"background":true`), 200)
		id := decode[struct{ ID string }](t, a.body).ID
		mustDo(t, srv, "GET", azureV1+"/responses/"+id, "", 200)
		mustDo(t, srv, "POST", azureV1+"/responses/"+id+"/cancel", "", 200)
		mustDo(t, srv, "GET", responsesPath+"/"+id, "", 404) // OpenAI does not know of it
		mustDo(t, srv, "GET", azureV1+"/responses/resp_x", "", 404)
		mustDo(t, srv, "GET", azureV1+"/responses/"+id+"/cancel", "", 404)
		mustDo(t, srv, "DELETE", azureV1+"/responses/"+id, "", 404)
		for i, want := range []string{"responses", "getResponse", "cancelResponse", "getResponse", "getResponse"} {
			if r := srv.Requests()[i]; r.Operation != want || r.Provider != map[bool]string{false: "azure", true: "openai"}[i == 3] {
				t.Errorf("recorded %+v, want %s", r, want)
			}
		}
		if len(srv.Meter()) != 1 || a.header.Get("x-ratelimit-reset-requests") != "1" || a.header.Get("x-ratelimit-renewalperiod-tokens") != "60" {
			t.Errorf("headers %v, billed %d", a.header, len(srv.Meter()))
		}
	})
}
