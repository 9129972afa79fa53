package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// Config configures a [Store].
type Config struct {
	// Group names what shares limits and budgets: the replicas of one program, or several programs that have the same ones. All
	// keys of a group are in one slot of a cluster. Default: "default". It must not contain braces.
	Group string

	// Replicas is how many processes share the limits. While Redis cannot be reached, each of them has this part of every
	// limit, and at least 1. Required.
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

// A Store keeps limits and budgets on Redis. It must be made by [New]. Its methods may be called concurrently.
type Store struct {
	client redis.UniversalClient
	config Config
	log    *slog.Logger
	id     string // of this process, for its keys

	prefix, keyState, keyLock, keyDue, keySeq, keyProbe string
	limitPrefix, budgetPrefix, slicesPrefix             string
	argState, argDue, argSeq                            any // keys, as arguments of a command

	rounds rounds
	counts counts
	calls  atomic.Int64 // that had no name
	offset atomic.Int64 // Redis's clock less this process's, in microseconds
	seq    atomic.Int64 // of the last script that changed budgets
	turns  atomic.Int64 // the last: see nextTurn
	lines  lines
	debts  debts

	mu       sync.Mutex
	health   health
	want     string          // the group's state as last seen, if budgets were open; else ""
	acked    int64           // the highest seq that Redis has acknowledged, of the data that want names
	closed   error           // why budgets are closed; nil: they are open, as far as is known
	opened   map[string]bool // the budgets that are known to be open in the state that want names
	counting int             // calls of Rebuild that are under way, or will come: see Limiter.Since
	limiters []*Limiter      // that are in use
	live     map[*permit]struct{}
	isClosed bool

	outbox outbox
	stop   context.CancelFunc
	work   sync.WaitGroup
}

// New returns a Store on a client of go-redis: of one server, of Sentinel, or of a cluster. The client's options must be
// those of [Options], but for timeouts up to 2 seconds; others are refused by name. A client of a type that is not
// go-redis's own is not examined: it must not repeat a command, and must honor contexts. The Store does not close the client.
//
// A server that cannot be reached is no error: the Store begins as it goes on when Redis is away. New fails if the server has
// keys of the group in the layout of another version of this package, or refuses the client's password.
func New(client redis.UniversalClient, c Config) (*Store, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Store{client: client, config: c, log: c.Logger, id: rand.Text()[:16], live: make(map[*permit]struct{})}
	s.rounds.free = min(maxRounds, connections(client))
	s.prefix, _ = prefix(c.Group)
	s.opened, s.debts.all = make(map[string]bool), make(map[string]*debt)
	s.keyState, s.keyLock, s.keyDue, s.keySeq, s.keyProbe = s.prefix+keyState, s.prefix+keyLock, s.prefix+keyDue, s.prefix+keySeq+s.id, s.prefix+keyProbe
	s.limitPrefix, s.budgetPrefix, s.slicesPrefix = s.prefix+keyLimit, s.prefix+keyBudget, s.prefix+keySlices
	s.argState, s.argDue, s.argSeq = s.keyState, s.keyDue, s.keySeq
	s.outbox.init()
	s.health.init()
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if err := s.hello(ctx); err != nil {
		var version *VersionError
		if errors.As(err, &version) || isConfigError(err) {
			stop()
			return nil, fmt.Errorf("redis: %w", err)
		}
		s.setDown(err)
	}
	s.checkMemory(ctx)
	s.work.Go(func() { s.sendAll(ctx) })
	s.work.Go(func() { s.tend(ctx) })
	return s, nil
}

// checkMemory logs a warning if the server may evict keys.
func (s *Store) checkMemory(ctx context.Context) {
	if s.health.isDown() {
		return
	}
	info := s.client.Info(ctx, "memory").Val()
	evicts := func(line string) bool {
		policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:")
		return ok && policy != "noeviction"
	}
	for line := range strings.Lines(info) {
		if evicts(line) && !strings.Contains(info, "maxmemory:0\r") {
			s.log.Warn("Redis may evict keys, and then forgets what was taken and spent: set its maxmemory-policy to noeviction", "group", s.config.Group)
		}
	}
}

// check checks the settings, and sets the defaults.
func (c *Config) check() error {
	c.Group, c.Lease = cmp.Or(c.Group, "default"), cmp.Or(c.Lease, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	_, err := prefix(c.Group)
	switch {
	case err != nil:
		return err
	case c.Replicas < 1:
		return fmt.Errorf("redis: Config.Replicas is %d: it must say how many processes share the limits, at least 1", c.Replicas)
	case c.BudgetShare < 0 || c.BudgetShare > 90:
		return fmt.Errorf("redis: Config.BudgetShare is %d: it is a percentage from 0 to 90", c.BudgetShare)
	case c.Lease < time.Second || c.Lease > time.Hour:
		return fmt.Errorf("redis: Config.Lease is %v: it must be from 1 second to 1 hour", c.Lease)
	}
	return nil
}

// A VersionError says that Redis has keys of the group in the layout of another version of this package. [New] and [Store.Rebuild]
// return it; and the errors of attempts wrap it if another program of the group has changed the layout since.
type VersionError struct {
	Group       string
	Found, Want string // versions of the layout
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("the keys of group %s have version %s, and this program needs version %s: use another Config.Group, or update all programs of the group", e.Group, e.Found, e.Want)
}

// hello asks Redis how it is, and learns its clock and the group's state.
func (s *Store) hello(ctx context.Context) error {
	before := time.Now()
	r, err := s.runScript(ctx, helloScript, []string{s.keyState, s.keyProbe})
	if err != nil {
		return err
	}
	s.learnClock(before, r.n[1])
	return s.learnState(r.state)
}

// learnClock learns Redis's time from the reply to a script that was sent at before. Windows of the calendar need it to the
// second at most.
func (s *Store) learnClock(before time.Time, micros int64) {
	if d := micros - before.UnixMicro(); abs(d-s.offset.Load()) > int64(200*time.Millisecond/time.Microsecond) {
		s.offset.Store(d)
	}
}

func abs(n int64) int64 { return max(n, -n) }

// now returns Redis's time, about.
func (s *Store) now() time.Time {
	return time.Now().Add(time.Duration(s.offset.Load()) * time.Microsecond)
}

// run runs a script that takes: it makes the argument with what is known of the group's state, and again if that has changed. It
// fails with errDown if Redis counts as down when it is its turn.
func (s *Store) run(ctx context.Context, script *script, keys []any, budgets bool, arg func(want string, acked, seq int64, now time.Time) []byte) (reply, error) {
	for tries := 0; ; tries++ {
		want, acked, seq := s.known(budgets)
		arg := arg(want, acked, seq, s.now())
		cmd := evalSha(ctx, script, keys, arg)
		sent, err := s.process(ctx, cmd)
		if isNoScript(err) {
			if err = script.load(ctx, s.client); err == nil {
				cmd = evalSha(ctx, script, keys, arg)
				sent, err = s.process(ctx, cmd)
			}
		}
		var r reply
		if err == nil { // else the command may still be under way
			r, err = replyOf(cmd.Val(), nil)
		}
		switch {
		case err == errDown:
			return r, err
		case err != nil:
			s.failed(ctx, sent, err)
			return r, err
		}
		s.worked()
		again, err := s.learn(&r, sent, want, seq)
		if err != nil || !again || tries == 3 {
			return r, err
		}
	}
}

// known returns what a script gets to know of the group's state.
func (s *Store) known(budgets bool) (want string, acked, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if budgets {
		seq = s.seq.Add(1)
	}
	return s.want, s.acked, seq
}

// learn takes what a reply says about the group into account, and reports whether the script must run again.
func (s *Store) learn(r *reply, before time.Time, want string, seq int64) (again bool, err error) {
	switch s.learnClock(before, r.n[1]); r.code() {
	case replyDone:
		s.ack(want, seq)
	case replyClock:
		return true, nil
	case replyOther:
		return true, s.learnState(r.state)
	case replyVersion:
		return false, s.learnState(r.state)
	case replyClosed:
		s.closeBudgets()
	case replyUncounted:
		s.closeSome()
	}
	return false, nil
}

func (s *Store) ack(want string, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want == want {
		s.acked = max(s.acked, seq)
	}
}

// closeSome notes that a budget is closed which other programs of the group do not have.
func (s *Store) closeSome() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.opened) > 0 {
		clear(s.opened)
		s.health.tendNow()
	}
}

