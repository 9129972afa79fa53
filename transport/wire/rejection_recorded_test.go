package wire_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

const (
	// recordedErrors are real error bodies, recorded and quoted by others. They are kept next to the repository.
	recordedErrors = "../../../shared/data/traffic/errors.jsonl"
	// goldenErrors says what each of them means, as judged by a person: it holds none of their text.
	goldenErrors = "testdata/errors.golden"
)

var update = flag.Bool("update", false, "add lines for records that "+goldenErrors+" does not have; what is judged there stays")

// unjudged marks a line that -update wrote and that no person has judged.
const unjudged = "JUDGE:"

// An errorRecord is one record of the errors.
type errorRecord struct {
	Provider        string            `json:"provider"`
	Host            string            `json:"provider_host"`
	Method          string            `json:"method"`
	Path            string            `json:"path"`
	Status          int               `json:"status"`
	ResponseHeaders map[string]string `json:"response_headers"` // of those from recorded traffic
	Headers         map[string]string `json:"headers"`          // of those quoted in an issue
	Body            string            `json:"body"`
	Note            string            `json:"note"`
	Complete        *bool             `json:"complete"`

	index int
}

// A judgment is one line of the golden file.
type judgment struct {
	class string // outcome/evidence/reason, or "none" (no call), or "failed" (an error within a 2xx answer)
	code  string // the provider's own; "-" for none, "*" for any
	flex  string // the class if the request asked for flex; "=" for the same
}

// TestErrorBodies classifies real error bodies, each as an answer to a request that named no tier, and to one that asked
// for flex.
func TestErrorBodies(t *testing.T) {
	records := readErrors(t)
	golden := readGolden(t)
	var lines []string
	for _, r := range records {
		want, judged := golden[r.key()]
		got := r.judge(t)
		if !judged {
			want = got
			want.class = unjudged + want.class
			t.Errorf("record %d (%s %d) is not in %s", r.index, r.Provider, r.Status, goldenErrors)
		}
		lines = append(lines, r.line(want))
		if judged {
			r.compare(t, got, want)
		}
		delete(golden, r.key())
	}
	for key, j := range golden {
		t.Errorf("%s has a line of which there is no record: %s", goldenErrors, key)
		lines = append(lines, strings.Join([]string{"-", key, j.class, j.code, j.flex}, "\t"))
	}
	if *update {
		writeGolden(t, lines)
	}
}

// compare holds what the library says against what was judged.
func (r *errorRecord) compare(t *testing.T, got, want judgment) {
	t.Helper()
	where := fmt.Sprintf("record %d (%s %d %s)", r.index, r.Provider, r.Status, r.Note)
	if strings.HasPrefix(want.class, unjudged) {
		t.Errorf("%s: it is not judged yet: %s", where, want.class)
		return
	}
	if got.class != want.class {
		t.Errorf("%s is %s, want %s", where, got.class, want.class)
	}
	if got.flex != want.flex {
		t.Errorf("%s, asked on flex, is %s, want %s", where, got.flex, want.flex)
	}
	if want.code != "*" && got.code != want.code {
		t.Errorf("%s: its code is %q, want %q", where, got.code, want.code)
	}
}

// judge has the library judge a record.
func (r *errorRecord) judge(t *testing.T) judgment {
	t.Helper()
	u, err := url.Parse(r.url())
	if err != nil {
		t.Fatalf("record %d: %v", r.index, err)
	}
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	var router wire.Router
	dialect, call, ok := router.Recognise(method, u)
	switch {
	case !ok:
		return judgment{class: "none", code: "-", flex: "="}
	case r.Status >= 200 && r.Status <= 299:
		return r.judgeAnswer(dialect, &call)
	}
	return r.judgeRejection(dialect, &call)
}

func (r *errorRecord) judgeRejection(dialect wire.Dialect, call *wire.Call) judgment {
	asked := policy.Tier("")
	if strings.Contains(r.Note, "service_tier=priority") {
		asked = policy.Priority
	}
	rejection := dialect.Rejection(call, r.response(asked))
	j := judgment{class: classOf(rejection), code: orDash(rejection.Code), flex: "="}
	if flex := classOf(dialect.Rejection(call, r.response(policy.Flex))); flex != j.class {
		j.flex = flex
	}
	return j
}

// judgeAnswer shows the dialect every document of a 2xx answer that holds an error.
func (r *errorRecord) judgeAnswer(dialect wire.Dialect, call *wire.Call) judgment {
	var answer wire.Answer
	for _, document := range documentsOf(r.Body) {
		if fields, ok := scan(document, call.AnswerPaths); ok {
			dialect.Answer(call, fields, &answer)
		}
	}
	if !answer.Failed {
		return judgment{class: "not failed", code: orDash(answer.ErrorCode), flex: "="}
	}
	return judgment{class: "failed", code: orDash(answer.ErrorCode), flex: "="}
}

func classOf(r wire.Rejection) string {
	return fmt.Sprintf("%s/%s/%s", r.Outcome, r.Evidence, r.Reason)
}

func orDash(code string) string {
	if code == "" {
		return "-"
	}
	return code
}

