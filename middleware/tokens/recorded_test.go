package tokens_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/tokens"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An exchange is a recorded one whose answer says how many tokens the prompt had.
type exchange struct {
	Provider     string          `json:"provider"`
	Path         string          `json:"path"`
	Request      json.RawMessage `json:"request_body"`
	Response     json.RawMessage `json:"response_body"`
	ResponseOnly bool            `json:"response_only"`
	Status       int             `json:"status"`

	model  string
	prompt int64
}

var (
	promptCounts = regexp.MustCompile(`"(prompt_tokens|input_tokens|promptTokenCount|cache_creation_input_tokens|cache_read_input_tokens)"\s*:\s*(\d+)`)
	elided       = regexp.MustCompile(`ELIDED_BASE64_(\d+)_`)
	modelName    = regexp.MustCompile(`"model"\s*:\s*"([^"]+)"`)
	modelPath    = regexp.MustCompile(`models/([^:/]+):`)
)

// recorded returns the exchanges, or skips the test if they are not there.
func recorded(t *testing.T) (all []exchange) {
	f, err := os.Open("../../../shared/data/traffic/recorded.jsonl.gz")
	if err != nil {
		t.Skip("no recorded traffic")
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // a body of another form
		}
		if e.ResponseOnly || e.Status != 200 || !e.read() {
			continue
		}
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// read reads the count and the model, and puts media of the right length where they were taken out.
func (e *exchange) read() bool {
	e.Request, e.Response = unquote(e.Request), unquote(e.Response)
	if len(e.Request) == 0 || e.Request[0] != '{' || strings.Contains(string(e.Request), "previous_response_id") {
		return false
	}
	counts := map[string]int64{}
	for _, m := range promptCounts.FindAllSubmatch(e.Response, -1) {
		n, _ := strconv.ParseInt(string(m[2]), 10, 64)
		counts[string(m[1])] = max(counts[string(m[1])], n)
	}
	e.prompt = max(counts["prompt_tokens"], counts["input_tokens"], counts["promptTokenCount"])
	if strings.Contains(e.Provider, "anthropic") {
		e.prompt += counts["cache_creation_input_tokens"] + counts["cache_read_input_tokens"]
	}
	if m := modelName.FindSubmatch(e.Request); m != nil {
		e.model = string(m[1])
	} else if m := modelPath.FindStringSubmatch(e.Path); m != nil {
		e.model = m[1]
	}
	e.Request = elided.ReplaceAllFunc(e.Request, func(b []byte) []byte {
		n, _ := strconv.Atoi(string(elided.FindSubmatch(b)[1]))
		return []byte(strings.Repeat("A", n))
	})
	return e.prompt > 0
}

func unquote(raw json.RawMessage) json.RawMessage {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return json.RawMessage(s)
	}
	return raw
}

// subject returns what a chain would know of the call.
func (e *exchange) subject() *policy.Subject {
	s := &policy.Subject{Provider: "openai", Operation: "chat", Model: e.model}
	switch {
	case strings.Contains(e.Provider, "anthropic"):
		s.Provider, s.Operation = "anthropic", "messages"
	case strings.Contains(e.Provider, "google"):
		s.Provider, s.Operation = "gemini", "generate"
	case strings.HasSuffix(e.Path, "/responses"):
		s.Operation = "responses"
	case strings.Contains(e.Path, "embed"):
		s.Operation = "embeddings"
	}
	return s
}

func estimate(body []byte, s *policy.Subject) tokens.Estimate {
	c := tokens.Heuristic{}.Counter()
	defer c.Release()
	c.Write(body)
	return c.Estimate(s)
}

// TestRecorded compares estimates with what providers counted, before and after learning. The recorded prompts are short, of
// many models and in no natural order, and providers add to some what no request shows: texts about tools, results of searches.
// So the bounds are loose.
func TestRecorded(t *testing.T) {
	type total struct{ before, after []int64 } // percent of what the provider counted
	var learner tokens.Learner
	totals, all := map[string]*total{}, total{}
	for _, e := range recorded(t) {
		subject := e.subject()
		est := estimate(e.Request, subject)
		call := &wire.Call{Shape: &wire.Shape{Provider: e.Provider, Operation: subject.Operation}, Model: e.model, Choices: 1}
		asked := learner.Asked(call, wire.Metering{}, est, 0)
		learner.Learn(call, est, &ledger.Row{Outcome: policy.Billed, UsageSource: ledger.Measured, Usage: price.Usage{Input: e.prompt}})
		p := totals[e.Provider]
		if p == nil {
			p = new(total)
			totals[e.Provider] = p
		}
		for _, p := range []*total{p, &all} {
			p.before = append(p.before, est.Input()*100/e.prompt)
			p.after = append(p.after, asked.Input*100/e.prompt)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(totals)) {
		p := totals[name]
		t.Logf("%-34s %3d answers: before %s, learning %s", name, len(p.before), spread(p.before), spread(p.after))
	}
	t.Logf("%-34s %3d answers: before %s, learning %s", "all", len(all.before), spread(all.before), spread(all.after))
	for _, p := range [][]int64{all.before, all.after} {
		near := 0
		for _, percent := range p {
			if percent >= 50 && percent <= 200 {
				near++
			}
		}
		if median := p[len(p)/2]; median < 80 || median > 140 || near < len(p)*60/100 {
			t.Errorf("median %d %%; %d of %d within half and double", median, near, len(p))
		}
	}
}

// spread sorts percentages and describes them.
func spread(p []int64) string {
	slices.Sort(p)
	return fmt.Sprintf("p10 %d %%, median %d %%, p90 %d %%", p[len(p)/10], p[len(p)/2], p[len(p)*9/10])
}
