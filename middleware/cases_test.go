package middleware_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// caseInputs are inputs of public bug reports about other projects. They are kept outside of the repository.
const caseInputs = "../../shared/cases/inputs"

// A caseInput is one of them: a request, and what it is answered with.
type caseInput struct {
	Answers []struct {
		Status  int         `json:"status"`
		Headers http.Header `json:"headers"`
		Body    string      `json:"body"`
		Then    string      `json:"then"` // what happens behind the body
	} `json:"answers"`
	Post    string `json:"post"`
	Request string `json:"request"`
	Report  string `json:"report"`
	Right   string `json:"right"`
}

// A caseRight is what is right for one of them: of the last row, unless it says otherwise.
type caseRight struct {
	cost    string // "" is not known
	outcome policy.Outcome
	source  ledger.UsageSource
	reason  policy.Reason
	sends   int
	status  int

	evidence policy.Evidence // of the first row
	exposed  bool            // there is an exposure
	asked    bool            // the last attempt asked for the stream's usage
	wait     time.Duration   // before the last attempt, at least
	hidden   string          // is in the answer, and the caller does not get it
	next     bool            // a second call goes without the edit
	catalog  string          // the models of a catalog
}

var caseRights = map[string]caseRight{
	"03-gemini-embedding-audio":       {cost: "0.01625", outcome: policy.Billed, source: ledger.Measured, sends: 1, status: 200},
	"04-kimi-cached-tokens":           {cost: "0.00006057", outcome: policy.Billed, source: ledger.Measured, sends: 1, status: 200},
	"05-message-delta-zero-input":     {cost: "0.0024", outcome: policy.Billed, source: ledger.Measured, sends: 1, status: 200},
	"07-usage-refused-object-message": {outcome: policy.Billed, source: ledger.Unknown, sends: 2, status: 200, exposed: true},
	"09-kimi-quota":                   {cost: "0", outcome: policy.Rejected, source: ledger.None, reason: policy.Quota, sends: 1, status: 429},
	"11-insufficient-balance-error":   {cost: "0", outcome: policy.Rejected, source: ledger.None, reason: policy.Quota, sends: 1, status: 429},
	"12-cerebras-reset-header":        {cost: "0.0000011", outcome: policy.Billed, source: ledger.Measured, sends: 2, status: 200, wait: 41200 * time.Millisecond},
	"13-cached-audio":                 {cost: "0.0048", outcome: policy.Billed, source: ledger.Measured, sends: 1, status: 200, catalog: audioModel},
	"14-litellm-cache-write":          {cost: "0.00182945", outcome: policy.Billed, source: ledger.Measured, sends: 1, status: 200},
	"17-kimi-usage-in-choices":        {cost: "0.0000295", outcome: policy.Billed, source: ledger.Measured, sends: 1, status: 200, asked: true},
	"18-gemini-finish-without-usage":  {cost: "0.0000155", outcome: policy.Billed, source: ledger.Measured, sends: 1, status: 200},
	"19-finish-reason-empty-cut":      {outcome: policy.Partial, source: ledger.Unknown, sends: 1, status: 200, exposed: true, asked: true},
	"20-running-usage-cut":            {cost: "0.00000925", outcome: policy.Partial, source: ledger.Estimated, sends: 1, status: 200, exposed: true, asked: true},
	"21-sse-under-text-json":          {cost: "0.00001250", outcome: policy.Billed, source: ledger.Measured, sends: 1, status: 200, asked: true, hidden: `"choices":[]`},
	"22-vertex-499":                   {cost: "0.0000155", outcome: policy.Billed, source: ledger.Measured, sends: 2, status: 200, evidence: policy.Documented},
	"23-gemini-cached-above-prompt":   {cost: "0.00317", outcome: policy.Billed, source: ledger.Measured, sends: 1, status: 200},
	"24-usage-refused-by-500":         {outcome: policy.Ambiguous, source: ledger.Unknown, reason: policy.UsageRejected, sends: 1, status: 500, exposed: true, asked: true, next: true},
}

// otherCases are looked at elsewhere, each in a test of its own.
var otherCases = map[string]bool{"01-maxcost-compact": true, "02-maxcost-item-reference": true}

const audioModel = `"my-audio":{"limits":{"max_output":1000},"periods":[{"source":"made up","tiers":{"standard":[{"usd_per_million":{"input":"4","cached_input":"0.4","audio_input":"32","cached_audio_input":"0.4","output":"16"}}]}}]}`

