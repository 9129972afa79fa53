package middleware_test

import (
	"context"
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
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// aFile is content of an unknown size: of at most the context window of a model, 1,048,576 tokens.
const aFile = `"contents":[{"role":"user","parts":[{"fileData":{"mimeType":"application/pdf","fileUri":"files/1"}}]}]`

// creating is the body of a request for a context cache.
func creating(model, held string) string {
	return fmt.Sprintf(`{"model":%q,%s%s}`, model, held, aFile)
}

// creates answers creations with a context cache of a million tokens that is held for so long, and changes of it likewise.
func (a *api) creates(held, changed time.Duration) {
	a.on("POST "+cachesURL, func(r *http.Request) (*http.Response, error) {
		return says(200, jsonType, heldUntil("cachedContents/a", held))(r)
	})
	a.on("PATCH "+cachesURL+"/a", func(r *http.Request) (*http.Response, error) {
		return says(200, jsonType, heldUntil("cachedContents/a", changed))(r)
	})
	a.on("DELETE "+cachesURL+"/a", says(200, jsonType, `{}`))
}

// underCap checks that all budgets have spent and hold at most their caps.
func underCap(t *testing.T, stack *middleware.Stack) {
	t.Helper()
	for _, s := range stack.Budgets() {
		if s.Spent+s.Held > s.Budget.Cap {
			t.Errorf("over the cap: %v", s)
		}
	}
}

// A budget holds what the creation of a context cache costs, with all of the storage that the request asks for, and does not let
// one be created that it cannot pay for.
func TestBudgetHoldsCreations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newAPI()
		stack := stackOver(t, base, capOf("50"))
		base.on("POST "+cachesURL, func(r *http.Request) (*http.Response, error) {
			if s := stack.Budgets()[0]; s.Held < price.MustUSD("47.5") || s.Held > price.MustUSD("50") || s.Spent != 0 {
				t.Errorf("under way: %v", s)
			}
			return says(200, jsonType, heldUntil("cachedContents/a", 10*time.Hour))(r)
		})
		mustDo(t, stack, "POST", cachesURL, creating("models/gemini-2.5-pro", `"ttl":"36000s",`))
		spentByLedger(t, stack)
		underCap(t, stack)
		if s := stack.Budgets()[0]; s.Spent != price.MustUSD("47.5") || s.Exposure != 0 {
			t.Errorf("%v", s)
		}
		sent := len(base.sent)
		if _, err := do(t, t.Context(), stack, "POST", cachesURL, creating("models/gemini-2.5-pro", "")); !errors.Is(err, middleware.ErrBudget) || len(base.sent) != sent {
			t.Errorf("%v, sent %v", err, base.sent)
		}
	})
}

// A creation that is rejected, or is not sent, counts nothing. One that is not answered counts by its bound, with the storage.
func TestBudgetOfCreationsThatFail(t *testing.T) {
	lost := func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") }
	for name, test := range map[string]struct {
		answer         answerFunc
		spent, exposed string
	}{
		"rejected":      {says(400, jsonType, `{"error":{"code":400,"status":"INVALID_ARGUMENT"}}`), "0", "0"},
		"lost":          {lost, "49.80736", "49.80736"},
		"without usage": {says(200, jsonType, `{"name":"cachedContents/a"}`), "49.80736", "49.80736"},
	} {
		t.Run(name, func(t *testing.T) {
			base := newAPI()
			stack := stackOver(t, base, capOf("50"))
			base.on("POST "+cachesURL, test.answer)
			do(t, t.Context(), stack, "POST", cachesURL, creating("models/gemini-2.5-pro", `"ttl":"36000s",`))
			spentByLedger(t, stack)
			underCap(t, stack)
			if s := stack.Budgets()[0]; s.Spent != price.MustUSD(test.spent) || s.Exposure != price.MustUSD(test.exposed) {
				t.Errorf("%v", s)
			}
		})
	}
}

