package wire_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	const month = 30 * 24 * time.Hour
	for _, test := range []struct {
		header []string // pairs
		want   time.Duration
	}{
		{nil, 0},
		{[]string{"Retry-After", "5"}, 5 * time.Second},
		{[]string{"Retry-After", " 5 "}, 5 * time.Second},
		{[]string{"Retry-After", "0"}, 0},
		{[]string{"Retry-After", "1.5"}, 1500 * time.Millisecond},
		{[]string{"Retry-After", "-3"}, 0},
		{[]string{"Retry-After", "NaN"}, 0},
		{[]string{"Retry-After", "Inf"}, month},
		{[]string{"Retry-After", "1e300"}, month},
		{[]string{"Retry-After", "99999999999"}, month},
		{[]string{"Retry-After", "soon"}, 0},
		{[]string{"Retry-After", ""}, 0},
		{[]string{"Retry-After", date(time.Minute)}, time.Minute},
		{[]string{"Retry-After", date(-time.Minute)}, 0},
		{[]string{"Retry-After", now.Add(time.Minute).Format(time.RFC850)}, time.Minute},
		{[]string{"Retry-After", now.Add(time.Minute).Format(time.ANSIC)}, time.Minute},
		{[]string{"Retry-After", date(10 * time.Minute), "Date", date(9 * time.Minute)}, time.Minute},
		{[]string{"Retry-After", date(1000 * time.Hour)}, month},
		{[]string{"Retry-After-Ms", "250"}, 250 * time.Millisecond},
		{[]string{"Retry-After-Ms", "0.5"}, 500 * time.Microsecond},
		{[]string{"Retry-After", "1", "Retry-After-Ms", "0"}, time.Second},
		{[]string{"Retry-After", "1", "Retry-After-Ms", "1500"}, 1500 * time.Millisecond},
		{[]string{"Retry-After", "1", "Retry-After", "4", "Retry-After", "2"}, 4 * time.Second},
	} {
		h := http.Header{}
		for pair := range slices.Chunk(test.header, 2) {
			h.Add(pair[0], pair[1])
		}
		if got := wire.RetryAfter(h, now); got != test.want {
			t.Errorf("%q: %v, want %v", test.header, got, test.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("5", "250", "Sat, 21 Nov 2026 12:00:00 GMT")
	f.Add("1e308", "-Inf", "")
	f.Add("Sat, 21 Nov 2026 12:00:00 GMT", "0x10p5", "x")
	now := time.Now()
	f.Fuzz(func(t *testing.T, after, ms, date string) {
		h := http.Header{"Retry-After": {after, ms}, "Retry-After-Ms": {ms}, "Date": {date}}
		if d := wire.RetryAfter(h, now); d < 0 || d > 30*24*time.Hour {
			t.Fatalf("%v", d)
		}
	})
}

func ExampleRetryAfter() {
	h := http.Header{"Retry-After": {"1"}, "Retry-After-Ms": {"1500"}}
	fmt.Println(wire.RetryAfter(h, time.Now()))
	// Output: 1.5s
}
