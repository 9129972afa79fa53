package llmtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestHeaders(t *testing.T) {
	everywhere(t, "headers", llmtest.Config{Faults: llmtest.Sequence(llmtest.NoFault, llmtest.NoFault, llmtest.ServerError)},
		func(t *testing.T, srv *llmtest.Server) {
			ids := map[string]bool{}
			for i, contentType := range []string{"application/json", "text/event-stream; charset=utf-8", "application/json"} {
				a := send(t.Context(), srv, body("hi", fmt.Sprintf(`"stream":%t`, i == 1)))
				ids[a.header.Get("x-request-id")] = true
				for key, want := range map[string]string{
					"content-type": contentType, "openai-version": "2020-10-01",
					"openai-organization":        "org-llmtest",
					"x-ratelimit-limit-requests": "5000", "x-ratelimit-limit-tokens": "2000000",
					"x-ratelimit-remaining-requests": "4999", "x-ratelimit-reset-requests": "12ms",
				} {
					if got := a.header.Get(key); got != want {
						t.Errorf("%s: %q, want %q", key, got, want)
					}
				}
				if a.header.Get("openai-processing-ms") == "" || a.header.Get("x-ratelimit-remaining-tokens") == "" {
					t.Errorf("missing headers: %v", a.header)
				}
				if _, err := time.ParseDuration(a.header.Get("x-ratelimit-reset-tokens")); err != nil {
					t.Error(err)
				}
			}
			if len(ids) != 3 || ids[""] {
				t.Errorf("request ids are not unique: %v", ids)
			}
		})
}

func TestTiers(t *testing.T) {
	for asked, want := range map[string]string{
		"null": "default", `"auto"`: "default", `"default"`: "default", `"scale"`: "default",
		`"flex"`: "flex", `"priority"`: "priority", `"fast"`: "priority",
	} {
		t.Run(asked, func(t *testing.T) {
			inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
				a := mustSend(t, srv, body("hi", `"service_tier":`+asked), 200)
				if got := decode[completion](t, a.body).Tier; got != want || srv.Meter()[0].Tier != want {
					t.Errorf("served %s, billed %s, want %s", got, srv.Meter()[0].Tier, want)
				}
				if got := srv.Requests()[0].Tier; got != strings.Trim(strings.TrimPrefix(asked, "null"), `"`) {
					t.Errorf("recorded %q for %s", got, asked)
				}
			})
		})
	}
}
