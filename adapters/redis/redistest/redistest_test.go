package redistest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
)

func TestKillAndRestart(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []redistest.Option
		restart func(*redistest.Server) error
		want    string
	}{
		{"volatile", nil, (*redistest.Server).Restart, ""},
		{"persistent", []redistest.Option{redistest.Persistent()}, (*redistest.Server).Restart, "v"},
		{"emptied", []redistest.Option{redistest.Persistent()}, (*redistest.Server).RestartEmpty, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := redistest.Start(t, c.options...)
			addr := s.Addr()
			if err := s.Client().Set(t.Context(), "k", "v", 0).Err(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := s.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Client().Ping(t.Context()).Err(); err == nil {
				t.Error("a killed server answers")
			}
			if s.Stop() == nil || s.Continue() == nil {
				t.Error("a killed server is stopped or continued")
			}
			for range 2 { // it runs before the second
				if err := c.restart(s); err != nil {
					t.Fatal(err)
				}
				if got, err := s.Client().Get(t.Context(), "k").Result(); got != c.want || (err != nil && err != redis.Nil) {
					t.Errorf("after the restart: %q, %v; want %q", got, err, c.want)
				}
			}
			if s.Addr() != addr {
				t.Errorf("the address is %s, and was %s", s.Addr(), addr)
			}
		})
	}
}

func TestStopAndContinue(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot stop a process")
	}
	s := redistest.Start(t)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Client().Ping(ctx).Err(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stopped server: %v", err)
	}
	if err := s.Continue(); err != nil {
		t.Fatal(err)
	}
	if err := s.Client().Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(); err != nil { // a stopped server can be killed
		t.Fatal(err)
	}
}

func TestConfigure(t *testing.T) {
	s := redistest.Start(t, redistest.Configure("maxmemory 12mb"))
	if got, err := s.Client().ConfigGet(t.Context(), "maxmemory").Result(); err != nil || got["maxmemory"] != "12582912" {
		t.Errorf("maxmemory is %v, %v", got, err)
	}
	bad, err := redistest.New(redistest.Configure("no-such-line 1"))
	if err == nil {
		bad.Close()
		t.Fatal("a server runs with a bad configuration")
	}
	if !strings.Contains(err.Error(), "no-such-line") {
		t.Errorf("the error does not say why: %v", err)
	}
}

func TestNotInstalled(t *testing.T) {
	t.Setenv("PATH", "")
	if _, err := redistest.New(); !errors.Is(err, redistest.ErrNotInstalled) {
		t.Error(err)
	}
	if _, err := redistest.NewCluster(0); !errors.Is(err, redistest.ErrNotInstalled) {
		t.Error(err)
	}
	if _, err := redistest.NewSentinel(); !errors.Is(err, redistest.ErrNotInstalled) {
		t.Error(err)
	}
	t.Setenv("SKINFLINT_REQUIRE_SERVICES", "")
	var skipped bool
	t.Run("skip", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		redistest.Start(t)
	})
	if !skipped {
		t.Error("the test is not skipped")
	}
}

const orphanVariable = "REDISTEST_ORPHAN"

// TestOrphan: a server does not outlive a program that is killed, even if the server hangs.
func TestOrphan(t *testing.T) {
	if os.Getenv(orphanVariable) != "" {
		server, err := redistest.New()
		if err == nil {
			err = server.Stop()
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(server.Addr())
		select {}
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux signals a process when its parent dies")
	}
	redistest.Start(t) // or skip
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestOrphan$")
	cmd.Env = append(os.Environ(), orphanVariable+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	accepts := func() bool { // a stopped server does not answer, but its port is taken
		conn, err := (&net.Dialer{Timeout: time.Second}).Dial("tcp", strings.TrimSpace(line))
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	before := accepts()
	cmd.Process.Kill()
	cmd.Wait()
	if err != nil || !before {
		t.Fatalf("the program has started no server: %q, %v", line, err)
	}
	for deadline := time.Now().Add(30 * time.Second); accepts(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server lives on")
		}
	}
}

func ExampleStart() {
	_ = func(t *testing.T) { // func TestStore
		server := redistest.Start(t)
		client := redis.NewClient(&redis.Options{Addr: server.Addr()})
		defer client.Close()
		// A store that uses client does its work here.
		server.Stop() // it hangs
		defer server.Continue()
		// The store must give up in time.
	}
}

// A program that is no test closes its server itself.
func ExampleNew() {
	server, err := redistest.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	fmt.Println(server.Client().Ping(context.Background()).Val())
}
