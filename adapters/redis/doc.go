// Package redis keeps limits and budgets, and the registry of context caches, on Redis. It is for programs of several
// processes that share what a provider allows and what may be spent:
//
//	client := goredis.NewUniversalClient(redis.Options("redis:6379")) // "github.com/redis/go-redis/v9"
//	store, err := redis.New(client, redis.Config{Group: "prod", Replicas: 4, Ledger: rows})
//	if err != nil {
//		return err
//	}
//	defer store.Close(ctx)
//	stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithLimiter(store.Limiter, salt))
//
// The package needs Redis 6.2 or newer, or a server that runs its scripts: one server, Sentinel or a cluster. Its
// maxmemory-policy must be noeviction: a server that evicts keys forgets what was spent. [New] logs a warning if it is not.
// go-redis writes messages of its own to standard error; its package logging can turn them off.
//
// # What is shared
//
// All that an attempt needs is taken by one script, in one round trip: from every rate, day, concurrency limit and budget that
// matches it, or from none. Redis's clock is the only one. A script that runs again for the same attempt takes nothing more, so
// that lost answers do no harm. Attempts that wait stand in a line in their process, and only the first of a line asks Redis. If a
// process has eight round trips under way, its next attempts are sent together.
//
// Rates are token buckets, exact in integers. Money is in nanodollars: what an attempt can cost is rounded up, and caps are
// rounded down, so that rounding never lets what is spent and held exceed a cap. A sliding window has 60 parts; what was
// spent leaves it up to a part late.
//
// For a limit with Learn, each process learns by itself, from its own answers. What it learns bounds only what itself sends: a
// stated limit holds for each process, until its answers say that others use it, too. Set figures in limits that processes
// share, and use Learn beside them.
//
// # When a process dies
//
// Permits and held money have leases, which a process renews: see Config.Lease. If one dies, another ends its attempts when
// the leases are over. Their permits come back. Their money counts as spent, because each attempt may have been sent; a later
// row of the attempt, such as one from a bill, replaces it. What was taken from rates comes back as time passes.
//
// # When Redis is away
//
// A server that is down, hangs or is slow delays no attempt that only limits match by more than some 300 ms. After three failures
// in a row the Store asks it only once in a while. Until it is back:
//
//   - Limits fall back to this process's share: each figure divided by Config.Replicas. Limits per day begin anew in it.
//   - An attempt that a budget matches is refused with a budget.Error that wraps an [UnavailableError], when the outage has lasted
//     for a second. With Config.BudgetShare, a part of each cap is set aside for this: Redis never spends it, and all processes
//     together may.
//   - The ends of attempts wait, up to 100,000 of them. What is dropped is counted in [Stats]; what it held counts as spent.
//
// When the server is back, it first gets what was admitted meanwhile, so that there is no second burst.
//
// # When Redis loses data
//
// A server that restarts empty, or a replica that takes over before it had all writes, does not know what was spent. Each Store
// numbers its writes about budgets and finds out with its next one that an acknowledged write is gone. All budgets of the group
// are then closed, until one process of each program has counted the rows of the ledger for the program's budgets: by itself with
// Config.Ledger, or with [Store.Rebuild]. Attempts wait for that for up to 10 seconds, or 1 second if this process does not count,
// and are then refused with an [UnavailableError]. The same holds for a server that is new, and for a budget that is new. Rows of
// outcome open count with their exposure, so attempts under way are not forgotten. If a process dies together with the server, its
// last writes can be lost without notice. Limits begin full after a loss: they may admit a burst once more, and
// permits of attempts under way are counted again by the process that has them.
//
// Every change of this kind is logged once, and counted in [Stats].
//
// # Keys
//
// All keys of a group begin with {skinflint:GROUP}: and are in one slot of a cluster. They hold names and values as hashes only,
// and the calls' own names. They expire when they are no longer needed, or the Stores remove them; of each budget, a key of some 100
// bytes remains. Key state has the version of the layout; another version refuses to work with it, with a [VersionError].
package redis
