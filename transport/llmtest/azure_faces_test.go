package llmtest_test

import (
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func checkAzure(t *testing.T, u *usage, g llmtest.Generation) {
	t.Helper()
	if u == nil || u.Prompt != g.Prompt || u.Completion != g.Completion || u.Total != g.Prompt+g.Completion ||
		u.In.Cached != g.Cached || u.Out.Reasoning != g.Reasoning {
		t.Errorf("usage %+v, meter %+v", u, g)
	}
}

func checkAzureBody(t *testing.T, c azure, g llmtest.Generation, body, asked, want string) {
	t.Helper()
	if c.Model != "gpt-5-prod" || c.ID != g.ID || (c.Tier != "") != (asked != "") || asked != "" && c.Tier != want ||
		len(c.Prompts) != 1 || len(c.Prompts[0].Filter) != 5 {
		t.Errorf("got %s", body)
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
			checkAzureBody(t, c, g, a.body, asked, want)
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

// The deployment in the path takes precedence over the body. Paths under /openai/v1 have
// none.
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

// checkAzureStart checks the first two chunks of a stream.
func checkAzureStart(t *testing.T, first, second azure, id string) {
	t.Helper()
	if len(first.Choices) != 0 || first.ID != "" || first.Created != 0 || len(first.Prompts) != 1 || len(second.Prompts) != 0 || second.ID != id {
		t.Errorf("begins with %+v, %+v", first, second)
	}
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
			checkAzureStart(t, first, chunks[1], g.ID)
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

func TestAzureStoredResponses(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", azureV1+"/responses", input("hi", `"background":true`), 200)
		id := decode[struct{ ID string }](t, a.body).ID
		mustDo(t, srv, "GET", azureV1+"/responses/"+id, "", 200)
		mustDo(t, srv, "POST", azureV1+"/responses/"+id+"/cancel", "", 200)
		mustDo(t, srv, "GET", responsesPath+"/"+id, "", 404) // OpenAI does not have it
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
