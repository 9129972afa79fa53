package main

import (
	"bufio"
	"cmp"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A talk is an upstream whose stream the test writes.
type talk struct {
	url  string
	said chan string // the next event; closed at the end of the stream
}

func talking(t *testing.T) talk {
	k := talk{said: make(chan string)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for text := range k.said {
			io.WriteString(w, "data: "+text+"\n\n")
			w.(http.Flusher).Flush()
		}
	})
	server := &http.Server{Handler: mux}
	l, err := listen(config{listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	k.url = "http://" + l.Addr().String()
	return k
}

// listenTo starts a stream and reads its first event.
func listenTo(t *testing.T, p *instance, k talk) *bufio.Scanner {
	t.Helper()
	resp, err := http.Post(p.url+"/v1/chat/completions", "application/json", strings.NewReader(chatBody("gpt-5-mini", "talk", `,"stream":true`)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	k.said <- `{"model":"gpt-5-mini","service_tier":"default","choices":[{"index":0,"delta":{"content":"one"}}]}`
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || !strings.Contains(lines.Text(), "one") {
		t.Fatalf("%q %v", lines.Text(), lines.Err())
	}
	return lines
}

func rest(lines *bufio.Scanner) (text string, err error) {
	for lines.Scan() {
		text += lines.Text()
	}
	return text, lines.Err()
}

func TestDraining(t *testing.T) {
	k, dir := talking(t), t.TempDir()
	p := start(t, k.url, "-ledger", dir)
	lines := listenTo(t, p, k)
	p.signals <- syscall.SIGTERM
	p.log.await(t, "proxy is draining")
	if a := do(t, "GET", p.url+"/healthz", ""); a.status != 503 || a.body != "draining\n" {
		t.Errorf("%+v", a)
	}
	if a := p.chat("too late"); a.status != 503 || !strings.Contains(a.body, "skinflint_draining") {
		t.Errorf("%+v", a)
	}
	p.signals <- syscall.SIGHUP // which is not a second signal to stop
	k.said <- `{"model":"gpt-5-mini","service_tier":"default","choices":[{"index":0,"delta":{"content":"two"}}]}`
	k.said <- `{"model":"gpt-5-mini","service_tier":"default","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`
	k.said <- "[DONE]"
	close(k.said)
	if text, err := rest(lines); err != nil || !strings.Contains(text, "two") || !strings.Contains(text, "[DONE]") {
		t.Errorf("%q %v", text, err)
	}
	if err := p.wait(); err != nil {
		t.Error(err)
	}
	if rows := stored(t, dir); len(rows) != 1 || rows[0].Outcome != policy.Billed || rows[0].Cost.String() != "0.0000125" {
		t.Errorf("%+v", rows)
	}
}

func TestCutOff(t *testing.T) {
	for name, args := range map[string][]string{"second signal": nil, "late": {"-drain", "50ms"}} {
		t.Run(name, func(t *testing.T) {
			k, dir := talking(t), t.TempDir()
			defer close(k.said)
			p := start(t, k.url, append(args, "-ledger", dir)...)
			lines := listenTo(t, p, k)
			p.signals <- syscall.SIGTERM
			if args == nil {
				p.log.await(t, "proxy is draining")
				p.signals <- os.Interrupt
			}
			if err := p.wait(); err == nil || !strings.Contains(err.Error(), "cut off") {
				t.Errorf("error %v", err)
			}
			if _, err := rest(lines); err == nil {
				t.Error("the stream ends as if it were whole")
			}
			if rows := stored(t, dir); len(rows) != 1 || rows[0].Outcome != policy.Partial || !rows[0].Exposure.Known {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// TestLeavingTheServer ends the proxy while it reads an answer whose client has left. The proxy waits for the answer.
func TestLeavingTheServer(t *testing.T) {
	sim := provider(t, llmtest.Config{ChunkDelay: 20 * time.Millisecond})
	for _, c := range []struct {
		provider string
		outcome  policy.Outcome
	}{{"gemini", policy.Billed}, {"openai", policy.Partial}} {
		dir, before := t.TempDir(), len(sim.Meter())
		p := start(t, sim.URL, "-ledger", dir)
		path := cmp.Or(paths[c.provider], "/v1/chat/completions")
		path = strings.Replace(path, ":generateContent", ":streamGenerateContent?alt=sse", 1)
		resp, err := http.Post(p.url+path, "application/json", strings.NewReader(bodyFor(c.provider, true)))
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(resp.Body, make([]byte, 10))
		resp.Body.Close()
		if err := p.stop(); err != nil {
			t.Error(err)
		}
		rows := stored(t, dir)
		if len(rows) != 1 || rows[0].Outcome != c.outcome {
			t.Fatalf("%s: %+v", c.provider, rows)
		}
		if meter := sim.Meter()[before:]; c.outcome == policy.Billed && spent(rows).String() != metered(t, meter) {
			t.Errorf("the row says %s, the meter %s", spent(rows), metered(t, meter))
		}
	}
}

// stored returns the rows in a directory.
func stored(t *testing.T, dir string) (rows []ledger.Row) {
	t.Helper()
	j, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for row, err := range j.Scan(t.Context(), ledger.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// TestTotalsGoOn starts the proxy again. The totals include the rows in the directory.
func TestTotalsGoOn(t *testing.T) {
	sim, dir := provider(t, llmtest.Config{}), t.TempDir()
	for i, prompt := range []string{"one", "two", "three"} {
		p := start(t, sim.URL, "-ledger", dir)
		if a := p.chat(prompt); a.status != 200 {
			t.Fatalf("%+v", a)
		}
		if totals := p.totals(); totals.Calls != int64(i+1) || totals.Cost.String() != metered(t, sim.Meter()) {
			t.Errorf("%+v, the meter says %s", totals.Total, metered(t, sim.Meter()))
		}
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCorruptLedger has a line that cannot be read. The proxy works, and says that its data is not complete.
func TestCorruptLedger(t *testing.T) {
	sim, dir := provider(t, llmtest.Config{}), t.TempDir()
	p := start(t, sim.URL, "-ledger", dir)
	p.chat("one")
	p.chat("two")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	segments, _ := filepath.Glob(dir + "/*.jsonl")
	if len(segments) != 1 {
		t.Fatal(segments)
	}
	text, _ := os.ReadFile(segments[0])
	os.WriteFile(segments[0], append([]byte("no row\n"), text...), 0o600)
	p = start(t, sim.URL, "-ledger", dir)
	p.log.await(t, "the totals lack the rows that cannot be read.*jsonl:1")
	resp, err := http.Get(p.url + "/debug/spend/entries.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if n := strings.Count(string(body), "\n"); err != nil || n != 2 || resp.Trailer.Get("Skinflint-Incomplete") == "" {
		t.Errorf("%d rows, %v, trailers %v", n, err, resp.Trailer)
	}
	if totals := p.totals(); totals.Calls != 2 || totals.Cost.String() != metered(t, sim.Meter()) {
		t.Errorf("%+v", totals.Total)
	}
}

func TestHardened(t *testing.T) {
	p := start(t, "http://127.0.0.1:1")
	if a := raw(t, p, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 128<<10)+"\r\n\r\n"); a.StatusCode != 431 {
		t.Errorf("a long header: %d", a.StatusCode)
	}
	s, err := open(t.Context(), config{listen: "127.0.0.1:0", upstream: "http://x"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer s.listener.Close()
	if h := s.http; h.ReadHeaderTimeout <= 0 || h.ReadHeaderTimeout > time.Minute || h.IdleTimeout <= 0 || h.ReadTimeout != 0 || h.WriteTimeout != 0 {
		t.Errorf("%+v", h)
	}
}
