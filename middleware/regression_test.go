package middleware_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const openaiURL = "https://api.openai.com/v1/chat/completions"

// A script answers requests in turn, and remembers their bodies and headers.
type script struct {
	answers []func(*http.Request) (*http.Response, error)
	bodies  []string
	headers []http.Header
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	req.Body.Close()
	n := len(s.bodies)
	s.bodies, s.headers = append(s.bodies, string(body)), append(s.headers, req.Header)
	return s.answers[min(n, len(s.answers)-1)](req)
}

func says(status int, contentType, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

const served = `{"id":"c","model":"gpt-5","service_tier":"default","choices":[{}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}`

func stackOver(t testing.TB, base http.RoundTripper, p policy.Policy, options ...middleware.Option) *middleware.Stack {
	t.Helper()
	stack, err := middleware.New(append([]middleware.Option{middleware.WithBase(base), middleware.WithPolicy(p)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// ask sends a body through rt and returns the answer's body.
func askFor(t *testing.T, ctx context.Context, rt http.RoundTripper, body string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, openaiURL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return string(got), err
}

// A server that reads whole requests over HTTP/2 and then resets their streams with PROTOCOL_ERROR: net/http would send
// each again, without end. It may once, as it cannot be told from a server that says it did not process the request.
func TestHTTP2ProtocolErrorIsNotReplayedForEver(t *testing.T) {
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	defer certificates.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var processed atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go resetAll(conn, &processed)
		}
	}()
	base := transport.Base()
	base.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a test's own server
	stack := stackOver(t, base, policy.Policy{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+l.Addr().String()+"/v1/chat/completions", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stack.RoundTrip(req); err == nil || ctx.Err() != nil {
		t.Errorf("error %v, context %v", err, ctx.Err())
	}
	rows := stack.Rows()
	if n := processed.Load(); n != 1 || len(rows) != 1 || rows[0].Outcome != policy.Ambiguous {
		t.Errorf("processed %d times, rows %+v", n, rows)
	}
	stack.CloseIdleConnections()
}

// resetAll speaks just enough HTTP/2 to read requests to their end, and reset them.
func resetAll(conn net.Conn, processed *atomic.Int32) {
	defer conn.Close()
	io.ReadFull(conn, make([]byte, 24))           // the preface
	conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // SETTINGS
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		io.ReadFull(conn, make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2])))
		const data, settings, endStream, ack = 0, 4, 1, 1
		switch kind, flags := head[3], head[4]; {
		case kind == settings && flags&ack == 0:
			conn.Write([]byte{0, 0, 0, settings, ack, 0, 0, 0, 0})
		case kind == data && flags&endStream != 0:
			processed.Add(1)
			reset := []byte{0, 0, 4, 3, 0, head[5], head[6], head[7], head[8], 0, 0, 0, 0}
			binary.BigEndian.PutUint32(reset[9:], 1) // PROTOCOL_ERROR
			conn.Write(reset)
		}
	}
}

// A refusal counts when all of it has come: what is missing could say that waiting does not help.
func TestSlowRefusalIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &script{answers: []func(*http.Request) (*http.Response, error){func(*http.Request) (*http.Response, error) {
			r, w := io.Pipe()
			time.AfterFunc(3*time.Second, func() {
				io.WriteString(w, `{"error":{"code":"insufficient_quota"}}`)
				w.Close()
			})
			return &http.Response{StatusCode: 429, Header: http.Header{}, Body: r}, nil
		}}}
		stack := stackOver(t, base, policy.Policy{})
		got, err := askFor(t, t.Context(), stack, chatBody)
		if err != nil || !strings.Contains(got, "insufficient_quota") {
			t.Errorf("the caller got %q, %v", got, err)
		}
		if rows := stack.Rows(); len(base.bodies) != 1 || rows[0].Outcome != policy.Ambiguous {
			t.Errorf("sent %d times, %+v", len(base.bodies), rows)
		}
	})
}

