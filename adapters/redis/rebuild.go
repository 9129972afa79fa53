package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

//go:embed scripts/rebuild.lua
var rebuildLua string

var rebuildScript = withCommon(rebuildLua)

// Replies of rebuild.lua, beside those of the others.
const (
	replyBusy = 8 // another process is at it
	replyMine = 9
)

// rebuildTime is how long a process may take between two steps of a rebuild. Then another may begin.
const rebuildTime = 10 * time.Second

// recently is how long ago an attempt began whose end may still wait to be sent: it must not be counted twice.
const recently = 10 * time.Minute

// Rebuild tells Redis what was spent so far of the budgets of the Store's limiters, if Redis does not know it, and opens them. It
// reads no row if Redis knows. Call it at the start of the program, after [Store.Limiter], and when a budget was added, unless
// [Config.Ledger] is set or a middleware.Stack does it; and again when [Stats] says Closed, which means that Redis has lost data.
// Budgets that other programs of the group have remain closed until these call Rebuild themselves.
//
// Rows are those of all replicas, from [Store.Since] on, including those of outcome open. Nil says that nothing was spent. If
// several processes call Rebuild, one reads its rows, and the others wait for it.
//
// An attempt that is under way, of a process that does not write open rows, counts when it has ended; but it does not count in a
// budget that is new.
func (s *Store) Rebuild(ctx context.Context, rows iter.Seq2[ledger.Row, error]) error {
	s.count(1)
	defer s.count(-1)
	token := rand.Text()[:12]
	for {
		plans := s.budgetPlans()
		if len(plans) == 0 {
			return nil
		}
		r, err := s.rebuildStep(ctx, "begin", token, s.marksOf(plans), rebuildTime.Milliseconds())
		if err != nil {
			return fmt.Errorf("redis: budgets remain closed: %w", err)
		}
		switch r.code() {
		case replyVersion:
			return fmt.Errorf("redis: budgets remain closed: %w", s.versionError(r.state))
		case replyDone:
			return s.open(r.state, plans)
		case replyMine:
			return s.rebuild(ctx, token, &r, plans, rows)
		}
		if pause(ctx, 100*time.Millisecond); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// count adds to the calls of Rebuild that are under way.
func (s *Store) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counting = max(0, s.counting+n)
}

// marksOf returns the keys of a step that needs the marks of budgets.
func (s *Store) marksOf(plans []*budgetPlan) []string {
	keys := []string{s.keyState, s.keyLock}
	for _, p := range plans {
		keys = append(keys, s.prefix+keyMark+p.id)
	}
	return keys
}

// open notes that budgets are open in a state of the group.
func (s *Store) open(state string, plans []*budgetPlan) error {
	if err := s.learnState(state); err != nil {
		return err
	}
	s.mu.Lock()
	if s.want == state {
		for _, p := range plans {
			s.opened[p.id] = true
		}
	}
	s.mu.Unlock()
	s.outbox.unpark()
	s.lines.wakeAll()
	return nil
}

// look finds out which budgets are open, and reports whether all are.
func (s *Store) look(ctx context.Context) (bool, error) {
	plans := s.budgetPlans()
	r, err := s.rebuildStep(ctx, "look", "", s.marksOf(plans))
	switch {
	case err != nil:
		return false, err
	case r.code() == replyVersion:
		return false, s.versionError(r.state)
	case r.code() != replyDone:
		return false, nil
	}
	return true, s.open(r.state, plans)
}

// openBudgets has budgets opened that are closed: from the ledger or, if the Store has none, when another process has done so.
func (s *Store) openBudgets(ctx context.Context) {
	if s.config.Ledger != nil {
		s.rebuildFromLedger(ctx)
		return
	}
	_, _ = s.look(ctx) // an error is that of a server which is down, as others find out
}

// Since returns from when on [Store.Rebuild] needs rows: when the longest window of the budgets began.
func (s *Store) Since() time.Time {
	now := s.now()
	since := now
	for _, b := range s.budgetPlans() {
		if from, _ := b.budget.WindowAt(now); from.Before(since) {
			since = from
		}
	}
	return since
}

// budgetPlans returns the budgets of all limiters, each once.
func (s *Store) budgetPlans() (plans []*budgetPlan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[string]bool)
	for _, l := range s.limiters {
		for _, b := range l.budgets {
			if !seen[b.id] {
				seen[b.id] = true
				plans = append(plans, b)
			}
		}
	}
	return plans
}

