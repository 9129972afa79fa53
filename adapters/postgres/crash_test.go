package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/postgres"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

const (
	writerVariable = "POSTGRES_TEST_WRITER" // connection string of the database
	batchVariable  = "POSTGRES_TEST_BATCH"  // the first batch
	killSchema     = "kill"
	batchRows      = 100
)

// TestMain is a program that writes to a database until it is killed, when testKill starts it.
func TestMain(m *testing.M) {
	if dsn := os.Getenv(writerVariable); dsn != "" {
		if err := writeForEver(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver says which batch was written.
func writeForEver(dsn string) error {
	first, err := strconv.Atoi(os.Getenv(batchVariable))
	if err != nil {
		return err
	}
	store, err := postgres.Open(context.Background(), dsn, postgres.Config{Schema: killSchema})
	if err != nil {
		return err
	}
	for i := first; ; i++ {
		if err := store.Write(context.Background(), rowsOf(i, batchRows)); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// When a program is killed, at any moment, every row that was written is there once, and no batch in part.
func testKill(t *testing.T, dsn string) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	store := open(t, dsn, killSchema)
	pool := other(t, dsn)
	written := -1 // the latest batch that was acknowledged
	for round := range 6 {
		cmd := osexec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), writerVariable+"="+dsn, batchVariable+"="+strconv.Itoa(written+1))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if written, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if n == round { // then a write is under way, and killed somewhere in it
				time.AfterFunc(time.Duration(round)*3*time.Millisecond, func() { cmd.Process.Kill() })
			}
		}
		cmd.Wait()
		if written < 0 {
			t.Fatal("the program has written nothing")
		}

		// The server still finishes what it has received from a program that was killed.
		for busy := 1; busy > 0; {
			if err := pool.QueryRow(t.Context(), "select count(*) from pg_stat_activity where state = 'active' and query like 'insert into%'").Scan(&busy); err != nil {
				t.Fatal(err)
			}
		}
		have := make(map[string]int)
		for _, row := range scan(t, store, ledger.Filter{}) {
			have[row.Call]++
		}
		for i := range written + 1 {
			for _, row := range rowsOf(i, batchRows) {
				if have[row.Call] != 1 {
					t.Fatalf("round %d: %d rows of call %s, which was written, want 1", round, have[row.Call], row.Call)
				}
			}
		}
		if more := len(have) - (written+1)*batchRows; more != 0 && more != batchRows {
			t.Errorf("round %d: %d rows of the batch that was under way, want all %d or none", round, more, batchRows)
		}
	}
	t.Logf("%d batches", written+1)
}
