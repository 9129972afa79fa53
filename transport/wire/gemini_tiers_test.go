package wire_test

import (
	"net/http"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// The tier is read and set in the spelling that the request has.
func TestGeminiTier(t *testing.T) {
	for _, test := range []struct {
		body  string
		tier  policy.Tier
		want  policy.Tier
		after string
	}{
		{`{"a":1}`, "", policy.Flex, `{"service_tier":"flex","a":1}`},
		{`{"serviceTier":"SERVICE_TIER_FLEX"}`, policy.Flex, policy.Standard, `{"serviceTier":"standard"}`},
		{`{"serviceTier":"priority"}`, policy.Priority, "", `{}`},
		{`{"service_tier":"SERVICE_TIER_UNSPECIFIED"}`, "", policy.Priority, `{"service_tier":"priority"}`},
		{`{"service_tier":"flex"}`, policy.Flex, policy.Flex, `{"service_tier":"flex"}`},
	} {
		d, call, ok := recognise(t, http.MethodPost, geminiURL)
		if !ok {
			t.Fatal("not recognised")
		}
		body := fields(t, call.RequestPaths, test.body)
		d.Request(&call, nil, body)
		var e wire.Edits
		d.Edit(&call, body, wire.Want{Tier: test.want}, &e)
		if got, err := body.Splice(e.Body...); err != nil || string(got) != test.after || call.Tier != test.tier {
			t.Errorf("%s: tier %q, %s, %v; want %q, %s", test.body, call.Tier, got, err, test.tier, test.after)
		}
	}
}
