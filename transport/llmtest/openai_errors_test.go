package llmtest_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestErrorBodies(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.FlexUnavailable, llmtest.Overloaded, llmtest.QuotaExceeded)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, want := range []string{
			`{"error":{"message":"Flex tier does not have sufficient resources available to fulfill your request. You can try again later or change service_tier=default","type":"resource_unavailable","param":null,"code":"flex_unavailable"}}`,
			`{"error":{"message":"Our servers are currently overloaded. Please try again later.","type":"service_unavailable_error","param":null,"code":"server_is_overloaded"}}`,
			`{"error":{"message":"You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`,
		} {
			if got := send(t.Context(), srv, body("hi")).body; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	})
}
