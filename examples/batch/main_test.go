package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestDemonstration runs the program without flags: with made-up requests and a simulated provider.
func TestDemonstration(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := driveWith(t, nil, "-n", "30", "-patience", "0s")
	r.want(t, want{done: 30})
	s := &r.sum
	if s.Meter == nil || *s.Meter != s.Cost || *s.DoubleBilled != 0 {
		t.Errorf("the meter differs: %+v", s)
	}
	if s.Saved.Sign() <= 0 || s.Fallbacks == 0 || s.Refused == 0 || s.BilledAttempts != 30 || len(s.Tiers) != 2 {
		t.Errorf("%+v", s)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "skinflint-batch-*")); err != nil || len(left) > 0 {
		t.Errorf("folders are left: %v, %v", left, err)
	}
}

func TestTable(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	if code := start(t.Context(), []string{"-n", "9", "-patience", "0s"}, &out, io.Discard, nil, nil); code != exitDone {
		t.Errorf("code %d", code)
	}
	for _, text := range []string{"answered", "flex", "standard", "saved", "and 0 requests twice"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("no %q in\n%s", text, out.String())
		}
	}
}

// TestForms has each form of a line answered, and looks at what is written.
func TestForms(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	args, out := requests(t,
		chatLine("a"),
		`{"key":"b","request":{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}}`,
		`{"custom_id":"c","params":{"model":"claude-sonnet-5","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}}`,
		`{"model":"gpt-5-mini","messages":[{"role":"user","content":"bare"}]}`,
		`{"model":"gpt-5-mini","input":"bare"}`,
		`{"contents":[{"role":"user","parts":[{"text":"bare"}]}]}`,
		`{"custom_id":"g","url":"/v1/embeddings","body":{"model":"text-embedding-3-small","input":"hello"}}`,
	)
	r := drive(t, sim.Transport(), append(args, "-model", "gemini-2.5-flash", "-ordered")...)
	r.want(t, want{done: 7})
	all := answers(t, out)
	if got := ids(all); !slices.Equal(got, []string{"a", "b", "c", "4", "5", "6", "g"}) {
		t.Errorf("ids %q", got)
	}
	var sum price.Sum
	for _, a := range all {
		if a.Error != nil || a.Response == nil || a.Response.Status != 200 || a.Response.Body[0] != '{' || !a.Cost.Known || a.Attempts != 1 {
			t.Errorf("%+v", a)
		}
		sum.Add(a.Cost.Pico)
	}
	if sum != r.sum.Cost {
		t.Errorf("the answers cost $%s, the summary says $%s", sum, r.sum.Cost)
	}
	if all[0].Tier != policy.Flex || all[5].Tier != policy.Flex {
		t.Errorf("tiers %s and %s", all[0].Tier, all[5].Tier)
	}
}

// TestFaults answers lines of a provider that fails in three of ten requests. No line is paid for twice, and the ledger covers
// all that the provider has billed.
func TestFaults(t *testing.T) {
	faults := []llmtest.Fault{llmtest.Overloaded, llmtest.ResetAfterAccept, llmtest.ServerErrorAfterWork}
	sim := provider(t, llmtest.Config{
		Flex: llmtest.Schedule("...x"),
		Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
			if n%10 < 3 {
				return faults[n%10]
			}
			return llmtest.NoFault
		}),
	})
	const lines = 100
	args, out := requests(t, chatLines(lines)...)
	r := drive(t, sim.Transport(), append(args, "-patience", "0s", "-parallel", "16")...)
	s := r.sum
	if r.code != exitFailed || s.Done == 0 || s.Failed == 0 || s.Done+s.Failed != lines || s.MaybePaid != s.Failed {
		t.Errorf("code %d, %+v", r.code, s)
	}
	agrees(t, sim, &s)
	if n := twice(t, sim); n > 0 {
		t.Errorf("%d billed twice", n)
	}
	for _, a := range answers(t, out) {
		a.checkPaid(t)
	}

	// Nothing is sent again by itself, and with -again only what has no answer.
	before := len(sim.Requests())
	drive(t, sim.Transport(), append(args, "-retry-failed")...).want(t, want{code: exitFailed, resumed: s.Done, failed: s.Failed, unclear: s.Failed})
	if got := len(sim.Requests()); got != before {
		t.Errorf("%d requests were sent again", got-before)
	}
	r = drive(t, sim.Transport(), append(args, "-again", "-patience", "0s")...)
	if r.sum.Resumed != s.Done || r.sum.Done+r.sum.Failed != s.Failed || r.sum.Done == 0 {
		t.Errorf("%+v", r.sum)
	}
	if got := len(answers(t, out)); got != lines {
		t.Errorf("%d answers for %d lines", got, lines)
	}
}

