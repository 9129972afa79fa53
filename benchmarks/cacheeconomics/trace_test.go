package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// three is a trace whose second line is the earliest, with ids of all kinds.
const three = `{"timestamp": 5000, "input_length": 1100, "output_length": 7, "hash_ids": [-3, 18446744073709551615, 12]}

{"timestamp": 3000, "input_length": 1536, "output_length": 8, "hash_ids": [-3, 18446744073709551615, 0]}
{"timestamp": 5000.5, "input_length": 600, "output_length": 9, "hash_ids": [0, 0], "more": 1}`

func TestReadTrace(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(three))
	z.Close()
	want := []request{
		{0, 1536, 8, []uint64{1, 2, 4}, 3, 0, 0},
		{2 * time.Second, 1100, 7, []uint64{1, 2, 3}, 2, 2, 0},
		{2*time.Second + 500*time.Microsecond, 600, 9, []uint64{5, 6}, 1, 0, 0},
	}
	for name, file := range map[string][]byte{"plain": []byte(three), "gzipped": zipped.Bytes(), "lines end in CRLF": []byte(strings.ReplaceAll(three, "\n", "\r\n"))} {
		path := filepath.Join(t.TempDir(), "trace")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readTrace("t", path)
		if err != nil || !reflect.DeepEqual(got.requests, want) {
			t.Errorf("%s: %v\n%+v, want\n%+v", name, err, got, want)
		}
	}
}

func TestReadTraceErrors(t *testing.T) {
	const good = `{"timestamp": 1, "input_length": 600, "output_length": 1, "hash_ids": [1, 2]}` + "\n"
	for line, want := range map[string]string{
		`nonsense`:                               "line 2: ",
		`{"timestamp":`:                          "line 2: ",
		`{"input_length": 600, "hash_ids": [1]}`: "line 2: timestamp",
		`{"timestamp": -1, "input_length": 600, "hash_ids": [1]}`:                       "line 2: timestamp",
		`{"timestamp": 1e30, "input_length": 600, "hash_ids": [1]}`:                     "line 2: timestamp",
		`{"timestamp": 1e12, "input_length": 600, "hash_ids": [1]}`:                     "timestamp: the trace is longer",
		`{"timestamp": 1, "hash_ids": [1]}`:                                             "line 2: input_length",
		`{"timestamp": 1, "input_length": -5, "hash_ids": [1]}`:                         "line 2: input_length",
		`{"timestamp": 1, "input_length": 5, "output_length": -1, "hash_ids": [1]}`:     "line 2: output_length",
		`{"timestamp": 1, "input_length": 5, "hash_ids": [1.5]}`:                        "line 2: hash_ids",
		`{"timestamp": 1, "input_length": 5, "hash_ids": ["a"]}`:                        "line 2: ",
		`{"timestamp": "soon", "input_length": 600, "output_length": 1, "hash_ids": 1}`: "line 2: ",
	} {
		if _, err := readRequests(strings.NewReader(good + line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	for _, file := range []string{"", "\n\n", "\x1f\x8bnot gzip"} {
		if _, err := readRequests(strings.NewReader(file)); err == nil {
			t.Errorf("%q: no error", file)
		}
	}
	if _, err := readTrace("t", filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("absent: no error")
	}
}
