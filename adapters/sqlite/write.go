package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// upsert has the rules of a [ledger.Sink].
const upsert = `INSERT INTO rows (call, attempt, at, provider, operation, model, served_tier, outcome, price_id, unpriced,
	cost_pico, list_pico, implicit_pico, exposure_pico, tags, row) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (call, attempt) DO UPDATE SET at = excluded.at, provider = excluded.provider, operation = excluded.operation,
	model = excluded.model, served_tier = excluded.served_tier, outcome = excluded.outcome, price_id = excluded.price_id,
	unpriced = excluded.unpriced, cost_pico = excluded.cost_pico, list_pico = excluded.list_pico,
	implicit_pico = excluded.implicit_pico, exposure_pico = excluded.exposure_pico, tags = excluded.tags, row = excluded.row
WHERE excluded.price_id = '` + ledger.BillPriceID + `' OR rows.outcome = '` + string(policy.Open) + `' AND excluded.outcome <> '` + string(policy.Open) + `'`

// Write implements [ledger.Sink]. It writes all rows or none, in one transaction.
func (s *Store) Write(ctx context.Context, rows []ledger.Row) error {
	if len(rows) == 0 {
		return nil
	}
	if err := s.update(ctx, func(tx *sql.Tx) error { return s.put(ctx, tx, rows) }); err != nil {
		return failed(fmt.Sprintf("write %d rows", len(rows)), err)
	}
	return nil
}

// update does something in a transaction, for which it waits until other programs have ended theirs.
func (s *Store) update(ctx context.Context, do func(tx *sql.Tx) error) error {
	began := time.Now()
	tx, err := s.write.BeginTx(ctx, nil)
	for code(err) == sqlite3.SQLITE_BUSY && ctx.Err() == nil && time.Since(began) < patience {
		tx, err = s.write.BeginTx(ctx, nil)
	}
	if err == nil {
		defer tx.Rollback()
		if err = do(tx); err == nil {
			err = tx.Commit()
		}
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // not what it looked like to the driver
	}
	return err
}

// put writes the rows in a transaction.
func (s *Store) put(ctx context.Context, tx *sql.Tx, rows []ledger.Row) error {
	// The lines are one string, which each row has a part of.
	ends := make([]int, len(rows))
	buf := make([]byte, 0, 768*len(rows))
	for i := range rows {
		buf = rows[i].AppendJSON(buf)
		ends[i] = len(buf)
	}
	lines := string(buf)

	put := tx.StmtContext(ctx, s.upsert)
	// The driver starts a goroutine for each row that is written with a context that can be cancelled.
	uncancelled := context.WithoutCancel(ctx)
	begin := 0
	for i := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, line := &rows[i], lines[begin:ends[i]]
		begin = ends[i]
		if !plain(r) {
			read, err := ledger.ParseRow([]byte(line))
			if err != nil {
				return err
			}
			r = &read
		}
		if _, err := put.ExecContext(uncancelled, r.Call, r.Attempt, nanoseconds(r.At), r.Provider, r.Operation,
			cmp.Or(r.ServedModel, r.Model), string(r.ServedTier), string(r.Outcome), r.PriceID, r.Unpriced != "",
			pico(r.Cost), pico(r.List), pico(r.Implicit), pico(r.Exposure), tags(r.Tags), line); err != nil {
			return err
		}
	}
	return nil
}

// plain reports whether the columns of a row are what its line says: JSON has no text that is not UTF-8, and no year of
// five digits.
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

// pico is an amount as a column has it.
func pico(a ledger.Amount) any {
	if !a.Known {
		return nil
	}
	return int64(a.Pico)
}

// tags are a row's tags as a column has them.
func tags(tags map[string]string) any {
	if len(tags) == 0 {
		return nil
	}
	text, _ := json.Marshal(tags) // texts always have a JSON form
	return string(text)
}

var earliest, latest = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

// nanoseconds is a time as a column has it; one before 1677 or after 2262 is the nearest that there is.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(earliest):
		return math.MinInt64
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}
