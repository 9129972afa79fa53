package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy/price"
)

func TestParseItem(t *testing.T) {
	for item, want := range map[string]string{
		"gpt-5.5-2026-04-23, cached input":             "gpt-5.5-2026-04-23  cached_input",
		"gpt-4o-2024-08-06, Output":                    "gpt-4o-2024-08-06  output",
		"gpt-5.6, cache writes":                        "gpt-5.6  cache_write",
		"gpt-5, input_tokens":                          "gpt-5  input",
		"priority | gpt-5.6-sol, output, long context": "gpt-5.6-sol priority output",
		"flex | gpt-5-mini":                            "gpt-5-mini flex ",
		"gpt-image-2.5 text, cached input":             "gpt-image-2.5  cached_input",
		"gpt-audio-mini-2025-12-15 audio, input":       "gpt-audio-mini-2025-12-15  input",
		"gpt-realtime-2.1, audio input":                "gpt-realtime-2.1  input",
		"ft-gpt-4o-2024-08-06, input":                  "ft-gpt-4o-2024-08-06  input",
		"GPT-5.4":                                      "gpt-5.4  ",
		"whisper-1, audio":                             "whisper-1  ",
		"evals | gpt-4o-mini, input":                   "  other",
		"assistants api | file search":                 "  tool",
		"web search tool calls":                        "  tool",
		"code interpreter sessions":                    "  tool",
		"Vector storage":                               "  storage",
		"Image models":                                 "  other",
		"Completions":                                  "  other",
		", input":                                      "  other",
		"\" | , ,":                                     "  other",
		"":                                             "  whole",
	} {
		b, err := reconcile.ParseCosts(strings.NewReader(page(result("1", fmt.Sprintf("%q", item)))))
		if err != nil {
			t.Fatal(err)
		}
		l := b.Lines[0]
		if got := fmt.Sprint(l.Model, " ", l.Tier, " ", l.Kind); got != want {
			t.Errorf("%q is %q, want %q", item, got, want)
		}
	}
}

// endless is a reader of a bill that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestBillTooLarge(t *testing.T) {
	if _, err := reconcile.ParseCosts(endless{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
	if _, err := reconcile.ParseCSV(endless{}, reconcile.CSVConfig{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}

// checkBill checks what holds for every bill: its days are days in UTC, and compared with no rows its residual is the bill.
func checkBill(t *testing.T, b *reconcile.Bill) {
	var sum price.Sum
	days := make(map[time.Time]bool)
	for _, day := range b.Days {
		days[day] = true
	}
	for _, l := range b.Lines {
		sum.Add(l.Amount)
		if !days[l.Day] || l.Day.Unix()%86400 != 0 {
			t.Fatalf("a line of %s, which is no day of the bill", l.Day)
		}
	}
	r, err := reconcile.Compare(seq(), b, reconcile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Total.Residual != sum || r.Total.Billed != sum {
		t.Fatalf("total %+v, want $%s", r.Total, sum)
	}
	_ = r.String()
}