// documentsOf returns the JSON documents of a body: those of a stream's data lines, or one after the other.
func documentsOf(body string) (documents [][]byte) {
	if !strings.HasPrefix(strings.TrimSpace(body), "{") {
		for line := range strings.Lines(body) {
			if data, ok := strings.CutPrefix(line, "data:"); ok {
				documents = append(documents, []byte(data))
			}
		}
		return documents
	}
	for d := json.NewDecoder(strings.NewReader(body)); ; {
		var document json.RawMessage
		if d.Decode(&document) != nil {
			return documents
		}
		documents = append(documents, document)
	}
}

// ---- a record as an exchange

// response is the record as an answer. Where only the message was quoted, it is put back into the envelope that all of
// those providers use, without the members that were not quoted.
func (r *errorRecord) response(asked policy.Tier) *wire.Response {
	body := []byte(r.Body)
	if r.Complete != nil && !*r.Complete && !json.Valid(body) {
		body, _ = json.Marshal(map[string]any{"error": map[string]any{"message": r.Body}})
	}
	h := http.Header{}
	for _, from := range []map[string]string{r.ResponseHeaders, r.Headers} {
		for k, v := range from {
			h.Set(k, v)
		}
	}
	return &wire.Response{Status: r.Status, Header: h, Body: body, Asked: asked, At: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
}

// usualURLs are the URLs for records that quote only the answer.
var usualURLs = map[string]string{
	"aiplatform.googleapis.com":         "https://aiplatform.googleapis.com" + vertexModels + "m:generateContent",
	"api.anthropic.com":                 "https://api.anthropic.com/v1/messages",
	"api.groq.com":                      "https://api.groq.com/openai/v1/chat/completions",
	"api.mistral.ai":                    "https://api.mistral.ai/v1/chat/completions",
	"api.openai.com":                    "https://api.openai.com/v1/chat/completions",
	"bedrock":                           "https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions",
	"chatgpt.com/codex":                 "https://chatgpt.com/v1/chat/completions",
	"cloudcode-pa.googleapis.com":       "https://cloudcode-pa.googleapis.com/v1beta/models/m:generateContent",
	"generativelanguage.googleapis.com": "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
	"openrouter.ai":                     "https://openrouter.ai/api/v1/chat/completions",
	"*.openai.azure.com":                "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
}

const vertexModels = "/v1beta1/projects/p/locations/global/publishers/google/models/"

// url is where the record's request went.
func (r *errorRecord) url() string {
	switch {
	case r.Path == "" && strings.Contains(r.Note, "cachedContents create"):
		return "https://generativelanguage.googleapis.com/v1beta/cachedContents"
	case r.Path == "" && strings.Contains(r.Note, "inside the SSE stream after response.created"):
		return "https://api.openai.com/v1/responses"
	case r.Path == "":
		return usualURLs[r.Provider]
	}
	path := r.Path
	if r.Provider == "aiplatform.googleapis.com" {
		// Answers that Google published for Vertex carry the Developer API's path, which Vertex's host does not have.
		path = strings.Replace(path, "/v1beta/models/", vertexModels, 1)
	}
	return strings.NewReplacer("<GOOGLE_CLOUD_LOCATION>", "us-central1", "<GOOGLE_CLOUD_PROJECT>", "p", "<AWS_REGION>", "us-east-1").
		Replace("https://" + r.Host + path)
}

// ---- files

func readErrors(t *testing.T) (records []*errorRecord) {
	t.Helper()
	f, err := os.Open(recordedErrors)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the recorded errors are not there: " + recordedErrors)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := json.NewDecoder(bufio.NewReader(f)); ; {
		r := &errorRecord{index: len(records)}
		if err := d.Decode(r); err == io.EOF {
			return records
		} else if err != nil {
			t.Fatalf("record %d: %v", r.index, err)
		}
		records = append(records, r)
	}
}

// key distinguishes records: two providers can send the same body.
func (r *errorRecord) key() string {
	sum := sha256.Sum256([]byte(r.Body))
	return fmt.Sprintf("%x\t%s\t%d", sum[:6], r.Provider, r.Status)
}

func (r *errorRecord) line(j judgment) string {
	return strings.Join([]string{fmt.Sprint(r.index), r.key(), j.class, j.code, j.flex}, "\t")
}

func readGolden(t *testing.T) map[string]judgment {
	t.Helper()
	file, err := os.ReadFile(goldenErrors)
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string]judgment{}
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		columns := strings.Split(line, "\t")
		if len(columns) != 7 {
			t.Fatalf("%s: %d columns, want 7: %s", goldenErrors, len(columns), line)
		}
		key := strings.Join(columns[1:4], "\t")
		if _, ok := golden[key]; ok {
			t.Fatalf("%s: twice: %s", goldenErrors, line)
		}
		golden[key] = judgment{class: columns[4], code: columns[5], flex: columns[6]}
	}
	return golden
}

// writeGolden writes the lines, beneath the file's own comments, and logs what that changes. Lines are added, and moved
// to where their records are; no judgment is changed or dropped.
func writeGolden(t *testing.T, lines []string) {
	t.Helper()
	file, err := os.ReadFile(goldenErrors)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	old := map[string]bool{}
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "#") {
			b.WriteString(line)
		} else {
			old[strings.TrimSpace(line)] = true
		}
	}
	for _, line := range lines {
		fmt.Fprintln(&b, line)
		if !old[line] {
			t.Logf("+ %s", line)
		}
		delete(old, line)
	}
	for line := range old {
		t.Logf("- %s", line)
	}
	if err := os.WriteFile(goldenErrors, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