// checkPaid checks an answer of which each attempt may have been paid for.
func (a *answer) checkPaid(t *testing.T) {
	t.Helper()
	if (a.Error == nil) != (a.Response != nil && a.Response.Status == 200) {
		t.Errorf("%+v", a)
	}
	if a.Error != nil && (!a.MaybePaid || !a.Exposure.Known || a.Error.Message == "") {
		t.Errorf("%+v", a.Error)
	}
}

func TestResume(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	args, out := requests(t, chatLines(20)...)
	drive(t, sim.Transport(), args...).want(t, want{done: 20})
	r := drive(t, sim.Transport(), args...)
	r.want(t, want{resumed: 20})
	if len(sim.Requests()) != 20 || r.sum.Calls != 20 {
		t.Errorf("%d requests, %+v", len(sim.Requests()), r.sum)
	}

	// Lines that come later are sent, in whatever order the file then is.
	in := args[1]
	lines := chatLines(25)
	slices.Reverse(lines)
	write(t, in, strings.Join(lines, "\n"))
	drive(t, sim.Transport(), append(args, "-ordered")...).want(t, want{done: 5, resumed: 20})
	want := make([]string, 25)
	for i := range want {
		want[i] = fmt.Sprintf("r%d", 25-i)
	}
	if got := ids(answers(t, out)); !slices.Equal(got, want) {
		t.Errorf("ids %q", got)
	}
	if n := twice(t, sim); n > 0 {
		t.Errorf("%d billed twice", n)
	}
}

// TestOutputLost deletes the output. The ledger still knows that the lines were paid for.
func TestOutputLost(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	args, out := requests(t, chatLines(5)...)
	first := drive(t, sim.Transport(), args...)
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	r := drive(t, sim.Transport(), args...)
	r.want(t, want{code: exitFailed, failed: 5, unclear: 5})
	r.says(t, "may have been paid for: -again")
	if r.sum.Cost != first.sum.Cost || len(sim.Requests()) != 5 {
		t.Errorf("%d requests, %+v", len(sim.Requests()), r.sum)
	}
	for _, a := range answers(t, out) {
		if a.Error.Code != "maybe_paid" || !a.Cost.Known || a.Cost.Pico == 0 || !strings.Contains(a.Error.Message, "has cost $"+a.Cost.String()) {
			t.Errorf("%+v: %+v", a, a.Error)
		}
	}
	drive(t, sim.Transport(), append(args, "-again")...).want(t, want{done: 5})
}

// TestRetryFailed sends lines again that the provider has rejected.
func TestRetryFailed(t *testing.T) {
	sim := provider(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.BadRequest, llmtest.NoFault, llmtest.BadRequest)})
	args, out := requests(t, chatLines(5)...)
	args = append(args, "-parallel", "1")
	r := drive(t, sim.Transport(), args...)
	r.want(t, want{code: exitFailed, done: 3, failed: 2})
	r.says(t, "2 lines have failed at no cost: -retry-failed")
	for _, a := range answers(t, out) {
		if a.Error != nil && (a.Response.Status != 400 || !strings.Contains(a.Error.Message, "the provider answered with status 400: ") || a.Cost.Pico != 0 || !a.Cost.Known) {
			t.Errorf("%+v: %+v", a, a.Error)
		}
	}
	drive(t, sim.Transport(), args...).want(t, want{code: exitFailed, resumed: 3, failed: 2})
	drive(t, sim.Transport(), append(args, "-retry-failed", "-ordered")...).want(t, want{done: 2, resumed: 3})
	if got := ids(answers(t, out)); !slices.Equal(got, []string{"r1", "r2", "r3", "r4", "r5"}) {
		t.Errorf("ids %q", got)
	}
}

