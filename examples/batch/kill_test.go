package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestMain runs the program instead of the tests in the processes that the tests start.
func TestMain(m *testing.M) {
	if os.Getenv("SKINFLINT_TEST_MAIN") == "1" {
		if wait, err := time.ParseDuration(os.Getenv("SKINFLINT_TEST_DISK_WAIT")); err == nil {
			diskWait = wait
		}
		main()
		return
	}
	os.Exit(m.Run())
}

// A process is the program in another process.
type process struct {
	*exec.Cmd
	stdout bytes.Buffer
	stderr lockedBuffer
}

// A lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func spawn(t *testing.T, sim *llmtest.Server, args ...string) *process {
	t.Helper()
	return spawnBy(t, sim, nil, args...)
}

// spawnBy starts the program by another one, whose arguments it follows.
func spawnBy(t *testing.T, sim *llmtest.Server, by []string, args ...string) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := slices.Concat(by, []string{program, "-live", "-json", "-url", sim.URL, "-provider", "openai"}, args)
	p := &process{Cmd: exec.CommandContext(t.Context(), argv[0], argv[1:]...)}
	p.Env = append(os.Environ(), "SKINFLINT_TEST_MAIN=1", "OPENAI_API_KEY=key")
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	return p
}

// end waits until the process has ended.
func (p *process) end(t *testing.T) (r ran) {
	t.Helper()
	p.Wait()
	r.code, r.stderr = p.ProcessState.ExitCode(), p.stderr.String()
	if p.stdout.Len() > 0 {
		if err := json.Unmarshal(p.stdout.Bytes(), &r.sum); err != nil {
			t.Fatalf("%v in %s", err, p.stdout.Bytes())
		}
		if r.sum.checkLines(t); r.code != exitFailed { // the rows of the others are safe
			r.sum.check(t)
		}
	}
	return r
}

// await waits until a condition holds.
func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

// kill kills the process some time after the provider has got enough requests.
func (p *process) kill(t *testing.T, reached <-chan struct{}, later time.Duration) {
	t.Helper()
	select {
	case <-reached:
	case <-time.After(30 * time.Second):
		t.Fatalf("no traffic:\n%s", &p.stderr)
	}
	time.Sleep(later)
	p.Process.Kill()
	p.Wait()
}

// TestKill kills the program several times, at any moment, and starts it again. No line that the output has is paid for twice,
// and none at all without -again. The ledger covers what the provider has billed.
func TestKill(t *testing.T) {
	t.Parallel()
	const lines, rounds = 240, 4
	const round = 35 // requests, and then it is killed
	reached := make(chan struct{}, 1000)
	var armed atomic.Bool
	sim := provider(t, llmtest.Config{
		Latency: 3 * time.Millisecond, Flex: llmtest.Schedule("...x"),
		Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
			if n%round == round-1 && armed.Load() {
				reached <- struct{}{}
			}
			if n%29 == 7 {
				return llmtest.ResetAfterAccept
			}
			return llmtest.NoFault
		}),
	})
	args, out := requests(t, chatLines(lines)...)
	args = append(args, "-parallel", "8", "-patience", "0s")
	armed.Store(true)
	for n := range rounds {
		spawn(t, sim, args...).kill(t, reached, time.Duration(n)*time.Millisecond)
	}
	armed.Store(false)
	r := spawn(t, sim, args...).end(t)
	s := r.sum
	if r.want(t, want{exitFailed, s.Done, s.Resumed, s.Failed, s.Failed, 0, 0}); s.Done+s.Resumed+s.Failed != lines || s.Resumed == 0 {
		t.Errorf("%+v", s)
	}
	agrees(t, sim, &s)
	if n := twice(t, sim); n > 0 {
		t.Errorf("%d lines were billed twice", n)
	}

	lost := lostOf(t, answers(t, out), lines)
	if lost == 0 || lost > rounds*2*8 {
		t.Errorf("%d lines were lost", lost)
	}

	// Only -again pays twice, and only for lines without an answer.
	billed := len(sim.Meter())
	r = spawn(t, sim, append(args, "-again")...).end(t)
	if got := len(sim.Meter()) - billed; r.sum.Done+r.sum.Failed != s.Failed || got > s.Failed || r.sum.Resumed != s.Done+s.Resumed {
		t.Errorf("%d lines were billed again, %+v", got, r.sum)
	}
	agrees(t, sim, &r.sum)
	t.Logf("%d requests for %d lines, %d of them lost in %d kills", len(sim.Requests()), lines, lost, rounds)
}

