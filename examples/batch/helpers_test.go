package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A ran is what a run of the program has done.
type ran struct {
	code   int
	sum    summary
	stderr string
}

// drive runs the program in this process, against a provider.
func drive(t *testing.T, base http.RoundTripper, args ...string) ran {
	t.Helper()
	for _, name := range []string{"OPENAI_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_API_KEY"} {
		t.Setenv(name, "key")
	}
	return driveWith(t, base, append([]string{"-live"}, args...)...)
}

// driveWith runs the program with these arguments only.
func driveWith(t *testing.T, base http.RoundTripper, args ...string) (r ran) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	r.code = start(t.Context(), append([]string{"-json"}, args...), &stdout, &stderr, nil, base)
	r.stderr = stderr.String()
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), &r.sum); err != nil {
			t.Fatalf("%v in %s", err, stdout.Bytes())
		}
		r.sum.check(t)
	}
	return r
}

// check checks what has to hold for every run whose rows are safe.
func (s *summary) check(t *testing.T) {
	t.Helper()
	if s.checkLines(t); s.Ledger != s.Cost {
		t.Errorf("$%s in the ledger: %+v", s.Ledger, s)
	}
}

// checkLines checks that each line is counted once, also in the table.
func (s *summary) checkLines(t *testing.T) {
	t.Helper()
	inTiers := 0
	var cost price.Sum
	for _, tier := range s.Tiers {
		inTiers += tier.Lines
		cost.AddSum(tier.Cost)
	}
	if inTiers != s.Done+s.Resumed || cost != s.Cost {
		t.Errorf("the tiers do not add up: %+v", s)
	}
	if s.Lines != s.Done+s.Resumed+s.Failed+s.Skipped+s.Left {
		t.Errorf("the lines do not add up: %+v", s)
	}
	if s.MaybePaid > s.Failed {
		t.Errorf("%+v", s)
	}
}

// want is how the lines of a run are to stand.
type want struct{ code, done, resumed, failed, unclear, skipped, left int }

func (r ran) want(t *testing.T, w want) {
	t.Helper()
	s := &r.sum
	if got := (want{r.code, s.Done, s.Resumed, s.Failed, s.MaybePaid, s.Skipped, s.Left}); got != w {
		t.Errorf("got %+v, want %+v:\n%s", got, w, r.stderr)
	}
}

// says checks that stderr has the texts.
func (r ran) says(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("no %q in:\n%s", text, r.stderr)
		}
	}
}

// chatLine is a line with the id and a prompt of its own.
func chatLine(id string) string {
	return fmt.Sprintf(`{"custom_id":%q,"method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-5-mini","max_completion_tokens":100,"messages":[{"role":"user","content":"prompt %s."}]}}`, id, id)
}

// chatLines are lines with the ids r1, r2 and so on.
func chatLines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = chatLine(fmt.Sprintf("r%d", i+1))
	}
	return lines
}

// requests writes a file of lines, and returns the arguments that have them answered in the same folder.
func requests(t *testing.T, lines ...string) (args []string, out string) {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	write(t, in, strings.Join(lines, "\n")+"\n")
	return []string{"-in", in, "-out", out}, out
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// answers reads the output.
func answers(t *testing.T, path string) (all []answer) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		t.Error("the output does not end with a whole line")
	}
	for line := range bytes.Lines(text) {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

// ids are those of the answers.
func ids(all []answer) (ids []string) {
	for _, a := range all {
		ids = append(ids, a.ID)
	}
	return ids
}

// provider starts a simulated provider.
func provider(t *testing.T, c llmtest.Config) *llmtest.Server {
	t.Helper()
	sim := llmtest.NewServer(c)
	t.Cleanup(sim.Close)
	return sim
}

// twice returns how many generations were billed for a prompt that was billed before.
func twice(t *testing.T, sim *llmtest.Server) int {
	t.Helper()
	m, err := readMeter(sim)
	if err != nil {
		t.Fatal(err)
	}
	return m.double
}

// canned is a provider that answers each request with the same text, in no time.
type canned struct {
	status int
	body   string
}

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := context.Cause(req.Context()); err != nil { // as net/http does
		req.Body.Close()
		return nil, err
	}
	io.Copy(io.Discard, req.Body)
	req.Body.Close()
	return &http.Response{
		StatusCode: c.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(c.body)), ContentLength: int64(len(c.body)),
	}, nil
}

const cannedChat = `{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-5-mini","service_tier":"flex","choices":[{"index":0,"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":2,"total_tokens":22}}`
