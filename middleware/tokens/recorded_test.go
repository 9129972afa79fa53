package tokens_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/tokens"
	"github.com/skinflint-go/skinflint/policy"
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

func TestRecorded(t *testing.T) {
	ratios := map[string][]int64{}
	for _, e := range recorded(t) {
		est := estimate(e.Request, e.subject())
		r := est.Input() * 100 / e.prompt
		ratios[e.Provider] = append(ratios[e.Provider], r)
		if os.Getenv("SHOW") != "" && (r < 70 || r > 150) {
			t.Logf("%s %s %s: %d of %d (%d): %+v %.500s", e.Provider, e.Path, e.model, est.Input(), e.prompt, r, est, e.Request)
		}
	}
	for p, r := range ratios {
		slices.Sort(r)
		t.Logf("%-40s %4d: p10 %d %% median %d %% p90 %d %%", p, len(r), r[len(r)/10], r[len(r)/2], r[len(r)*9/10])
	}
}