// rebuildFromLedger is Rebuild with the rows of the ledger that the Store has.
func (s *Store) rebuildFromLedger(ctx context.Context) {
	if len(s.budgetPlans()) == 0 {
		return
	}
	since := s.Since()
	rows := func(yield func(ledger.Row, error) bool) {
		for _, f := range []ledger.Filter{{Since: since}, {Since: since, Outcome: policy.Open}} {
			for row, err := range s.config.Ledger.Scan(ctx, f) {
				if !yield(row, err) {
					return
				}
			}
		}
	}
	if err := s.Rebuild(ctx, rows); err != nil && ctx.Err() == nil {
		s.log.Error("what was spent could not be read from the ledger", "group", s.config.Group, "error", err)
	}
}

// rebuildStep runs a step, and again if Redis does not answer: making it twice does what making it once does.
func (s *Store) rebuildStep(ctx context.Context, what, token string, keys []string, args ...any) (r reply, err error) {
	for tries := 0; tries < 10 && ctx.Err() == nil; tries++ {
		if r, err = s.runScript(ctx, rebuildScript, keys, append([]any{what, layout, token}, args...)...); err == nil {
			return r, nil
		}
		pause(ctx, 50*time.Millisecond)
	}
	return r, cmp.Or(err, context.Cause(ctx))
}

// A rebuilder adds up rows.
type rebuilder struct {
	store         *Store
	token         string
	before, after string // the state of the group
	plans         []*budgetPlan
	tags          map[string]string   // of the limiters of the plans, by their ids
	sums          map[string]*rebuilt // by the key of the budget
	records       map[string]counted  // by the key of the record
	stepped       time.Time
}

// A rebuilt is a budget, for one of its values, with what was spent in each of its windows or slices.
type rebuilt struct {
	ask   budgetAsk
	parts map[int64]*[2]int64
}

// A counted is what was counted for an attempt that may come again.
type counted struct {
	row           ledger.Row // only what Replaces needs
	at            int64
	cost, exposed int64
	in            []*[2]int64
	budgets       []budgetAsk
}

// rebuild writes what the rows say about the budgets that are closed, as the reply to the first step has it, and opens them.
func (s *Store) rebuild(ctx context.Context, token string, r *reply, plans []*budgetPlan, rows iter.Seq2[ledger.Row, error]) error {
	b := &rebuilder{store: s, token: token, before: r.state, after: r.state, tags: make(map[string]string), sums: make(map[string]*rebuilt),
		records: make(map[string]counted), stepped: time.Now()}
	for _, i := range r.n[2:] {
		b.plans = append(b.plans, plans[i])
	}
	if _, word, _ := splitState(r.state); word != "ok" {
		b.after = layout + " ok " + token
	}
	s.mu.Lock()
	for _, l := range s.limiters {
		for _, p := range l.budgets {
			b.tags[p.id] = l.tag
		}
	}
	s.mu.Unlock()
	if err := b.run(ctx, rows); err != nil {
		return fmt.Errorf("redis: budgets remain closed: %w", err)
	}
	return s.open(b.after, plans)
}

func (b *rebuilder) run(ctx context.Context, rows iter.Seq2[ledger.Row, error]) error {
	if err := b.forget(ctx); err != nil {
		return err
	}
	if rows != nil {
		for row, err := range rows {
			if err != nil {
				return err
			}
			b.add(&row)
			if err := b.keep(ctx); err != nil {
				return err
			}
		}
	}
	if err := b.write(ctx); err != nil {
		return err
	}
	return b.step(ctx, "end", b.store.marksOf(b.plans)[2:])
}

