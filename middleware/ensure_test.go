package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// book is a text of about 8,000 tokens.
var book = strings.Repeat("Light is refracted, and colours differ in degrees of refrangibility. ", 500)

const (
	cacheModel = "gemini-2.5-flash"
	geminiKey  = "AIza-secret"
)

// library is content to register: a system instruction and a book.
func library() cachedcontent.Content {
	return cachedcontent.Content{
		Model: cacheModel, TTL: 10 * time.Minute,
		System: []cachedcontent.Part{cachedcontent.Text("Answer from the book.")},
		Turns:  []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book))},
	}
}

// asking is a request that begins with library, and asks a question.
func asking(question string) string {
	b, _ := json.Marshal(map[string]any{
		"systemInstruction": map[string]any{"parts": []any{map[string]any{"text": "Answer from the book."}}},
		"contents": []any{
			map[string]any{"role": "user", "parts": []any{map[string]any{"text": book}}},
			map[string]any{"role": "user", "parts": []any{map[string]any{"text": question}}},
		},
	})
	return string(b)
}

// gemini makes a call of the Gemini API, and returns its status.
func (w *world) gemini(ctx context.Context, body string) int {
	w.Helper()
	return w.post(ctx, geminiURL, body)
}

// post makes a call with Google's key, and returns its status; 0 if it failed.
func (w *world) post(ctx context.Context, url, body string) int {
	w.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("X-Goog-Api-Key", geminiKey)
	if strings.Contains(url, "/openai/") {
		req.Header = http.Header{"Authorization": {"Bearer " + geminiKey}}
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.Log(err)
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		w.Error(err)
	}
	return resp.StatusCode
}

// caches returns a client for context caches.
func (w *world) caches() *cachedcontent.Client {
	w.Helper()
	c, err := cachedcontent.NewGemini(w.client, geminiKey)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// ensure registers content.
func (w *world) ensure(content cachedcontent.Content) *middleware.CacheHandle {
	w.Helper()
	h, err := w.stack.Ensure(w.Context(), w.caches(), content)
	if err != nil {
		w.Fatal(err)
	}
	return h
}

// wantLedger checks that the ledger agrees with the meter about tokens and with the simulator about storage, now that all
// caches are over.
func (w *world) wantLedger() {
	w.Helper()
	synctest.Wait()
	now := time.Now()
	var cost, storage price.Sum
	for _, g := range w.provider.Meter() {
		c, err := price.Embedded().Cost(price.Query{Provider: "gemini", Model: g.Model, Tier: "standard", At: g.At},
			price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning})
		if err != nil {
			w.Fatal(err)
		}
		cost.Add(c.Cost)
	}
	for _, c := range w.provider.Caches() {
		s, err := price.Embedded().Storage(price.Query{Provider: "gemini", Model: c.Model, At: c.Created}, c.Tokens, c.Created, c.Created.Add(c.Stored(now)))
		if err != nil {
			w.Fatal(err)
		}
		storage.Add(s.Cost)
		if c.Alive(now) {
			w.Errorf("%s is still alive", c.Name)
		}
	}
	if got := w.stack.Totals(); got.Cost != cost || got.Storage != storage {
		w.Errorf("the ledger says $%v, storage $%v; the meter $%v, storage $%v", got.Cost, got.Storage, cost, storage)
	}
}

func TestEnsure(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		h := w.ensure(library())
		if h.Name() == "" || h.Tokens() < 5000 {
			w.Fatalf("%q of %d tokens", h.Name(), h.Tokens())
		}
		for n := range 20 {
			if status := w.gemini(w.Context(), asking(fmt.Sprintf("Question %d?", n))); status != 200 {
				w.Fatalf("call %d: %d", n, status)
			}
			time.Sleep(40 * time.Second) // longer than the cache lives without renewal
		}
		if h.Uses() != 20 {
			w.Errorf("%d uses", h.Uses())
		}
		if n := len(w.provider.Caches()); n != 1 {
			w.Errorf("%d caches", n)
		}
		for _, g := range w.provider.Meter()[1:] {
			if g.Cached != h.Tokens() || g.Prompt-g.Cached > 50 {
				w.Errorf("%d of %d tokens from the cache, which has %d", g.Cached, g.Prompt, h.Tokens())
			}
		}
		if err := h.Close(w.Context()); err != nil {
			w.Error(err)
		}
		w.wantLedger()
		if totals := w.stack.Totals(); totals.Saved.Cmp(price.Sum{}) <= 0 {
			w.Errorf("saved $%v", totals.Saved)
		}
	})
}

