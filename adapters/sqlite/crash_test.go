package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/sqlite"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

const (
	writerVariable = "SQLITE_TEST_WRITER" // path of the database
	batchVariable  = "SQLITE_TEST_BATCH"  // the first batch
	batchRows      = 100
)

// TestMain is a program that writes to a database until it is killed, when TestKill starts it.
func TestMain(m *testing.M) {
	if path := os.Getenv(writerVariable); path != "" {
		if err := writeForEver(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver says which batch was written.
func writeForEver(path string) error {
	first, err := strconv.Atoi(os.Getenv(batchVariable))
	if err != nil {
		return err
	}
	store, err := sqlite.Open(context.Background(), path)
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
func TestKill(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	written := -1 // the latest batch that was acknowledged
	for round := range 6 {
		cmd := osexec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), writerVariable+"="+path, batchVariable+"="+strconv.Itoa(written+1))
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

		store, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		have := make(map[string]int)
		for row, err := range store.Scan(t.Context(), ledger.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			have[row.Call]++
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
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