// The bound of a creation is the price of its tokens and of the storage that it asks for: an hour's if it does not say.
func TestCreationBound(t *testing.T) {
	const window = "2.62144" // 1,048,576 tokens at $2.5 for a million
	later := time.Now().Add(10 * time.Hour).UTC().Format(time.RFC3339Nano)
	text := `{"model":"models/gemini-2.5-pro","contents":[{"role":"user","parts":[{"text":"Who saves?"}]}],"ttl":"3600s"}`
	for name, test := range map[string]struct {
		body, atLeast, atMost string // of MaxCost, by which it is let through
		problem               string // why it has no bound
	}{
		"a ttl":                      {creating("models/gemini-2.5-pro", `"ttl":"36000s",`), "49.80736", "49.80736", ""},
		"a ttl with a fraction":      {creating("models/gemini-2.5-pro", `"ttl":"1.5s",`), "2.623406", "2.623407", ""},
		"no ttl":                     {creating("models/gemini-2.5-pro", ""), "7.340032", "7.340032", ""},
		"null":                       {creating("models/gemini-2.5-pro", `"ttl":null,`), "7.340032", "7.340032", ""},
		"a time":                     {creating("models/gemini-2.5-pro", `"expireTime":"`+later+`",`), "49.8", "49.9", ""},
		"a time, in the other form":  {creating("models/gemini-2.5-pro", `"expire_time":"`+later+`",`), "49.8", "49.9", ""},
		"a time that is over":        {creating("models/gemini-2.5-pro", `"expireTime":"2001-01-01T00:00:00Z",`), window, window, ""},
		"text":                       {text, "0.0001", "0.005", ""},
		"a ttl that is none":         {creating("models/gemini-2.5-pro", `"ttl":"1 hour",`), "", "", "its ttl is not"},
		"a ttl that is negative":     {creating("models/gemini-2.5-pro", `"ttl":"-5s",`), "", "", "its ttl is not"},
		"a ttl that is a number":     {creating("models/gemini-2.5-pro", `"ttl":3600,`), "", "", "its ttl is no string"},
		"a ttl of centuries":         {creating("models/gemini-2.5-pro", `"ttl":"9000000000s",`), "", "", "more than a picodollar"},
		"a time that is none":        {creating("models/gemini-2.5-pro", `"expireTime":"tomorrow",`), "", "", "its expireTime is not"},
		"a model without a price":    {creating("models/gemini-99", ""), "", "", "gemini-99"},
		"no model":                   {`{` + aFile + `}`, "", "", "model"},
		"a member that is not known": {creating("models/gemini-2.5-pro", `"turbo":true,`), "", "", `"turbo"`},
		"no JSON":                    {"contents", "", "", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			base := newAPI()
			base.on("POST "+cachesURL, says(400, jsonType, `{"error":{"code":400}}`))
			stack := stackOver(t, base, policy.Policy{})
			send := func(most price.Pico) error {
				_, err := do(t, policy.With(t.Context(), policy.MaxCost(most)), stack, "POST", cachesURL, test.body)
				return err
			}
			if test.problem != "" {
				if err := send(1000 * price.USD); !errors.Is(err, middleware.ErrCost) || !strings.Contains(err.Error(), test.problem) || len(base.sent) > 0 {
					t.Errorf("%v", err)
				}
				return
			}
			if err := send(price.MustUSD(test.atLeast) - 1); !errors.Is(err, middleware.ErrCost) || !strings.Contains(err.Error(), "shorter time") {
				t.Errorf("below: %v", err)
			}
			if err := send(price.MustUSD(test.atMost)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A creation whose long body can be read only once has no bound: the refusal says what to do. A budget of a model refuses it too,
// because the model is not known. A short body is kept.
func TestCreationThatCanBeReadOnce(t *testing.T) {
	for name, p := range map[string]policy.Policy{"MaxCost": {}, "a budget": capOf("50"), "a budget of a model": capOf("50"), "a budget of something else": capOf("1")} {
		switch name {
		case "a budget of a model":
			p.Budgets[0].Match.Model = "gemini-2.5-pro"
		case "a budget of something else":
			p.Budgets[0].Match = policy.Match{Provider: "gemini", Operation: "generate"}
		}
		for _, long := range []bool{false, true} {
			base := newAPI()
			base.creates(time.Hour, time.Hour)
			stack := stackOver(t, base, p)
			ctx := t.Context()
			if name == "MaxCost" {
				ctx = policy.With(ctx, policy.MaxCost(50*price.USD))
			}
			body := creating("models/gemini-2.5-pro", "")
			if long {
				body = strings.Replace(body, "files/1", strings.Repeat("x", 70_000), 1)
			}
			req, err := http.NewRequestWithContext(ctx, "POST", cachesURL, io.NopCloser(strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := stack.RoundTrip(req)
			if err == nil {
				drain(resp)
			}
			refused := long && name != "a budget of something else"
			if refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "GetBody") {
				t.Errorf("%s, long %v: %v", name, long, err)
			}
			if !refused && (len(base.sent) != 1 || base.sent[0] != "POST "+cachesURL+" "+body) {
				t.Errorf("%s, long %v: it was changed", name, long)
			}
		}
	}
}

// Budgets and limits of a model match its context caches and their storage, and rows have the model that was asked for.
func TestBudgetOfAModelHasItsCaches(t *testing.T) {
	for name, test := range map[string]struct{ url, model, name string }{
		"gemini": {cachesURL, "models/gemini-2.5-pro", "cachedContents/a"},
		"vertex": {vertexCaches, "projects/mine/locations/global/publishers/google/models/gemini-2.5-pro", vertexByName},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := policy.Policy{
					Budgets: []policy.Budget{
						{Name: "pro", Match: policy.Match{Model: "gemini-2.5-pro*"}, Window: 24 * time.Hour, Cap: 60 * price.USD},
						{Name: "creations", Match: policy.Match{Operation: "create_cache"}, Window: 24 * time.Hour, Cap: 60 * price.USD},
						{Name: "flash", Match: policy.Match{Model: "gemini-2.5-flash*"}, Window: 24 * time.Hour, Cap: 1},
					},
					Limits: []policy.Limit{{Name: "few", Match: policy.Match{Model: "gemini-2.5-pro"}, RequestsPerDay: 1}},
				}
				base := newAPI()
				base.on("POST "+test.url, func(r *http.Request) (*http.Response, error) {
					return says(200, jsonType, heldUntil(test.name, 10*time.Hour))(r)
				})
				stack := stackOver(t, base, p)
				mustDo(t, stack, "POST", test.url, creating(test.model, `"ttl":"36000s",`))
				for i, want := range []string{"47.5", "47.5", "0"} {
					if s := stack.Budgets()[i]; s.Spent != price.MustUSD(want) || s.Held != 0 {
						t.Errorf("%v, want $%s", s, want)
					}
				}
				for _, r := range stack.Rows() {
					if r.Model != "gemini-2.5-pro" {
						t.Errorf("%s of model %q", r.Operation, r.Model)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := do(t, ctx, stack, "POST", test.url, creating(test.model, `"ttl":"60s",`)); !errors.Is(err, middleware.ErrLimit) {
					t.Errorf("the second one of the day: %v", err)
				}
			})
		})
	}
}

// Before a context cache is held for longer, the budget holds what that adds. It is refused if the budget cannot pay, and if it is
// not known what it adds. To have it held for a shorter time is always allowed.
func TestBudgetHoldsProlonging(t *testing.T) {
	prolong := func(t *testing.T, stack *middleware.Stack, options ...policy.Option) error {
		_, err := do(t, policy.With(t.Context(), options...), stack, "PATCH", cachesURL+"/a", `{"ttl":"7200s"}`)
		return err
	}
	create := func(t *testing.T, stack *middleware.Stack) {
		mustDo(t, stack, "POST", cachesURL, creating("models/gemini-2.5-pro", `"ttl":"3600s",`))
	}
	in := func(name, limit string, run func(t *testing.T, stack *middleware.Stack, base *api)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := newAPI()
				base.creates(time.Hour, 2*time.Hour)
				stack := stackOver(t, base, capOf(limit))
				run(t, stack, base)
				underCap(t, stack)
			})
		})
	}
	in("paid", "20", func(t *testing.T, stack *middleware.Stack, base *api) {
		create(t, stack)
		base.on("PATCH "+cachesURL+"/a", func(r *http.Request) (*http.Response, error) {
			if s := stack.Budgets()[0]; s.Held < price.MustUSD("4.5") || s.Held > price.MustUSD("5") {
				t.Errorf("under way: %v", s)
			}
			return says(200, jsonType, heldUntil("cachedContents/a", 2*time.Hour))(r)
		})
		if err := prolong(t, stack); err != nil {
			t.Fatal(err)
		}
		spentByLedger(t, stack)
		if s := stack.Budgets()[0]; s.Spent != price.MustUSD("11.5") { // 2.5 and 9
			t.Errorf("%v", s)
		}
		time.Sleep(time.Minute)
		mustDo(t, stack, "DELETE", cachesURL+"/a", "")
		spentByLedger(t, stack)
	})
	in("too dear", "8", func(t *testing.T, stack *middleware.Stack, base *api) {
		create(t, stack)
		sent := len(base.sent)
		if err := prolong(t, stack); !errors.Is(err, middleware.ErrBudget) || len(base.sent) != sent {
			t.Errorf("%v", err)
		}
		base.creates(time.Hour, 30*time.Minute)
		mustDo(t, stack, "PATCH", cachesURL+"/a", `{"ttl":"1800s"}`)
		spentByLedger(t, stack)
		if s := stack.Budgets()[0]; s.Spent != price.MustUSD("4.75") {
			t.Errorf("%v", s)
		}
	})
	in("made elsewhere", "1000", func(t *testing.T, stack *middleware.Stack, base *api) {
		if err := prolong(t, stack); !errors.Is(err, middleware.ErrBudget) || !strings.Contains(err.Error(), "made elsewhere") || len(base.sent) > 0 {
			t.Errorf("%v", err)
		}
	})
	in("of a model, made elsewhere", "1000", func(t *testing.T, stack *middleware.Stack, base *api) {
		p := capOf("1000")
		p.Budgets[0].Name, p.Budgets[0].Match.Model = "pro", "gemini-2.5-pro"
		if err := stack.SetPolicy(p); err != nil {
			t.Fatal(err)
		}
		if err := prolong(t, stack); !errors.Is(err, middleware.ErrBudget) {
			t.Errorf("%v", err)
		}
	})
	in("deleted", "1000", func(t *testing.T, stack *middleware.Stack, _ *api) {
		create(t, stack)
		mustDo(t, stack, "DELETE", cachesURL+"/a", "")
		if err := prolong(t, stack); !errors.Is(err, middleware.ErrBudget) || !strings.Contains(err.Error(), "deleted") {
			t.Errorf("%v", err)
		}
		spentByLedger(t, stack)
	})
	in("lost", "20", func(t *testing.T, stack *middleware.Stack, base *api) {
		create(t, stack)
		base.on("PATCH "+cachesURL+"/a", func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") })
		if err := prolong(t, stack); err == nil {
			t.Fatal("no error")
		}
		spentByLedger(t, stack)
		if s := stack.Budgets()[0]; s.Exposure < price.MustUSD("4.5") || s.Exposure > price.MustUSD("5") {
			t.Errorf("%v", s)
		}
	})
	in("rejected", "20", func(t *testing.T, stack *middleware.Stack, base *api) {
		create(t, stack)
		base.on("PATCH "+cachesURL+"/a", says(403, jsonType, `{"error":{"code":403}}`))
		if err := prolong(t, stack); err != nil {
			t.Fatal(err)
		}
		spentByLedger(t, stack)
		if s := stack.Budgets()[0]; s.Spent != 7*price.USD {
			t.Errorf("%v", s)
		}
	})
	in("MaxCost", "1000", func(t *testing.T, stack *middleware.Stack, base *api) {
		create(t, stack)
		sent := len(base.sent)
		if err := prolong(t, stack, policy.MaxCost(4*price.USD)); !errors.Is(err, middleware.ErrCost) || len(base.sent) != sent {
			t.Errorf("%v", err)
		}
		if err := prolong(t, stack, policy.MaxCost(5*price.USD)); err != nil {
			t.Error(err)
		}
	})
	in("at a limit", "1000", func(t *testing.T, stack *middleware.Stack, base *api) {
		create(t, stack)
		p := capOf("1000")
		p.Limits = []policy.Limit{{RequestsPerMinute: 1, Burst: 1}}
		if err := stack.SetPolicy(p); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		create(t, stack)
		if err := prolong(t, stack); err != nil || time.Since(begin) > 0 {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
	in("with the tags of the creation", "1000", func(t *testing.T, stack *middleware.Stack, base *api) {
		p := capOf("20")
		p.Budgets[0].Name, p.Budgets[0].Per = "tenants", []string{"tag:tenant"}
		if err := stack.SetPolicy(p); err != nil {
			t.Fatal(err)
		}
		ctx := policy.With(t.Context(), policy.Tag("tenant", "acme"))
		if _, err := do(t, ctx, stack, "POST", cachesURL, creating("models/gemini-2.5-pro", `"ttl":"3600s",`)); err != nil {
			t.Fatal(err)
		}
		if err := prolong(t, stack, policy.Tag("tenant", "other")); err != nil {
			t.Fatal(err)
		}
		if all := stack.Budgets(); len(all) != 1 || all[0].Key != "tenant acme" || all[0].Spent != price.MustUSD("11.5") {
			t.Errorf("%v", all)
		}
	})
}

// What a program creates, prolongs and deletes with a client adds up in the budget exactly once, also with links of its own.
func TestBudgetCountsCachesOfClients(t *testing.T) {
	inWorld(t, llmtest.Config{}, capOf("1"), func(w *world) {
		client := w.caches()
		content := library()
		content.TTL = time.Hour
		c, err := client.Create(w.Context(), content)
		if err != nil {
			t.Fatal(err)
		}
		spentByLedger(t, w.stack)
		if _, err = client.Update(w.Context(), c.Name, cachedcontent.Expiry{TTL: 2 * time.Hour}); err != nil {
			t.Fatal(err)
		}
		spentByLedger(t, w.stack)
		if _, err = client.Update(w.Context(), c.Name, cachedcontent.Expiry{ExpireTime: time.Now().Add(90 * time.Minute)}); err != nil {
			t.Fatal(err)
		}
		spentByLedger(t, w.stack)
		time.Sleep(time.Minute)
		if err = client.Delete(w.Context(), c.Name); err != nil {
			t.Fatal(err)
		}
		spentByLedger(t, w.stack)
		w.wantLedger()
	})
	synctest.Test(t, func(t *testing.T) {
		base := newAPI()
		base.creates(time.Hour, 2*time.Hour)
		small := capOf("8")
		large := capOf("20")
		large.Budgets[0].Name = "large"
		rt := middleware.Budget(large)(middleware.Budget(small)(base))
		if _, err := do(t, t.Context(), rt, "POST", cachesURL, creating("models/gemini-2.5-pro", `"ttl":"3600s",`)); err != nil {
			t.Fatal(err)
		}
		var small7 *middleware.Error
		if _, err := do(t, t.Context(), rt, "PATCH", cachesURL+"/a", `{"ttl":"7200s"}`); !errors.As(err, &small7) || !strings.Contains(err.Error(), "$7 spent and $0 held of $8") {
			t.Errorf("%v", err)
		}
	})
}

// watch checks every few seconds that the budgets are within their caps, until the func that it returns is called.
func (w *world) watch() (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			underCap(w.T, w.stack)
			select {
			case <-time.After(7 * time.Second):
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); all.Wait() }
}

// The caches of Ensure and of the automatic mode are prolonged for hours. The rows of that add up in the budget exactly once, it
// is never over its cap, and a cache is not prolonged where it cannot pay.
func TestBudgetCountsProlongedCaches(t *testing.T) {
	auto := policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto}}
	for name, test := range map[string]struct {
		p      policy.Policy
		ensure bool
		every  time.Duration // a call is made
		limit  string
		fits   bool
	}{
		"ensure": {policy.Policy{}, true, 4 * time.Minute, "1", true}, "ensure, too dear": {policy.Policy{}, true, 4 * time.Minute, "0.03", false},
		"automatic": {auto, false, 10 * time.Second, "1", true}, "automatic, too dear": {auto, false, 10 * time.Second, "0.05", false},
	} {
		t.Run(name, func(t *testing.T) {
			test.p.Budgets = capOf(test.limit).Budgets
			inWorld(t, llmtest.Config{}, test.p, func(w *world) {
				stop := w.watch()
				if test.ensure {
					w.ensure(library())
				}
				refused := 0
				for range 4 * time.Hour / test.every {
					body := strings.Replace(asking("Why?"), `"contents"`, `"generationConfig":{"maxOutputTokens":20},"contents"`, 1)
					if status := w.gemini(w.Context(), body); status != 200 {
						refused++
					}
					time.Sleep(test.every)
				}
				stop()
				synctest.Wait()
				spentByLedger(t, w.stack)
				prolonged := 0
				for _, r := range w.stack.Rows() {
					if r.Outcome == policy.Storage && r.Cost.Pico > 0 {
						prolonged++
					}
				}
				if test.fits && (refused > 0 || prolonged < 10) || !test.fits && refused == 0 {
					t.Errorf("%d calls were refused; %d rows of storage; %v", refused, prolonged, w.stack.Budgets())
				}
			})
		})
	}
}

// A creation that was not answered counts by its bound, which has the storage. When the cache is found, used and deleted, that does
// not count once more.
func TestBudgetOfAFoundCache(t *testing.T) {
	faults := llmtest.Sequence(llmtest.ResetAfterAccept)
	inWorld(t, llmtest.Config{Faults: faults}, capOf("0.0170"), func(w *world) {
		h := w.ensure(library())
		if h.Name() == "" {
			t.Fatal("the cache was not found")
		}
		exposure := w.stack.Rows()[0].Exposure.Pico
		time.Sleep(time.Minute)
		if err := h.Close(w.Context()); err != nil {
			t.Fatal(err)
		}
		if s := w.stack.Budgets()[0]; s.Spent != exposure || s.Exposure != exposure || s.Held != 0 || exposure < price.MustUSD("0.016") {
			t.Errorf("%v, and the exposure of the creation is $%v", s, exposure)
		}
	})
}
