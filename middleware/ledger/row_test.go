package ledger_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func TestRowJSON(t *testing.T) {
	text, err := json.Marshal(billed)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"call":"01h","attempt":1,"at":"2026-11-21T12:00:00Z","provider":"openai","operation":"chat","model":"gpt-5",` +
		`"served_model":"gpt-5-2025-08-07","asked_tier":"flex","served_tier":"flex","outcome":"billed","status":200,` +
		`"usage":{"input":10,"cached_input":5,"output":7},"usage_source":"measured","cost_usd":"0.0000000001","list_usd":"0.00000000025",` +
		`"implicit_usd":"0.00000000002","price_id":"p","wait_ms":0,"latency_ms":0,"tags":{"tenant":"acme"}}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var back ledger.Row
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, billed) {
		t.Errorf("read back: %+v, %v", back, err)
	}
	free, _ := json.Marshal(ledger.Row{Cost: ledger.Known(0)})
	if !strings.Contains(string(free), `"cost_usd":"0"`) {
		t.Errorf("a cost of zero is not there: %s", free)
	}
	unknown, _ := json.Marshal(ledger.Row{Unpriced: "why"})
	if strings.Contains(string(unknown), "cost_usd") {
		t.Errorf("an unknown cost is there: %s", unknown)
	}
}

func TestAmount(t *testing.T) {
	var a ledger.Amount
	if text, err := a.MarshalJSON(); string(text) != "null" || err != nil || a.String() != "unknown" {
		t.Errorf("%s, %v, %s", text, err, a)
	}
	if err := json.Unmarshal([]byte(`"1.5"`), &a); err != nil || a != ledger.Known(price.MustUSD("1.5")) {
		t.Errorf("%v, %v", a, err)
	}
	if err := json.Unmarshal([]byte(`null`), &a); err != nil || a.Known {
		t.Errorf("%v, %v", a, err)
	}
	if err := json.Unmarshal([]byte(`"x"`), &a); err == nil || a.Known {
		t.Errorf("%v, %v", a, err)
	}
}

// Budgets match the storage of a context cache as its creation.
func TestRowSubject(t *testing.T) {
	r := ledger.Row{Provider: "gemini", Operation: "cache_storage", Model: "gemini-2.5-pro", Outcome: policy.Storage}
	if s := r.Subject(); s.Provider != r.Provider || s.Model != r.Model || s.Operation != "create_cache" {
		t.Errorf("%+v", s)
	}
	r.Operation, r.Outcome = "generate", policy.Billed
	if s := r.Subject(); s.Operation != "generate" {
		t.Errorf("%+v", s)
	}
}
