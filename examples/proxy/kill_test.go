package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestMain runs the proxy instead of the tests in the processes that TestKill starts.
func TestMain(m *testing.M) {
	if os.Getenv("SKINFLINT_TEST_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A process is a proxy in another process.
type process struct {
	*instance
	cmd *exec.Cmd
}

func spawn(t *testing.T, upstream string, args ...string) process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := newRecord()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"-listen", "127.0.0.1:0", "-upstream", upstream}, args...)...)
	cmd.Env = append(os.Environ(), "SKINFLINT_TEST_MAIN=1")
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return process{&instance{t: t, url: "http://" + log.await(t, listening), log: log}, cmd}
}

// drive makes calls, eight at a time, until one finds that the proxy has ended. The prompt and a tag of each call have its
// number.
func (p process) drive(next *atomic.Int64) *sync.WaitGroup {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				n := next.Add(1)
				body := chatBody("gpt-5-mini", fmt.Sprintf("call %d.", n), fmt.Sprintf(`,"stream":%v`, n%2 == 0))
				req, err := http.NewRequest("POST", p.url+"/v1/chat/completions", strings.NewReader(body))
				if err != nil {
					return
				}
				req.Header.Set("Skinflint-Tag", fmt.Sprintf("n=%d", n))
				resp, err := client.Do(req)
				if err != nil {
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	return &all
}

// TestKill kills the proxy in the middle of its traffic, several times. The ledger then knows of every request that the
// provider got.
func TestKill(t *testing.T) {
	const round = 80 // requests, and then it is killed
	reached := make(chan struct{}, 1000)
	sim := provider(t, llmtest.Config{
		Latency: 3 * time.Millisecond, ChunkDelay: time.Millisecond, Flex: llmtest.Schedule("..x"),
		Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
			if n%round == round-1 {
				reached <- struct{}{}
			}
			if n%23 == 7 {
				return llmtest.ResetAfterAccept
			}
			return llmtest.NoFault
		}),
	})
	args := []string{"-ledger", t.TempDir(), "-headers", "-policy", policyFile(t, flexFirst)}
	var next atomic.Int64
	for range 4 {
		p := spawn(t, sim.URL, args...)
		driven := p.drive(&next)
		select {
		case <-reached:
		case <-time.After(20 * time.Second):
			t.Fatalf("no traffic:\n%s", p.log)
		}
		p.cmd.Process.Kill()
		p.cmd.Wait()
		driven.Wait()
	}

	p := spawn(t, sim.URL, args...)
	rows := p.rows()
	if got, want := p.totals().Cost, spent(rows); got != want {
		t.Errorf("the totals say %s, the rows %s", got, want)
	}
	attempts := map[string]int{} // that may have been sent, by call
	generations, abandoned := sim.Meter(), 0
	for _, r := range rows {
		switch r.Outcome {
		case policy.Billed, policy.Partial, policy.Ambiguous, policy.Rejected:
			attempts[r.Tags["n"]]++
		}
		if r.Unpriced == ledger.AbandonedReason {
			abandoned++
		}
	}
	prompt := regexp.MustCompile(`call (\d+)\.`)
	for _, r := range sim.Requests() {
		n := prompt.FindStringSubmatch(string(r.Body))[1]
		if attempts[n]--; attempts[n] < 0 {
			t.Errorf("call %s: more requests than rows", n)
		}
	}
	agree(t, rows, generations)
	if twice(generations) > 0 || abandoned == 0 || abandoned > 4*8 {
		t.Errorf("%d billed twice, %d abandoned", twice(generations), abandoned)
	}
	t.Logf("%d calls, %d requests, %d generations, %d rows, %d abandoned", next.Load(), len(sim.Requests()), len(generations), len(rows), abandoned)
	p.cmd.Process.Kill()
}

// TestSignals sends real signals to a real process.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent SIGTERM or SIGHUP on Windows")
	}
	sim, file := provider(t, llmtest.Config{}), policyFile(t, flexFirst)
	p := spawn(t, sim.URL, "-policy", file)
	os.WriteFile(file, []byte("defaults:\n  tier: {plann: [flex]}\n"), 0o600)
	p.cmd.Process.Signal(syscall.SIGHUP)
	p.log.await(t, `policy stays as it was.*`+strconv.Itoa(2)+`:`)
	p.chat("still flex")
	if m := sim.Meter(); len(m) != 1 || m[0].Tier != "flex" {
		t.Errorf("%+v", m)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, p.log)
	}
}
