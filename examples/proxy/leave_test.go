package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A bubble is a proxy's RoundTripper over a simulated provider, in a bubble of synctest.
type bubble struct {
	*testing.T
	sim   *llmtest.Server
	stack *middleware.Stack
	calls *calls
	end   context.CancelFunc // of the program
	log   *record
}

// inBubble runs f in a bubble. name is the value of -provider.
func inBubble(t *testing.T, name string, c llmtest.Config, p policy.Policy, f func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{T: t, sim: llmtest.NewPipe(c), log: newRecord()}
		defer b.sim.Close()
		b.sim.Transport().Proxy = refuseLeft(nil)
		var err error
		b.stack, err = middleware.New(middleware.WithBase(b.sim.Transport()), middleware.WithProvider(name), middleware.WithPolicy(p))
		if err != nil {
			t.Fatal(err)
		}
		router, err := wire.NewRouter(wire.RouterConfig{Provider: name})
		if err != nil {
			t.Fatal(err)
		}
		upstream, _ := url.Parse(b.sim.URL)
		life, end := context.WithCancel(context.Background())
		b.end = end
		g := &gate{router: router, upstream: upstream, log: slog.New(slog.NewTextHandler(b.log, nil))}
		b.calls = &calls{gate: g, next: b.stack.ErrorsAs(middleware.AsFinalResponse), life: life}
		f(b)
		end()
		synctest.Wait()
	})
}

var paths = map[string]string{
	"gemini": "/v1beta/models/gemini-2.5-flash:generateContent", "vertex": "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent",
	"anthropic": "/v1/messages",
}

// bodyFor returns the body of a request. It asks for the usage of a stream where the stack does not.
func bodyFor(name string, stream bool) string {
	switch name {
	case "gemini", "vertex":
		return `{"contents":[{"role":"user","parts":[{"text":"?"}]}]}`
	case "anthropic":
		return fmt.Sprintf(`{"model":"claude-haiku-4-5","max_tokens":500,"messages":[{"role":"user","content":"?"}],"stream":%v}`, stream)
	case "mistral":
		if stream {
			return chatBody("mistral-small-latest", "?", `,"stream":true,"stream_options":{"include_usage":true}`)
		}
	}
	return chatBody("gpt-5-mini", "?", fmt.Sprintf(`,"stream":%v`, stream))
}