// A thousand callers of the same new content make one cache.
func TestEnsureOnce(t *testing.T) {
	inWorld(t, llmtest.Config{Latency: time.Second}, policy.Policy{}, func(w *world) {
		client := w.caches()
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if _, err := w.stack.Ensure(w.Context(), client, library()); err != nil {
					w.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(w.provider.Caches()); n != 1 {
			w.Errorf("%d caches", n)
		}
	})
}

// No call fails because a cache died, and the next ones use a new one.
func TestDeadCache(t *testing.T) {
	for _, create := range []policy.CacheTiming{policy.CacheBefore, policy.CacheBeside} {
		t.Run(string(create), func(t *testing.T) {
			p := policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: create}, MaxAttempts: 1}
			inWorld(t, llmtest.Config{}, p, func(w *world) {
				h := w.ensure(library())
				dead := h.Name()
				w.provider.KillCache(dead)
				for range 3 {
					if status := w.gemini(w.Context(), asking("Why?")); status != 200 {
						w.Fatal(status)
					}
					synctest.Wait()
				}
				named := 0
				for _, r := range w.provider.Requests() {
					if strings.Contains(string(r.Body), dead) {
						named++
					}
				}
				if named != 1 {
					w.Errorf("the dead cache was named %d times", named)
				}
				if h.Name() == dead || h.Name() == "" {
					w.Errorf("the cache is %q", h.Name())
				}
				if last := w.provider.Meter()[len(w.provider.Meter())-1]; last.Cached == 0 {
					w.Error("the last call did not use a cache")
				}
				w.stack.Close(w.Context())
				w.wantLedger()
			})
		})
	}
}

// A request that differs from the content is left alone, and the handle says in what it differs.
func TestMismatch(t *testing.T) {
	tests := map[string]struct{ change, to, want string }{
		"system":      {"Answer from the book.", "Answer from the books.", "system instruction (element 1 of the request) differs: 22 bytes of text in the request, 21 in the content"},
		"first line":  {book[:20], "Something else.", "differs"},
		"no system":   {`"systemInstruction"`, `"labels"`, "the request has no system instruction, and the content has"},
		"no question": {`,{"parts":[{"text":"Why?"}],"role":"user"}`, ``, "the request must go on after the content with a turn of the user"},
		"tools":       {`"systemInstruction"`, `"tools":[{"functionDeclarations":[{"name":"f"}]}],"systemInstruction"`, "the request has tools, and the content has none"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
				h := w.ensure(library())
				body := asking("Why?")
				changed := strings.Replace(body, test.change, test.to, 1)
				if changed == body {
					w.Fatal("nothing was changed")
				}
				w.gemini(w.Context(), changed)
				req, _ := http.NewRequest(http.MethodPost, geminiURL, strings.NewReader(changed))
				req.Header.Set("X-Goog-Api-Key", geminiKey)
				why, err := h.Why(req)
				if err != nil || !strings.Contains(why, test.want) {
					w.Errorf("why: %q, %v", why, err)
				}
				requests := w.provider.Requests()
				if got := string(requests[len(requests)-1].Body); got != changed {
					w.Error("the request was changed")
				}
				if h.Uses() != 0 {
					w.Errorf("%d uses", h.Uses())
				}
			})
		})
	}
}