// TestStopAfter stops where every line fails, as with a wrong key.
func TestStopAfter(t *testing.T) {
	args, _ := requests(t, chatLines(500)...)
	base := canned{401, `{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","code":"invalid_api_key"}}`}
	r := drive(t, base, append(args, "-stop-after", "10", "-parallel", "4")...)
	if r.code != exitFailed || r.sum.Failed < 10 || r.sum.Failed > 40 || r.sum.Left != 500-r.sum.Failed {
		t.Errorf("code %d, %+v", r.code, r.sum)
	}
	r.says(t, "lines have failed one after the other", "Incorrect API key provided")
}

func TestMaxCost(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	dear := strings.Replace(chatLine("dear"), `"max_completion_tokens":100`, `"max_completion_tokens":100000`, 1)
	args, out := requests(t, chatLine("cheap"), dear)
	drive(t, sim.Transport(), append(args, "-max-cost", "0.01", "-ordered")...).want(t, want{code: exitFailed, done: 1, failed: 1})
	if a := answers(t, out)[1]; a.Error.Code != "max_cost" || a.Attempts != 0 || a.Response != nil || len(sim.Requests()) != 1 {
		t.Errorf("%+v, %+v", a, a.Error)
	}
}

// TestFinishBy leaves what is not sent by then.
func TestFinishBy(t *testing.T) {
	sim := provider(t, llmtest.Config{Latency: 50 * time.Millisecond})
	args, _ := requests(t, chatLines(200)...)
	args = append(args, "-parallel", "2")
	r := drive(t, sim.Transport(), append(args, "-within", "400ms")...)
	if r.code != exitFailed || r.sum.Failed > 0 || r.sum.Left == 0 {
		t.Errorf("code %d, %+v\n%s", r.code, r.sum, r.stderr)
	}
	r.says(t, "the time of -finish-by or -within has come", "lines are left: run the same command again")
}

var large = flag.Int("large", 2_000, "the lines of TestLarge")

// TestLarge answers many lines: -large 100000.
func TestLarge(t *testing.T) {
	lines := *large
	if testing.Short() || raceOn {
		lines = min(lines, 500)
	}
	args, out := requests(t, chatLines(lines)...)
	base := canned{200, cannedChat}
	began := time.Now()
	r := drive(t, base, append(args, "-parallel", "64", "-ordered")...)
	r.want(t, want{done: lines})
	took := time.Since(began)

	began = time.Now()
	drive(t, base, args...).want(t, want{resumed: lines})
	resumed := time.Since(began)
	if n := inOrder(t, out); n != lines {
		t.Errorf("%d answers", n)
	}
	t.Logf("answered in %v, found to be done in %v", took, resumed)
}

// inOrder returns how many answers an output has, which have to be to r1, r2 and so on.
func inOrder(t *testing.T, path string) (n int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := newLineReader(file, maxAnswerLine)
	for {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			return n
		}
		if n++; err != nil {
			t.Fatal(err)
		}
		if id, _, _, err := decodeAnswer(l.text); err != nil || id != fmt.Sprintf("r%d", n) {
			t.Fatalf("line %d is of %q: %v", n, id, err)
		}
	}
}

// TestMemory measures what the index needs for a line.
func TestMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x := newIndex()
	const lines = 200_000
	for n := range lines {
		x.entry(fmt.Sprintf("request-%d", n)).line = uint32(n + 1)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / lines
	if per > 100 {
		t.Errorf("%d bytes for a line", per)
	}
	t.Logf("%d bytes for a line", per)
	runtime.KeepAlive(x)
}
