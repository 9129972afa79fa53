package ledger_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

var billed = ledger.Row{
	Call: "01h", Attempt: 1, At: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	Provider: "openai", Operation: "chat", Model: "gpt-5", ServedModel: "gpt-5-2025-08-07",
	AskedTier: policy.Flex, ServedTier: policy.Flex, Outcome: policy.Billed, Status: 200,
	Usage: price.Usage{Input: 10, CachedInput: 5, Output: 7}, UsageSource: ledger.Measured,
	Cost: ledger.Known(100), List: ledger.Known(250), Implicit: ledger.Known(20), PriceID: "p",
	Tags: map[string]string{"tenant": "acme"},
}

func TestTotals(t *testing.T) {
	var m ledger.Memory
	rejected := ledger.Row{Call: "01h", Attempt: 1, Model: "gpt-5", Outcome: policy.Rejected, Cost: ledger.Known(0), UsageSource: ledger.None}
	second := billed
	second.Attempt = 2
	m.Add(rejected)
	m.Add(second)
	m.Add(ledger.Row{Call: "02h", Outcome: policy.Refused, Cost: ledger.Known(0)})
	m.Add(ledger.Row{Call: "03h", Attempt: 1, Model: "gpt-5", Outcome: policy.Ambiguous, Unpriced: "lost", Exposure: ledger.Known(40)})
	m.Add(ledger.Row{Call: "04h", Outcome: policy.Storage, Cost: ledger.Known(7)})
	got := m.Totals()
	text, err := json.Marshal(got.Total)
	if err != nil {
		t.Fatal(err)
	}
	// Saved: 250 - 100 - 20 of the billed one, less 40 exposed, less 7 of storage.
	const want = `{"calls":3,"attempts":3,"cost_usd":"0.0000000001","list_usd":"0.00000000025","saved_usd":"0.000000000083",` +
		`"implicit_usd":"0.00000000002","storage_usd":"0.000000000007","exposure_usd":"0.00000000004","unpriced":1}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if got.By["tag:tenant=acme"].Cost.String() != "0.0000000001" || got.By["tier:flex"].Attempts != 1 || got.By["model:gpt-5"].Attempts != 2 {
		t.Errorf("%+v", got.By)
	}
	var sum price.Sum
	for _, r := range m.Rows() {
		if r.Cost.Known && r.Outcome != policy.Storage {
			sum.Add(r.Cost.Pico)
		}
	}
	if sum.Cmp(got.Cost) != 0 {
		t.Errorf("rows %v, totals %v", sum, got.Cost)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := ledger.NewMemory(3)
	for i := range 10 {
		m.Add(ledger.Row{Call: fmt.Sprint(i), Attempt: 1, Cost: ledger.Known(1)})
	}
	var calls []string
	for _, r := range m.Rows() {
		calls = append(calls, r.Call)
	}
	if got := strings.Join(calls, ""); got != "789" || m.Totals().Calls != 10 {
		t.Errorf("rows %s, %d calls", got, m.Totals().Calls)
	}
}

func TestGroupsAreBounded(t *testing.T) {
	var m ledger.Memory
	for i := range 3 * ledger.MaxGroups {
		m.Add(ledger.Row{Attempt: 1, Cost: ledger.Known(1), Tags: map[string]string{"user": fmt.Sprint(i)}})
	}
	by := m.Totals().By
	var sum int64
	for _, g := range by {
		sum += g.Calls
	}
	if len(by) > ledger.MaxGroups+1 || sum != 3*ledger.MaxGroups || by["other:tag"].Calls == 0 {
		t.Errorf("%d groups of %d calls, other %+v", len(by), sum, by["other:tag"])
	}
}

func TestMemoryConcurrent(t *testing.T) {
	m := ledger.NewMemory(100)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				m.Add(billed)
				m.Rows()
			}
		})
	}
	all.Wait()
	if got := m.Totals(); got.Attempts != 4000 || got.Cost.String() != "0.0000004" {
		t.Errorf("%+v", got.Total)
	}
}

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

func ExampleMemory() {
	m := ledger.NewMemory(1000)
	m.Add(ledger.Row{Call: "1", Attempt: 1, Model: "gpt-5", Outcome: policy.Rejected, Cost: ledger.Known(0)})
	m.Add(ledger.Row{Call: "1", Attempt: 2, Model: "gpt-5", Outcome: policy.Billed, Cost: ledger.Known(price.MustUSD("0.0015"))})
	totals := m.Totals()
	fmt.Println(totals.Calls, "call,", totals.Attempts, "attempts, $"+totals.Cost.String())
	fmt.Println("of it for gpt-5: $" + totals.By["model:gpt-5"].Cost.String())
	// Output:
	// 1 call, 2 attempts, $0.0015
	// of it for gpt-5: $0.0015
}