// closeBudgets notes that all budgets are closed.
func (s *Store) closeBudgets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.want, s.acked = "", 0
	clear(s.opened)
	if s.closed != nil {
		return
	}
	s.closed = errClosed
	s.counts.losses.Add(1)
	s.log.Error("Redis does not know what was spent: it is new, or has lost data. Budgets refuse attempts until they are rebuilt",
		"group", s.config.Group, "from_ledger", s.config.Ledger != nil)
	s.health.tendNow()
}

// learnState takes the group's state as Redis has it: "VERSION ok DATA", or "VERSION WORD ..." if budgets are closed.
func (s *Store) learnState(state string) error {
	version, word, data := splitState(state)
	switch {
	case state == "":
		return nil
	case version != layout:
		return s.versionError(state)
	case word != "ok":
		if word != "empty" || !s.begins() {
			s.closeBudgets()
		}
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want == state {
		return nil
	}
	again := s.want != "" || s.closed != nil
	s.want, s.acked = state, 0
	clear(s.opened)
	if len(s.limiters) > 0 {
		s.health.tendNow() // to see which budgets are open
	}
	if s.closed != nil {
		s.closed = nil
		s.log.Info("Redis knows again what was spent", "group", s.config.Group, "data", data)
	}
	if again {
		s.adoptLive()
	}
	s.outbox.unpark()
	return nil
}

// begins reports whether the Store has not seen budgets open yet, and some process will count their rows.
func (s *Store) begins() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want == "" && s.closed == nil && (s.config.Ledger != nil || s.counting > 0)
}

