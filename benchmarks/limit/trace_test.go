package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReadTrace(t *testing.T) {
	const head = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
	calls, err := readTrace(strings.NewReader(head + "2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0319600,3180,8\n"))
	if err != nil || len(calls) != 2 || calls[1] != (tracedCall{52 * time.Millisecond, 3180, 8}) {
		t.Errorf("%v, %v", calls, err)
	}
	for trace, want := range map[string]string{
		head: "no calls",
		"":   "no calls",
		head + "2023-11-16 18:17:03,1,2\n2023-11-16 18:17:03,1\n": "line 3",
		head + "today,1,2\n":                                        `line 2: "today"`,
		head + "2023-11-16 18:17:03,-1,2\n":                         `line 2: "-1"`,
		head + "2023-11-16 18:17:03,1,NaN\n":                        `line 2: "NaN"`,
		head + "2023-11-16 18:17:03,1,2\n2023-11-16 18:17:02,1,2\n": "line 3: it is older",
	} {
		if _, err := readTrace(strings.NewReader(trace)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", trace, err)
		}
	}
}

// busyTrace writes ten minutes of calls, with twice as many in every other minute.
func busyTrace(t *testing.T) string {
	t.Helper()
	trace := bytes.NewBufferString("TIMESTAMP,ContextTokens,GeneratedTokens\n")
	at := time.Date(2023, 11, 16, 18, 0, 0, 0, time.UTC)
	for n := range 1200 {
		fmt.Fprintf(trace, "%s,%d,%d\n", at.Format("2006-01-02 15:04:05.0000000"), 500+n*997%3000, 5+n*31%90)
		at = at.Add(time.Duration(300+at.Minute()%2*400) * time.Millisecond)
	}
	path := filepath.Join(t.TempDir(), "trace.csv")
	if err := os.WriteFile(path, trace.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Ours gets the limit through, and sees next to no 429s. The others show that there is something to see.
func TestTrace(t *testing.T) {
	var out bytes.Buffer
	if err := runTrace(t, &out, busyTrace(t), true); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Share      float64 `json:"trace_429_share"`
		Throughput float64 `json:"trace_throughput"`
		None       struct {
			Calls, Dropped int
			Share          float64 `json:"429_share"`
		} `json:"settlement_none"`
		Learned struct {
			Share      float64 `json:"429_share"`
			Throughput float64 `json:"throughput"`
		} `json:"shared_learned"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Share >= 0.005 || got.Throughput < 0.95 {
		t.Errorf("429s for %v of the calls, throughput %v: %s", got.Share, got.Throughput, &out)
	}
	if got.None.Calls != 1200 || got.None.Share < 0.05 {
		t.Errorf("without a limiter: %+v", got.None)
	}
	if got.Learned.Share >= 0.02 || got.Learned.Throughput < 0.9 {
		t.Errorf("not configured, beside another program: %+v", got.Learned)
	}
}

func TestTraceTable(t *testing.T) {
	calls := []tracedCall{{0, 100, 10}, {time.Minute, 100, 10}}
	rows, err := measureTrace(t, calls)
	if err != nil {
		t.Fatal(err)
	}
	text := traceTable(calls, rows)
	for _, want := range []string{"2 calls in 1m0s", "by reservation", "by settlement", "x/time/rate", "skinflint"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
