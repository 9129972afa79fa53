package sqlite

import (
	"encoding/json"
	"math"
	"time"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// plain reports whether the columns of a row equal what its line says. They do not if a text is not UTF-8, or if the year
// has five digits, because the line cannot have either.
func plain(r *ledger.Row) bool {
	for _, s := range [...]string{
		r.Call, r.Provider, r.Operation, r.Model, r.ServedModel, string(r.ServedTier), string(r.Outcome), r.PriceID,
	} {
		if !utf8.ValidString(s) {
			return false
		}
	}
	return r.At.Year() >= 0 && r.At.Year() <= 9999
}

// pico returns an amount as the value of a column.
func pico(a ledger.Amount) any {
	if !a.Known {
		return nil
	}
	return int64(a.Pico)
}

// tags returns a row's tags as the value of a column.
func tags(tags map[string]string) any {
	if len(tags) == 0 {
		return nil
	}
	text, _ := json.Marshal(tags) // texts always have a JSON form
	return string(text)
}

var earliest, latest = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

// nanoseconds returns a time as the value of a column. A time before 1677 or after 2262 becomes the nearest possible one.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(earliest):
		return math.MinInt64
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}
