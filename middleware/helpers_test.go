package middleware_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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

// A world is a stack over a simulated provider, in a bubble with a clock of its own.
type world struct {
	*testing.T
	provider *llmtest.Server
	stack    *middleware.Stack
	client   *http.Client
}

// inWorld runs f in a bubble: waits take no real time, and a goroutine that is left over fails the test.
func inWorld(t *testing.T, cfg llmtest.Config, p policy.Policy, f func(w *world), options ...middleware.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		provider := llmtest.NewPipe(cfg)
		defer provider.Close()
		stack, err := middleware.New(append([]middleware.Option{middleware.WithPolicy(p), middleware.WithBase(provider.Transport())}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		f(&world{t, provider, stack, stack.Client()})
		checkRows(t, stack.Rows())
		if err := stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// request returns a chat's request with a key.
func (w *world) request(ctx context.Context, body string) *http.Request {
	w.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.provider.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk-secret")
	return req
}

// call makes a call and returns its status (0 if it failed), its answer and its error.
func (w *world) call(ctx context.Context, body string) (status int, answer string, err error) {
	w.Helper()
	resp, err := w.client.Do(w.request(ctx, body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(got), err
}

// rows returns the rows in short: "1 flex rejected documented capacity".
func (w *world) rows() (short []string) {
	for _, r := range w.stack.Rows() {
		short = append(short, strings.Join(strings.Fields(fmt.Sprint(r.Attempt, " ", r.AskedTier, " ", r.Outcome, " ", r.Evidence, " ", r.Reason)), " "))
	}
	return short
}

// wantRows compares what rows returns.
func (w *world) wantRows(want ...string) {
	w.Helper()
	if got := w.rows(); !slices.Equal(got, want) {
		w.Errorf("rows\n%q, want\n%q", got, want)
	}
}

// wantBilled compares how many generations the provider has billed.
func (w *world) wantBilled(n int) {
	w.Helper()
	if got := len(w.provider.Meter()); got != n {
		w.Errorf("%d generations billed, want %d", got, n)
	}
}

// balance checks that the ledger's measured rows are the meter's generations, count for count.
func (w *world) balance() {
	w.Helper()
	measured := map[string]price.Usage{}
	for _, r := range w.stack.Rows() {
		if r.UsageSource == ledger.Measured {
			measured[r.ResponseID] = r.Usage
		}
	}
	for _, g := range w.provider.Meter() {
		u, ok := measured[g.ID]
		if ok && (u.Input != g.Prompt-g.Cached || u.CachedInput != g.Cached || u.Output != g.Completion || u.Reasoning != g.Reasoning) {
			w.Errorf("the meter has %+v, the ledger %+v", g, u)
		}
		delete(measured, g.ID)
	}
	if len(measured) > 0 {
		w.Errorf("rows for usage that was never billed: %v", measured)
	}
}

// bounded checks 0 <= meter <= cost + exposure, by the catalog's own prices.
func (w *world) bounded() {
	w.Helper()
	var meter price.Sum
	for _, g := range w.provider.Meter() {
		tier := g.Tier
		if tier == "default" {
			tier = "standard"
		}
		cost, err := price.Embedded().Cost(price.Query{Provider: "openai", Model: g.Model, Tier: tier, At: g.At},
			price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion})
		if err != nil {
			w.Fatal(err)
		}
		meter.Add(cost.Cost)
	}
	totals := w.stack.Totals()
	sum := totals.Cost
	sum.AddSum(totals.Exposure)
	if totals.Cost.Cmp(meter) > 0 || sum.Cmp(meter) < 0 {
		w.Errorf("the meter says %v, the ledger %v and %v exposed", meter, totals.Cost, totals.Exposure)
	}
}

// flexFirst asks for flex, and falls back to standard.
var flexFirst = policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}

// Bodies of chats, and an answer to them of 10 tokens in and 20 out.
const (
	chatBody    = `{"model":"gpt-5","messages":[{"role":"user","content":"Who saves?"}]}`
	streamBody  = `{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"Who streams?"}]}`
	boundedBody = `{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":"Who saves?"}]}`
	served      = `{"id":"c","model":"gpt-5","service_tier":"default","choices":[{}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}`
)

// Where calls go, and what Gemini answers.
const (
	openaiURL     = "https://api.openai.com/v1/chat/completions"
	responsesURL  = "https://api.openai.com/v1/responses"
	geminiURL     = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
	geminiFaceURL = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"
	vertexURL     = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent"
	vertexFaceURL = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions"
	vertexCache   = "projects/p/locations/global/cachedContents/abc"
	geminiServed  = `{"modelVersion":"gemini-2.5-flash","responseId":"r","candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":20,"totalTokenCount":30}}`
)

// stackOver returns a stack over a base.
func stackOver(t testing.TB, base http.RoundTripper, p policy.Policy, options ...middleware.Option) *middleware.Stack {
	t.Helper()
	stack, err := middleware.New(append([]middleware.Option{middleware.WithBase(base), middleware.WithPolicy(p)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checkRows(t, stack.Rows()) })
	return stack
}

// checkRows checks what holds for the rows of any test: none is silent about a cost that is not known.
func checkRows(t testing.TB, rows []ledger.Row) {
	t.Helper()
	for _, r := range rows {
		bounded := r.Exposure.Known || strings.Contains(r.Unpriced, "has no bound") || r.Outcome == policy.Storage
		switch {
		case r.Cost.Known == (r.Unpriced != ""):
			t.Errorf("the cost is %s, and unpriced says %q: %+v", r.Cost, r.Unpriced, r)
		case (r.Unpriced != "" || r.UsageSource == ledger.Estimated) && !bounded:
			t.Errorf("what it may cost in addition is not said: %+v", r)
		case r.Exposure.Pico < 0 || r.Cost.Pico < 0 && r.Outcome != policy.Storage:
			t.Errorf("an amount is negative: %+v", r)
		}
		switch r.Outcome {
		case policy.NotSent, policy.Rejected, policy.Refused:
			if r.Cost != ledger.Known(0) || r.Exposure.Known && r.WireTries < 2 || r.UsageSource != ledger.None {
				t.Errorf("it was free: %+v", r)
			}
		case policy.Ambiguous:
			if r.Unpriced == "" && r.PriceID != ledger.BillPriceID && r.UsageSource != ledger.None {
				t.Errorf("it may have been billed: %+v", r)
			}
		}
	}
}

// An answerFunc answers a request, as a base does.
type answerFunc = func(*http.Request) (*http.Response, error)

// A script is a base that answers requests in turn, the last answer again and again. It records their bodies and
// headers.
type script struct {
	answers []answerFunc
	bodies  []string
	headers []http.Header
}

// newScript returns a script of at least one answer.
func newScript(answers ...answerFunc) *script { return &script{answers: answers} }

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	req.Body.Close()
	n := len(s.bodies)
	s.bodies, s.headers = append(s.bodies, string(body)), append(s.headers, req.Header)
	return s.answers[min(n, len(s.answers)-1)](req)
}

// says answers with a status and a body.
func says(status int, contentType, body string) answerFunc {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// An api is a base that answers by method and URL. It records what it was sent, and can be changed while it is used.
type api struct {
	mu      sync.Mutex
	answers map[string]answerFunc
	sent    []string // "POST https://... {body}"
	headers []http.Header
}

// newAPI returns an api without answers.
func newAPI() *api { return &api{answers: map[string]answerFunc{}} }

// on sets the answer to a request, such as "GET https://api.openai.com/v1/models".
func (a *api) on(request string, answer answerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[request] = answer
}

func (a *api) RoundTrip(req *http.Request) (*http.Response, error) {
	request := req.Method + " " + req.URL.String()
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	a.mu.Lock()
	a.sent, a.headers = append(a.sent, strings.TrimSpace(request+" "+string(body))), append(a.headers, req.Header)
	answer := a.answers[request]
	a.mu.Unlock()
	if answer == nil {
		return nil, errors.New("nothing answers " + request)
	}
	return answer(req)
}

// answering returns a base that answers every chat, with 10 tokens in and 5 out.
func answering() http.RoundTripper {
	return transport.RoundTripperFunc(says(200, jsonType,
		`{"id":"c","model":"gpt-5","service_tier":"default","choices":[{}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`))
}

// do makes a request, and returns its answer's body.
func do(t *testing.T, ctx context.Context, rt http.RoundTripper, method, url, body string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
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

// mustDo is do, and fails the test on an error.
func mustDo(t *testing.T, rt http.RoundTripper, method, url, body string) string {
	t.Helper()
	got, err := do(t, t.Context(), rt, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// chat sends a chat's body through rt to OpenAI and returns the answer's body.
func chat(t *testing.T, ctx context.Context, rt http.RoundTripper, body string) (string, error) {
	t.Helper()
	return do(t, ctx, rt, http.MethodPost, openaiURL, body)
}

// send sends a call through rt and returns its status.
func send(t *testing.T, rt http.RoundTripper, url string, options ...policy.Option) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(policy.With(t.Context(), options...), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// callWith sends a body to a URL through the zero policy. All attempts get the same answer. It returns how many there
// were, and the last row.
func callWith(t *testing.T, url, body string, answer answerFunc) (sent int, row ledger.Row) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		base := newScript(answer)
		stack := stackOver(t, base, policy.Policy{})
		resp, err := stack.Client().Post(url, jsonType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		drain(resp)
		rows := stack.Rows()
		if len(rows) == 0 {
			t.Fatalf("%s left no row", url)
		}
		sent, row = len(base.bodies), rows[len(rows)-1]
	})
	return sent, row
}

// http2Server knows just enough HTTP/2 to answer the first requests on a listener, as many as warm, and to read later
// ones and reset their streams with PROTOCOL_ERROR.
func http2Server(l net.Listener, processed *atomic.Int32, warm int32) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReader(c)
			io.ReadFull(r, make([]byte, 24))
			frame := func(kind, flags byte, id uint32, p []byte) {
				h := []byte{byte(len(p) >> 16), byte(len(p) >> 8), byte(len(p)), kind, flags, 0, 0, 0, 0}
				binary.BigEndian.PutUint32(h[5:], id)
				c.Write(append(h, p...))
			}
			frame(4, 0, 0, nil)
			for {
				var h [9]byte
				if _, err := io.ReadFull(r, h[:]); err != nil {
					return
				}
				p := make([]byte, int(h[0])<<16|int(h[1])<<8|int(h[2]))
				io.ReadFull(r, p)
				id := binary.BigEndian.Uint32(h[5:])
				switch {
				case h[3] == 4 && h[4]&1 == 0:
					frame(4, 1, 0, nil)
				case h[3] == 6 && h[4]&1 == 0:
					frame(6, 1, 0, p)
				case (h[3] == 0 || h[3] == 1) && h[4]&1 != 0: // END_STREAM
					if processed.Add(1) <= warm {
						frame(1, 4, id, []byte{0x88})
						frame(0, 1, id, []byte(served))
					} else {
						frame(3, 0, id, []byte{0, 0, 0, 1})
					}
				}
			}
		}()
	}
}

// unencryptedHTTP2 returns a transport that uses HTTP/2 without TLS.
func unencryptedHTTP2() *http.Transport {
	base := &http.Transport{Protocols: new(http.Protocols)}
	base.Protocols.SetUnencryptedHTTP2(true)
	return base
}

// An sdkCall is the result of a call by an SDK.
type sdkCall struct {
	tries  int
	status int
	header http.Header
	body   string
	err    error
}

// callAsStainless makes a call as the SDKs made by Stainless do. They send it again after any error, after 408, 409,
// 429 and 5xx unless x-should-retry says otherwise, and after an answer whose body is cut.
func callAsStainless(t *testing.T, w *world, hc *http.Client, retries int) (out sdkCall) {
	for n := 0; n <= retries; n++ {
		req := w.request(t.Context(), chatBody)
		req.Header.Set("X-Stainless-Lang", "go")
		req.Header.Set("X-Stainless-Retry-Count", fmt.Sprint(n))
		out.tries++
		var resp *http.Response
		resp, out.err = hc.Do(req)
		again := out.err != nil
		if out.err == nil {
			var body []byte
			body, out.err = io.ReadAll(resp.Body)
			resp.Body.Close()
			out.status, out.header, out.body = resp.StatusCode, resp.Header, string(body)
			switch resp.Header.Get("X-Should-Retry") {
			case "true":
				again = true
			case "false":
			default:
				again = out.err != nil || out.status == 408 || out.status == 409 || out.status == 429 || out.status >= 500
			}
		}
		if !again {
			return out
		}
		time.Sleep(time.Second)
	}
	return out
}

// catalogOf parses a catalog of one provider's models.
func catalogOf(t *testing.T, provider, models string) *price.Catalog {
	t.Helper()
	c, err := price.Parse("test", strings.NewReader(`{"providers":{"`+provider+`":{"models":{`+models+`}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// foreignLink is a link of another library that passes every request on.
var foreignLink = transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	return next.RoundTrip(req)
})

// drain reads a response to its end and closes it.
func drain(resp *http.Response) {
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}
