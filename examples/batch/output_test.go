package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// openAt opens an output that is closed at the end of the test.
func openAt(t *testing.T, path string) *output {
	t.Helper()
	o, err := openOutput(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.close() })
	return o
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOutputTorn(t *testing.T) {
	whole := `{"custom_id":"a"}` + "\n"
	for _, torn := range []string{"", "{", `{"custom_id":`, `{"custom_id":"b","resp`, `{"custom_id":"b"}`, lineStart + strings.Repeat("x", 200_000)} {
		for _, before := range []string{"", whole, whole + strings.Repeat(whole, 5000)} {
			path := filepath.Join(t.TempDir(), "out")
			write(t, path, before+torn)
			o := openAt(t, path)
			lines := 0
			err := o.read(func(number int, text []byte) error {
				if lines++; number != lines || string(text)+"\n" != whole {
					t.Errorf("line %d: %q", number, text)
				}
				return nil
			})
			if err != nil || lines != strings.Count(before, "\n") || o.torn != int64(len(torn)) {
				t.Errorf("%.30q: %d lines, %d bytes torn, %v", torn, lines, o.torn, err)
			}
			if got := content(t, path); got != before+torn {
				t.Errorf("%.30q: it was changed before anything is written", torn)
			}
			if err := errors.Join(o.cut(), o.append([]byte("c\n")), o.append([]byte("d\n"))); err != nil {
				t.Error(err)
			}
			if got := content(t, path); got != before+"c\nd\n" {
				t.Errorf("%.30q: %.200q", torn, got)
			}
		}
	}
}

// TestOutputUnended has a last line that is whole but for its end. It counts, and gets its end.
func TestOutputUnended(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	args, out := requests(t, chatLines(5)...)
	drive(t, sim.Transport(), args...).want(t, want{done: 5})
	all := content(t, out)
	for _, flag := range []string{"-ordered", "-retry-failed"} {
		write(t, out, strings.TrimSuffix(all, "\n"))
		drive(t, sim.Transport(), append(args, flag)...).want(t, want{resumed: 5})
		if n := len(answers(t, out)); n != 5 || len(sim.Requests()) != 5 {
			t.Errorf("%s: %d answers, %d requests", flag, n, len(sim.Requests()))
		}
	}

	// It is the answer to another request: that is an error, as with other lines.
	write(t, out, strings.TrimSuffix(all, "\n"))
	write(t, args[1], strings.ReplaceAll(content(t, args[1]), "prompt", "question"))
	if r := drive(t, sim.Transport(), args...); r.code != exitUsage || !strings.Contains(r.stderr, "the answer to another request") {
		t.Errorf("code %d: %s", r.code, r.stderr)
	}

	// One byte less, and it is torn.
	o := openAt(t, filepath.Join(t.TempDir(), "out"))
	write(t, o.path, all[:len(all)-2])
	lines := 0
	if err := o.read(func(int, []byte) error { lines++; return nil }); err != nil || lines != 4 || o.open || o.torn == 0 {
		t.Errorf("%d lines, %+v: %v", lines, o, err)
	}
}

// TestOutputForeign opens files that are not ours. They stay as they are.
func TestOutputForeign(t *testing.T) {
	for _, text := range []string{"hello", "hello\n", `{"custom_id":"a"}` + "\nhello", `{"custom_idea`, "{\n"} {
		path := filepath.Join(t.TempDir(), "out")
		write(t, path, text)
		args, _ := requests(t, chatLines(3)...)
		r := drive(t, canned{200, cannedChat}, append(args, "-out", path)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, "no answer of this program") {
			t.Errorf("%q: code %d, %s", text, r.code, r.stderr)
		}
		if got := content(t, path); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestOutputReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	o := openAt(t, path)
	if err := o.append([]byte("old\n")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("the disk is full")
	err := o.replace(func(w io.Writer) error {
		fmt.Fprintln(w, "half")
		return full
	})
	if left, _ := filepath.Glob(path + ".draft"); !errors.Is(err, full) || content(t, path) != "old\n" || len(left) > 0 {
		t.Errorf("%v, %q, %q", err, content(t, path), left)
	}
	err = o.replace(func(w io.Writer) error {
		_, err := fmt.Fprintln(w, "new")
		return err
	})
	if err := errors.Join(err, o.append([]byte("next\n"))); err != nil || content(t, path) != "new\nnext\n" {
		t.Errorf("%v, %q", err, content(t, path))
	}
	if _, err := openOutput(path); err == nil {
		t.Error("it is not locked any more")
	}
}

// TestOutputFails cannot write an answer. The run stops, and says so.
func TestOutputFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	o := openAt(t, path)
	o.file.Close()
	if err := o.append([]byte("a\n")); err == nil || !strings.Contains(err.Error(), "-out: ") {
		t.Errorf("%v", err)
	}
	var stderr bytes.Buffer
	b := &batch{set: &settings{out: path}, output: o, progress: newProgress(&stderr)}
	r := &run{batch: b, stopping: make(chan struct{})}
	r.write([]result{{answer: &answer{ID: "a"}}, {answer: &answer{ID: "b"}}})
	b.advise(&summary{Lines: 2, Left: 2}, r.counted.lost, r.why)
	for _, text := range []string{"stopped: -out: ", "2 answers came and are not in " + path, "2 lines are left: run the same command again when the cause is mended"} {
		if !r.stopped() || r.counted.done > 0 || !strings.Contains(stderr.String(), text) {
			t.Errorf("no %q in %s", text, stderr.String())
		}
	}
}

func TestOrder(t *testing.T) {
	o := openAt(t, filepath.Join(t.TempDir(), "out"))
	x := newIndex()
	for n, id := range []string{"a", "b", "c", "d"} {
		x.entry(id).line = uint32(10 * (n + 1))
	}
	for _, id := range []string{"foreign", "c", "a", "also foreign", "d"} {
		a := answer{ID: id, Request: sumText(1), Error: &problem{"c", "m"}}
		text, err := a.encode()
		if err := errors.Join(err, o.append(text)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := o.order(x); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(ids(answers(t, o.path))); got != "[a c d foreign also foreign]" {
			t.Error(got)
		}
	}
	if err := o.drop(func(a answer) bool { return strings.Contains(a.ID, "foreign") }); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(ids(answers(t, o.path))); got != "[a c d]" {
		t.Error(got)
	}
}