// request returns a request for the provider.
func (b *bubble) request(ctx context.Context, name string, stream bool, headers ...string) *http.Request {
	path, body := cmp.Or(paths[name], "/v1/chat/completions"), bodyFor(name, stream)
	if stream {
		path = strings.Replace(path, ":generateContent", ":streamGenerateContent?alt=sse", 1)
	}
	x := &exchange{holding: holding{room: newRoom(maxHeld)}}
	req, err := http.NewRequestWithContext(x.with(ctx), "POST", b.sim.URL+path, io.NopCloser(strings.NewReader(body)))
	if err != nil {
		b.Fatal(err)
	}
	req.ContentLength = int64(len(body))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// serve does what ReverseProxy does for a client: it reads the answer until its end, or until leave is done.
func (b *bubble) serve(req *http.Request, leave context.Context) (*http.Response, string) {
	resp, err := b.calls.RoundTrip(req)
	if err != nil {
		return nil, ""
	}
	defer resp.Body.Close()
	var text []byte
	buf := make([]byte, 512)
	for {
		n, err := resp.Body.Read(buf)
		text = append(text, buf[:n]...)
		if err != nil || leave.Err() != nil {
			return resp, string(text)
		}
	}
}

// TestLeaving has clients leave. An answer that the provider bills in any case is read to its end, and its row is exact. Any
// other is cancelled at once.
func TestLeaving(t *testing.T) {
	for _, c := range []struct {
		provider string
		runOn
	}{
		{"openai", runOn{false, false}}, {"azure", runOn{false, false}}, {"xai", runOn{false, false}}, {"deepseek", runOn{false, false}},
		{"perplexity", runOn{false, false}}, {"cerebras", runOn{false, false}},
		{"anthropic", runOn{true, false}}, {"openrouter", runOn{true, false}},
		{"gemini", runOn{true, true}}, {"vertex", runOn{true, true}}, {"groq", runOn{true, true}}, {"mistral", runOn{true, true}},
	} {
		for _, stream := range []bool{false, true} {
			for when, at := range map[string]time.Duration{"before the answer": time.Second, "within the answer": 15 * time.Second} {
				if !stream && when == "within the answer" {
					continue
				}
				name := c.provider + ", plain"
				if stream {
					name = c.provider + ", stream, " + when
				}
				t.Run(name, func(t *testing.T) {
					inBubble(t, c.provider, llmtest.Config{Latency: 10 * time.Second, ChunkDelay: 2 * time.Second}, policy.Policy{}, func(b *bubble) {
						ctx, leave := context.WithTimeout(context.Background(), at)
						defer leave()
						began := time.Now()
						b.serve(b.request(ctx, c.provider, stream), ctx)
						took, rows, meter := time.Since(began), b.stack.Rows(), b.sim.Meter()
						if len(rows) != 1 || len(meter) != 1 {
							b.Fatalf("%d rows, %d billed", len(rows), len(meter))
						}
						b.checkLeft(c.runOn, stream, at, took, rows[0])
					})
				})
			}
		}
	}
}

// checkLeft checks the row of a call whose client left at a time after it began.
func (b *bubble) checkLeft(on runOn, stream bool, at, took time.Duration, r ledger.Row) {
	b.Helper()
	runs, most := on.plain, at+2*time.Second
	if stream {
		runs = on.stream
		if on.plain && at < 10*time.Second {
			most = 11 * time.Second // only when the answer begins it is known to be a stream
		}
	}
	switch {
	case runs:
		if r.Outcome != policy.Billed || r.UsageSource != ledger.Measured || r.Usage.Output == 0 || took < 10*time.Second {
			b.Errorf("it does not run on: %+v, after %v", r, took)
		}
	case r.Outcome != policy.Partial && r.Outcome != policy.Ambiguous:
		b.Errorf("it runs on: %+v", r)
	case took > most:
		b.Errorf("it ends after %v", took)
	}
}

// TestNothingIsSentAfterLeaving has clients leave while their call waits to be sent. It is not sent.
func TestNothingIsSentAfterLeaving(t *testing.T) {
	for name, c := range map[string]struct {
		config llmtest.Config
		policy policy.Policy
		leave  time.Duration
		within time.Duration
	}{
		"waits after a rejection": {llmtest.Config{Faults: always(llmtest.RateLimited)}, policy.Policy{}, 100 * time.Millisecond, 3 * time.Second},
		"is rejected after the client has left": {
			llmtest.Config{Latency: 10 * time.Second, Faults: always(llmtest.RateLimited)}, policy.Policy{}, time.Second, 13 * time.Second,
		},
		"waits for its turn": {llmtest.Config{}, policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 1}}}, time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "gemini", c.config, c.policy, func(b *bubble) {
				if len(c.policy.Limits) > 0 {
					b.serve(b.request(context.Background(), "gemini", false), context.Background())
				}
				before := len(b.sim.Requests())
				ctx, leave := context.WithTimeout(context.Background(), c.leave)
				defer leave()
				began := time.Now()
				b.serve(b.request(ctx, "gemini", false), ctx)
				took := time.Since(began)
				time.Sleep(time.Hour)
				if sent := len(b.sim.Requests()) - before; took > c.within || sent > 1 {
					b.Errorf("it ends after %v, sent %d times", took, sent)
				}
				for _, r := range b.stack.Rows()[before:] {
					if r.Exposure.Known && r.Exposure.Pico != 0 {
						b.Errorf("%+v", r)
					}
				}
			})
		})
	}
}