// A model that refuses the tier is asked without one, which may cost more than the plan: the cost limit holds all the same.
func TestMaxCostHoldsWithoutTheTier(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){
		says(400, "application/json", `{"error":{"message":"no flex","param":"service_tier"}}`), says(200, "application/json", served),
	}}
	stack := stackOver(t, base, policy.Policy{Tier: policy.Flex})
	body := `{"max_tokens":1000,` + chatBody[1:]
	_, err := askFor(t, policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.0055"))), stack, body)
	var refusal *middleware.Error
	if !errors.As(err, &refusal) || !errors.Is(err, middleware.ErrCost) || refusal.Attempts != 1 {
		t.Errorf("%v", err)
	}
	if len(base.bodies) != 1 {
		t.Errorf("sent %d times", len(base.bodies))
	}
	if rows := stack.Rows(); len(rows) != 2 || rows[1].Outcome != policy.Refused || rows[1].Attempt != 2 {
		t.Errorf("%+v", rows)
	}
}

func TestFinishByInThePast(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, "application/json", served)}}
	stack := stackOver(t, base, policy.Policy{})
	_, err := askFor(t, policy.With(t.Context(), policy.FinishBy(time.Now().Add(-time.Hour))), stack, chatBody)
	if !errors.Is(err, middleware.ErrDeadline) || len(base.bodies) != 0 {
		t.Errorf("%v, sent %d times", err, len(base.bodies))
	}
}

func TestCachedContentWhereThereAreNoCaches(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, "application/json", served)}}
	stack := stackOver(t, base, policy.Policy{})
	_, err := askFor(t, policy.With(t.Context(), policy.CachedContent("cachedContents/x")), stack, chatBody)
	if !errors.Is(err, middleware.ErrPolicy) || len(base.bodies) != 0 {
		t.Errorf("%v, sent %d times", err, len(base.bodies))
	}
}

// Chunks that end between an event and its line end, read into one buffer.
func TestUsageIsReadBeforeTheBufferIsReused(t *testing.T) {
	event := `data: {"id":"right","model":"gpt-5","service_tier":"flex","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":2000,"total_tokens":3000}}`
	other := "\n\n: " + strings.Replace(event, "1000", "1   ", 1) + "\n\ndata: [DONE]\n\n"
	base := &script{answers: []func(*http.Request) (*http.Response, error){func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}},
			Body: io.NopCloser(io.MultiReader(strings.NewReader(event), strings.NewReader(other)))}, nil
	}}}
	stack := stackOver(t, base, policy.Policy{LeaveStreams: true})
	req, err := http.NewRequest(http.MethodPost, openaiURL, strings.NewReader(streamBody))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stack.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for err == nil {
		_, err = resp.Body.Read(buf)
	}
	row := stack.Rows()[0]
	if row.Usage.Input != 1000 || row.ResponseID != "right" || row.ServedTier != policy.Flex {
		t.Errorf("%+v", row)
	}
}

// Two ledgers, and retries: a row for each attempt in each.
func TestTwoLedgers(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){
		says(429, "application/json", `{"error":{"code":"slow_down"}}`), says(200, "application/json", served),
	}}
	a, b := ledger.NewMemory(0), ledger.NewMemory(0)
	rt := transport.Chain(base, middleware.Retry(policy.Policy{BackoffBase: 1, BackoffMax: 1}), middleware.Ledger(a), middleware.Ledger(b))
	if _, err := askFor(t, t.Context(), rt, chatBody); err != nil {
		t.Fatal(err)
	}
	if len(a.Rows()) != 2 || len(b.Rows()) != 2 {
		t.Errorf("%d and %d rows", len(a.Rows()), len(b.Rows()))
	}
}

