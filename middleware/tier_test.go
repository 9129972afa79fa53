package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Without capacity on flex, the call is sent on standard at once, and both attempts have rows.
func TestFlexThenStandard(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1), CachedPercent: 50}, flexFirst, func(w *world) {
		start := time.Now()
		status, answer, err := w.call(w.Context(), chatBody)
		if status != 200 || err != nil || !strings.Contains(answer, `"service_tier":"default"`) {
			t.Fatal(status, err, answer)
		}
		if time.Since(start) != 0 {
			t.Errorf("it waited %v", time.Since(start))
		}
		w.wantRows("1 flex rejected documented capacity", "2 standard billed")
		w.wantBilled(1)
		w.balance()
		rows := w.stack.Rows()
		if rows[0].Call != rows[1].Call || rows[0].Call == "" {
			t.Errorf("calls %q and %q", rows[0].Call, rows[1].Call)
		}
		if rows[0].ErrorCode != "flex_unavailable" || rows[0].Cost != ledger.Known(0) || rows[0].UsageSource != ledger.None {
			t.Errorf("%+v", rows[0])
		}
		if got := w.stack.Totals(); got.Calls != 1 || got.Attempts != 2 || got.Unpriced != 0 || got.Exposure.Sign() != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// A tier that the body names goes first, and falls back as the policy says.
func TestTierOfTheBody(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, policy.Policy{Fallback: policy.Standard}, func(w *world) {
		body := `{"service_tier":"flex",` + chatBody[1:]
		if status, _, err := w.call(w.Context(), body); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 flex rejected documented capacity", "2 standard billed")
		if got := string(w.provider.Requests()[0].Body); got != body {
			t.Errorf("first sent %q", got)
		}
		if got := w.provider.Requests()[1].Tier; got != "default" {
			t.Errorf("then on tier %q", got)
		}
	})
}

// A rejected tier is remembered for an hour, for each key.
func TestRejectedTierIsRemembered(t *testing.T) {
	inWorld(t, llmtest.Config{FlexModels: []string{"o3"}}, flexFirst, func(w *world) {
		for range 2 {
			if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		other := w.request(w.Context(), chatBody)
		other.Header.Set("Authorization", "Bearer sk-another")
		resp, err := w.client.Do(other)
		if err != nil {
			t.Fatal(err)
		}
		drain(resp)
		time.Sleep(time.Hour)
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		rejected, served := "1 flex rejected inferred tier_refused", "2 standard billed"
		w.wantRows(rejected, served, "1 standard billed", rejected, served, rejected, served)
	})
}

// Only the tier that was rejected is remembered.
func TestOnlyTheRejectedTierIsRemembered(t *testing.T) {
	base := newScript(
		says(400, "application/json", `{"error":{"param":"service_tier"}}`), says(200, "application/json", served),
	)
	p := flexFirst
	p.FlexMinimum = time.Nanosecond
	p.Limits = []policy.Limit{{RequestsPerMinute: 1, Burst: 1}}
	synctest.Test(t, func(t *testing.T) {
		stack := stackOver(t, base, p)
		soon := policy.With(t.Context(), policy.FinishBy(time.Now().Add(10*time.Second)))
		if _, err := chat(t, soon, stack, chatBody); !errors.Is(err, middleware.ErrLimit) {
			t.Fatalf("%v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := chat(t, t.Context(), stack, chatBody); err != nil || !strings.Contains(base.bodies[len(base.bodies)-1], `"default"`) {
			t.Errorf("%v, sent %q", err, base.bodies)
		}
		stack.Close(context.Background())
	})
}

// On Vertex AI the tier goes by a header, in a copy of the caller's headers. The caller's own stays, in any case.
func TestVertexTierGoesByHeader(t *testing.T) {
	const key = "X-Vertex-AI-LLM-Shared-Request-Type"
	elsewhere := strings.Replace(vertexURL, "global", "europe-west1", 1)
	for _, test := range []struct {
		name, url string
		tier      policy.Tier
		header    http.Header
		sent      string
		asked     policy.Tier
	}{
		{"flex", vertexURL, policy.Flex, http.Header{}, "flex", policy.Flex},
		{"priority", vertexURL, policy.Priority, http.Header{}, "priority", policy.Priority},
		{"standard", vertexURL, policy.Standard, http.Header{}, "", policy.Standard},
		{"none", vertexURL, "", http.Header{}, "", ""},
		{"the caller's own counts", vertexURL, policy.Flex, http.Header{key: {"priority"}}, "priority", policy.Priority},
		{"in lower case, too", vertexURL, policy.Flex, http.Header{strings.ToLower(key): {"priority"}}, "priority", policy.Priority},
		{"where there are no tiers", elsewhere, policy.Flex, http.Header{}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			base.on("POST "+test.url, says(200, "application/json", geminiServed))
			stack := stackOver(t, base, policy.Policy{Tier: test.tier})
			req, err := http.NewRequest(http.MethodPost, test.url, strings.NewReader(`{"contents":[]}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = test.header
			before := req.Header.Clone()
			if _, err := stack.Client().Do(req); err != nil {
				t.Fatal(err)
			}
			var sent []string
			for k, v := range base.headers[0] {
				if strings.EqualFold(k, key) {
					sent = append(sent, v...)
				}
			}
			if strings.Join(sent, ",") != test.sent || !reflect.DeepEqual(req.Header, before) || base.sent[0] != "POST "+test.url+` {"contents":[]}` {
				t.Errorf("sent %q and %q, the caller's header is %v", sent, base.sent, req.Header)
			}
			if rows := stack.Rows(); len(rows) != 0 && rows[0].AskedTier != test.asked {
				t.Errorf("asked for %q, want %q", rows[0].AskedTier, test.asked)
			}
		})
	}
}

// Without capacity on Vertex AI's flex, the next attempt is sent without the header.
func TestVertexFallsBack(t *testing.T) {
	base := newScript(
		says(429, "application/json", `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Resource exhausted."}}`), says(200, "application/json", geminiServed),
	)
	stack := stackOver(t, base, flexFirst)
	mustDo(t, stack, "POST", vertexURL, `{"contents":[]}`)
	var sent []string
	for _, h := range base.headers {
		sent = append(sent, h.Get("X-Vertex-Ai-Llm-Shared-Request-Type"))
	}
	if strings.Join(sent, ",") != "flex," {
		t.Errorf("sent %q", sent)
	}
}
