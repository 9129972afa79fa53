package postgres

import (
	"context"
	"fmt"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// insert writes rows by the rules of a [ledger.Sink]; %[1]s is the table. Only a row that settles another one has that member:
// in a text of the line, its quotes would be escaped.
const insert = `insert into %[1]s as old (at, call, attempt, provider, operation, model, served_tier, outcome, price_id, unpriced,
	cost_pico, list_pico, implicit_pico, exposure_pico, tags, row)
select at, call, attempt, provider, operation, model, served_tier, outcome, price_id, unpriced, cost, list, implicit, exposure, tags::jsonb, line::json
from unnest($1::timestamptz[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[],
	$11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[])
as new (at, call, attempt, provider, operation, model, served_tier, outcome, price_id, unpriced, cost, list, implicit, exposure, tags, line)
on conflict (at, call, attempt) do update set provider = excluded.provider, operation = excluded.operation, model = excluded.model,
	served_tier = excluded.served_tier, outcome = excluded.outcome, price_id = excluded.price_id, unpriced = excluded.unpriced,
	cost_pico = excluded.cost_pico, list_pico = excluded.list_pico, implicit_pico = excluded.implicit_pico,
	exposure_pico = excluded.exposure_pico, tags = excluded.tags, row = excluded.row
where excluded.price_id = '` + ledger.BillPriceID + `' or old.price_id <> '` + ledger.BillPriceID + `' and strpos(excluded.row::text, '"settles":true') > 0
	or old.outcome = '` + string(policy.Open) + `' and excluded.outcome <> '` + string(policy.Open) + `'`

// Write implements [ledger.Sink]. It writes all rows or none of them, in one statement.
func (s *Store) Write(ctx context.Context, rows []ledger.Row) error {
	if len(rows) == 0 {
		return nil
	}
	if err := s.write(ctx, rows); err != nil {
		return failed(fmt.Sprintf("write %d rows", len(rows)), done(ctx, err))
	}
	return nil
}

func (s *Store) write(ctx context.Context, rows []ledger.Row) error {
	c, err := arrange(rows)
	if err != nil {
		return err
	}
	months := make(map[month]bool)
	for _, at := range c.at {
		months[monthOf(at)] = true
	}
	args := []any{
		c.at, c.call, c.attempt, c.provider, c.operation, c.model, c.tier, c.outcome, c.priceID, c.unpriced,
		c.cost, c.list, c.implicit, c.exposure, c.tags, c.line,
	}
	for again := false; ; again = true {
		if err := s.ensure(ctx, months); err != nil {
			return err
		}
		_, err := s.pool.Exec(ctx, s.insert, args...)
		if code(err) != noPartition || again {
			return err
		}
		// Another program has dropped a partition.
		if err := s.lookUp(ctx); err != nil {
			return err
		}
	}
}

// noPartition is PostgreSQL's code for a row that belongs to no partition: check_violation.
const noPartition = "23514"
