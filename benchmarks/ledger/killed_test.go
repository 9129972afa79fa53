package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestKilled kills a program during its calls, several times. Every call that the provider has seen has a row, with a cost or
// an exposure that covers what was billed. Every row that was reported as safe is there once, and no row is open.
func TestKilled(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			place := filepath.Join(t.TempDir(), "ledger")
			alone := func() {}
			if k.name == "PostgreSQL" {
				if place = startPostgres(t); place == "" {
					t.Skip(pgtest.ErrNotInstalled)
				}
				alone = func() { waitAlone(t, place) }
			}
			provider := llmtest.NewServer(llmtest.Config{Latency: time.Millisecond, Chunks: 4})
			defer provider.Close()
			safe := make(map[string]bool) // rows, as lines
			abandoned := 0
			const rounds = 6
			for round := range rounds {
				live(t, k, place, provider.URL, round, safe)
				alone()
				abandoned = check(t, k, place, provider, safe)
			}
			if abandoned == 0 {
				t.Error("no call was under way when the program was killed")
			}
			t.Logf("%d requests, %d rows known to be safe, %d calls abandoned in %d rounds", len(provider.Requests()), len(safe), abandoned, rounds)
		})
	}
}

// live runs a program for a while, and adds the rows that it reports to safe.
func live(t *testing.T, k kind, place, url string, round int, safe map[string]bool) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), childKind+"="+k.name, childPlace+"="+place, childURL+"="+url, childFirst+"="+strconv.Itoa(round*1_000_000))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A line without an end is not a report.
	lines := bufio.NewReader(out)
	enough := 1 + rand.IntN(400)
	for n := 0; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		safe[line[:len(line)-1]] = true
		if n == enough { // somewhere in the midst of the next calls and writes
			time.AfterFunc(rand.N(20*time.Millisecond), func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait()
	if cmd.ProcessState.Exited() {
		t.Fatalf("the program has exited: %s", cmd.ProcessState)
	}
}

// waitAlone waits until the server has no other connection. It first finishes the statements of a client that was killed.
func waitAlone(t *testing.T, dsn string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for others := 1; others > 0; {
		if err := conn.QueryRow(ctx, "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()").Scan(&others); err != nil {
			t.Fatal(err)
		}
	}
}

// check looks at what the killed program has left, and returns how many attempts were abandoned so far.
func check(t *testing.T, k kind, place string, provider *llmtest.Server, safe map[string]bool) (abandoned int) {
	t.Helper()
	requests, meter := provider.Requests(), provider.Meter() // more may come, from the network's buffers
	store, err := k.open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := recovered(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	have, lines := make(map[string]int), make(map[string]bool)
	cost, most := make(map[string]price.Pico), make(map[string]price.Pico)
	for r, err := range store.Scan(t.Context(), ledger.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		have[fmt.Sprint(r.Call, " ", r.Attempt)]++
		lines[string(r.AppendJSON(nil))] = true
		n := r.Tags["n"]
		cost[n] += r.Cost.Pico
		most[n] += r.Cost.Pico + r.Exposure.Pico
		if r.Unpriced == ledger.AbandonedReason {
			abandoned++
			if r.Outcome != policy.Ambiguous || r.Exposure.Pico <= 0 {
				t.Errorf("call %s was abandoned: %+v", n, r)
			}
		}
	}
	for row, n := range have {
		if n > 1 {
			t.Errorf("attempt %s has %d rows", row, n)
		}
	}
	for row := range safe {
		if !lines[row] {
			t.Errorf("a row was safe, and is not there: %s", row)
		}
	}
	if n, err := countRows(store.Scan(t.Context(), ledger.Filter{Outcome: policy.Open})); n > 0 || err != nil {
		t.Errorf("%d rows are open: %v", n, err)
	}
	asked := make(map[string]string) // the number of a call by its fingerprint
	for _, r := range requests {
		m := number.FindSubmatch(r.Body)
		if m == nil {
			t.Fatalf("request %d is not ours", r.N)
		}
		n := string(m[1])
		asked[r.Call] = n
		if _, ok := most[n]; !ok {
			t.Errorf("call %s was sent, and has no row", n)
		}
	}
	for _, g := range meter {
		billed, err := costOf(g)
		if n := asked[g.Call]; err != nil || billed < cost[n] || billed > most[n] {
			t.Errorf("call %s: billed $%s, between $%s and $%s by the ledger: %v", n, billed, cost[n], most[n], err)
		}
	}
	return abandoned
}
