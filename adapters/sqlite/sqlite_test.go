package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/skinflint-go/skinflint/adapters/sqlite"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	prepare := func(name, statement string) string {
		path := filepath.Join(dir, name)
		db := other(t, path)
		exec(t, db, statement)
		db.Close()
		return path
	}
	newer := filepath.Join(dir, "newer.db")
	if store, err := sqlite.Open(t.Context(), newer); err != nil || store.Close() != nil {
		t.Fatal(err)
	}
	prepare("newer.db", "PRAGMA user_version = 99")
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"no path", "", "ledger.Memory"},
		{"memory", ":memory:", "ledger.Memory"},
		{"no directory", filepath.Join(dir, "none", "ledger.db"), "no such file"},
		{"a directory", dir, "cannot be opened"},
		{"newer", newer, "of version 99, and this program knows those up to 1: use a newer one"},
		{"of another program", prepare("other.db", "CREATE TABLE cats (name)"), "of another program: name another file"},
		{"of another program that says so", prepare("other2.db", "PRAGMA application_id = 5"), "of another program: name another file"},
		{"text", text, "name another file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, err := sqlite.Open(t.Context(), c.path)
			if err == nil {
				store.Close()
				t.Fatal("it is opened")
			}
			if !strings.HasPrefix(err.Error(), "sqlite: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant sqlite: ... %s", err, c.want)
			}
		})
	}
}

func TestOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			store, err := sqlite.Open(context.Background(), path)
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
	if got := scan(t, open(t, path), ledger.Filter{}); len(got) != 160 {
		t.Errorf("%d rows, want 160", len(got))
	}
}