// What Ensure refuses has no cache, and leaves calls as they are.
func TestEnsureRefuses(t *testing.T) {
	tests := map[string]struct {
		cfg    llmtest.Config
		policy policy.Policy
		change func(*cachedcontent.Content)
		want   string
	}{
		"cap":       {llmtest.Config{}, policy.Policy{Cache: policy.Cache{MaxCost: price.USD / 1000}}, nil, "max_cost is $0.001"},
		"an hour":   {llmtest.Config{}, policy.Policy{Cache: policy.Cache{MaxCostPerHour: price.USD / 1000}}, nil, "max_cost_per_hour, $0.001"},
		"too small": {llmtest.Config{MinCacheTokens: 100_000}, policy.Policy{}, nil, "the least is 100000 tokens"},
		"ttl":       {llmtest.Config{}, policy.Policy{}, func(c *cachedcontent.Content) { c.TTL = -time.Second }, "TTL"},
		"no model":  {llmtest.Config{}, policy.Policy{}, func(c *cachedcontent.Content) { c.Model = "" }, "Model"},
		"gemini 4":  {llmtest.Config{}, policy.Policy{}, func(c *cachedcontent.Content) { c.Model = "gemini-4-argon" }, "no explicit caching"},
		"past":      {llmtest.Config{}, policy.Policy{}, func(c *cachedcontent.Content) { c.TTL, c.ExpireTime = 0, time.Now().Add(-time.Second) }, "ExpireTime"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, test.cfg, test.policy, func(w *world) {
				content := library()
				if test.change != nil {
					test.change(&content)
				}
				h, err := w.stack.Ensure(w.Context(), w.caches(), content)
				if err == nil || !strings.Contains(err.Error(), test.want) {
					w.Fatalf("%v, %v", h, err)
				}
				if len(w.provider.Caches()) != 0 {
					w.Error("there is a cache")
				}
				if status := w.gemini(w.Context(), asking("Why?")); status != 200 {
					w.Error(status)
				}
			})
		})
	}
}

// After Close there is no cache, whatever was under way.
func TestCloseDeletesCaches(t *testing.T) {
	inWorld(t, llmtest.Config{Latency: 5 * time.Second}, policy.Policy{}, func(w *world) {
		w.ensure(library())
		other := library()
		other.System[0].Text = "Another."
		ctx, cancel := context.WithCancelCause(w.Context())
		go func() {
			time.Sleep(time.Second)
			cancel(errors.New("the user left"))
		}()
		if _, err := w.stack.Ensure(ctx, w.caches(), other); err == nil || !strings.Contains(err.Error(), "the user left") {
			w.Errorf("%v", err)
		}
		if err := w.stack.Close(w.Context()); err != nil {
			w.Error(err)
		}
		for _, c := range w.provider.Caches() {
			if c.Alive(time.Now()) {
				w.Errorf("%s is still alive", c.Name)
			}
		}
		if n := len(w.provider.Caches()); n != 2 {
			w.Errorf("%d caches", n)
		}
		if _, err := w.stack.Ensure(w.Context(), w.caches(), library()); err == nil {
			w.Error("a closed stack creates a cache")
		}
	})
}

// A cache has a row for its creation and one for its storage, with the tags of what caused it.
func TestCacheRows(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		ctx := policy.With(w.Context(), policy.Tag("job", "nightly"))
		if _, err := w.stack.Ensure(ctx, w.caches(), library()); err != nil {
			w.Fatal(err)
		}
		w.gemini(ctx, asking("Why?"))
		rows := w.stack.Rows()
		if len(rows) != 3 {
			w.Fatalf("%d rows", len(rows))
		}
		create, storage, call := rows[0], rows[1], rows[2]
		if create.Operation != wire.CreateCache || create.Tags["job"] != "nightly" || !create.Cost.Known {
			w.Errorf("%+v", create)
		}
		if storage.Outcome != policy.Storage || storage.Parent != create.Call || storage.Tags["job"] != "nightly" || storage.UsageSource != ledger.Estimated {
			w.Errorf("%+v", storage)
		}
		if call.Cache == "" || !call.Explicit.Known {
			w.Errorf("%+v", call)
		}
	})
}

// A host is the same in another spelling, and a cache of one host is of no use to calls of another.
func TestCacheIsOfTheHost(t *testing.T) {
	const google = "generativelanguage.googleapis.com"
	for host, same := range map[string]bool{
		google + ":443": true, "GenerativeLanguage.googleapis.com": true, "GENERATIVELANGUAGE.GOOGLEAPIS.COM:443": true,
		google + ":444": false, "gateway.example": false,
	} {
		t.Run(host, func(t *testing.T) {
			inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
				h := w.ensure(library())
				url := strings.Replace(geminiURL, google, host, 1)
				if status := w.post(w.Context(), url, asking("Why?")); status != 200 {
					w.Fatal(status)
				}
				req, _ := http.NewRequest(http.MethodPost, url, strings.NewReader(asking("Why?")))
				req.Header.Set("X-Goog-Api-Key", geminiKey)
				why, err := h.Why(req)
				if err != nil {
					w.Error(err)
				}
				if (h.Uses() == 1) != same || (why == "") != same {
					w.Errorf("%d uses, why: %q", h.Uses(), why)
				}
			})
		})
	}
}