// lostOf returns how many lines are in the output with the error that an earlier run may have paid for them. Each line has to
// be there once.
func lostOf(t *testing.T, all []answer, lines int) (lost int) {
	t.Helper()
	seen := map[string]bool{}
	for _, a := range all {
		if seen[a.ID] {
			t.Errorf("two answers to %s", a.ID)
		}
		seen[a.ID] = true
		if a.Error != nil && a.Error.Code == "maybe_paid" {
			lost++
			if a.Exposure.Pico <= 0 && a.Cost.Pico <= 0 {
				t.Errorf("%+v may not have been paid for", a)
			}
		}
	}
	if len(all) != lines {
		t.Errorf("%d answers to %d lines", len(all), lines)
	}
	return lost
}

// agrees checks that what the provider has billed is between what the ledger says for certain, and what it says at most.
func agrees(t *testing.T, sim *llmtest.Server, s *summary) {
	t.Helper()
	m, err := readMeter(sim)
	if err != nil {
		t.Fatal(err)
	}
	most := s.Cost
	most.AddSum(s.Exposure)
	if m.cost.Cmp(s.Cost) < 0 || m.cost.Cmp(most) > 0 {
		t.Errorf("billed $%s, between $%s and $%s by the ledger", m.cost, s.Cost, most)
	}
}

// TestInterrupt sends one signal. The calls that are under way end, and the next run does the rest.
func TestInterrupt(t *testing.T) {
	onlyUnix(t)
	t.Parallel()
	sim := provider(t, llmtest.Config{Latency: 30 * time.Millisecond})
	const lines = 120
	args, out := requests(t, chatLines(lines)...)
	p := spawn(t, sim, args...)
	await(t, "requests", func() bool { return len(sim.Requests()) > 20 })
	p.Process.Signal(os.Interrupt)
	r := p.end(t)
	if r.code != exitInterrupted || r.sum.Done == 0 || r.sum.Failed > 0 || r.sum.Left == 0 {
		t.Errorf("code %d, %+v", r.code, r.sum)
	}
	r.says(t, "waiting for the calls", "stopped: interrupted", "lines are left: run the same command again")
	if got := len(answers(t, out)); got != r.sum.Done || got != len(sim.Meter()) {
		t.Errorf("%d answers, %d generations, %+v", got, len(sim.Meter()), r.sum)
	}
	again := spawn(t, sim, args...).end(t)
	again.want(t, want{done: r.sum.Left, resumed: r.sum.Done})
	sum := price.Sum{}
	for _, a := range answers(t, out) {
		sum.Add(a.Cost.Pico)
	}
	if m, err := readMeter(sim); err != nil || m.double > 0 || m.cost != again.sum.Cost || sum != m.cost {
		t.Errorf("%d billed twice, billed $%s, %+v, answers $%s: %v", m.double, m.cost, again.sum, sum, err)
	}
}

// TestInterruptTwice sends a second signal, which ends the calls. They may have been paid for, and are not sent again.
func TestInterruptTwice(t *testing.T) {
	onlyUnix(t)
	t.Parallel()
	sim := provider(t, llmtest.Config{Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
		if n >= 10 {
			return llmtest.Stall
		}
		return llmtest.NoFault
	})})
	args, out := requests(t, chatLines(100)...)
	args = append(args, "-parallel", "4")
	p := spawn(t, sim, args...)
	await(t, "requests", func() bool { return len(sim.Requests()) == 14 })
	await(t, "answers", func() bool { text, _ := os.ReadFile(out); return bytes.Count(text, []byte("\n")) == 10 })
	p.Process.Signal(os.Interrupt)
	await(t, "the first signal", func() bool { return strings.Contains(p.stderr.String(), "waiting for the calls") })
	p.Process.Signal(os.Interrupt)
	p.end(t).want(t, want{code: exitInterrupted, done: 10, failed: 4, unclear: 4, left: 86})
	for _, a := range answers(t, out)[10:] {
		if !a.MaybePaid || a.Exposure.Pico <= 0 || a.Error.Message == "" {
			t.Errorf("%+v: %+v", a, a.Error)
		}
	}
}

func onlyUnix(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent a signal on Windows")
	}
}

// TestTwoRuns starts a second run on the same output.
func TestTwoRuns(t *testing.T) {
	sim := provider(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.Stall)})
	args, _ := requests(t, chatLines(3)...)
	p := spawn(t, sim, append(args, "-parallel", "1")...)
	await(t, "a request", func() bool { return len(sim.Requests()) == 1 })
	r := drive(t, sim.Transport(), append(args, "-ledger", t.TempDir())...)
	if r.code != exitUsage || len(sim.Requests()) > 1 {
		t.Errorf("code %d, %d requests", r.code, len(sim.Requests()))
	}
	r.says(t, "cannot be locked; does another run write to it?")
	p.Process.Kill()
	p.Wait()
}
