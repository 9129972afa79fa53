package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A generator is a provider that counts how often it generates for a prompt. It answers after a while, also if its client has
// left by then.
type generator struct {
	*httptest.Server
	answer string
	mu     sync.Mutex
	counts map[string]int
}

func newGenerator(t *testing.T, work time.Duration) *generator {
	g := &generator{counts: map[string]int{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.mu.Lock()
		g.counts[string(body)]++
		g.mu.Unlock()
		select {
		case <-time.After(work):
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"c","model":"gpt-5-mini","choices":[{"message":{"content":%q}}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`, g.answer)
	}))
	t.Cleanup(g.Close)
	return g
}

// generated returns how often a prompt was generated for.
func (g *generator) generated(body string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.counts[body]
}

// ask makes a request that it gives up after a while, and repeats it at once, three times. It returns the last status, 0 if it
// gave that up too, and how many of the requests it gave up.
func ask(client *http.Client, url, body string, patience time.Duration) (status, gaveUp int) {
	for range 4 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
		resp, err := client.Do(req)
		if err == nil {
			status = resp.StatusCode
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		cancel()
		if err == nil && status == http.StatusOK {
			return status, gaveUp
		}
		if err != nil {
			status = 0
			gaveUp++
		}
	}
	return status, gaveUp
}

// TestImmediateRepeats has clients that give a call up and send it again at once, on connections that are open already. The
// provider generates once for each.
func TestImmediateRepeats(t *testing.T) {
	g := newGenerator(t, 10*time.Second)
	p := start(t, g.URL)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for worker := range 10 {
		all.Go(func() {
			for n := range 10 {
				body := chatBody("gpt-5-mini", fmt.Sprint("Who saves? ", worker, " ", n), "")
				status, gaveUp := ask(client, p.url, body, 500*time.Millisecond)
				if got := g.generated(body); got > 1 || status != http.StatusBadRequest && gaveUp < 4 {
					t.Errorf("status %d after %d were given up: %d generations", status, gaveUp, got)
				}
			}
		})
	}
	all.Wait()
}

// TestEqualCalls sends equal calls on purpose, one after the other and at once. All of them are answered, although their
// clients leave as soon as they have the answer.
func TestEqualCalls(t *testing.T) {
	for _, words := range []int{1, 10_000} {
		equalCalls(t, strings.Repeat("save ", words))
	}
}

func equalCalls(t *testing.T, answer string) {
	g := newGenerator(t, 10*time.Millisecond)
	g.answer = answer
	p := start(t, g.URL)
	body := chatBody("gpt-5-mini", "Who saves?", "")
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for range 10 {
				if a := do(t, "POST", p.url+"/v1/chat/completions", body); a.status != http.StatusOK {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
		})
	}
	all.Wait()
	if got := g.generated(body); got != 100 {
		t.Errorf("%d generations", got)
	}
}

// TestAnswersAtTheTimeout has clients that give up at about the moment in which the answer comes. If the proxy has written the
// answer by then, it cannot know that the client did not take it.
func TestAnswersAtTheTimeout(t *testing.T) {
	g := newGenerator(t, 50*time.Millisecond)
	p := start(t, g.URL)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var all sync.WaitGroup
	repeated, twice := 0, 0
	for worker := range 8 {
		all.Go(func() {
			for n := range 100 {
				body := chatBody("gpt-5-mini", fmt.Sprint("Who saves? ", worker, " ", n), "")
				patience := 50*time.Millisecond + time.Duration(n-50)*200*time.Microsecond
				_, gaveUp := ask(client, p.url, body, patience)
				mu.Lock()
				if gaveUp > 0 {
					repeated++
				}
				if g.generated(body) > 1 {
					twice++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if twice > repeated/4 {
		t.Errorf("%d of %d", twice, repeated)
	}
	t.Logf("of 800 calls, whose clients gave up within 10 ms of the answer, %d were repeated and %d were generated twice", repeated, twice)
}

// TestAllowRepeats has -allow-repeats let a request through that is the same as one that was lost.
func TestAllowRepeats(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		sim := provider(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ServerErrorAfterWork)})
		args := []string{}
		if allowed {
			args = append(args, "-allow-repeats")
		}
		p := start(t, sim.URL, args...)
		first, second := p.chat("Who saves?"), p.chat("Who saves?")
		if first.status != 400 || first.header.Get("Skinflint-Upstream-Status") != "500" || (second.status == 200) != allowed {
			t.Errorf("allowed %v: %d %s, then %d %s", allowed, first.status, first.body, second.status, second.body)
		}
		if got := len(sim.Requests()); got != 1 != allowed {
			t.Errorf("allowed %v: %d requests", allowed, got)
		}
	}
}
