package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// readAll returns the lines of a text, with their numbers.
func readAll(t testing.TB, text string, most int) (all []string) {
	t.Helper()
	r := newLineReader(strings.NewReader(text), most)
	for {
		l, err := r.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if l.err != nil {
			all = append(all, fmt.Sprintf("%d: error: %v", l.number, l.err))
			continue
		}
		all = append(all, fmt.Sprintf("%d: %s", l.number, l.text))
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for _, c := range []struct {
		name, text string
		most       int
		want       []string
	}{
		{"nothing", "", 10, nil},
		{"one without an end", "a", 10, []string{"1: a"}},
		{"two", "a\nb\n", 10, []string{"1: a", "2: b"}},
		{"CRLF", "a\r\nb\r\n", 10, []string{"1: a", "2: b"}},
		{"a byte order mark", "\xef\xbb\xbfa\nb", 10, []string{"1: a", "2: b"}},
		{"only a byte order mark", "\xef\xbb\xbf\n", 10, nil},
		{"a byte order mark later", "a\n\xef\xbb\xbfb", 10, []string{"1: a", "2: \ufeffb"}},
		{"empty lines", "\n\na\n \t\n\r\nb\n\n", 10, []string{"3: a", "6: b"}},
		{"as long as it may be", "0123456789\r\n", 10, []string{"1: 0123456789"}},
		{"too long by one", "01234567890\nb\n", 10, []string{"1: error: it is longer than 10 bytes", "2: b"}},
		{"much too long", long + "\nb", 70_000, []string{"1: error: it is longer than 70000 bytes", "2: b"}},
		{"longer than a buffer", long + "\nb", 200_000, []string{"1: " + long, "2: b"}},
		{"too long at the end", "a\n" + long, 10, []string{"1: a", "2: error: it is longer than 10 bytes"}},
		{"not UTF-8", "a\nb\xffc\nd", 10, []string{"1: a", "2: error: byte 2 is not UTF-8: save the file as UTF-8", "3: d"}},
		{"the replacement character", "\ufffd", 10, []string{"1: \ufffd"}},
	} {
		if got := readAll(t, c.text, c.most); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %.200q, want %.200q", c.name, got, c.want)
		}
	}
}

// A failing reader fails after its text.
type failingReader struct{ text io.Reader }

func (r failingReader) Read(p []byte) (int, error) {
	n, err := r.text.Read(p)
	if err == io.EOF {
		err = errors.New("the disk is gone")
	}
	return n, err
}

func TestLinesOfBadDisk(t *testing.T) {
	r := newLineReader(failingReader{strings.NewReader("a\nb")}, 10)
	if l, err := r.next(); err != nil || string(l.text) != "a" {
		t.Errorf("%q, %v", l.text, err)
	}
	if l, err := r.next(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", l.text, err)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbfa\r\n\nb"), 3)
	f.Fuzz(func(t *testing.T, text []byte, most int) {
		r := newLineReader(bytes.NewReader(text), max(0, most%100))
		for last := 0; ; {
			l, err := r.next()
			if err != nil {
				if !errors.Is(err, io.EOF) || last > bytes.Count(text, []byte("\n"))+1 {
					t.Fatalf("line %d: %v", last, err)
				}
				return
			}
			if l.number <= last || len(l.text) > max(0, most%100) || bytes.ContainsRune(l.text, '\n') || l.err == nil && len(bytes.TrimSpace(l.text)) == 0 {
				t.Fatalf("%d after %d: %q", l.number, last, l.text)
			}
			last = l.number
		}
	})
}
