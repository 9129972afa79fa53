package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// A counter counts requests that are sent.
type counter struct {
	http.RoundTripper
	n atomic.Int64
}

func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(req)
	if err == nil {
		c.n.Add(1)
	}
	return resp, err
}

func counting() *counter { return &counter{RoundTripper: canned{200, cannedChat}} }

// TestBrokenLine has a broken line 7 of many.
func TestBrokenLine(t *testing.T) {
	n := *large
	if testing.Short() || raceOn {
		n = min(n, 300)
	}
	lines := chatLines(n)
	lines[6] = `{"custom_id":"r7","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-5-mini","messages":[}}`
	args, out := requests(t, lines...)
	base := counting()
	r := drive(t, base, args...)
	if r.code != exitUsage || base.n.Load() != 0 {
		t.Errorf("code %d, %d requests", r.code, base.n.Load())
	}
	r.says(t, args[1]+":7: byte ", "it is not valid JSON", fmt.Sprintf("1 of %d lines of ", n)+args[1]+" are wrong; nothing was sent. Correct them, or leave them out by -on-error skip")

	args = append(args, "-parallel", "64")
	r = drive(t, base, append(args, "-on-error", "skip")...)
	r.want(t, want{code: exitFailed, done: n - 1, skipped: 1})
	r.says(t, args[1]+":7: ")
	if all := ids(answers(t, out)); len(all) != n-1 || slices.Contains(all, "r7") {
		t.Errorf("%d answers", len(all))
	}

	// When the line is corrected, only that one is sent.
	lines[6] = chatLine("r7")
	write(t, args[1], strings.Join(lines, "\n"))
	drive(t, base, args...).want(t, want{done: 1, resumed: n - 1})
	if base.n.Load() != int64(n) {
		t.Errorf("%d requests", base.n.Load())
	}
}

func TestDuplicates(t *testing.T) {
	args, out := requests(t, chatLine("a"), "", chatLine("b"), chatLine("a"), `{"model":"m","messages":[]}`, chatLine("5"), chatLine("a"))
	base := counting()
	r := drive(t, base, args...)
	if r.code != exitUsage || base.n.Load() > 0 {
		t.Errorf("code %d, %d requests", r.code, base.n.Load())
	}
	for _, pair := range [][2]int{{4, 1}, {7, 1}} {
		r.says(t, fmt.Sprintf(`%s:%d: the id "a" is that of line %d: each line needs one of its own`, args[1], pair[0], pair[1]))
	}
	r.says(t, `:6: the id "5" is that of line 5`, "3 of 6 lines")
	drive(t, base, append(args, "-on-error", "skip")...).want(t, want{code: exitFailed, done: 3, skipped: 3})
	all := ids(answers(t, out))
	if slices.Sort(all); !slices.Equal(all, []string{"5", "a", "b"}) {
		t.Errorf("%q", all)
	}
}

// TestChangedRequest asks something else under an id that has an answer.
func TestChangedRequest(t *testing.T) {
	args, out := requests(t, chatLines(3)...)
	base := counting()
	drive(t, base, args...).want(t, want{done: 3})
	lines := chatLines(4)
	lines[1] = strings.Replace(lines[1], "prompt", "question", 1)
	write(t, args[1], strings.Join(lines, "\n"))
	r := drive(t, base, args...)
	if r.code != exitUsage || base.n.Load() != 3 {
		t.Errorf("code %d, %d requests", r.code, base.n.Load())
	}
	r.says(t, args[1]+":2: "+out+` has the answer to another request of the id "r2"`)
}

// TestForeignAnswers has an output with an answer to no line. It stays.
func TestForeignAnswers(t *testing.T) {
	args, out := requests(t, chatLines(3)...)
	drive(t, counting(), args...).want(t, want{done: 3})
	write(t, args[1], chatLine("r4")+"\n"+chatLine("r2"))
	r := drive(t, counting(), append(args, "-ordered")...)
	r.want(t, want{done: 1, resumed: 1})
	r.says(t, out+" has 2 answers to ids that are not in "+args[1])
	if got := ids(answers(t, out)); len(got) != 4 || got[0] != "r4" || got[1] != "r2" {
		t.Errorf("%q", got)
	}
}

func TestManyBrokenLines(t *testing.T) {
	args, _ := requests(t, slices.Repeat([]string{"{"}, 50)...)
	r := drive(t, counting(), args...)
	if n := strings.Count(r.stderr, "it is not valid JSON"); r.code != exitUsage || n != maxProblems {
		t.Errorf("code %d, %d lines", r.code, n)
	}
	r.says(t, "30 more lines are wrong", "50 of 50 lines")
}

func TestNoLines(t *testing.T) {
	for _, text := range []string{"", "\n\n", "\xef\xbb\xbf\r\n"} {
		args, _ := requests(t)
		write(t, args[1], text)
		r := drive(t, counting(), args...)
		if r.code != exitUsage {
			t.Errorf("%q: code %d", text, r.code)
		}
		r.says(t, "there is no line in")
	}
}

// TestSimulatedOutput goes on with answers of a simulated provider.
func TestSimulatedOutput(t *testing.T) {
	args, out := requests(t, chatLines(3)...)
	driveWith(t, counting(), args...).want(t, want{done: 3})
	r := drive(t, counting(), args...)
	if r.code != exitUsage || len(answers(t, out)) != 3 {
		t.Errorf("code %d", r.code)
	}
	r.says(t, "answers of a simulated provider and of a real one do not go into one file")
}

// TestSecondAnswer has an output with two answers to one line.
func TestSecondAnswer(t *testing.T) {
	args, out := requests(t, chatLines(1)...)
	drive(t, counting(), args...).want(t, want{done: 1})
	text := content(t, out)
	write(t, out, text+text)
	r := drive(t, counting(), args...)
	if r.code != exitUsage {
		t.Errorf("code %d", r.code)
	}
	r.says(t, out+`:2: a second answer to "r1"`)
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
}
