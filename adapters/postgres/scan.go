package postgres

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// page is how many rows are read at a time. A slow caller of Scan thus holds no connection, and no lock or snapshot on the
// server.
const page = 500

// A place is the position of a row in the order of a scan.
type place struct {
	at      time.Time
	call    string
	attempt int64
}

// Scan implements [ledger.Scanner]. The rows are sorted by time in microseconds, then by call and attempt. They are read in
// pages: rows that are stored during the scan may be returned or not. With a filter that has a time, only the months that it
// selects are read.
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
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(ledger.Row{}, failed("read rows", done(ctx, err)))
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
	query := "select at, call, attempt, row from " + s.prefix + "rows where " + where
	if n := len(args); !first {
		// The first condition selects the partitions, the second one uses the index.
		query += fmt.Sprintf(" and at >= $%d and (at, call, attempt) > ($%[1]d, $%d, $%d)", n+1, n+2, n+3)
		args = append(args[:n:n], after.at, after.call, after.attempt)
	}
	found, err := s.pool.Query(ctx, query+fmt.Sprint(" order by at, call, attempt limit ", page), args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var line []byte
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
		args = append(args, arg)
		fmt.Fprintf(&b, " and "+condition, len(args))
	}
	// No parameter for 'open': PostgreSQL uses the index of open rows only if it sees the literal.
	switch f.Outcome {
	case "":
		b.WriteString("outcome <> 'open'")
	case policy.Open:
		b.WriteString("outcome = 'open'")
	default:
		b.WriteString("true")
		and("outcome = $%d", text(string(f.Outcome)))
	}
	if !f.Since.IsZero() {
		and("at >= $%d", microseconds(f.Since))
	}
	if !f.Until.IsZero() {
		and("at <= $%d", microseconds(f.Until)) // the column can have the same value for a time before Until
	}
	if f.Call != "" {
		and("call = $%d", callText(f.Call))
	}
	for _, c := range [...]struct{ condition, want string }{
		{"provider = $%d", f.Provider}, {"operation = $%d", f.Operation}, {"model = $%d", f.Model}, {"served_tier = $%d", string(f.Tier)},
	} {
		if c.want != "" {
			and(c.condition, text(c.want))
		}
	}
	if f.Unpriced {
		b.WriteString(" and unpriced")
	}
	if len(f.Tags) > 0 {
		and("tags @> $%d::text::jsonb", tagsText(f.Tags))
	}
	return b.String(), args
}
