package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// upsert writes a row by the rules of a [ledger.Sink]. Only a row that settles another one has that member: in a text of the
// line, its quotes would be escaped.
const upsert = `INSERT INTO rows (call, attempt, at, provider, operation, model, served_tier, outcome, price_id, unpriced,
	cost_pico, list_pico, implicit_pico, exposure_pico, tags, row) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (call, attempt) DO UPDATE SET at = excluded.at, provider = excluded.provider, operation = excluded.operation,
	model = excluded.model, served_tier = excluded.served_tier, outcome = excluded.outcome, price_id = excluded.price_id,
	unpriced = excluded.unpriced, cost_pico = excluded.cost_pico, list_pico = excluded.list_pico,
	implicit_pico = excluded.implicit_pico, exposure_pico = excluded.exposure_pico, tags = excluded.tags, row = excluded.row
WHERE excluded.price_id = '` + ledger.BillPriceID + `' OR rows.price_id <> '` + ledger.BillPriceID + `' AND instr(excluded.row, '"settles":true') > 0
	OR rows.outcome = '` + string(policy.Open) + `' AND excluded.outcome <> '` + string(policy.Open) + `'`

// Write implements [ledger.Sink]. It writes all rows or none of them, in one transaction.
func (s *Store) Write(ctx context.Context, rows []ledger.Row) error {
	if len(rows) == 0 {
		return nil
	}
	if err := s.update(ctx, func(tx *sql.Tx) error { return s.put(ctx, tx, rows) }); err != nil {
		return failed(fmt.Sprintf("write %d rows", len(rows)), err)
	}
	return nil
}

// put writes the rows in a transaction.
func (s *Store) put(ctx context.Context, tx *sql.Tx, rows []ledger.Row) error {
	// One string holds all lines; each row uses a part of it.
	ends := make([]int, len(rows))
	buf := make([]byte, 0, 768*len(rows))
	for i := range rows {
		buf = rows[i].AppendJSON(buf)
		ends[i] = len(buf)
	}
	lines := string(buf)

	put := tx.StmtContext(ctx, s.upsert)
	// With a context that can be cancelled, the driver would start a goroutine for each row.
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
