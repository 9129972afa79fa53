package main

import (
	"context"
	"flag"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

var (
	calls = flag.Int("calls", calledByDefault, "how many calls to make")
	draws = flag.Uint64("draws", 0, "the seed of the calls and their failures; 0: random")
)

const calledByDefault = 10_000

// A book is one of the stores that have to agree.
type book struct {
	name   string
	writer *ledger.Writer
}

// everyRow is more than any test makes.
const everyRow = 1 << 21

// openBooks opens a store of each kind, but none in PostgreSQL where that is not installed.
func openBooks(t *testing.T) []book {
	t.Helper()
	dir := t.TempDir()
	places := []string{filepath.Join(dir, "jsonl"), filepath.Join(dir, "ledger.db"), startPostgres(t)}
	var books []book
	for i, k := range kinds {
		if places[i] == "" {
			continue
		}
		sink, err := k.open(t.Context(), places[i])
		if err != nil {
			t.Fatal(err)
		}
		w := ledger.NewWriter(sink, ledger.WriterConfig{Memory: ledger.NewMemory(everyRow), OpenWait: time.Minute})
		t.Cleanup(func() {
			if err := w.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		books = append(books, book{k.name, w})
	}
	return books
}

// TestStoresAgree makes calls of all kinds through one stack, and many of them fail. Afterwards, JSONL segments, SQLite and
// PostgreSQL have the same rows. These add up to the ledger's totals, to the picodollar, as a whole, by group and by hour,
// and agree with the provider's meter.
func TestStoresAgree(t *testing.T) {
	if *draws == 0 {
		*draws = rand.Uint64()
	}
	t.Logf("-draws %d", *draws)
	if bench.RaceDetector() && *calls == calledByDefault {
		*calls /= 5
	}
	books := openBooks(t)
	store := make(ledger.Tee, len(books))
	for i, b := range books {
		store[i] = b.writer
	}
	synctest.Test(t, func(t *testing.T) {
		provider := llmtest.NewPipe(weather(*draws))
		defer provider.Close()
		stack, err := middleware.New(
			middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, AttemptTimeout: 5 * time.Minute}),
			middleware.WithBase(provider.Transport()), middleware.WithStore(store), middleware.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		work := &traffic{client: stack.Client(), unsure: make(map[string]bool)}
		var all sync.WaitGroup
		const workers, pause = 64, 5 * time.Minute
		for worker := range workers {
			all.Go(func() {
				for n := worker; n < *calls; n += workers {
					// The fake time stands still while a call waits for a store, so many calls have to begin at once.
					time.Sleep(time.Until(time.Now().Truncate(pause).Add(pause)))
					work.call(t.Context(), n, rand.New(rand.NewPCG(*draws, uint64(n))))
				}
			})
		}
		all.Wait()
		time.Sleep(time.Hour) // until all calls have ended
		synctest.Wait()
		if err := stack.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		settle(t, provider, store.Rows(), work)
	})
	agree(t, books)
	if len(books) < len(kinds) {
		t.Run("PostgreSQL", func(t *testing.T) { t.Skip(pgtest.ErrNotInstalled) })
	}
}

// agree compares what the stores have with the totals of the first, which were made in memory as the rows came.
func agree(t *testing.T, books []book) {
	t.Helper()
	want := books[0].writer.Totals()
	rows := books[0].writer.Rows()
	lines := linesOf(rows)
	if len(lines) != len(rows) {
		t.Errorf("%d rows, and %d different ones", len(rows), len(lines))
	}
	inParts(t, want)
	for _, b := range books {
		t.Run(b.name, func(t *testing.T) { b.agree(t, want, lines) })
	}
}

// agree compares what the store has with what it should.
func (b *book) agree(t *testing.T, want ledger.Totals, lines map[string]bool) {
	if s := b.writer.Stats(); s.Lost > 0 || s.Queued > 0 || s.Err != nil {
		t.Errorf("%+v", s)
	}
	sameTotals(t, "memory", b.writer.Totals(), want)
	got, err := ledger.TotalsOf(b.writer.Scan(t.Context(), ledger.Filter{}))
	if err != nil {
		t.Error(err)
	}
	sameTotals(t, "sum", got, want)
	var kept []ledger.Row
	for row, err := range b.writer.Scan(t.Context(), ledger.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, row)
	}
	if len(kept) != len(lines) || !maps.Equal(linesOf(kept), lines) {
		t.Errorf("%d rows, %d different ones, that are not the %d of the ledger", len(kept), len(linesOf(kept)), len(lines))
	}
	if n, err := countRows(b.writer.Scan(t.Context(), ledger.Filter{Outcome: policy.Open})); n > 0 || err != nil {
		t.Errorf("%d rows are open: %v", n, err)
	}
	savings, err := ledger.SavingsOf(b.writer.Scan(t.Context(), ledger.Filter{}))
	if err != nil || savings.Net != want.Saved || savings.Implicit != want.Implicit || savings.Unpriced != want.Unpriced {
		t.Errorf("savings %+v, want $%s and $%s, %d unpriced: %v", savings, want.Saved, want.Implicit, want.Unpriced, err)
	}
}

// linesOf is a set of rows.
func linesOf(rows []ledger.Row) map[string]bool {
	lines := make(map[string]bool, len(rows))
	for i := range rows {
		lines[string(rows[i].AppendJSON(nil))] = true
	}
	return lines
}

func sameTotals(t *testing.T, name string, got, want ledger.Totals) {
	t.Helper()
	if got.Total != want.Total {
		t.Errorf("%s: %+v\nwant %+v", name, got.Total, want.Total)
	}
	for what, groups := range map[string][2]map[string]ledger.Total{"group": {got.By, want.By}, "hour": {got.Hours, want.Hours}} {
		for k, total := range groups[1] {
			if groups[0][k] != total {
				t.Errorf("%s: %s %s is %+v, want %+v", name, what, k, groups[0][k], total)
			}
		}
		if len(groups[0]) != len(groups[1]) {
			t.Errorf("%s: %d %ss, want %d", name, len(groups[0]), what, len(groups[1]))
		}
	}
}

// inParts checks that each kind of groups, and the hours, add up to the totals.
func inParts(t *testing.T, totals ledger.Totals) {
	t.Helper()
	if _, ok := totals.By["other:tag"]; ok || len(totals.By) < 100 || len(totals.Hours) < 2 {
		t.Fatalf("%d groups and %d hours: too many or too few to say anything", len(totals.By), len(totals.Hours))
	}
	for _, prefix := range []string{"model:", "tier:", "tag:thousand=", "tag:of="} {
		var sum ledger.Total
		for k, total := range totals.By {
			if strings.HasPrefix(k, prefix) {
				sum.AddTotal(total)
			}
		}
		if sum != totals.Total {
			t.Errorf("all %s add up to %+v, want %+v", prefix, sum, totals.Total)
		}
	}
	var sum ledger.Total
	for _, total := range totals.Hours {
		sum.AddTotal(total)
	}
	if sum != totals.Total {
		t.Errorf("all hours add up to %+v, want %+v", sum, totals.Total)
	}
}
