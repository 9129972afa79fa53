package redis

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// Config configures a [Store].
type Config struct {
	// Group names what shares limits and budgets: the replicas of one program, or several programs. All keys of a group are
	// in one slot of a cluster. Default: "default". It must not contain braces.
	Group string

	// Replicas is how many processes share the limits. While Redis cannot be reached, each of them has this part of every
	// limit. Required.
	Replicas int

	// BudgetShare is the part of each budget's cap, in percent, that is set aside for when Redis cannot be reached. All
	// replicas together may then spend it, each its part. Default: 0, that is, while Redis cannot be reached, attempts that a
	// budget matches are refused.
	BudgetShare int

	// Lease is how long the permits and the money of a process that has died remain held. Default: 30 seconds. At least 1
	// second.
	Lease time.Duration

	// Ledger is where the Store reads what was spent, if Redis does not know it: at the first start, and after it has lost
	// data. It must have the rows of all replicas. Default: none; then call [Store.Rebuild].
	Ledger ledger.Scanner

	// Logger takes each change of the Store's state. Default: slog.Default().
	Logger *slog.Logger
}

// A Store keeps limits and budgets on Redis. It must be made by [New].
type Store struct {
	client redis.UniversalClient
	config Config
}

// Stats are counts since the Store was made.
type Stats struct {
	Reserves int64 // attempts that Redis admitted
	Local    int64 // attempts that were admitted by this process's share, because Redis could not be reached
	Refused  int64 // attempts that were refused because Redis could not be reached, or has lost data
	Downs    int64 // times that Redis became unreachable
	Losses   int64 // times that Redis was found to have lost data
	Expired  int64 // leases of processes that had died, which this process ended
	Dropped  int64 // ends of attempts that were never sent to Redis, because too many waited; what they held counts as spent
	Queued   int   // ends of attempts that wait to be sent to Redis now
	Down     bool  // whether Redis cannot be reached now
	Lost     bool  // whether budgets are closed now, because Redis has lost data or never had any
}

// New returns a Store on a client of go-redis: of one server, of Sentinel, or of a cluster. The client's options must be
// those of [Options], but for timeouts up to 2 seconds; others are refused by name. A client of a type that is not
// go-redis's own is not examined: it must not repeat a command, and must honor contexts. The Store does not close the client.
//
// A server that cannot be reached is no error: the Store begins as it goes on when Redis is away. New fails if the server has
// keys of the group in the layout of another version of this package.
func New(client redis.UniversalClient, c Config) (*Store, error) {
	return nil, errors.New("redis: not yet")
}

// Limiter returns a limiter that enforces the limits and budgets, together with all processes whose Stores have the same
// group. It is a [limit.Spender], too. Give it to middleware.WithLimiter. The limits and budgets must be valid: see
// [policy.Policy.Validate].
func (s *Store) Limiter(limits []policy.Limit, budgets []policy.Budget) (limit.Limiter, error) {
	return nil, errors.New("redis: not yet")
}

// Rebuild tells the Store what was spent so far, if Redis does not know it, and opens the budgets. It reads no row if Redis
// knows. Rows are those of all replicas, from the beginning of the longest window on; nil if nothing was spent. Only one of
// several processes that call it at a time reads its rows, and the others wait for it.
func (s *Store) Rebuild(ctx context.Context, rows iter.Seq2[ledger.Row, error]) error {
	return errors.New("redis: not yet")
}

// Stats returns how the Store does.
func (s *Store) Stats() Stats { return Stats{} }

// Flush sends the ends of attempts that wait to be sent. It returns when all are sent, or ctx is done.
func (s *Store) Flush(ctx context.Context) error { return nil }

// Close flushes, and ends the Store's work in the background. The Store must not be used afterwards. Attempts that are still
// under way keep what they hold until their leases end; then their money counts as spent.
func (s *Store) Close(ctx context.Context) error { return nil }
