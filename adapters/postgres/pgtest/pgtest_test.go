package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
)

func one(dsn string) (one int, err error) {
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.Background())
	err = conn.QueryRow(context.Background(), "select 1").Scan(&one)
	return one, err
}

func TestStopAndStart(t *testing.T) {
	server := pgtest.Run(t)
	if n, err := one(server.DSN()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if err := server.Start(); err == nil {
		t.Error("a server is started twice")
	}
	for range 2 {
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one(server.DSN()); err == nil {
		t.Error("a stopped server answers")
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := one(server.DSN()); n != 1 || err != nil {
		t.Error(n, err)
	}
}

const orphanVariable = "PGTEST_ORPHAN"

// TestOrphan: a server does not outlive a program that is killed.
func TestOrphan(t *testing.T) {
	if os.Getenv(orphanVariable) != "" {
		server, err := pgtest.New()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(server.DSN())
		select {}
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux signals a process when its parent dies")
	}
	pgtest.Start(t) // or skip
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestOrphan$")
	tmp, err := os.MkdirTemp("", "pgtest") // whom the data belongs to must be able to get there
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), orphanVariable+"=1", "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dsn, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		_, err = one(strings.TrimSpace(dsn))
	}
	cmd.Process.Kill()
	cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := one(strings.TrimSpace(dsn)); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the server lives on")
		}
	}
}

func ExampleStart() {
	_ = func(t *testing.T) { // func TestStore
		conn, err := pgx.Connect(t.Context(), pgtest.Start(t))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
	}
}

// A program that is no test closes its server itself.
func ExampleNew() {
	server, err := pgtest.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	fmt.Println(one(server.DSN()))
}