// step makes a step after the first.
func (b *rebuilder) step(ctx context.Context, what string, keys []string, arg ...any) error {
	s := b.store
	r, err := s.rebuildStep(ctx, what, b.token, append([]string{s.keyState, s.keyLock}, keys...), append([]any{b.after, b.before}, arg...)...)
	return mine(&r, err)
}

// mine returns an error if another process has taken over.
func mine(r *reply, err error) error {
	switch {
	case err != nil:
		return err
	case r.code() == replyClock:
		return errors.New("the clock of Redis differs from this process's by more than a window of the calendar")
	case r.code() != replyMine:
		return errors.New("it took too long, and another process has begun to read what was spent")
	}
	return nil
}

// keep says from time to time that the process is still at it.
func (b *rebuilder) keep(ctx context.Context) error {
	if time.Since(b.stepped) < rebuildTime/4 {
		return nil
	}
	b.stepped = time.Now()
	r, err := b.store.rebuildStep(ctx, "begin", b.token, b.store.marksOf(b.plans), rebuildTime.Milliseconds())
	return mine(&r, err)
}

// add counts a row, in the budgets of each limiter, which has a record of the attempt of its own.
func (b *rebuilder) add(row *ledger.Row) {
	byTag := make(map[string][]budgetAsk, 1)
	subject := row.Subject()
	for _, p := range b.plans {
		if p.budget.Match.Matches(&subject, row.Tags) {
			tag := b.tags[p.id]
			byTag[tag] = append(byTag[tag], b.store.budgetAsk(p, policy.KeyOf(p.budget.Per, &subject, row.AskedTier, "", row.Tags)))
		}
	}
	for tag, budgets := range byTag {
		b.addTo(row, b.store.recordKey(row.Call, row.Attempt, tag), budgets)
	}
	if len(byTag) > 0 {
		return
	}
	for _, tag := range b.tags { // a bill need not say what the budgets matched
		record := b.store.recordKey(row.Call, row.Attempt, tag)
		if _, known := b.records[record]; known {
			b.addTo(row, record, nil)
		}
	}
}

// addTo counts a row in budgets, or in place of an earlier one of the same record.
func (b *rebuilder) addTo(row *ledger.Row, record string, budgets []budgetAsk) {
	cost, exposed := amountsOfRow(row, 0)
	was, known := b.records[record]
	if known && row.Outcome != policy.Storage {
		if !row.Replaces(&was.row) {
			return
		}
		for _, part := range was.in {
			part[0], part[1] = part[0]+cost-was.cost, part[1]+exposed-was.exposed
		}
	} else {
		was = counted{at: row.At.UnixMicro(), in: b.parts(row.At, budgets), budgets: budgets}
		for _, part := range was.in {
			part[0], part[1] = part[0]+cost, part[1]+exposed
		}
	}
	was.cost, was.exposed = cost, exposed
	was.row = ledger.Row{Outcome: row.Outcome, PriceID: row.PriceID, Settles: row.Settles}
	recent := b.store.now().Sub(row.At) < recently
	if len(was.in) > 0 && row.Call != "" && row.Outcome != policy.Storage && (known || exposed > 0 || recent) {
		b.records[record] = was
	}
}

// parts returns the windows or slices in which a row of a time counts.
func (b *rebuilder) parts(at time.Time, budgets []budgetAsk) (parts []*[2]int64) {
	for _, ask := range budgets {
		sum := b.sums[ask.key]
		if sum == nil {
			sum = &rebuilt{ask, make(map[int64]*[2]int64)}
			b.sums[ask.key] = sum
		}
		n := at.UnixMicro()
		if ask.slice > 0 {
			n /= ask.slice
		} else {
			from, _ := ask.budget.WindowAt(at)
			n = from.Unix()
		}
		if sum.parts[n] == nil {
			sum.parts[n] = new([2]int64)
		}
		parts = append(parts, sum.parts[n])
	}
	return parts
}

