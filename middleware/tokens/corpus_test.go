package tokens

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// A sample is a text of testdata/corpus.jsonl, which was written for this test, with its number of tokens in o200k_base. The
// module adapters/tiktoken checks the numbers.
type sample struct {
	Kind   string `json:"kind"`
	Tokens int64  `json:"tokens"`
	Text   string `json:"text"`
}

func corpus(t testing.TB) (all []sample) {
	t.Helper()
	f, err := os.Open("testdata/corpus.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var d sample
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// No kind of text is estimated at less than 0.8 or more than 1.4 of its tokens, and few at less than 0.85 or more than 1.2.
func TestCorpus(t *testing.T) {
	all, near := corpus(t), 0
	if len(all) < 50 {
		t.Fatalf("%d documents", len(all))
	}
	for _, d := range all {
		got := Text(d.Text) * 100 / d.Tokens
		t.Logf("%-20s %4d tokens, estimate %d %%", d.Kind, d.Tokens, got)
		if got < 80 || got > 140 {
			t.Errorf("%s: estimate is %d %% of %d tokens", d.Kind, got, d.Tokens)
		}
		if got >= 85 && got <= 120 {
			near++
		}
	}
	if near < len(all)*85/100 {
		t.Errorf("%d of %d are within 0.85 and 1.2", near, len(all))
	}
}