// TestBase checks that the transport of the proxy itself asks whether the client has left.
func TestBase(t *testing.T) {
	for _, left := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		v := &visit{left: left, cancel: cancel}
		req, _ := http.NewRequestWithContext(context.WithValue(ctx, visitKey{}, v), "POST", "http://127.0.0.1:1", nil)
		if _, err := base().Proxy(req); (err != nil) != left || (ctx.Err() != nil) != left {
			t.Errorf("left %v: %v, %v", left, err, ctx.Err())
		}
		cancel()
	}
}

func always(f llmtest.Fault) llmtest.Script {
	return llmtest.ScriptFunc(func(int) llmtest.Fault { return f })
}

// TestRunOnEnds has an answer that never comes. The proxy stops waiting after a time, or when the program ends.
func TestRunOnEnds(t *testing.T) {
	for name, end := range map[string]time.Duration{"after its time": 0, "with the program": time.Minute} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "gemini", llmtest.Config{Faults: always(llmtest.Stall)}, policy.Policy{}, func(b *bubble) {
				want := time.Second + runOnTime
				if end > 0 {
					want = end
					time.AfterFunc(end, b.end)
				}
				ctx, leave := context.WithTimeout(context.Background(), time.Second)
				defer leave()
				began := time.Now()
				b.serve(b.request(ctx, "gemini", false), ctx)
				if took := time.Since(began); took != want {
					b.Errorf("it ends after %v, want %v", took, want)
				}
				if rows := b.stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Ambiguous {
					b.Errorf("%+v", rows)
				}
			})
		})
	}
}

// TestStaying has a client that leaves after its answer, which changes nothing.
func TestStaying(t *testing.T) {
	inBubble(t, "gemini", llmtest.Config{ChunkDelay: time.Second}, policy.Policy{}, func(b *bubble) {
		ctx, leave := context.WithCancel(context.Background())
		_, text := b.serve(b.request(ctx, "gemini", true), ctx)
		leave()
		synctest.Wait()
		if rows := b.stack.Rows(); !strings.Contains(text, "usageMetadata") || len(rows) != 1 || rows[0].Outcome != policy.Billed {
			b.Errorf("%q %+v", text, rows)
		}
	})
}

// TestRepeats has an SDK that gives a call up and sends it again. Nothing is billed twice, whether the first call still runs
// or has ended.
func TestRepeats(t *testing.T) {
	for _, name := range []string{"gemini", "anthropic", "openai"} {
		for when, at := range map[string]time.Duration{"while it runs": 2 * time.Second, "when it has ended": time.Minute, "long after": 2 * time.Hour} {
			t.Run(name+", "+when, func(t *testing.T) {
				inBubble(t, name, llmtest.Config{Latency: 20 * time.Second}, policy.Policy{}, func(b *bubble) {
					ctx, leave := context.WithTimeout(context.Background(), time.Second)
					defer leave()
					done := make(chan struct{})
					go func() {
						defer close(done)
						b.serve(b.request(ctx, name, false, "Authorization", "Bearer k", "X-Stainless-Retry-Count", "0"), ctx)
					}()
					time.Sleep(at)
					resp, text := b.serve(b.request(context.Background(), name, false, "Authorization", "Bearer k", "X-Stainless-Retry-Count", "1"), context.Background())
					<-done
					billed := 1
					if at > time.Hour { // the stack remembers a call for that long
						billed = 2
					} else if resp == nil || resp.StatusCode != 400 || resp.Header.Get("X-Should-Retry") != "false" || !strings.Contains(text, "error") {
						b.Errorf("%v %s", resp, text)
					}
					if n := len(b.sim.Meter()); n != billed {
						b.Errorf("billed %d times, want %d", n, billed)
					}
					// With another key it is another call.
					b.serve(b.request(context.Background(), name, false, "Authorization", "Bearer j", "X-Stainless-Retry-Count", "1"), context.Background())
					if n := len(b.sim.Meter()); n != billed+1 {
						b.Errorf("the call with another key is refused")
					}
				})
			})
		}
	}
}
