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

// azure is a response of Azure, a chunk of one, or an error.
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

func TestAzureRejections(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.Overloaded,
		llmtest.FlexUnavailable, llmtest.ServerError, llmtest.BadRequest, llmtest.RateLimited, llmtest.RateLimited)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		noDeployment := strings.Replace(azureURL, "gpt-5-prod", "missing", 1)
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
			{noDeployment, body("hi"), 404, "DeploymentNotFound", "deployment", "", ""},
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

// A request that is rejected before its body is read has the deployment in its path.
func TestAzureRejectsEarly(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.EarlyRateLimited)}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", azureURL, body("hi"), 429)
		if r := srv.Requests()[0]; r.Provider != "azure" || r.Operation != "chat" || r.Model != "gpt-5-prod" || len(srv.Meter()) != 0 {
			t.Errorf("recorded %+v", r)
		}
		checkHeaders(t, a.header, map[string]string{"retry-after": "1", "retry-after-ms": "1000"})
	})
}

// checkFiltered checks the error of the content filter.
func checkFiltered(t *testing.T, body string) {
	t.Helper()
	if e := decode[azure](t, body).Error; e.Code != "content_filter" || e.Type != nil || deref(e.Param) != "prompt" || e.Status != 400 ||
		e.Inner.Code != "ResponsibleAIPolicyViolation" || !strings.Contains(body, `"violence":{"filtered":true,"severity":"medium"}`) {
		t.Errorf("got %s", body)
	}
}

// Two rejections are billed.
func TestAzureBilledRejections(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "filtered", 1), body("hi"), 400)
		checkFiltered(t, a.body)
		b := mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "timeout", 1), body("hi"), 408)
		if !strings.HasPrefix(b.body, "upstream request timeout") || b.header.Get("content-type") != "text/plain" {
			t.Errorf("got %v %s", b.header, b.body)
		}
		g := srv.Meter()
		if len(g) != 2 || g[0].Prompt == 0 || g[0].Completion != 0 || g[1].Prompt == 0 || g[1].Completion == 0 || g[0].Provider != "azure" || g[0].ID == "" {
			t.Errorf("billed %+v", g)
		}
		// A request that is rejected for another reason is free.
		mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "filtered", 1), body("hi", `"service_tier":"flex"`), 400)
		mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "timeout", 1), `{}`, 400)
		mustDo(t, srv, "POST", strings.Replace(azureURL, "prod", "timeout-missing", 1), body("hi"), 404)
		if len(srv.Meter()) != 2 {
			t.Errorf("billed %+v", srv.Meter())
		}
	})
}
