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
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// The zero policy leaves a request as it is.
func TestZeroPolicyChangesNothing(t *testing.T) {
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		if got := string(w.provider.Requests()[0].Body); got != chatBody {
			t.Errorf("sent %q", got)
		}
		w.wantRows("1 billed")
	})
}

// An invalid policy or option is an error that names it.
func TestBadPolicy(t *testing.T) {
	var field *policy.FieldError
	_, err := middleware.New(middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Flex}))
	if !errors.As(err, &field) || field.Field != "Fallback" {
		t.Errorf("%v", err)
	}
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		_, _, err := w.call(policy.With(w.Context(), policy.OnTier("turbo")), chatBody)
		if !errors.As(err, &field) || field.Field != "OnTier" || !errors.Is(err, middleware.ErrPolicy) {
			t.Errorf("%v", err)
		}
		w.wantRows("0 refused")
		w.wantBilled(0)
	})
	for name, option := range map[string]middleware.Option{
		"OnRow": middleware.OnRow(nil), "WithStore": middleware.WithStore(nil), "WithCatalog": middleware.WithCatalog(nil), "WithDialects": middleware.WithDialects(nil),
	} {
		if _, err := middleware.New(nil, option); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Wrap returns a copy of a client, over the client's own transport.
func TestWrap(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	stack, err := middleware.New(middleware.WithBase(nil))
	if err != nil {
		t.Fatal(err)
	}
	own := &http.Client{Transport: server.Transport(), Timeout: time.Minute, Jar: http.DefaultClient.Jar}
	wrapped := stack.Wrap(own)
	if wrapped == own || wrapped.Timeout != time.Minute || own.Transport != http.RoundTripper(server.Transport()) {
		t.Error("the client itself was changed")
	}
	resp, err := wrapped.Post(server.URL+"/v1/chat/completions", "application/json", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	drain(resp)
	if len(stack.Rows()) != 1 {
		t.Errorf("%d rows", len(stack.Rows()))
	}
	if stack.Wrap(nil) == nil {
		t.Error("nil client")
	}
	wrapped.CloseIdleConnections()
}

// Wrap uses the stack's base for a client without a transport.
func TestWrapKeepsTheBase(t *testing.T) {
	base := newScript(says(200, "application/json", served))
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

// Concurrent calls are billed once each, and their rows add up.
func TestConcurrentCalls(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{Flex: llmtest.Probability(30, 1), CachedPercent: 25})
	defer server.Close()
	stack, err := middleware.New(middleware.WithBase(server.Transport()), middleware.WithPolicy(policy.Policy{
		Tier: policy.Flex, Fallback: policy.Standard, Limits: []policy.Limit{{Concurrency: 8}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	client := stack.Client()
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			body := fmt.Sprintf(`{"model":"gpt-5","stream":%v,"messages":[{"role":"user","content":"call %d"}]}`, i%2 == 0, i)
			resp, err := client.Post(server.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
				t.Error(resp.StatusCode, err)
			}
		})
	}
	all.Wait()
	w := &world{T: t, provider: server, stack: stack}
	w.wantBilled(200)
	w.balance()
	w.bounded()
	totals := stack.Totals()
	if totals.Calls != 200 || totals.Exposure.Sign() != 0 || totals.Unpriced != 0 {
		t.Errorf("%+v", totals.Total)
	}
	if model := totals.By["model:gpt-5"]; model != totals.Total {
		t.Errorf("by model %+v, in all %+v", model, totals.Total)
	}
}

// Prices of a contract come before a feed, and a feed before the catalog. Each can be replaced while calls run, and the
// row names which was used.
func TestWithPrices(t *testing.T) {
	catalog := func(name, input string) *price.Catalog {
		c, err := price.Parse(name, strings.NewReader(fmt.Sprintf(`{"providers":{"openai":{"models":{"gpt-5":{"periods":[
			{"source":"a contract","tiers":{"standard":[{"usd_per_million":{"input":"%s","output":"0"}}]}}]}}}}}`, input)))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	stack := stackOver(t, answering(), policy.Policy{}, middleware.WithPrices(catalog("contract", "7")))
	want := func(cost, id string) {
		t.Helper()
		if _, err := chat(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil {
			t.Fatal(err)
		}
		rows := stack.Rows()
		if row := rows[len(rows)-1]; row.Cost.String() != cost || row.PriceID != id {
			t.Errorf("%s by %s, want %s by %s", row.Cost, row.PriceID, cost, id)
		}
	}
	want("0.00007", "contract/openai/gpt-5/-/standard")
	stack.Prices().SetFeed(catalog("feed", "3"))
	want("0.00007", "contract/openai/gpt-5/-/standard")
	stack.Prices().SetUser(nil)
	want("0.00003", "feed/openai/gpt-5/-/standard")
	stack.Prices().SetFeed(nil)
	want("0.0000625", "embedded/openai/gpt-5/-/standard")
	for _, option := range []middleware.Option{middleware.WithPrices(nil), middleware.WithBook(nil), middleware.WithCatalog(nil)} {
		if _, err := middleware.New(option); err == nil {
			t.Error("nil is taken")
		}
	}
	book := new(price.Book)
	shared := stackOver(t, answering(), policy.Policy{}, middleware.WithBook(book))
	book.SetUser(catalog("contract", "7"))
	if shared.Prices() != book {
		t.Error("it has another book")
	}
	stack = shared
	want("0.00007", "contract/openai/gpt-5/-/standard")
	stack = stackOver(t, answering(), policy.Policy{}, middleware.WithPrices(catalog("mine", "9")), middleware.WithBook(new(price.Book)))
	want("0.00009", "mine/openai/gpt-5/-/standard")
}

// A Stack that New did not make refuses requests, and says why.
func TestZeroStack(t *testing.T) {
	var s middleware.Stack
	isRefused := func(what string, err error) {
		if !errors.Is(err, middleware.ErrPolicy) || !strings.Contains(err.Error(), "middleware.New") {
			t.Errorf("%s: %v", what, err)
		}
	}
	next := func(*http.Request) (*http.Response, error) { t.Error("sent"); return nil, nil }
	for what, rt := range map[string]http.RoundTripper{
		"RoundTrip": &s, "Client": s.Client().Transport, "Wrap": s.Wrap(&http.Client{Transport: answering()}).Transport, "Chain": s.Chain(nil), "ErrorsAs": s.ErrorsAs(middleware.AsError),
		"Middleware": transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) { return s.Middleware(r, next) }),
	} {
		_, err := chat(t, t.Context(), rt, chatBody)
		isRefused(what, err)
	}
	_, err := s.Explain(chatRequest(t, "POST", openaiURL, chatBody))
	isRefused("Explain", err)
	isRefused("SetPolicy", s.SetPolicy(policy.Policy{}))
	s.Prices().SetUser(nil)
	if s.Limits() != nil || s.Rows() != nil || s.Totals().Calls != 0 || s.Close(t.Context()) != nil || s.Resolve("a", 1, 0) == nil {
		t.Error("the zero Stack has something")
	}
	s.CloseIdleConnections()
}

// Calls of Azure's deployments are matched and priced by the models behind them, unless the answer names a model.
func TestDeployments(t *testing.T) {
	const byPath = "https://x.openai.azure.com/openai/deployments/prod/chat/completions?api-version=2025-01-01"
	const byBody = "https://x.openai.azure.com/openai/v1/chat/completions"
	prices := catalogOf(t, "azure", `
		"gpt-5":{"periods":[{"source":"test","tiers":{"standard":[{"usd_per_million":{"input":"1.25","output":"10"}}]}}]},
		"gpt-5-mini":{"periods":[{"source":"test","tiers":{"standard":[{"usd_per_million":{"input":"0.25","output":"2"}}]}}]}`)
	answer := func(model string) string { return strings.Replace(served, "gpt-5", model, 1) }
	for _, test := range []struct{ name, url, body, answer, model, cost string }{
		{"by the path", byPath, `{"model":"whatever"}`, answer(""), "gpt-5", "0.0002125"},
		{"by the body", byBody, `{"model":"prod"}`, answer(""), "gpt-5", "0.0002125"},
		{"the answer's model counts", byPath, `{}`, answer("gpt-5-mini"), "gpt-5", "0.0000425"},
		{"not in the map", strings.Replace(byPath, "prod", "test", 1), `{}`, answer(""), "test", "unknown"},
		{"not in the map, but in the answer", strings.Replace(byPath, "prod", "test", 1), `{}`, answer("gpt-5"), "test", "0.0002125"},
		{"another provider's model of that name", openaiURL, `{"model":"prod"}`, answer(""), "prod", "unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			models := map[string]string{"prod": "gpt-5"}
			base := newAPI()
			base.on("POST "+test.url, says(200, "application/json", test.answer))
			stack := stackOver(t, base, policy.Policy{}, middleware.WithDeployments(models), middleware.WithCatalog(prices))
			models["prod"], models["test"] = "mystery", "gpt-5" // the stack has its own copy
			mustDo(t, stack, "POST", test.url, test.body)
			if rows := stack.Rows(); len(rows) != 1 || rows[0].Model != test.model || rows[0].Cost.String() != test.cost || rows[0].Cost.Known == (rows[0].Unpriced != "") {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// An answer that names the deployment instead of the model is priced by WithDeployments.
func TestDeploymentNamedInTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := llmtest.NewPipe(llmtest.Config{})
		defer server.Close()
		catalog := catalogOf(t, "azure", `"gpt-5":{"periods":[{"source":"test","tiers":{
			"standard":[{"usd_per_million":{"input":"1.25","output":"10"}}]}}]}`)
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
		drain(resp)
		if r := stack.Rows()[0]; !r.Cost.Known {
			t.Errorf("model %q, served %q: %s", r.Model, r.ServedModel, r.Unpriced)
		}
	})
}

// A host that says nothing counts as the provider that the program names, in rows, tiers and prices.
func TestProviderOfATestHost(t *testing.T) {
	const url, body = "http://127.0.0.1:8080/openai/v1/chat/completions", `{"model":"llama-3.3-70b-versatile"}`
	answer := strings.Replace(strings.Replace(served, "gpt-5", "llama-3.3-70b-versatile", 1), "default", "on_demand", 1)
	base := newAPI()
	base.on("POST "+url, says(200, "application/json", answer))
	stack := stackOver(t, base, policy.Policy{Tier: policy.Standard}, middleware.WithProvider("groq"))
	mustDo(t, stack, "POST", url, body)
	rows := stack.Rows()
	if len(rows) != 1 || rows[0].Provider != "groq" || rows[0].ServedTier != policy.Standard || rows[0].Cost.String() != "0.0000217" {
		t.Errorf("%+v", rows)
	}
	if !strings.Contains(base.sent[0], `"service_tier":"on_demand"`) {
		t.Errorf("sent %q", base.sent)
	}
	base.on("POST "+openaiURL, says(200, "application/json", served))
	mustDo(t, stack, "POST", openaiURL, chatBody)
	if rows := stack.Rows(); len(rows) != 2 || rows[1].Provider != "openai" {
		t.Errorf("a host that is known is no longer itself: %+v", rows)
	}
	if _, err := middleware.New(middleware.WithProvider("grok")); err == nil || !strings.Contains(err.Error(), "groq") {
		t.Errorf("a provider that is none: %v", err)
	}
}

// Close flushes the store.
func TestCloseFlushes(t *testing.T) {
	dir := t.TempDir()
	jsonl, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		t.Fatal(err)
	}
	w := ledger.NewWriter(jsonl, ledger.WriterConfig{})
	defer w.Close(t.Context())
	stack := stackOver(t, answering(), policy.Policy{}, middleware.WithStore(w))
	for range 3 {
		if _, err := chat(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil {
			t.Fatal(err)
		}
	}
	if err := stack.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	totals, err := ledger.TotalsOf(ledger.ReadJSONL(t.Context(), dir, ledger.Filter{}))
	if err != nil || totals.Attempts != 3 || totals.Total != stack.Totals().Total {
		t.Errorf("%+v, want %+v: %v", totals.Total, stack.Totals().Total, err)
	}
}
