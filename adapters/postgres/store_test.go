package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/skinflint-go/skinflint/adapters/postgres"
	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/ledgertest"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 7007, time.UTC)

// rowsOf makes n rows of calls that are named after the batch.
func rowsOf(batch, n int) []ledger.Row {
	rows := make([]ledger.Row, n)
	for i := range rows {
		rows[i] = ledger.Row{
			Call: fmt.Sprintf("%06d-%06d", batch, i), Attempt: 1, At: noon.Add(time.Duration(batch*1000+i) * time.Millisecond),
			Provider: "openai", Operation: "chat", Model: "gpt-5", ServedModel: "gpt-5-2025-08-07", AskedTier: policy.Flex, ServedTier: policy.Flex,
			Outcome: policy.Billed, Status: 200, RequestID: "req_0123456789abcdef", ResponseID: "chatcmpl-0123456789abcdef",
			Usage: price.Usage{Input: 1000, CachedInput: 500, Output: 700}, UsageSource: ledger.Measured,
			Cost: ledger.Known(12_345_678), List: ledger.Known(24_691_356), PriceID: "openai/gpt-5", WireTries: 1, LatencyMS: 2345,
			Tags: map[string]string{"tenant": "acme", "job": "nightly"},
		}
	}
	return rows
}

func open(t testing.TB, dsn, schema string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(context.Background(), dsn, postgres.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func write(t testing.TB, store *postgres.Store, rows []ledger.Row) {
	t.Helper()
	if err := store.Write(context.Background(), rows); err != nil {
		t.Fatal(err)
	}
}

func scan(t testing.TB, store *postgres.Store, f ledger.Filter) (rows []ledger.Row) {
	t.Helper()
	for row, err := range store.Scan(context.Background(), f) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// other connects as another program does.
func other(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func exec(t testing.TB, pool *pgxpool.Pool, statement string) {
	t.Helper()
	if _, err := pool.Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

func testSink(t *testing.T, dsn string) {
	ledgertest.TestSink(t, func(t *testing.T, dir string) ledger.Sink {
		schema := fnv.New64a()
		schema.Write([]byte(dir))
		store, err := postgres.Open(t.Context(), dsn, postgres.Config{Schema: fmt.Sprintf(`ledger "%x`, schema.Sum64())})
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}

// TestAll has one server for all tests that leave it as it is.
func TestAll(t *testing.T) {
	dsn := pgtest.Start(t)
	for _, test := range []struct {
		name string
		test func(t *testing.T, dsn string)
	}{
		{"Sink", testSink},
		{"Columns", testColumns},
		{"OddTexts", testOddTexts},
		{"SimpleProtocol", testSimpleProtocol},
		{"OpenAtOnce", testOpenAtOnce},
		{"MonthsAtOnce", testMonthsAtOnce},
		{"OpenRefuses", testOpenRefuses},
		{"Rights", testRights},
		{"NoSecretInErrors", testNoSecretInErrors},
		{"Recover", testRecover},
		{"DropBefore", testDropBefore},
		{"ReaderDoesNotBlock", testReaderDoesNotBlock},
		{"Pool", testPool},
		{"Kill", testKill},
	} {
		t.Run(test.name, func(t *testing.T) { test.test(t, dsn) })
	}
}

func testColumns(t *testing.T, dsn string) {
	store := open(t, dsn, "columns")
	rows := rowsOf(0, 2)
	rows[1].ServedModel, rows[1].Cost, rows[1].Unpriced, rows[1].Tags = "", ledger.Amount{}, "no price", nil
	rows[1].Exposure, rows[1].Implicit = ledger.Known(-3), ledger.Known(0)
	write(t, store, rows)
	found, err := other(t, dsn).Query(t.Context(), `select concat_ws('|', call, attempt, at at time zone 'UTC', provider, operation, model, served_tier,
		outcome, price_id, unpriced, coalesce(cost_pico::text, 'null'), coalesce(list_pico::text, 'null'), coalesce(implicit_pico::text, 'null'),
		coalesce(exposure_pico::text, 'null'), coalesce(tags::text, 'null'), tableoid::regclass), row::text from columns.rows order by call`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	want := []string{
		"000000-000000|1|2026-11-21 12:00:00.000007|openai|chat|gpt-5-2025-08-07|flex|billed|openai/gpt-5|f|12345678|24691356|null|null|" +
			`{"job": "nightly", "tenant": "acme"}|columns.rows_2026_11`,
		"000000-000001|1|2026-11-21 12:00:00.001007|openai|chat|gpt-5|flex|billed|openai/gpt-5|t|null|24691356|0|-3|null|columns.rows_2026_11",
	}
	n := 0
	for ; found.Next(); n++ {
		var columns, line string
		if err := found.Scan(&columns, &line); err != nil {
			t.Fatal(err)
		}
		if columns != want[n] {
			t.Errorf("columns %s\nwant    %s", columns, want[n])
		}
		if wantLine := string(rows[n].AppendJSON(nil)); line != wantLine {
			t.Errorf("row  %s\nwant %s", line, wantLine)
		}
	}
	if err := found.Err(); err != nil || n != 2 {
		t.Fatal(n, err)
	}
}

// Texts that PostgreSQL does not accept are also stored, and writing them again changes nothing.
func testOddTexts(t *testing.T, dsn string) {
	store := open(t, dsn, "odd")
	rows := rowsOf(0, 10)
	rows[0].Call, rows[0].Provider = "\xff", "\xfe"
	rows[1].At = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	rows[2].Call = "\xfe\xff"
	rows[3].Call, rows[3].Tags = "a\x00", map[string]string{"\x00": "\x00", "\xff": "b"}
	rows[4].Call = `"a\u0000"` // what the one before becomes
	rows[5].Call = strings.Repeat("a", 3000)
	rows[6].Call = strings.Repeat("a", 3000) + "b"
	rows[7].Model, rows[7].ServedModel = "", "\x00"
	rows[8].At = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)
	rows[9].Call = strings.Repeat("\x00", 900) // which become more
	for i := range rows {
		rows[i].Attempt = math.MaxInt
	}
	for range 2 {
		write(t, store, rows)
	}
	if got := scan(t, store, ledger.Filter{}); len(got) != len(rows) {
		t.Errorf("%d rows, want %d", len(got), len(rows))
	}
	for i, f := range []ledger.Filter{
		{Call: "\ufffd", Provider: "\ufffd"}, {Call: "a\x00"}, {Call: `"a\u0000"`}, {Call: rows[5].Call}, {Call: rows[6].Call},
		{Tags: map[string]string{"\x00": "\x00"}}, {Model: "\x00"},
	} {
		if got := scan(t, store, f); len(got) != 1 {
			t.Errorf("filter %d selects %d rows, want 1", i, len(got))
		}
	}
	if got := scan(t, store, ledger.Filter{Until: time.Time{}.Add(1)}); len(got) != 2 {
		t.Errorf("%d rows of years that JSON does not have, want 2", len(got))
	}
}

// Poolers that do not keep a session need other ways of asking.
func testSimpleProtocol(t *testing.T, dsn string) {
	for _, mode := range []string{"simple_protocol", "exec", "describe_exec"} {
		store := open(t, dsn+"&default_query_exec_mode="+mode, "mode_"+mode)
		rows := rowsOf(0, 600)
		rows[0].Call, rows[0].Tags, rows[1].At = `'\"`, nil, time.Time{}
		for range 2 {
			write(t, store, rows)
		}
		got := scan(t, store, ledger.Filter{Since: time.Time{}.Add(1), Tags: map[string]string{"tenant": "acme"}})
		if len(got) != 598 || string(got[0].AppendJSON(nil)) != string(rows[2].AppendJSON(nil)) {
			t.Errorf("%s: %d rows, want 598", mode, len(got))
		}
		if got := scan(t, store, ledger.Filter{Call: `'\"`}); len(got) != 1 {
			t.Errorf("%s: %d rows of the odd call, want 1", mode, len(got))
		}
	}
}

func testOpenAtOnce(t *testing.T, dsn string) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			store, err := postgres.Open(context.Background(), dsn, postgres.Config{Schema: "at once"})
			if err != nil {
				t.Error(err)
				return
			}
			defer store.Close()
			if err := store.Write(context.Background(), rowsOf(i, 20)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := scan(t, open(t, dsn, "at once"), ledger.Filter{}); len(got) != 160 {
		t.Errorf("%d rows, want 160", len(got))
	}
}

// Programs that need the same new partitions at once make them once.
func testMonthsAtOnce(t *testing.T, dsn string) {
	var all sync.WaitGroup
	stores := make([]*postgres.Store, 6)
	for i := range stores {
		stores[i] = open(t, dsn, "months")
	}
	for i, store := range stores {
		all.Go(func() {
			rows := rowsOf(i, 24)
			for j := range rows {
				rows[j].At = noon.AddDate(0, (j*7+i)%24, 0)
			}
			for range 2 {
				if err := store.Write(context.Background(), rows); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := scan(t, stores[0], ledger.Filter{}); len(got) != 6*24 {
		t.Errorf("%d rows, want %d", len(got), 6*24)
	}
}

func testOpenRefuses(t *testing.T, dsn string) {
	open(t, dsn, "newer")
	pool := other(t, dsn)
	exec(t, pool, "update newer.version set version = 99")
	exec(t, pool, "create database latin encoding 'LATIN1' template template0")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name, dsn, schema, want string
		ctx                     context.Context
	}{
		{"newer", dsn, "newer", "of version 99, and this program knows those up to 1: use a newer one", t.Context()},
		{"NUL", dsn, "a\x00b", "Config.Schema", t.Context()},
		{"long", dsn, strings.Repeat("a", 64), "Config.Schema", t.Context()},
		{"latin", strings.Replace(dsn, "/postgres?", "/latin?", 1), "", "LATIN1: create one with encoding 'UTF8'", t.Context()},
		{"no database", strings.Replace(dsn, "/postgres?", "/none?", 1), "", "create the database", t.Context()},
		{"cancelled", dsn, "", "context canceled", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, err := postgres.Open(c.ctx, c.dsn, postgres.Config{Schema: c.schema})
			if err == nil {
				store.Close()
				t.Fatal("it is opened")
			}
			if !strings.HasPrefix(err.Error(), "postgres: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant postgres: ... %s", err, c.want)
			}
		})
	}
}

// A user needs no more than a schema of its own.
func testRights(t *testing.T, dsn string) {
	pool := other(t, dsn)
	exec(t, pool, "create user poor password 'p'")
	poor := strings.Replace(dsn, dsn[strings.Index(dsn, "//")+2:strings.Index(dsn, "@")], "poor:p", 1)
	if _, err := postgres.Open(t.Context(), poor, postgres.Config{Schema: "poor"}); err == nil || !strings.Contains(err.Error(), "GRANT CREATE") {
		t.Errorf("%v, want advice to grant", err)
	}
	exec(t, pool, "create schema poor authorization poor")
	store := open(t, poor, "poor")
	write(t, store, rowsOf(0, 10))
	if n, err := store.DropBefore(t.Context(), noon.AddDate(1, 0, 0)); n != 1 || err != nil {
		t.Error(n, err)
	}
}

func testNoSecretInErrors(t *testing.T, dsn string) {
	const secret = "hunter2"
	at := dsn[strings.Index(dsn, "@"):]
	for _, dsn := range []string{
		"postgres://skinflint:" + secret + at,
		"postgres://skinflint:" + secret + "@127.0.0.1:1/postgres?connect_timeout=5",
		"postgres://skinflint:" + secret + "@@@127.0.0.1:port/postgres",
		"postgres://skinflint:a/" + secret + "%zz@127.0.0.1/postgres",
		"postgres://127.0.0.1:1/postgres?password=" + secret + "&sslmode=nonsense",
		"host=127.0.0.1 port=x password='" + secret + " it''s",
		"host=127.0.0.1 port=1 connect_timeout=5 password=" + secret,
		"password = " + secret + " sslmode=nonsense",
		secret,
	} {
		_, err := postgres.Open(t.Context(), dsn, postgres.Config{})
		if err == nil {
			t.Fatal("it is opened")
		}
		for _, said := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			if strings.Contains(said, secret) {
				t.Errorf("the password is in %s", said)
			}
		}
	}
}

func testRecover(t *testing.T, dsn string) {
	store := open(t, dsn, "recover")
	rows := rowsOf(0, 1200)
	for i := range rows {
		rows[i].Outcome, rows[i].Cost, rows[i].Exposure = policy.Open, ledger.Amount{}, ledger.Known(5)
	}
	write(t, store, rows)
	write(t, store, rowsOf(0, 1))
	if n, err := store.Recover(t.Context(), rows[1100].At); n != 1099 || err != nil {
		t.Errorf("Recover: %d, %v, want 1099", n, err)
	}
	if n, err := store.Recover(t.Context(), rows[1100].At); n != 0 || err != nil {
		t.Errorf("Recover again: %d, %v, want 0", n, err)
	}
	if got := scan(t, store, ledger.Filter{Outcome: policy.Open}); len(got) != 100 {
		t.Errorf("%d rows are open, want 100", len(got))
	}
	got := scan(t, store, ledger.Filter{Outcome: policy.Ambiguous})
	if len(got) != 1099 {
		t.Fatalf("%d rows are ambiguous, want 1099", len(got))
	}
	if r := got[0]; r.UsageSource != ledger.Unknown || r.Unpriced != ledger.AbandonedReason || r.Exposure != ledger.Known(5) || r.Cost.Known {
		t.Errorf("%+v", r)
	}
}

func testDropBefore(t *testing.T, dsn string) {
	store, second := open(t, dsn, "drop"), open(t, dsn, "drop")
	rows := rowsOf(0, 12)
	for i := range rows {
		rows[i].At = time.Date(2026, time.Month(i+1), 15, 0, 0, 0, 0, time.UTC)
	}
	write(t, store, rows)
	write(t, second, rows)
	if n, err := store.DropBefore(t.Context(), time.Date(2026, 4, 30, 23, 59, 0, 0, time.UTC)); n != 3 || err != nil {
		t.Errorf("DropBefore: %d, %v, want 3", n, err)
	}
	if n, err := store.DropBefore(t.Context(), time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)); n != 1 || err != nil {
		t.Errorf("DropBefore: %d, %v, want 1", n, err)
	}
	if got := scan(t, store, ledger.Filter{}); len(got) != 8 || got[0].At.Month() != time.May {
		t.Errorf("%d rows are left, want 8", len(got))
	}
	// Neither the store that dropped the partitions nor another one fails because they are missing.
	write(t, second, rows[:2])
	write(t, store, rows[:3])
	if got := scan(t, store, ledger.Filter{}); len(got) != 11 {
		t.Errorf("%d rows, want 11", len(got))
	}
}

// A long read, in a transaction, does not block a write to a new month. DropBefore gives up.
func testReaderDoesNotBlock(t *testing.T, dsn string) {
	store := open(t, dsn, "reader")
	write(t, store, rowsOf(0, 1))
	tx, err := other(t, dsn).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), "select * from reader.rows"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	later := rowsOf(1, 1)
	later[0].At = noon.AddDate(0, 1, 0)
	if err := store.Write(ctx, later); err != nil {
		t.Error(err)
	}
	if n, err := store.DropBefore(ctx, noon.AddDate(1, 0, 0)); n != 0 || err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("DropBefore: %d, %v, want advice to try again", n, err)
	}
	if got := scan(t, store, ledger.Filter{}); len(got) != 2 {
		t.Errorf("%d rows, want 2", len(got))
	}
}

// A pool of the program stays open, and one connection is enough, even to write during a scan.
func testPool(t *testing.T, dsn string) {
	pool := other(t, dsn+"&pool_max_conns=1")
	store, err := postgres.New(t.Context(), pool, postgres.Config{Schema: "pool"})
	if err != nil {
		t.Fatal(err)
	}
	write(t, store, rowsOf(0, 600))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n := 0
	for row, err := range store.Scan(ctx, ledger.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3 {
			row.Call = "written while scanning"
			if err := store.Write(ctx, []ledger.Row{row}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	exec(t, pool, "select 1")
}

// When the server goes away, Write fails; when it is back, the same rows are written, and none of them twice.
func TestOutage(t *testing.T) {
	server := pgtest.Run(t)
	store := open(t, server.DSN(), "")
	write(t, store, rowsOf(0, 50))
	var idle sync.WaitGroup // several connections, which will all be dead
	for range 4 {
		idle.Go(func() { scan(t, store, ledger.Filter{}) })
	}
	idle.Wait()
	for round := 1; round <= 2; round++ {
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
		batch := append(rowsOf(round-1, 50), rowsOf(round, 50)...)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if err := store.Write(ctx, batch); err == nil {
				t.Fatal("Write succeeds without a server")
			} else if !strings.HasPrefix(err.Error(), "postgres: write 100 rows: ") {
				t.Error(err)
			}
			cancel()
		}
		for _, err := range store.Scan(t.Context(), ledger.Filter{}) {
			if err == nil {
				t.Fatal("a row comes without a server")
			}
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		write(t, store, batch)
		write(t, store, batch)
		if got := scan(t, store, ledger.Filter{}); len(got) != 50*(round+1) {
			t.Errorf("%d rows, want %d", len(got), 50*(round+1))
		}
	}
	// A server that restarts unseen costs at most one failure for each connection.
	if err := errors.Join(server.Stop(), server.Start()); err != nil {
		t.Fatal(err)
	}
	batch, tries := rowsOf(9, 50), 0
	for store.Write(t.Context(), batch) != nil {
		if tries++; tries > 10 {
			t.Fatal("the store does not work again")
		}
	}
	if got := scan(t, store, ledger.Filter{}); len(got) != 200 {
		t.Errorf("%d rows, want 200", len(got))
	}
	t.Logf("%d writes failed after the restart", tries)
}
