package postgres

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

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
	for name, value := range r.Tags {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return false
		}
	}
	return r.At.Year() >= 0 && r.At.Year() <= 9999
}

// text returns a text as the value of a column. A text that PostgreSQL does not accept becomes a JSON string. So does a text
// that looks like one, so that different texts stay different.
func text(s string) string {
	if strings.IndexByte(s, 0) < 0 && !strings.HasPrefix(s, `"`) && utf8.ValidString(s) {
		return s
	}
	quoted, _ := json.Marshal(s) // a text always has a JSON form
	return string(quoted)
}

// callText returns a call as the value of its column. A long one becomes a hash, because a key of an index can have at most
// 2704 bytes.
func callText(s string) string {
	if t := text(s); len(t) <= 1000 {
		return t
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// tagsText returns tags as the value of their column.
func tagsText(tags map[string]string) string {
	if len(tags) == 0 {
		return ""
	}
	for name, value := range tags {
		if text(name) != name || text(value) != value {
			taken := make(map[string]string, len(tags))
			for name, value := range tags {
				taken[text(name)] = text(value)
			}
			tags = taken
			break
		}
	}
	b, _ := json.Marshal(tags)
	return string(b)
}

// pico returns an amount as the value of a column.
func pico(a ledger.Amount) pgtype.Int8 { return pgtype.Int8{Int64: int64(a.Pico), Valid: a.Known} }

var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// microseconds returns a time as the value of a column. A time before the year 1 or after 9999 becomes the nearest possible
// one.
func microseconds(t time.Time) time.Time {
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t.UTC().Truncate(time.Microsecond)
}

// columns are rows as the parameters of the statement: one array for each column.
type columns struct {
	at                             pgtype.FlatArray[time.Time]
	call                           pgtype.FlatArray[string]
	attempt                        pgtype.FlatArray[int64]
	provider, operation, model     pgtype.FlatArray[string]
	tier, outcome, priceID         pgtype.FlatArray[string]
	unpriced                       pgtype.FlatArray[bool]
	cost, list, implicit, exposure pgtype.FlatArray[pgtype.Int8]
	tags                           pgtype.FlatArray[pgtype.Text]
	line                           pgtype.FlatArray[string]
}

// A key identifies an attempt, as the key of the table does.
type key struct {
	at      int64 // microseconds
	call    string
	attempt int
}

// arrange returns the columns of rows. One statement cannot write a row twice, so of rows with the same key arrange keeps
// only the one that would remain if they were written one after another.
func arrange(rows []ledger.Row) (*columns, error) {
	// One string holds all lines; each row uses a part of it.
	ends := make([]int, len(rows))
	buf := make([]byte, 0, 768*len(rows))
	for i := range rows {
		buf = rows[i].AppendJSON(buf)
		ends[i] = len(buf)
	}
	all := string(buf)

	chosen := make([]*ledger.Row, 0, len(rows))
	lines := make([]string, 0, len(rows))
	index := make(map[key]int, len(rows))
	begin := 0
	for i := range rows {
		r, line := &rows[i], all[begin:ends[i]]
		begin = ends[i]
		if !plain(r) {
			read, err := ledger.ParseRow([]byte(line))
			if err != nil {
				return nil, err
			}
			r = &read
		}
		k := key{r.At.UnixMicro(), r.Call, r.Attempt}
		if at, ok := index[k]; !ok {
			index[k] = len(chosen)
			chosen, lines = append(chosen, r), append(lines, line)
		} else if r.Replaces(chosen[at]) {
			chosen[at], lines[at] = r, line
		}
	}
	n := len(chosen)
	c := &columns{
		at: make([]time.Time, n), call: make([]string, n), attempt: make([]int64, n),
		provider: make([]string, n), operation: make([]string, n), model: make([]string, n),
		tier: make([]string, n), outcome: make([]string, n), priceID: make([]string, n), unpriced: make([]bool, n),
		cost: make([]pgtype.Int8, n), list: make([]pgtype.Int8, n), implicit: make([]pgtype.Int8, n), exposure: make([]pgtype.Int8, n),
		tags: make([]pgtype.Text, n), line: lines,
	}
	for i, r := range chosen {
		c.at[i], c.call[i], c.attempt[i] = microseconds(r.At), callText(r.Call), int64(r.Attempt)
		c.provider[i], c.operation[i], c.model[i] = text(r.Provider), text(r.Operation), text(cmp.Or(r.ServedModel, r.Model))
		c.tier[i], c.outcome[i], c.priceID[i] = text(string(r.ServedTier)), text(string(r.Outcome)), text(r.PriceID)
		c.unpriced[i] = r.Unpriced != ""
		c.cost[i], c.list[i], c.implicit[i], c.exposure[i] = pico(r.Cost), pico(r.List), pico(r.Implicit), pico(r.Exposure)
		c.tags[i] = pgtype.Text{String: tagsText(r.Tags), Valid: len(r.Tags) > 0}
	}
	return c, nil
}
