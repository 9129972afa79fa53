package wire

import (
	"strconv"
	"testing"
)

func TestCount(t *testing.T) {
	for raw, want := range map[string]int64{
		"0": 0, "7": 7, "0007": 7, "1099511627776": maxCount, "1099511627777": -1, "99999999999999": -1,
		"": -1, "-1": -1, "1.0": -1, "1e3": -1, `"5"`: -1, "null": -1, " 5": -1,
	} {
		n, ok := count([]byte(raw))
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("%q: %d, want %d", raw, n, want)
		}
	}
}

// A count is what strconv reads, and never negative.
func FuzzCount(f *testing.F) {
	f.Add([]byte("12"))
	f.Add([]byte("9999999999999"))
	f.Add([]byte("1e3"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, ok := count(raw)
		if !ok {
			return
		}
		if want, err := strconv.ParseInt(string(raw), 10, 64); err != nil || n != want || n < 0 || n > maxCount {
			t.Fatalf("%q: %d, want %d, %v", raw, n, want, err)
		}
	})
}