// setDown notes that Redis cannot be reached.
func (s *Store) setDown(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.health.setDown(err) {
		s.counts.downs.Add(1)
		s.log.Error("Redis cannot be reached: limits fall back to this process's share, and budgets to what is set aside",
			"group", s.config.Group, "replicas", s.config.Replicas, "budget_share", s.config.BudgetShare, "error", err)
	}
}

// versionError is the error for a state that is not of this version.
func (s *Store) versionError(state string) error {
	if version, _, _ := splitState(state); version != layout {
		return &VersionError{s.config.Group, version, layout}
	}
	return fmt.Errorf("the state of the group %s in Redis is %q, which is not one that this package writes", s.config.Group, state)
}

// Limiter returns a limiter that enforces the limits and budgets, together with all processes whose Stores have the same
// group. It is a [*Limiter]. Give the method to middleware.WithLimiter. An error names the field of a limit or budget that
// is not valid.
//
// What was taken and spent belongs to the name of a limit or budget; of a limit without a name, to its Match, Per and Tier and
// the kinds of its figures. So the figures can change and the state remains, but programs with other figures for the same name
// must not run for long beside each other. The window and Per of a budget cannot change while its name is in use in this
// process: that is an error.
//
// A budget that is new in the group is closed until its rows are counted: see [Store.Rebuild].
//
// A Store can have several limiters, as for two links of middleware.LimitBy: an attempt takes from each of them. A budget must not
// be in two of them. [Limiter.Retire] says that one is no longer in use.
func (s *Store) Limiter(limits []policy.Limit, budgets []policy.Budget) (limit.Limiter, error) {
	if err := checkPolicy(limits, budgets); err != nil {
		return nil, err
	}
	l := &Limiter{store: s, limits: plansOf(limits), needs: limit.NeedsOf(limits, budgets)}
	for _, b := range budgets {
		p := newBudgetPlan(b, s.config.BudgetShare)
		p.mark = s.prefix + keyMark + p.id
		l.budgets = append(l.budgets, p)
	}
	l.share = newShare(s, limits, budgets)
	l.learner = newLearner(limits)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.limiters {
		if err := l.fits(other); err != nil {
			return nil, fmt.Errorf("redis: %w", err)
		}
	}
	l.tag = s.tagOf(l)
	s.limiters = append(s.limiters, l)
	if len(budgets) > 0 {
		s.health.tendNow() // opens the budgets, if there is a ledger
	}
	return l, nil
}

// fits returns an error if a budget of the limiter has another window in another limiter, as that of the policy before.
func (l *Limiter) fits(other *Limiter) error {
	for _, b := range l.budgets {
		for _, o := range other.budgets {
			if b.budget.Name == o.budget.Name && b.id != o.id {
				return fmt.Errorf("budget %s: its window or its per was changed while it is in use, and what was spent is not known for the new one: give it another name, or restart", b.budget.Name)
			}
		}
	}
	return nil
}

// tagOf returns what tells the records of a limiter from those of others, for the same attempt. The first limiter that has budgets
// has none, nor has one that takes its place: so that a later row finds the record of its attempt, also in another process. The
// Store's lock is held.
func (s *Store) tagOf(l *Limiter) string {
	var names []string
	first := len(l.budgets) > 0
	for _, other := range s.limiters {
		if len(other.budgets) == 0 || len(l.budgets) == 0 {
			continue
		}
		if slices.ContainsFunc(l.budgets, func(b *budgetPlan) bool {
			return slices.ContainsFunc(other.budgets, func(o *budgetPlan) bool { return b.id == o.id })
		}) {
			return other.tag
		}
		first = first && other.tag != ""
	}
	if first {
		return ""
	}
	for _, b := range l.budgets {
		names = append(names, b.id)
	}
	if len(names) == 0 {
		for _, p := range l.limits {
			names = append(names, p.id)
		}
	}
	slices.Sort(names)
	return hash(names...)
}

// Retire says that the limiter is no longer in use: a Stack calls it when a new policy has replaced the limiter. Calls that began
// with it can still use it, but [Store.Rebuild] does not count for its budgets any more.
func (l *Limiter) Retire() {
	s := l.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limiters = slices.DeleteFunc(s.limiters, func(other *Limiter) bool { return other == l })
}

// Flush sends the ends of attempts that wait to be sent. It returns when all are sent, or ctx is done.
func (s *Store) Flush(ctx context.Context) error { return s.outbox.flush(ctx) }

// Close flushes, and ends the Store's work in the background. The Store must not be used afterwards. Attempts that are still
// under way keep what they hold until their leases end; then their money counts as spent.
func (s *Store) Close(ctx context.Context) error {
	err := s.Flush(ctx)
	s.mu.Lock()
	s.isClosed = true
	s.mu.Unlock()
	s.stop()
	s.work.Wait()
	return err
}