// write writes the sums and the records.
func (b *rebuilder) write(ctx context.Context) error {
	s := b.store
	for _, sum := range b.sums {
		p := packer{}
		sum.ask.window(&p, s.now())
		for at, part := range sum.parts {
			p.ints(at, part[0], part[1])
		}
		if err := b.step(ctx, "budget", []string{sum.ask.key, sum.ask.slices, s.keyDue}, p.b); err != nil {
			return err
		}
		if err := b.keep(ctx); err != nil {
			return err
		}
	}
	const most = 500
	var keys []string
	p := packer{}
	flush := func() error {
		if len(keys) == 0 {
			return nil
		}
		err := b.step(ctx, "records", keys, p.b)
		keys, p = nil, packer{}
		if err == nil {
			err = b.keep(ctx)
		}
		return err
	}
	longest := (&op{ask: &ask{budgets: asksOf(b.plans)}}).longest()
	for key, c := range b.records {
		life := lifeOfSettled
		if c.exposed > 0 {
			life = longest
		}
		keys = append(keys, key)
		p.ints(c.at, c.cost, c.exposed, int64(life/time.Millisecond))
		p.text((&ask{store: s, budgets: c.budgets}).estate())
		if len(keys) == most {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func asksOf(plans []*budgetPlan) (asks []budgetAsk) {
	for _, p := range plans {
		asks = append(asks, budgetAsk{budgetPlan: p})
	}
	return asks
}

// forget removes what the group has of the budgets that are closed: it is from before data was lost. If the data is new, that is
// what it has of any budget.
func (b *rebuilder) forget(ctx context.Context) error {
	s := b.store
	var node redis.UniversalClient = s.client
	if c, ok := s.client.(*redis.ClusterClient); ok {
		master, err := c.MasterForKey(ctx, s.keyState)
		if err != nil {
			return err
		}
		node = master
	}
	names := []string{""}
	if b.after == b.before {
		names = nil
		for _, p := range b.plans {
			names = append(names, p.id)
		}
	}
	for _, kind := range []string{keyBudget, keySlices} {
		for _, name := range names {
			if err := b.unlink(ctx, node, globEscape(s.prefix+kind+name)+"*"); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlink removes the keys that fit a pattern.
func (b *rebuilder) unlink(ctx context.Context, node redis.UniversalClient, pattern string) error {
	const most = 500
	keys := node.Scan(ctx, 0, pattern, 1000).Iterator()
	var some []string
	for keys.Next(ctx) {
		if some = append(some, keys.Val()); len(some) == most {
			if err := node.Unlink(ctx, some...).Err(); err != nil {
				return err
			}
			some = some[:0]
			if err := b.keep(ctx); err != nil {
				return err
			}
		}
	}
	if err := keys.Err(); err != nil || len(some) == 0 {
		return err
	}
	return node.Unlink(ctx, some...).Err()
}

// globEscape returns a pattern of SCAN that fits only s.
func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s)
}

// Since implements what a Stack asks of its limiter at its start, and when its policy changes: from when on it needs the rows of
// the ledger. It reports false if it needs none, because Redis knows what was spent, or [Config.Ledger] is set. It makes a round
// trip.
func (l *Limiter) Since(time.Time) (since time.Time, ok bool) {
	s := l.store
	if len(l.budgets) == 0 || s.config.Ledger != nil || s.health.isDown() {
		return time.Time{}, false
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	if open, err := s.look(ctx); open || err != nil {
		return time.Time{}, false
	}
	return s.Since(), true
}

// Load implements the other half: it is [Store.Rebuild] with the rows of the Stack's own ledger, which must have those of all
// replicas. While Redis is away, Load does nothing, and budgets remain closed until Rebuild.
func (l *Limiter) Load(rows iter.Seq2[ledger.Row, error]) error {
	if l.store.health.isDown() {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), loadTime)
	defer stop()
	return l.store.Rebuild(ctx, rows)
}

// loadTime is how long reading the ledger may take at the start of a Stack.
const loadTime = 5 * time.Minute