// A chain beneath another chain is a mistake, which is refused; it leaves one row, and no attempt. The same stack lets a
// call pass: it was wrapped in itself.
func TestChainBeneathAChain(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, "application/json", served)}}
	inner := stackOver(t, base, policy.Policy{})
	pass := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) { return next.RoundTrip(req) })
	for name, beneath := range map[string]http.RoundTripper{
		"a stack":                       inner,
		"a link behind a foreign one":   transport.Chain(base, pass, middleware.Limit(policy.Limit{Concurrency: 1})),
		"a client of a stack":           transport.RoundTripperFunc(inner.Client().Transport.RoundTrip),
		"links that another chain made": transport.Chain(base, middleware.Retry(policy.Policy{})),
	} {
		t.Run(name, func(t *testing.T) {
			outer := stackOver(t, beneath, policy.Policy{})
			_, err := askFor(t, t.Context(), outer, chatBody)
			if !errors.Is(err, middleware.ErrPolicy) || !strings.Contains(err.Error(), "beneath another") {
				t.Fatal(err)
			}
			rows := outer.Rows()
			if len(rows) != 1 || rows[0].Outcome != policy.Refused || rows[0].Attempt != 0 || outer.Totals().Exposure.Sign() != 0 {
				t.Errorf("%+v", rows)
			}
		})
	}
	if len(base.bodies) != 0 {
		t.Errorf("sent %q", base.bodies)
	}
	twice := inner.Chain(transport.Chain(inner, pass))
	if _, err := askFor(t, t.Context(), twice, chatBody); err != nil {
		t.Fatal(err)
	}
	if rows := inner.Rows(); len(base.bodies) != 1 || len(rows) != 1 || rows[0].Outcome != policy.Billed {
		t.Errorf("sent %d times, %+v", len(base.bodies), rows)
	}
}

// A call made under the context of another's answer, and one that a base makes for itself, are calls of their own.
func TestContextsDoNotLeakCalls(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, "application/json", served)}}
	var inner context.Context
	remember := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		inner = req.Context()
		return base.RoundTrip(req)
	})
	stack := stackOver(t, remember, policy.Policy{})
	for _, body := range []string{`{"model":"gpt-5","n":1}`, `{"model":"gpt-5-mini","n":2}`} {
		ctx := t.Context()
		if inner != nil {
			ctx = inner
		}
		if _, err := askFor(t, ctx, stack, body); err != nil {
			t.Fatal(err)
		}
	}
	rows := stack.Rows()
	if base.bodies[1] != `{"model":"gpt-5-mini","n":2}` || len(rows) != 2 || rows[0].Call == rows[1].Call || rows[1].Attempt != 1 {
		t.Errorf("%q, %+v", base.bodies, rows)
	}
}

// The outermost policy rules what no link decides by its own; that of Identify rules everything.
func TestWhichPolicyCounts(t *testing.T) {
	stream := says(200, "text/event-stream", "data: [DONE]\n\n")
	base := &script{answers: []func(*http.Request) (*http.Response, error){stream}}
	rt := transport.Chain(base, middleware.Retry(policy.Policy{LeaveStreams: true}), middleware.Ledger(ledger.NewMemory(1)))
	if _, err := askFor(t, t.Context(), rt, streamBody); err != nil || base.bodies[0] != streamBody {
		t.Errorf("%v, sent %q", err, base.bodies)
	}
	refuses := &script{answers: []func(*http.Request) (*http.Response, error){says(429, "application/json", `{"error":{"code":"slow_down"}}`)}}
	rt = transport.Chain(refuses, middleware.Identify(policy.Policy{MaxAttempts: 1}), middleware.Retry(policy.Policy{}))
	if _, err := askFor(t, t.Context(), rt, chatBody); err != nil || len(refuses.bodies) != 1 {
		t.Errorf("%v, sent %d times", err, len(refuses.bodies))
	}
}

