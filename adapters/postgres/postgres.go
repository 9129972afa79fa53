// Package postgres keeps the rows of a [ledger] in PostgreSQL, for many replicas of a program and for those who ask in
// SQL what they cost:
//
//	store, err := postgres.Open(ctx, os.Getenv("DATABASE_URL"), postgres.Config{})
//	writer := ledger.NewWriter(store, ledger.WriterConfig{})
//
// It needs PostgreSQL 12 or newer, with a database whose encoding is UTF8, and a user who may create a schema in it, or
// who owns the one that is there.
//
// # The table
//
// Table rows has one row for each attempt, in a partition for each month in UTC, which are made when they are needed.
// Column row is the whole of it, one line of JSON as [ledger.Row.AppendJSON] writes it; what is asked for most has a
// column of its own: at (in microseconds), call and attempt, which are the key; provider, operation, model (that served,
// or else the one asked for), served_tier, outcome, price_id; unpriced, true where the cost is not known; and cost_pico,
// list_pico, implicit_pico and exposure_pico, picodollars (1e-12 USD), null where unknown. Column tags is the row's tags,
// null if it has none. Rows of outcome open are of attempts that have not ended: leave them out of sums.
//
//	select date_trunc('day', at) as day, model, sum(cost_pico) / 1e12 as usd
//	from skinflint.rows where outcome <> 'open' and tags ->> 'tenant' = 'acme' and at >= '2026-11-01' group by 1, 2
//
// PostgreSQL's texts have no NUL. One that has, or that begins with a quotation mark, is in its column as the JSON string
// of it; a call of more than 1000 bytes is there as its hash. Column row has them as they are.
//
// # Safety
//
// When a Write returns, its rows are as safe as the server makes what is committed: by its default, on its disk
// (synchronous_commit, which a connection string can set, too).
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// Config configures a [Store]. The zero value is good.
type Config struct {
	// Schema is the name of the schema that the tables are in, which is made if there is none. Default: skinflint.
	Schema string
}

// A Store keeps rows in PostgreSQL. It is a [ledger.Sink] and a [ledger.Scanner]. Make it with [Open] or [New], and Close
// it. It is safe for concurrent use.
type Store struct {
	pool   *pgxpool.Pool
	own    bool   // the pool is the store's
	schema string // the name
	prefix string // what stands before the name of a table
	insert string

	mu     sync.Mutex
	months map[month]bool // that have a partition
}

var (
	_ ledger.Sink    = (*Store)(nil)
	_ ledger.Scanner = (*Store)(nil)
)

// Open connects to the database that a connection string names, as pgxpool.ParseConfig reads it: a URL or key=value
// pairs, completed by the environment (PGHOST, PGUSER, ...). Tables are made, or brought up to date if they are of an
// older version; those of a newer version are refused. Any number of programs may do so at once. No error has the
// connection string in it.
func Open(ctx context.Context, dsn string, c Config) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// What pgx says quotes the string, and cannot know of all that is secret in it.
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

// New is [Open] for a pool that the program has already, and closes itself, after the Store.
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

// Close implements [ledger.Sink].
func (s *Store) Close() error {
	if s.own {
		s.pool.Close()
	}
	return nil
}

// failed says what failed, and for what is known what to do.
func failed(what string, err error) error {
	advice := ""
	switch code(err) {
	case "":
		var connect *pgconn.ConnectError
		if errors.As(err, &connect) {
			advice = "; is the server up, and do host and port fit?"
		}
	case "28P01", "28000":
		advice = "; check user, password and the server's pg_hba.conf"
	case "3D000":
		advice = "; create the database"
	case "42501":
		advice = "; the user must own the schema, or have the right to create it: GRANT CREATE ON DATABASE"
	case "53100":
		advice = "; make room on the server's disk, and try again"
	case "53300":
		advice = "; raise the server's max_connections, or lower pool_max_conns in the connection string"
	case "55P03":
		advice = "; others are reading it: try again"
	}
	return fmt.Errorf("postgres: %s: %w%s", what, err, advice)
}

// code is the SQLSTATE of an error; empty if it has none.
func code(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

// done returns the context's error in place of what it looked like to the driver.
func done(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