// A cache whose creation was not answered is found, used and deleted.
func TestOrphan(t *testing.T) {
	faults := llmtest.ScriptFunc(func(n int) llmtest.Fault {
		if n == 0 {
			return llmtest.ResetAfterAccept
		}
		return llmtest.NoFault
	})
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{}, func(w *world) {
		w.provider.NewCache(cacheModel, 5000, time.Hour)
		h := w.ensure(library())
		if h.Name() == "" || h.Tokens() == 0 {
			w.Fatalf("%q of %d tokens", h.Name(), h.Tokens())
		}
		if err := h.Close(w.Context()); err != nil {
			w.Error(err)
		}
		for i, c := range w.provider.Caches() {
			if i > 0 && c.Alive(time.Now()) {
				w.Errorf("%s is still alive", c.Name)
			}
		}
		if rows := w.stack.Rows(); rows[0].Outcome != policy.Ambiguous || !rows[0].Exposure.Known {
			w.Errorf("%+v", rows[0])
		}
	})
}

func TestExplainCache(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		h := w.ensure(library())
		for body, want := range map[string]string{
			asking("Why?"): h.Name() + ", of ",
			strings.Replace(asking("Why?"), "Answer from", "Reply from", 1): "none: system instruction",
		} {
			req, _ := http.NewRequestWithContext(w.Context(), http.MethodPost, geminiURL, strings.NewReader(body))
			req.Header.Set("X-Goog-Api-Key", geminiKey)
			e, err := w.stack.Explain(req)
			if err != nil || !strings.HasPrefix(e.Cache, want) {
				w.Errorf("%q, %v, want %q", e.Cache, err, want)
			}
		}
	})
}

// The handle says what keeps a request from the cache besides its content.
func TestWhyNotTheCache(t *testing.T) {
	const other = "gemini-2.5-pro"
	chat := fmt.Sprintf(`{"model":"MODEL","messages":[{"role":"system","content":"Answer from the book."},{"role":"user","content":%q},{"role":"user","content":"Why?"}]}`, book)
	named := strings.Replace(asking("Why?"), "{", `{"cachedContent":"cachedContents/mine",`, 1)
	compatible := policy.Policy{Cache: policy.Cache{Compatible: true}}
	for name, test := range map[string]struct {
		policy    policy.Policy
		url, body string
		with      []policy.Option
		want      string
	}{
		"used":           {policy.Policy{}, geminiURL, asking("Why?"), nil, ""},
		"used in a chat": {compatible, geminiFaceURL, strings.Replace(chat, "MODEL", cacheModel, 1), nil, ""},
		"models/":        {compatible, geminiFaceURL, strings.Replace(chat, "MODEL", "models/"+cacheModel, 1), nil, ""},
		"not compatible": {policy.Policy{}, geminiFaceURL, strings.Replace(chat, "MODEL", cacheModel, 1), nil, "Compatible"},
		"another model":  {compatible, geminiFaceURL, strings.Replace(chat, "MODEL", other, 1), nil, "for " + other},
		"in the path":    {policy.Policy{}, strings.Replace(geminiURL, cacheModel, other, 1), asking("Why?"), nil, "for " + other},
		"named":          {policy.Policy{}, geminiURL, named, nil, "names a context cache itself"},
		"by the context": {policy.Policy{}, geminiURL, asking("Why?"), []policy.Option{policy.CachedContent("cachedContents/mine")}, "names a context cache itself"},
		"no cache":       {policy.Policy{}, geminiURL, asking("Why?"), []policy.Option{policy.NoCache()}, "NoCache"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, llmtest.Config{}, test.policy, func(w *world) {
				h := w.ensure(library())
				ctx := policy.With(w.Context(), test.with...)
				req, _ := http.NewRequestWithContext(ctx, http.MethodPost, test.url, strings.NewReader(test.body))
				req.Header.Set("X-Goog-Api-Key", geminiKey)
				if test.url == geminiFaceURL {
					req.Header = http.Header{"Authorization": {"Bearer " + geminiKey}}
				}
				why, err := h.Why(req)
				if err != nil || (test.want == "") != (why == "") || !strings.Contains(why, test.want) {
					w.Errorf("why: %q, %v; want %q", why, err, test.want)
				}
				w.post(ctx, test.url, test.body)
				if (h.Uses() == 1) != (test.want == "") {
					w.Errorf("%d uses", h.Uses())
				}
			})
		})
	}
}

