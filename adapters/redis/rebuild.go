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

var rebuildScript = redis.NewScript(commonLua + rebuildLua)

// Replies of rebuild.lua, beside those of the others.
const (
	replyBusy = 8 // another process is at it
	replyMine = 9
)

// rebuildTime is how long a process may take between two steps of a rebuild. Then another may begin.
const rebuildTime = 10 * time.Second

// recently is how long ago an attempt began whose end may still wait to be sent: it must not be counted twice.
const recently = 10 * time.Minute

// Rebuild tells Redis what was spent so far, if Redis does not know it, and opens the budgets. It reads no row if Redis knows.
// Call it at the start of the program, after [Store.Limiter], unless [Config.Ledger] is set; and again when [Stats] says
// Closed, which means that Redis has lost data.
//
// Rows are those of all replicas, from [Store.Since] on, including those of outcome open. Nil says that nothing was spent. If
// several processes call Rebuild, one reads its rows, and the others wait for it.
//
// An attempt that is under way, of a process that does not write open rows, counts when it has ended.
func (s *Store) Rebuild(ctx context.Context, rows iter.Seq2[ledger.Row, error]) error {
	token := rand.Text()[:12]
	for {
		r, err := s.rebuildStep(ctx, "begin", token, []string{s.keyState}, int64(rebuildTime/time.Microsecond))
		if err != nil {
			return fmt.Errorf("redis: budgets remain closed: %w", err)
		}
		switch r.code() {
		case replyDone, replyVersion:
			return s.learnState(r.state)
		case replyMine:
			if err := s.rebuild(ctx, token, rows); err != nil {
				return fmt.Errorf("redis: budgets remain closed: %w", err)
			}
			return s.hello(ctx)
		}
		if pause(ctx, 100*time.Millisecond); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
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
	store   *Store
	token   string
	plans   []*budgetPlan
	sums    map[string]*rebuilt // by the key of the budget
	records map[string]counted  // by the key of the record
	stepped time.Time
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
}

// rebuild writes what the rows say, and opens budgets.
func (s *Store) rebuild(ctx context.Context, token string, rows iter.Seq2[ledger.Row, error]) error {
	b := &rebuilder{store: s, token: token, plans: s.budgetPlans(), sums: make(map[string]*rebuilt), records: make(map[string]counted), stepped: time.Now()}
	if err := s.forgetBudgets(ctx); err != nil {
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
	r, err := s.rebuildStep(ctx, "end", token, []string{s.keyState})
	return mine(r, err)
}

// mine returns an error if another process has taken over.
func mine(r reply, err error) error {
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
	return mine(b.store.rebuildStep(ctx, "begin", b.token, []string{b.store.keyState}, int64(rebuildTime/time.Microsecond)))
}

// add counts a row.
func (b *rebuilder) add(row *ledger.Row) {
	cost, exposed := amountsOfRow(row, 0)
	record := b.store.recordKey(row.Call, row.Attempt)
	was, known := b.records[record]
	if known && row.Outcome != policy.Storage {
		if !row.Replaces(&was.row) {
			return
		}
		for _, part := range was.in {
			part[0], part[1] = part[0]+cost-was.cost, part[1]+exposed-was.exposed
		}
	} else {
		was = counted{at: row.At.UnixMicro(), in: b.parts(row)}
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

// parts returns the windows or slices in which a row counts.
func (b *rebuilder) parts(row *ledger.Row) (parts []*[2]int64) {
	subject := policy.Subject{Provider: row.Provider, Operation: row.Operation, Model: row.Model}
	for _, p := range b.plans {
		if !p.budget.Match.Matches(&subject, row.Tags) {
			continue
		}
		ask := b.store.budgetAsk(p, policy.KeyOf(p.budget.Per, &subject, row.AskedTier, "", row.Tags))
		sum := b.sums[ask.key]
		if sum == nil {
			sum = &rebuilt{ask, make(map[int64]*[2]int64)}
			b.sums[ask.key] = sum
		}
		var at int64
		if p.slice > 0 {
			at = row.At.UnixMicro() / p.slice
		} else {
			from, _ := p.budget.WindowAt(row.At)
			at = from.Unix()
		}
		if sum.parts[at] == nil {
			sum.parts[at] = new([2]int64)
		}
		parts = append(parts, sum.parts[at])
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
		if err := mine(s.rebuildStep(ctx, "budget", b.token, []string{s.keyState, sum.ask.key, sum.ask.slices, s.keyIdle}, p.b)); err != nil {
			return err
		}
		if err := b.keep(ctx); err != nil {
			return err
		}
	}
	const most = 500
	keys := []string{s.keyState}
	p := packer{}
	flush := func() error {
		if len(keys) == 1 {
			return nil
		}
		err := mine(s.rebuildStep(ctx, "records", b.token, keys, p.b))
		keys, p = keys[:1], packer{}
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
		if len(keys) > most {
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

// forgetBudgets removes what the group has of budgets: it is from before data was lost.
func (s *Store) forgetBudgets(ctx context.Context) error {
	var node redis.UniversalClient = s.client
	if c, ok := s.client.(*redis.ClusterClient); ok {
		master, err := c.MasterForKey(ctx, s.keyState)
		if err != nil {
			return err
		}
		node = master
	}
	for _, kind := range []string{keyBudget, keySlices} {
		keys := node.Scan(ctx, 0, globEscape(s.prefix+kind)+"*", 1000).Iterator()
		var some []string
		for keys.Next(ctx) {
			if some = append(some, keys.Val()); len(some) == 500 {
				if err := node.Unlink(ctx, some...).Err(); err != nil {
					return err
				}
				some = some[:0]
			}
		}
		if err := keys.Err(); err != nil {
			return err
		}
		if len(some) > 0 {
			if err := node.Unlink(ctx, some...).Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// globEscape returns a pattern of SCAN that fits only s.
func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s)
}

// Since implements what a Stack asks of its limiter at its start: from when on it needs the rows of the ledger. It reports false
// if it needs none, because Redis knows what was spent, or [Config.Ledger] is set.
func (l *Limiter) Since(time.Time) (since time.Time, ok bool) {
	s := l.store
	if len(l.budgets) == 0 || s.config.Ledger != nil || !s.areClosed() {
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
