package wire_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

const (
	vertexURL     = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-3-pro:generateContent"
	vertexChatURL = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions"
)

func TestVertexUsage(t *testing.T) {
	testAnswers(t, []answered{
		{name: "the tier is a type of traffic", url: vertexURL, docs: []string{`{"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9,"trafficType":"ON_DEMAND_FLEX"}}`},
			usage: price.Usage{Input: 9}, tier: policy.Flex},
		{name: "a type that is not known", url: vertexURL, docs: []string{`{"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9,"trafficType":"PROVISIONED_THROUGHPUT"}}`},
			usage: price.Usage{Input: 9}, tier: "provisioned_throughput"},
		{name: "compatible", url: vertexChatURL,
			docs:  []string{`{"model":"google/gemini-3-pro","usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":14,"extra_properties":{"google":{"traffic_type":"ON_DEMAND_PRIORITY"}}}}`},
			usage: price.Usage{Input: 9, Output: 5, Reasoning: 4}, tier: policy.Priority, model: "gemini-3-pro"},
	})
}

// The tier stands in a header, and only the global location has tiers.
func TestVertexTier(t *testing.T) {
	for _, test := range []struct {
		name, url, asked string
		want             wire.Want
		header           map[string]string
	}{
		{"flex", vertexURL, "", wire.Want{Tier: policy.Flex, Left: 90*time.Second + 1}, map[string]string{"X-Vertex-Ai-Llm-Shared-Request-Type": "flex", "X-Server-Timeout": "91"}},
		{"flex without an end", vertexURL, "", wire.Want{Tier: policy.Flex}, map[string]string{"X-Vertex-Ai-Llm-Shared-Request-Type": "flex", "X-Server-Timeout": "900"}},
		{"standard is to name none", vertexURL, "flex", wire.Want{Tier: policy.Standard}, map[string]string{"X-Vertex-Ai-Llm-Shared-Request-Type": ""}},
		{"it is there", vertexURL, "priority", wire.Want{Tier: policy.Priority}, map[string]string{}},
		{"a region", "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/google/models/m:generateContent", "", wire.Want{Tier: policy.Priority}, map[string]string{}},
		{"compatible", vertexChatURL, "", wire.Want{Tier: policy.Priority}, map[string]string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, call, ok := recognise(t, http.MethodPost, test.url)
			if !ok || call.Prices != "gemini" {
				t.Fatal("not recognised")
			}
			h := http.Header{}
			if test.asked != "" {
				h.Set("X-Vertex-Ai-Llm-Shared-Request-Type", test.asked)
			}
			body := fields(t, call.RequestPaths, `{"model":"google/gemini-3-pro"}`)
			d.Request(&call, h, body)
			if call.Tier != policy.Tier(test.asked) {
				t.Errorf("tier %q, want %q", call.Tier, test.asked)
			}
			var e wire.Edits
			d.Edit(&call, body, test.want, &e)
			if len(e.Header) != len(test.header) || len(e.Body) != 0 {
				t.Fatalf("%+v", e)
			}
			for _, edit := range e.Header {
				if want, ok := test.header[edit.Key]; !ok || edit.Value != want {
					t.Errorf("%+v", edit)
				}
			}
		})
	}
}
