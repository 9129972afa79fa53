// Package postgres keeps the rows of a ledger in PostgreSQL. It is for many replicas of a program that share one ledger, and
// makes the rows available to SQL:
//
//	store, err := postgres.Open(ctx, os.Getenv("DATABASE_URL"), postgres.Config{})
//	if err != nil {
//		return err
//	}
//	writer := ledger.NewWriter(store, ledger.WriterConfig{})
//	defer writer.Close(ctx)
//
// Give the writer to middleware.WithStore. The package needs PostgreSQL 12 or newer, a database with the encoding UTF8, and a
// user that owns the schema or may create it.
//
// # The table
//
// Table rows has one row for each attempt. It has a partition for each month in UTC, which the Store creates when it needs
// it. Column row is the whole ledger.Row, one line of JSON as its AppendJSON writes it. The most used fields also have
// columns of their own: at (in microseconds), call and attempt, which are the key; provider, operation, model (the one that
// served, or else the one asked for), served_tier, outcome, price_id; unpriced, true if the cost is unknown; and cost_pico,
// list_pico, implicit_pico and exposure_pico, in picodollars (1e-12 USD), null if unknown. Column tags has the row's tags,
// null if it has none. A row of outcome open is about an attempt that has not ended: exclude it from sums.
//
//	select date_trunc('day', at) as day, model, sum(cost_pico) / 1e12 as usd
//	from skinflint.rows where outcome <> 'open' and tags ->> 'tenant' = 'acme' and at >= '2026-11-01' group by 1, 2
//
// PostgreSQL's texts cannot contain a NUL. A text that does, or that begins with a quotation mark, is in its column as a
// JSON string. A call of more than 1000 bytes is in its column as a hash. Column row has the texts unchanged.
//
// # Safety
//
// When Write returns, its rows are committed. By the server's default, they are then on its disk. The setting is
// synchronous_commit, which a connection string can change.
package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config configures a [Store]. The zero value is valid.
type Config struct {
	// Schema is the name of the schema with the tables. It is created if it does not exist. Default: skinflint.
	Schema string
}

// Open connects to the database of a connection string in the format of pgxpool.ParseConfig: a URL or key=value pairs,
// completed by the environment (PGHOST, PGUSER, ...). It creates the tables, or migrates those of an older version. Tables of
// a newer version are refused. Several programs can call it at the same time. Errors do not contain the connection string.
func Open(ctx context.Context, dsn string, c Config) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The error of pgx quotes the string, and does not recognize every secret in it.
		return nil, errors.New("postgres: the connection string cannot be read: it has the form " +
			"postgres://user:password@host:port/database?sslmode=require, with special characters in the password as %xx")
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, failed("open", err)
	}
	s, err := New(ctx, pool, c)
	if err != nil {
		pool.Close()
		return nil, err
	}
	s.own = true
	return s, nil
}

// New is [Open] for a pool that the program already has. The program closes the pool after the Store.
func New(ctx context.Context, pool *pgxpool.Pool, c Config) (*Store, error) {
	if c.Schema == "" {
		c.Schema = "skinflint"
	}
	if len(c.Schema) > 63 || text(c.Schema) != c.Schema {
		return nil, fmt.Errorf("postgres: Config.Schema is %q: it must have at most 63 bytes, no NUL and no leading quotation mark", c.Schema)
	}
	s := &Store{pool: pool, schema: c.Schema, prefix: pgx.Identifier{c.Schema}.Sanitize() + ".", months: make(map[month]bool)}
	s.insert = fmt.Sprintf(insert, s.prefix+"rows")
	if err := s.migrate(ctx); err != nil {
		return nil, failed("open schema "+c.Schema, err)
	}
	return s, nil
}
