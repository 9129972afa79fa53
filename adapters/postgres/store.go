package postgres

import (
	"context"
	"hash/fnv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A Store keeps rows in PostgreSQL. It is a [ledger.Sink] and a [ledger.Scanner]. Create it with [Open] or [New], and Close
// it at the end. It is safe for concurrent use.
type Store struct {
	pool   *pgxpool.Pool
	own    bool   // Close closes the pool
	schema string // its name
	prefix string // the quoted schema with a dot, before the name of a table
	insert string // the statement of Write

	mu     sync.Mutex
	months map[month]bool // that have a partition
}

var (
	_ ledger.Sink    = (*Store)(nil)
	_ ledger.Scanner = (*Store)(nil)
)

// Close implements [ledger.Sink].
func (s *Store) Close() error {
	if s.own {
		s.pool.Close()
	}
	return nil
}

// locked calls do in a transaction with a lock that only one program at a time can have for the schema.
func (s *Store) locked(ctx context.Context, do func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		name := fnv.New64a()
		name.Write([]byte("skinflint " + s.schema))
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(name.Sum64())); err != nil {
			return err
		}
		return do(tx)
	})
}