// Other projects have been wrong about these; each file says where that was reported, and what is right. Whether an answer
// comes at once or byte by byte makes no difference.
func TestCases(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(caseInputs, "*.json"))
	if err != nil || len(files) == 0 {
		t.Skipf("the inputs are not there: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		right, known := caseRights[name]
		if !known {
			if !otherCases[name] {
				t.Errorf("%s: nothing says what is right", name)
			}
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		var in caseInput
		if err := json.Unmarshal(text, &in); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for how, reader := range map[string]func(io.Reader) io.Reader{"at once": whole, "byte by byte": iotest.OneByteReader} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { in.check(t, right, reader) })
			})
		}
	}
}

func whole(r io.Reader) io.Reader { return r }

// check makes the call and compares what comes of it.
func (in *caseInput) check(t *testing.T, right caseRight, reader func(io.Reader) io.Reader) {
	time.Sleep(time.Until(moment(t, noon)))
	var bodies []string
	var times []time.Time
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(req.Body)
		req.Body.Close()
		answer := in.Answers[min(len(bodies), len(in.Answers)-1)]
		bodies, times = append(bodies, string(body)), append(times, time.Now())
		h := answer.Headers.Clone()
		if h == nil {
			h = http.Header{}
		}
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", jsonType)
			if strings.HasPrefix(answer.Body, "data:") || strings.HasPrefix(answer.Body, "event:") {
				h.Set("Content-Type", eventType)
			}
		}
		var r io.Reader = strings.NewReader(answer.Body)
		if answer.Then != "" {
			r = io.MultiReader(r, iotest.ErrReader(errors.New(answer.Then)))
		}
		return &http.Response{StatusCode: answer.Status, Header: h, ContentLength: -1, Body: io.NopCloser(reader(r)), Request: req}, nil
	})
	var options []middleware.Option
	if right.catalog != "" {
		options = append(options, middleware.WithCatalog(catalogOf(t, "openai", right.catalog)))
	}
	stack := stackOver(t, base, policy.Policy{}, options...)
	status, got := in.post(t, stack)
	rows := stack.Rows()
	if len(rows) == 0 {
		t.Fatal("no row")
	}
	row := rows[len(rows)-1]
	want := ledger.Amount{}
	if right.cost != "" {
		want = ledger.Known(price.MustUSD(right.cost))
	}
	if status != right.status || len(bodies) != right.sends || len(rows) != right.sends {
		t.Errorf("status %d after %d sends, %d rows; want %d after %d", status, len(bodies), len(rows), right.status, right.sends)
	}
	if row.Cost != want || row.Outcome != right.outcome || row.UsageSource != right.source || right.reason != "" && row.Reason != right.reason {
		t.Errorf("%s/%s %s costs %v (%s), want %s/%s %s, %v", row.Outcome, row.Reason, row.UsageSource, row.Cost, row.Unpriced,
			right.outcome, right.reason, right.source, want)
	}
	if exposed := row.Exposure.Known && row.Exposure.Pico > 0; exposed != right.exposed {
		t.Errorf("exposure %v", row.Exposure)
	}
	if right.evidence != "" && rows[0].Evidence != right.evidence {
		t.Errorf("the first is rejected by what is %s, want %s", rows[0].Evidence, right.evidence)
	}
	if asked := strings.Contains(bodies[len(bodies)-1], "include_usage"); asked != right.asked {
		t.Errorf("the last was sent as %s", bodies[len(bodies)-1])
	}
	if waited := times[len(times)-1].Sub(times[0]); waited < right.wait {
		t.Errorf("waited %v", waited)
	}
	if right.hidden != "" && strings.Contains(got, right.hidden) {
		t.Errorf("the caller got %s", got)
	}
	if right.next {
		status, _ = in.post(t, stack)
		if last := bodies[len(bodies)-1]; status != 200 || strings.Contains(last, "stream_options") {
			t.Errorf("the next call is sent as %s, and ends with %d", last, status)
		}
	}
}

// post makes the call and reads what the caller gets of the answer.
func (in *caseInput) post(t *testing.T, stack *middleware.Stack) (status int, got string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, in.Post, strings.NewReader(in.Request))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stack.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	read, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(read)
}
