// Package pgtest runs a PostgreSQL server for a test or a benchmark. The server has an empty database, listens on a free
// port of the loopback interface, and is removed afterwards. The programs initdb and postgres must be installed; they are
// searched in PATH and where Debian installs them.
package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Start starts a server that ends with the test, and returns its connection string. If PostgreSQL is not installed, the test
// is skipped; with SKINFLINT_REQUIRE_SERVICES=1 it fails.
func Start(t testing.TB) (dsn string) {
	t.Helper()
	return Run(t).DSN()
}

// Run is [Start] for a test that stops and starts the server.
func Run(t testing.TB) *Server {
	t.Helper()
	s, err := New()
	if errors.Is(err, ErrNotInstalled) && os.Getenv("SKINFLINT_REQUIRE_SERVICES") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ErrNotInstalled is the error if PostgreSQL is not installed.
var ErrNotInstalled = errors.New("pgtest: PostgreSQL is not installed: initdb and postgres are neither in PATH nor in /usr/lib/postgresql/*/bin")

// A Server is a PostgreSQL server. Create it with [New] or [Run], and Close it at the end. On Linux, the server also ends
// when the program is killed; its data then remains in the directory for temporary files. A Server is not safe for
// concurrent use.
type Server struct {
	dir      string // of its data, and of its own
	bin      string // of its programs
	port     int
	password string
	process  *exec.Cmd     // nil if it is stopped
	exited   chan struct{} // closed when the process has ended
	log      tail
}

// New creates a server and starts it. The error is [ErrNotInstalled] if PostgreSQL is not installed.
func New() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, password: rand.Text()}
	if s.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	if err = s.init(); err == nil {
		err = s.Start()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// programs returns the directory of initdb and postgres.
func programs() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			return filepath.Dir(initdb), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", ErrNotInstalled
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

const owner = "skinflint"

// init creates the database.
func (s *Server) init() error {
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(s.password), 0o600); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	cmd, err := s.command("initdb", "--pgdata="+s.data(), "--username="+owner, "--pwfile="+password, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-sync")
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: initdb: %w\n%s", err, out)
	}
	return nil
}

// data returns the directory of the database.
func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// command prepares a command of PostgreSQL. These refuse to run as root.
func (s *Server) command(name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	if err := unprivileged(cmd, s.dir); err != nil {
		return nil, fmt.Errorf("pgtest: %s cannot be run as another user than root: %w", name, err)
	}
	return cmd, nil
}

// DSN returns the connection string. It stays the same when the server is stopped and started.
func (s *Server) DSN() string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/postgres?sslmode=disable", owner, s.password, s.port)
}

// patience is how long a server may take to start, and to stop.
const patience = time.Minute

// Start starts the server after a Stop, and returns when it accepts connections.
func (s *Server) Start() error {
	if s.process != nil {
		return errors.New("pgtest: the server runs already")
	}
	if s.port != 0 {
		return s.start()
	}
	var err error
	for range 3 { // another program may take a port that was free
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.start(); err == nil {
			return nil
		}
	}
	return err
}

// freePort returns a port of the loopback interface that no program uses.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("pgtest: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// start starts the server on its port.
func (s *Server) start() error {
	cmd, err := s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	noOrphan(cmd)
	started, exited := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // for noOrphan: the thread ends with the program, and not before the process
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	s.process, s.exited = cmd, exited
	for deadline := time.Now().Add(patience); ; {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		conn, err := pgconn.Connect(ctx, s.DSN())
		if err == nil {
			conn.Close(ctx)
			cancel()
			return nil
		}
		cancel()
		select {
		case <-exited:
			s.process = nil
			return fmt.Errorf("pgtest: postgres has exited:\n%s", s.log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("pgtest: postgres accepts no connections: %w\n%s", err, s.log.String()), s.Stop())
		}
	}
}

// Stop stops the server and closes its connections. It does nothing if the server is stopped already.
func (s *Server) Stop() error {
	if s.process == nil {
		return nil
	}
	process := s.process.Process
	if process.Signal(os.Interrupt) != nil { // not every system has the signal
		process.Kill()
	}
	var err error
	select {
	case <-s.exited:
	case <-time.After(patience):
		process.Kill()
		<-s.exited
		err = fmt.Errorf("pgtest: postgres had to be killed:\n%s", s.log.String())
	}
	s.process = nil
	return err
}

// Close stops the server and removes its data.
func (s *Server) Close() error {
	return errors.Join(s.Stop(), os.RemoveAll(s.dir))
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most = 4096
	t.end = append(t.end, p...)
	if n := len(t.end); n > most {
		t.end = append(t.end[:0], t.end[n-most:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.ToValidUTF8(t.end, []byte("?")))
}
