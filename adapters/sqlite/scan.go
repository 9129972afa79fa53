package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// page is how many rows are read at a time. A slow caller of Scan thus holds neither a connection nor the WAL.
const page = 500

// A place is the position of a row in the order of a scan.
type place struct {
	at      int64
	call    string
	attempt int64
}

// Scan implements [ledger.Scanner]. The rows are sorted by time, then by call and attempt. They are read in pages: rows that
// are stored during the scan may be returned or not.
func (s *Store) Scan(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Row, error] {
	return func(yield func(ledger.Row, error) bool) {
		where, args := selects(&f)
		var after place
		for first := true; ; first = false {
			rows, err := s.page(ctx, where, args, &after, first)
			for i := range rows {
				if f.Match(&rows[i]) && !yield(rows[i], nil) {
					return
				}
			}
			if err == nil && ctx.Err() != nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(ledger.Row{}, failed("read rows", err))
				return
			}
			if len(rows) < page {
				return
			}
		}
	}
}

// page reads the rows after a place, and sets the place to the last of them. With an error it returns the rows before it.
func (s *Store) page(ctx context.Context, where string, args []any, after *place, first bool) (rows []ledger.Row, err error) {
	query := "SELECT at, call, attempt, row FROM rows WHERE " + where
	if !first {
		query += " AND (at, call, attempt) > (?, ?, ?)"
		args = append(args[:len(args):len(args)], after.at, after.call, after.attempt)
	}
	found, err := s.read.QueryContext(ctx, query+fmt.Sprint(" ORDER BY at, call, attempt LIMIT ", page), args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var line sql.RawBytes
	for found.Next() {
		if err := found.Scan(&after.at, &after.call, &after.attempt, &line); err != nil {
			return rows, err
		}
		row, err := ledger.ParseRow(line)
		if err != nil {
			return rows, fmt.Errorf("attempt %d of call %q: column row: %w", after.attempt, after.call, err)
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}

// selects returns an SQL condition that holds for every row that the filter matches, and for few others.
func selects(f *ledger.Filter) (where string, args []any) {
	var b strings.Builder
	and := func(condition string, arg any) {
		b.WriteString(" AND " + condition)
		args = append(args, arg)
	}
	// No parameter for 'open': SQLite uses the index of open rows only if it sees the literal.
	switch f.Outcome {
	case "":
		b.WriteString("outcome <> 'open'")
	case policy.Open:
		b.WriteString("outcome = 'open'")
	default:
		b.WriteString("true")
		and("outcome = ?", string(f.Outcome))
	}
	if !f.Since.IsZero() {
		and("at >= ?", nanoseconds(f.Since))
	}
	if !f.Until.IsZero() {
		and("at <= ?", nanoseconds(f.Until)) // the column can have the same value for a time before Until
	}
	for _, c := range [...]struct{ condition, want string }{
		{"call = ?", f.Call}, {"provider = ?", f.Provider}, {"operation = ?", f.Operation}, {"model = ?", f.Model},
		{"served_tier = ?", string(f.Tier)},
	} {
		if c.want != "" {
			and(c.condition, c.want)
		}
	}
	if f.Unpriced {
		b.WriteString(" AND unpriced")
	}
	for name, value := range f.Tags {
		if simple(name) && simple(value) {
			b.WriteString(" AND EXISTS (SELECT 1 FROM json_each(tags) WHERE key = ? AND value = ?)")
			args = append(args, name, value)
		}
	}
	return b.String(), args
}

// simple reports whether a text is the same in JSON, so that SQLite can compare it without decoding.
func simple(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || strings.IndexByte(`"\<>&`, c) >= 0 {
			return false
		}
	}
	return true
}