// What would be sent again just as it was refused is not, and what a model refuses is remembered.
func TestRefusedRequestsAreNotRepeated(t *testing.T) {
	refusesTier := says(400, "application/json", `{"error":{"message":"service_tier flex not available"}}`)
	base := &script{answers: []func(*http.Request) (*http.Response, error){refusesTier}}
	req, err := http.NewRequest(http.MethodPost, "https://api.deepseek.com/chat/completions", strings.NewReader(`{"model":"llama","service_tier":"flex"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stackOver(t, base, policy.Policy{Fallback: policy.Standard}).RoundTrip(req)
	if err != nil || resp.StatusCode != 400 || len(base.bodies) != 1 {
		t.Errorf("%v, sent %q", err, base.bodies)
	}

	refusesUsage := &script{}
	refusesUsage.answers = []func(*http.Request) (*http.Response, error){func(req *http.Request) (*http.Response, error) {
		if strings.Contains(refusesUsage.bodies[len(refusesUsage.bodies)-1], "include_usage") {
			return says(400, "application/json", `{"error":{"message":"unknown field stream_options"}}`)(req)
		}
		return says(200, "text/event-stream", "data: [DONE]\n\n")(req)
	}}
	stack := stackOver(t, refusesUsage, policy.Policy{})
	for range 2 {
		if _, err := askFor(t, t.Context(), stack, streamBody); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(refusesUsage.bodies); n != 3 {
		t.Errorf("two calls took %d requests, want 3", n)
	}
	own := strings.Replace(streamBody, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
	if _, err := askFor(t, t.Context(), stack, own); err != nil || len(refusesUsage.bodies) != 4 {
		t.Errorf("%v, %d requests", err, len(refusesUsage.bodies))
	}
}

func TestNilBodies(t *testing.T) {
	none := func(status int) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}}, nil
		}
	}
	base := &script{answers: []func(*http.Request) (*http.Response, error){none(429), none(200)}}
	stack := stackOver(t, base, policy.Policy{BackoffBase: 1, BackoffMax: 1})
	if _, err := askFor(t, t.Context(), stack, chatBody); err != nil || len(base.bodies) != 2 {
		t.Errorf("%v, sent %d times", err, len(base.bodies))
	}
}

// An upgraded connection is handed on as it is.
func TestUpgrade(t *testing.T) {
	body := &struct{ io.ReadWriteCloser }{}
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: http.Header{}, Body: body}, nil
	})
	stack := stackOver(t, base, policy.Policy{})
	resp, err := stack.RoundTrip(httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody)))
	if err != nil || resp.Body != io.ReadCloser(body) {
		t.Errorf("%v, body replaced", err)
	}
}

func TestBrokenGetBody(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, "application/json", served)}}
	stack := stackOver(t, base, policy.Policy{Tier: policy.Flex})
	req, err := http.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	start := time.Now()
	if _, err := stack.RoundTrip(req); !errors.Is(err, middleware.ErrBody) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Refused || len(base.bodies) != 0 {
		t.Errorf("%+v", rows)
	}
}

// A base that panics loses no permit, and its panic is the caller's.
func TestPanickingBase(t *testing.T) {
	panics := true
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		if panics {
			panic("base")
		}
		return says(200, "application/json", served)(req)
	})
	rt := transport.Chain(base, middleware.Limit(policy.Limit{Concurrency: 1}))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is lost")
			}
		}()
		askFor(t, t.Context(), rt, chatBody)
	}()
	panics = false
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := askFor(t, ctx, rt, chatBody); err != nil {
		t.Errorf("the permit is lost: %v", err)
	}
}

// A store that panics, and a watcher that ends its goroutine, hurt neither calls nor Close.
func TestPanickingStore(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, "application/json", served)}}
	seen := 0
	stack := stackOver(t, base, policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}},
		middleware.WithStore(storeFunc(func(ledger.Row) { panic("store") })),
		middleware.OnRow(func(ledger.Row) { seen++; runtime.Goexit() }))
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if _, err := askFor(t, ctx, stack, chatBody); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := stack.Close(ctx); err != nil || seen != 3 {
		t.Errorf("%v, %d rows seen", err, seen)
	}
}

type storeFunc func(ledger.Row)

func (f storeFunc) Add(r ledger.Row) { f(r) }

// A key that a foreign link adds does not reach the wire either.
func TestIdempotencyKeyOfAForeignLink(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, "application/json", served)}}
	adds := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("Idempotency-Key", "k")
		return next.RoundTrip(req)
	})
	stack := stackOver(t, base, policy.Policy{})
	for _, rt := range []http.RoundTripper{
		transport.Chain(base, adds, middleware.Retry(policy.Policy{})),
		stack.Chain(transport.Chain(stack, adds)),
	} {
		if _, err := askFor(t, t.Context(), rt, chatBody); err != nil {
			t.Fatal(err)
		}
	}
	if i := slices.IndexFunc(base.headers, func(h http.Header) bool { return h.Get("Idempotency-Key") != "" }); i >= 0 {
		t.Errorf("request %d carries a key", i)
	}
}

// A stream that says nothing of its type is read as one, and what we asked for is hidden.
func TestStreamOfPlainText(t *testing.T) {
	stream := fmt.Sprintf("data: {\"choices\":[{}]}\n\ndata: %s\n\ndata: [DONE]\n\n", strings.Replace(served, "[{}]", "[]", 1))
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, "text/plain; charset=utf-8", stream)}}
	stack := stackOver(t, base, policy.Policy{})
	got, err := askFor(t, t.Context(), stack, streamBody)
	if err != nil || strings.Contains(got, "usage") || !strings.Contains(got, "[DONE]") {
		t.Errorf("%q, %v", got, err)
	}
	if row := stack.Rows()[0]; row.UsageSource != ledger.Measured {
		t.Errorf("%+v", row)
	}
}

// Wrap keeps the stack's base for a client that has no transport of its own.
func TestWrapKeepsTheBase(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, "application/json", served)}}
	hc := stackOver(t, base, policy.Policy{}).Wrap(&http.Client{Timeout: time.Minute})
	resp, err := hc.Post(openaiURL, "application/json", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(base.bodies) != 1 {
		t.Error("the base was not asked")
	}
}

// Every idle connection has been closed by the server: net/http finds that out one by one, before it writes anything,
// and the call is served on a new one, in one attempt.
func TestStaleConnections(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, served)
	}))
	var conns []net.Conn
	var mu sync.Mutex
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			conns = append(conns, c)
		}
	}
	server.Start()
	defer server.Close()
	base := transport.Base()
	defer base.CloseIdleConnections()
	stack := stackOver(t, base, policy.Policy{})
	var all sync.WaitGroup
	call := func() {
		req, err := http.NewRequest(http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(chatBody))
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := stack.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	for range 8 {
		all.Go(call)
	}
	all.Wait()
	mu.Lock()
	for _, c := range conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	mu.Unlock()
	call()
	for _, row := range stack.Rows() {
		if row.Outcome != policy.Billed || row.Attempt != 1 {
			t.Errorf("%+v", row)
		}
	}
}

// Only the tier that was refused is remembered.
func TestRefusedTierIsTheOneRemembered(t *testing.T) {
	base := &script{answers: []func(*http.Request) (*http.Response, error){
		says(400, "application/json", `{"error":{"param":"service_tier"}}`), says(200, "application/json", served),
	}}
	p := flexFirst
	p.FlexMinimum = time.Nanosecond
	p.Limits = []policy.Limit{{RequestsPerMinute: 1, Burst: 1}}
	synctest.Test(t, func(t *testing.T) {
		stack := stackOver(t, base, p)
		soon := policy.With(t.Context(), policy.FinishBy(time.Now().Add(10*time.Second)))
		if _, err := askFor(t, soon, stack, chatBody); !errors.Is(err, middleware.ErrLimit) {
			t.Fatalf("%v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := askFor(t, t.Context(), stack, chatBody); err != nil || !strings.Contains(base.bodies[len(base.bodies)-1], `"default"`) {
			t.Errorf("%v, sent %q", err, base.bodies)
		}
		stack.Close(context.Background())
	})
}

// An answer that calls its model by the deployment's name is priced by WithDeployments.
func TestDeploymentNamedInTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := llmtest.NewPipe(llmtest.Config{})
		defer server.Close()
		catalog, err := price.Parse("test", strings.NewReader(`{"providers":{"azure":{"models":{"gpt-5":{"periods":[{"source":"test","tiers":{
			"standard":[{"usd_per_million":{"input":"1.25","output":"10"}}]}}]}}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		stack, err := middleware.New(middleware.WithBase(server.Transport()), middleware.WithCatalog(catalog),
			middleware.WithDeployments(map[string]string{"house": "gpt-5"}))
		if err != nil {
			t.Fatal(err)
		}
		defer stack.Close(context.Background())
		resp, err := stack.Client().Post("https://mine.openai.azure.com/openai/deployments/house/chat/completions?api-version=2025-01-01-preview",
			"application/json", strings.NewReader(`{"messages":[{"role":"user","content":"Who?"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if r := stack.Rows()[0]; !r.Cost.Known {
			t.Errorf("model %q, served %q: %s", r.Model, r.ServedModel, r.Unpriced)
		}
	})
}
