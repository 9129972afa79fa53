// Package redistest runs Redis servers for a test or a benchmark: a single one, a cluster, or a primary with a replica and
// Sentinel. Servers start empty, listen on free ports of the loopback interface, and are removed afterwards. The test may
// stop, continue, kill and restart each of them. The program redis-server must be in PATH.
package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNotInstalled is the error if Redis is not installed.
var ErrNotInstalled = errors.New("redistest: Redis is not installed: redis-server is not in PATH")

// Start starts a server that ends with the test. If Redis is not installed, the test is skipped; with
// SKINFLINT_REQUIRE_SERVICES=1 it fails.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	return begin(t, func() (*Server, error) { return New(options...) })
}

// begin calls create for a test, and closes what it returns when the test ends.
func begin[T interface{ Close() error }](t testing.TB, create func() (T, error)) T {
	t.Helper()
	s, err := create()
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

// An Option changes how servers run.
type Option func(*settings)

type settings struct {
	lines       []string      // of the configuration
	nodeTimeout time.Duration // of a cluster's nodes, and of Sentinel
}

// Persistent lets servers write each command to disk before they answer it, so that [Server.Restart] finds their data again.
// Otherwise, the data is lost when a server ends.
func Persistent() Option { return Configure("appendonly yes", "appendfsync always") }

// Configure adds lines to the servers' configuration, such as "maxmemory 10mb".
func Configure(lines ...string) Option {
	return func(s *settings) { s.lines = append(s.lines, lines...) }
}

// NodeTimeout sets how long a server may be silent until the others take it for dead: in a cluster, and for Sentinel. The
// default is a second. Shorter makes failovers faster; on a busy machine it also makes them happen by mistake.
func NodeTimeout(d time.Duration) Option { return func(s *settings) { s.nodeTimeout = d } }

// apply returns the settings of options.
func apply(options []Option) settings {
	s := settings{nodeTimeout: time.Second}
	for _, o := range options {
		o(&s)
	}
	return s
}

// A Server is a Redis server. Create it with [New] or [Start], and Close it at the end. On Linux, the server also ends when
// the program is killed; its files then remain in the directory for temporary files. The client may be used concurrently,
// other methods not.
type Server struct {
	dir     string
	program string
	args    []string
	lines   []string // of its configuration
	bus     bool     // it needs a second port
	port    int
	busPort int
	client  *redis.Client
	process *exec.Cmd     // nil if it does not run
	exited  chan struct{} // closed when the process has ended
	log     tail
}

// New creates a server and starts it. The error is [ErrNotInstalled] if Redis is not installed.
func New(options ...Option) (*Server, error) { return launch(apply(options).lines, false) }

// launch starts a new server: with these lines of configuration, with a second port for the other nodes of its cluster, and
// with these arguments.
func launch(lines []string, bus bool, args ...string) (*Server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrNotInstalled
	}
	s := &Server{program: program, args: args, lines: lines, bus: bus}
	if s.dir, err = os.MkdirTemp("", "redistest"); err != nil {
		return nil, fmt.Errorf("redistest: %w", err)
	}
	for range 3 { // another program may take a port that was free
		if err = s.configure(); err != nil {
			break
		}
		if err = s.start(); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, s.Close())
}

// configure chooses ports, and writes the configuration. Later, the server itself may write to it.
func (s *Server) configure() error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	s.port, s.busPort = ports[0], ports[1]
	lines := []string{"bind 127.0.0.1", fmt.Sprint("port ", s.port), "dir " + strconv.Quote(s.dir), `save ""`, "daemonize no"}
	if s.bus {
		lines = append(lines, fmt.Sprint("cluster-port ", s.busPort))
	}
	lines = append(lines, s.lines...)
	if err := os.WriteFile(s.config(), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("redistest: %w", err)
	}
	if s.client != nil {
		s.client.Close()
	}
	s.client = redis.NewClient(s.options())
	return nil
}

// config returns the file of the configuration.
func (s *Server) config() string { return filepath.Join(s.dir, "redis.conf") }

// freePorts returns n ports of the loopback interface that no program uses.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("redistest: %w", err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// patience is how long a server, a cluster and Sentinel may take to start, and a client to wait.
const patience = 30 * time.Second

// options returns the settings of the server's client. It is for the test itself and not under test, so it is patient. It
// does not repeat commands.
func (s *Server) options() *redis.Options {
	return &redis.Options{Addr: s.Addr(), MaxRetries: -1, DialerRetries: 1, DialTimeout: patience, ReadTimeout: patience,
		WriteTimeout: patience, ContextTimeoutEnabled: true}
}

// Addr returns where the server listens: "127.0.0.1:34567". It stays the same when the server is restarted.
func (s *Server) Addr() string { return fmt.Sprint("127.0.0.1:", s.port) }

// Client returns a client of this server. It waits long for answers, and does not repeat commands. It is closed with the
// server.
func (s *Server) Client() *redis.Client { return s.client }

// start starts the server on its port, and returns when it answers.
func (s *Server) start() error {
	cmd := exec.Command(s.program, append([]string{s.config()}, s.args...)...)
	cmd.Dir = s.dir
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
		return fmt.Errorf("redistest: %w", err)
	}
	s.process, s.exited = cmd, exited
	for deadline := time.Now().Add(patience); ; {
		err := s.answers()
		select {
		case <-exited: // perhaps another server has answered
			s.process = nil
			return fmt.Errorf("redistest: redis-server has exited:\n%s", s.log.String())
		default:
		}
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("redistest: redis-server does not answer: %w\n%s", err, s.log.String()), s.Kill())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// answers returns an error if the server does not answer.
func (s *Server) answers() error {
	conn, err := net.DialTimeout("tcp", s.Addr(), patience) // quieter than the client, which logs each failure
	if err != nil {
		return err
	}
	conn.Close()
	return s.client.Ping(context.Background()).Err()
}

// errNotRunning is the error of what needs a running server.
var errNotRunning = errors.New("redistest: the server does not run")

// Stop makes the server hang: it keeps its connections and accepts new ones, and answers nothing until Continue. It needs
// a Unix system.
func (s *Server) Stop() error {
	if s.process == nil {
		return errNotRunning
	}
	return stop(s.process.Process)
}

// Continue lets a server that Stop made hang go on. It then also does what it was sent in the meantime.
func (s *Server) Continue() error {
	if s.process == nil {
		return errNotRunning
	}
	return proceed(s.process.Process)
}

// Kill ends the server at once, as a crash does. It does nothing if the server has ended already.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	err := s.process.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("redistest: %w", err)
	}
	<-s.exited
	s.process = nil
	return nil
}

// Restart starts the server at its address, after a Kill if it runs. It has its data if it is [Persistent], and none
// otherwise. Its place in a cluster, and which server it is a replica of, stay in either case.
func (s *Server) Restart() error {
	if err := s.Kill(); err != nil {
		return err
	}
	return s.start()
}

// RestartEmpty is Restart without data.
func (s *Server) RestartEmpty() error {
	err := s.Kill()
	for _, name := range []string{"appendonlydir", "dump.rdb"} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.dir, name)))
	}
	if err != nil {
		return fmt.Errorf("redistest: %w", err)
	}
	return s.start()
}

// Close ends the server and removes its data.
func (s *Server) Close() error {
	err := s.Kill()
	if s.client != nil {
		s.client.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// until calls done until it reports true, or fails after the patience with what it last reported.
func until(what string, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		ok, err := done(ctx)
		if ok && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("redistest: %s: %w", what, errors.Join(err, ctx.Err()))
		case <-time.After(10 * time.Millisecond):
		}
	}
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
