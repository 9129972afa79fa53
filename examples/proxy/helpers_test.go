package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A record collects what a proxy writes to stderr.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{} // closed and replaced when there is more text
}

func newRecord() *record { return &record{news: make(chan struct{})} }

func (l *record) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.news)
	l.news = make(chan struct{})
	return l.text.Write(p)
}

func (l *record) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until the log matches the pattern, and returns its first group, if there is one.
func (l *record) await(t *testing.T, pattern string) string {
	t.Helper()
	line := regexp.MustCompile(pattern)
	late := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		text, news := l.text.String(), l.news
		l.mu.Unlock()
		if m := line.FindStringSubmatch(text); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-news:
		case <-late:
			t.Fatalf("no %q in the log:\n%s", pattern, text)
		}
	}
}

const listening = `proxy is listening" address=(\S+)`

// An instance is a proxy that runs in this process.
type instance struct {
	t       *testing.T
	url     string
	log     *record
	signals chan os.Signal
	done    chan error
}

// start runs a proxy until the end of the test.
func start(t *testing.T, upstream string, args ...string) *instance {
	t.Helper()
	p := &instance{t: t, log: newRecord(), signals: make(chan os.Signal, 4), done: make(chan error, 1)}
	args = append([]string{"-listen", "127.0.0.1:0", "-upstream", upstream}, args...)
	go func() { p.done <- run(context.Background(), args, p.log, p.signals) }()
	p.url = "http://" + p.log.await(t, listening)
	t.Cleanup(func() {
		select {
		case err := <-p.done:
			p.done <- err
		default:
			p.signals <- syscall.SIGTERM
			p.signals <- syscall.SIGTERM
			<-p.done
		}
	})
	return p
}

// stop ends the proxy and waits until it has ended.
func (p *instance) stop() error {
	p.t.Helper()
	p.signals <- syscall.SIGTERM
	return p.wait()
}

func (p *instance) wait() error {
	p.t.Helper()
	select {
	case err := <-p.done:
		p.done <- err
		return err
	case <-time.After(30 * time.Second):
		p.t.Fatalf("it does not end:\n%s", p.log)
		return nil
	}
}

// An answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// do makes a request. headers are name, value, name, value and so on.
func do(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// chat asks for a chat completion.
func (p *instance) chat(prompt string, headers ...string) answer {
	p.t.Helper()
	return do(p.t, "POST", p.url+"/v1/chat/completions", chatBody("gpt-5-mini", prompt, ""), headers...)
}

func chatBody(model, prompt, more string) string {
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}]%s}`, model, prompt, more)
}

// totals returns the proxy's totals.
func (p *instance) totals() (totals ledger.Totals) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(do(p.t, "GET", p.url+"/debug/spend/totals.json", "").body), &totals); err != nil {
		p.t.Fatal(err)
	}
	return totals
}

// rows returns the proxy's rows.
func (p *instance) rows() (rows []ledger.Row) {
	p.t.Helper()
	for line := range strings.Lines(do(p.t, "GET", p.url+"/debug/spend/entries.jsonl", "").body) {
		row, err := ledger.ParseRow([]byte(line))
		if err != nil {
			p.t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// spent returns the sum of the known costs.
func spent(rows []ledger.Row) (sum price.Sum) {
	for _, r := range rows {
		if r.Cost.Known {
			sum.Add(r.Cost.Pico)
		}
	}
	return sum
}

// perMillion are OpenAI's and Google's prices in dollars for a million tokens: input, cached input, output. They are
// written down here once more, so that they do not come from the catalog.
var perMillion = map[string][3]string{
	"gpt-5-mini flex":           {"0.125", "0.0125", "1"},
	"gpt-5-mini default":        {"0.25", "0.025", "2"},
	"gemini-2.5-flash standard": {"0.3", "0.03", "2.5"},
}

// metered returns the price of what the provider's meter shows.
func metered(t *testing.T, meter []llmtest.Generation) string {
	t.Helper()
	sum := new(big.Rat)
	for _, g := range meter {
		prices, ok := perMillion[g.Model+" "+g.Tier]
		if !ok {
			t.Fatalf("no price for %s on %s", g.Model, g.Tier)
		}
		for i, n := range []int64{g.Prompt - g.Cached, g.Cached, g.Completion} {
			each, _ := new(big.Rat).SetString(prices[i])
			sum.Add(sum, each.Mul(each, big.NewRat(n, 1_000_000)))
		}
	}
	return strings.TrimSuffix(strings.TrimRight(sum.FloatString(12), "0"), ".")
}

// twice returns how many generations were billed for a prompt that was billed before.
func twice(meter []llmtest.Generation) (n int) {
	seen := map[string]bool{}
	for _, g := range meter {
		if seen[g.Call] {
			n++
		}
		seen[g.Call] = true
	}
	return n
}

// provider starts a simulated provider.
func provider(t *testing.T, c llmtest.Config) *llmtest.Server {
	t.Helper()
	s := llmtest.NewServer(c)
	t.Cleanup(s.Close)
	return s
}

// policyFile writes a policy file.
func policyFile(t *testing.T, text string) string {
	t.Helper()
	file := t.TempDir() + "/policy.yaml"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const flexFirst = "defaults:\n  tier: {plan: [flex, standard]}\n"
