package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/skinflint-go/skinflint/adapters/postgres"
)

// postgresContest uses one database, with a new schema for each round.
func postgresContest(dsn string) contest {
	n := 0
	schema := func() string {
		n++
		return fmt.Sprintf("round_%d", n)
	}
	return contest{"postgres", "PostgreSQL", []way{
		{"adapters/postgres", "Write of each batch: partitions, open rows' index, rules of a ledger.Sink",
			func(ctx context.Context, _ string, l *load) (keeper, error) {
				return openPostgres(ctx, dsn, schema(), l)
			}},
		{"raw insert from unnest", "one statement a batch, of the same arrays, with the key",
			func(ctx context.Context, _ string, l *load) (keeper, error) { return openArrays(ctx, dsn, schema(), l) }},
	}}
}

func openPostgres(ctx context.Context, dsn, schema string, l *load) (keeper, error) {
	store, err := postgres.Open(ctx, dsn, postgres.Config{Schema: schema})
	if err != nil {
		return nil, err
	}
	// The first row creates the partition of the month. Writing it again with the others changes nothing.
	if err := store.Write(ctx, l.rows[:1]); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &sink{store, l, func() error { return drop(dsn, schema) }}, nil
}

// drop removes the schema of a round, so that all rounds find the server in the same state.
func drop(dsn, schema string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "drop schema "+schema+" cascade; checkpoint")
	return err
}

// arrays are the columns of each batch, in the form in which the store sends them.
type arrays struct {
	conn    *pgx.Conn
	dsn     string
	schema  string
	insert  string // the name of the statement
	batches [][]any
}

func openArrays(ctx context.Context, dsn, schema string, l *load) (keeper, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, fmt.Sprintf(`create schema %[1]s; create table %[1]s.rows (at timestamptz not null, call text collate "C" not null,
		attempt bigint not null, provider text not null, operation text not null, model text not null, served_tier text not null, outcome text not null,
		price_id text not null, unpriced boolean not null, cost_pico bigint, list_pico bigint, implicit_pico bigint, exposure_pico bigint, tags jsonb,
		row json not null, primary key (at, call, attempt))`, schema)); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	a := &arrays{conn: conn, dsn: dsn, schema: schema, insert: "raw"}
	if _, err := conn.Prepare(ctx, a.insert, fmt.Sprintf(insert, schema)); err != nil {
		return nil, errors.Join(err, a.close())
	}
	for _, b := range l.batches() {
		a.batches = append(a.batches, columnsOf(l, b[0], b[1]))
	}
	return a, nil
}

// insert writes the same columns as the store; %s is the schema.
const insert = `insert into %s.rows select at, call, attempt, provider, operation, model, served_tier, outcome, price_id, unpriced,
	cost, list, implicit, exposure, tags::jsonb, line::json
from unnest($1::timestamptz[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[],
	$11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[])
as new (at, call, attempt, provider, operation, model, served_tier, outcome, price_id, unpriced, cost, list, implicit, exposure, tags, line)`

// columnsOf returns the columns of some rows.
func columnsOf(l *load, from, to int) []any {
	var at pgtype.FlatArray[time.Time]
	var attempt pgtype.FlatArray[int64]
	var unpriced pgtype.FlatArray[bool]
	var texts [8]pgtype.FlatArray[string] // call, provider, operation, model, served_tier, outcome, price_id, row
	var amounts [4]pgtype.FlatArray[pgtype.Int8]
	var tags pgtype.FlatArray[string]
	for i := from; i < to; i++ {
		r := &l.rows[i]
		at, attempt, unpriced = append(at, r.At), append(attempt, int64(r.Attempt)), append(unpriced, r.Unpriced != "")
		for column, s := range [...]string{r.Call, r.Provider, r.Operation, cmp.Or(r.ServedModel, r.Model), string(r.ServedTier), string(r.Outcome), r.PriceID, l.lines[i]} {
			texts[column] = append(texts[column], s)
		}
		tags = append(tags, tagsText(r))
		for column, a := range [...]pgtype.Int8{
			{Int64: int64(r.Cost.Pico), Valid: r.Cost.Known}, {Int64: int64(r.List.Pico), Valid: r.List.Known},
			{Int64: int64(r.Implicit.Pico), Valid: r.Implicit.Known}, {Int64: int64(r.Exposure.Pico), Valid: r.Exposure.Known},
		} {
			amounts[column] = append(amounts[column], a)
		}
	}
	return []any{
		at, texts[0], attempt, texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], unpriced,
		amounts[0], amounts[1], amounts[2], amounts[3], tags, texts[7],
	}
}

func (a *arrays) keep(ctx context.Context) error {
	for _, columns := range a.batches {
		if _, err := a.conn.Exec(ctx, a.insert, columns...); err != nil {
			return err
		}
	}
	return nil
}

func (a *arrays) count(ctx context.Context) (n int, err error) {
	err = a.conn.QueryRow(ctx, "select count(*) from "+a.schema+".rows").Scan(&n)
	return n, err
}

func (a *arrays) close() error {
	return errors.Join(a.conn.Close(context.Background()), drop(a.dsn, a.schema))
}