// A cache whose time to live is shorter than the time between calls is created ever more seldom.
func TestCacheThatDoesNotPay(t *testing.T) {
	for _, create := range []policy.CacheTiming{policy.CacheBefore, policy.CacheBeside} {
		inWorld(t, llmtest.Config{}, policy.Policy{Cache: policy.Cache{Create: create}}, func(w *world) {
			content := library()
			content.TTL = 20 * time.Second
			h := w.ensure(content)
			said := 0
			for range 100 {
				time.Sleep(time.Minute)
				if status := w.gemini(w.Context(), asking("Why?")); status != 200 {
					w.Fatal(status)
				}
				synctest.Wait()
			}
			for _, r := range w.stack.Rows() {
				if strings.Contains(r.Skipped, "expired before another call used it") {
					said++
				}
			}
			if n := len(w.provider.Caches()); n > 8 || said < 90 {
				w.Errorf("create %s: %d caches for 100 calls, %d rows say why there is none", create, n, said)
			}
			// When calls come more often, it is used again.
			before := h.Uses()
			for range 200 {
				time.Sleep(time.Second)
				w.gemini(w.Context(), asking("Why?"))
			}
			if n := h.Uses() - before; n < 100 {
				w.Errorf("create %s: %d of 200 calls use the cache", create, n)
			}
		})
	}
}

// An error of Ensure can be examined: the provider's, and ours about a cap.
func TestEnsureErrors(t *testing.T) {
	inWorld(t, llmtest.Config{MinCacheTokens: 100_000}, policy.Policy{}, func(w *world) {
		_, err := w.stack.Ensure(w.Context(), w.caches(), library())
		var rejected *cachedcontent.Error
		if !errors.As(err, &rejected) || rejected.Kind != cachedcontent.TooSmall || rejected.Minimum != 100_000 || rejected.Status != 400 {
			w.Errorf("%v: %+v", err, rejected)
		}
	})
	inWorld(t, llmtest.Config{FreeTier: true}, policy.Policy{}, func(w *world) {
		_, err := w.stack.Ensure(w.Context(), w.caches(), library())
		if cachedcontent.KindOf(err) != cachedcontent.FreeTier {
			w.Error(err)
		}
	})
	inWorld(t, llmtest.Config{}, policy.Policy{Cache: policy.Cache{MaxCost: price.USD / 1000}}, func(w *world) {
		if _, err := w.stack.Ensure(w.Context(), w.caches(), library()); !errors.Is(err, middleware.ErrCost) {
			w.Error(err)
		}
	})
}

// max_cost counts creation and storage together, also when a cache is extended.
func TestExtensionWithinTheCap(t *testing.T) {
	p := policy.Policy{Cache: policy.Cache{MaxCost: price.MustUSD("0.0105")}} // creation $0.0026, an hour of storage $0.0086
	inWorld(t, llmtest.Config{}, p, func(w *world) {
		h := w.ensure(library())
		for range 80 {
			w.gemini(w.Context(), asking("Why?"))
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		byCache := map[string]price.Pico{}
		for _, r := range w.stack.Rows() {
			if r.Operation == wire.CreateCache {
				byCache[r.ResponseID] += r.Cost.Pico
			}
			if r.Outcome == policy.Storage {
				byCache[r.Cache] += r.Cost.Pico
			}
		}
		for name, cost := range byCache {
			if cost > p.Cache.MaxCost {
				w.Errorf("%s costs $%s", name, cost)
			}
		}
		if err := h.Close(w.Context()); err != nil {
			w.Error(err)
		}
	})
}

// What ends the program also ends its caches, even if Close gets the context that is done already.
func TestCloseWithADoneContext(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		w.ensure(library())
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		w.stack.Close(ctx)
		if w.provider.Caches()[0].Alive(time.Now()) {
			w.Error("the cache lives on")
		}
	})
}

func TestLastMiss(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		h := w.ensure(library())
		if why, at := h.LastMiss(); why != "" || !at.IsZero() {
			w.Error(why, at)
		}
		w.gemini(w.Context(), strings.Replace(asking("Why?"), "Answer from", "Reply from", 1))
		if why, at := h.LastMiss(); !strings.Contains(why, "system instruction") || !at.Equal(time.Now()) {
			w.Error(why, at)
		}
	})
}
