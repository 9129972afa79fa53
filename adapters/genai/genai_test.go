package genai_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/auth"
	"google.golang.org/genai"
	"google.golang.org/genai/interactions/models/interactions"
	"google.golang.org/genai/interactions/models/operations"
	"google.golang.org/genai/interactions/retry"

	adapter "github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	flash = "gemini-2.5-flash"
	pro   = "gemini-2.5-pro"
)

var flexFirst = policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}

// A face is how a client is made for one of the two.
type face struct {
	name   string
	config genai.ClientConfig
	cache  string // what stands before a model's name where a cache is made for it
}

func faces() []face {
	return []face{
		{"gemini", genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "AI-test"}, ""},
		{"vertex", genai.ClientConfig{Backend: genai.BackendVertexAI, Project: "p", Location: "global", Credentials: credentials("ya29.test")},
			"projects/p/locations/global/publishers/google/models/"},
	}
}

type token string

func (t token) Token(context.Context) (*auth.Token, error) {
	return &auth.Token{Value: string(t), Expiry: time.Now().Add(time.Hour)}, nil
}

func credentials(value string) *auth.Credentials {
	return auth.NewCredentials(&auth.CredentialsOptions{
		TokenProvider: token(value),
		QuotaProjectIDProvider: auth.CredentialsPropertyFunc(func(context.Context) (string, error) {
			return "quota", nil
		}),
	})
}

// clean takes away what the machine's environment would say.
func clean(t *testing.T) {
	for _, name := range []string{"GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_API_KEY", "GEMINI_API_KEY",
		"GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL",
		"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_QUOTA_PROJECT"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
}

// setup returns a client over a stack over a simulator, at the SDK's own address.
func setup(t *testing.T, f face, cfg llmtest.Config, p policy.Policy) (*genai.Client, *middleware.Stack, *llmtest.Server) {
	t.Helper()
	clean(t)
	server := llmtest.NewServer(cfg)
	t.Cleanup(server.Close)
	stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(server.Transport()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	client, err := adapter.NewClient(t.Context(), &f.config, stack)
	if err != nil {
		t.Fatal(err)
	}
	return client, stack, server
}

// rates are dollars for a million tokens: input, cached input, output. Google's price page of November 2026.
var rates = map[string][3]string{
	flash + " standard": {"0.3", "0.03", "2.5"},
	flash + " flex":     {"0.15", "0.015", "1.25"},
	pro + " standard":   {"1.25", "0.125", "10"},
	pro + " flex":       {"0.625", "0.0625", "5"},
}

// check lays the rows of billed generations beside the meter, in order.
func check(t *testing.T, stack *middleware.Stack, server *llmtest.Server) {
	t.Helper()
	rows := slices.DeleteFunc(stack.Rows(), func(r ledger.Row) bool { return r.Outcome != policy.Billed })
	meter := server.Meter()
	if len(rows) != len(meter) {
		t.Fatalf("%d rows billed, %d generations on the meter", len(rows), len(meter))
	}
	for i, g := range meter {
		r := rows[i]
		if r.UsageSource != ledger.Measured || r.Provider != g.Provider || r.ResponseID != g.ID || string(r.ServedTier) != g.Tier ||
			r.Cache != g.Cache || r.Usage.Input+r.Usage.CachedInput != g.Prompt || r.Usage.CachedInput != g.Cached ||
			r.Usage.Output != g.Completion || r.Usage.Reasoning != g.Reasoning {
			t.Errorf("row %+v\nmeter %+v", r, g)
		}
		want := new(big.Rat)
		for j, n := range []int64{g.Prompt - g.Cached, g.Cached, g.Completion} {
			rate, ok := new(big.Rat).SetString(rates[g.Model+" "+g.Tier][j])
			if !ok {
				t.Fatalf("no rate for %s on %s", g.Model, g.Tier)
			}
			want.Add(want, rate.Mul(rate, big.NewRat(n, 1_000_000)))
		}
		if got, ok := new(big.Rat).SetString(r.Cost.String()); !ok || got.Cmp(want) != 0 {
			t.Errorf("cost %s, want %s", r.Cost, want.FloatString(12))
		}
	}
}

func TestUnary(t *testing.T) {
	for _, f := range faces() {
		t.Run(f.name, func(t *testing.T) {
			client, stack, server := setup(t, f, llmtest.Config{Flex: llmtest.Refuse(1)}, flexFirst)
			answer, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who saves?"), nil)
			if err != nil || answer.Text() == "" {
				t.Fatal(answer, err)
			}
			rows := stack.Rows()
			if len(rows) != 2 {
				t.Fatalf("%d rows, want 2: %+v", len(rows), rows)
			}
			if r := rows[0]; r.Outcome != policy.Rejected || r.AskedTier != policy.Flex || r.Reason != policy.Capacity || r.Cost != ledger.Known(0) {
				t.Errorf("first attempt: %+v", r)
			}
			if r := rows[1]; r.AskedTier != policy.Standard || r.Call != rows[0].Call {
				t.Errorf("second attempt: %+v", r)
			}
			check(t, stack, server)
			for i, r := range server.Requests() {
				key, bearer, project := r.Header.Get("X-Goog-Api-Key"), r.Header.Get("Authorization"), r.Header.Get("X-Goog-User-Project")
				want := [3]string{"AI-test", "", ""}
				if f.name == "vertex" {
					want = [3]string{"", "Bearer ya29.test", "quota"}
				}
				if got := [3]string{key, bearer, project}; got != want {
					t.Errorf("credentials %q, want %q", got, want)
				}
				if tier := []string{"flex", ""}[i]; f.name == "vertex" && (r.Tier != tier || strings.Contains(string(r.Body), "ervice")) {
					t.Errorf("tier %q, want %q; body %s", r.Tier, tier, r.Body)
				}
			}
		})
	}
}

func TestStream(t *testing.T) {
	for _, f := range faces() {
		t.Run(f.name, func(t *testing.T) {
			client, stack, server := setup(t, f, llmtest.Config{}, flexFirst)
			n := 0
			for _, err := range client.Models.GenerateContentStream(t.Context(), pro, genai.Text("Who streams?"), nil) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if rows := stack.Rows(); n != 8 || len(rows) != 1 || !rows[0].Stream || rows[0].ServedTier != policy.Flex {
				t.Errorf("%d answers, rows: %+v", n, rows)
			}
			check(t, stack, server)
		})
	}
}

func TestLeftStream(t *testing.T) {
	client, stack, _ := setup(t, faces()[0], llmtest.Config{ChunkDelay: 20 * time.Millisecond},
		policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}})
	for _, err := range client.Models.GenerateContentStream(t.Context(), pro, genai.Text("Who leaves?"), nil) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Partial {
		t.Errorf("rows: %+v", rows)
	}
	if _, err := client.Models.GenerateContent(t.Context(), pro, genai.Text("Who is next?"), nil); err != nil {
		t.Error(err)
	}
}

func TestChat(t *testing.T) {
	client, stack, server := setup(t, faces()[0], llmtest.Config{}, policy.Policy{})
	chat, err := client.Chats.Create(t.Context(), flash, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Who asks?", "And who answers?"} {
		if _, err := chat.SendMessage(t.Context(), genai.Part{Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	check(t, stack, server)
}

func TestServiceTierOfTheSDK(t *testing.T) {
	client, stack, server := setup(t, faces()[0], llmtest.Config{Flex: llmtest.Refuse(1)}, policy.Policy{Fallback: policy.Standard})
	if _, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who names it?"), &genai.GenerateContentConfig{ServiceTier: genai.ServiceTierFlex}); err != nil {
		t.Fatal(err)
	}
	if rows := stack.Rows(); len(rows) != 2 || rows[0].AskedTier != policy.Flex || rows[1].ServedTier != policy.Standard {
		t.Errorf("rows: %+v", rows)
	}
	check(t, stack, server)
}

func TestContextCache(t *testing.T) {
	for _, f := range faces() {
		t.Run(f.name, func(t *testing.T) {
			client, stack, server := setup(t, f, llmtest.Config{}, flexFirst)
			mine, yours := server.NewCache(f.cache+flash, 20_000, time.Hour), server.NewCache(f.cache+flash, 30_000, time.Hour)
			ctx := policy.With(t.Context(), policy.CachedContent(mine))
			config := &genai.GenerateContentConfig{CachedContent: yours}
			if _, err := client.Models.GenerateContent(ctx, flash, genai.Text("By context?"), nil); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Models.GenerateContent(ctx, flash, genai.Text("By both?"), config); err != nil {
				t.Fatal(err)
			}
			for _, err := range client.Models.GenerateContentStream(t.Context(), flash, genai.Text("In a stream?"), config) {
				if err != nil {
					t.Fatal(err)
				}
			}
			check(t, stack, server)
			var used []string
			for _, r := range stack.Rows() {
				used = append(used, r.Cache)
			}
			if !slices.Equal(used, []string{mine, yours, yours}) {
				t.Errorf("caches: %v", used)
			}

			server.KillCache(mine)
			_, err := client.Models.GenerateContent(ctx, flash, genai.Text("Of the dead?"), nil)
			var api genai.APIError
			if !errors.As(err, &api) || api.Code/100 != 4 {
				t.Errorf("a dead cache: %v", err)
			}
			if rows := stack.Rows(); len(rows) != 4 || rows[3].Outcome != policy.Rejected {
				t.Errorf("rows: %+v", rows[3:])
			}
		})
	}
}

func TestCachesCreate(t *testing.T) {
	client, stack, server := setup(t, faces()[0], llmtest.Config{}, policy.Policy{})
	cache, err := client.Caches.Create(t.Context(), flash, &genai.CreateCachedContentConfig{
		Contents: genai.Text(strings.Repeat("A penny saved is a penny earned. ", 1000)), TTL: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Models.GenerateContent(policy.With(t.Context(), policy.CachedContent(cache.Name)), flash, genai.Text("And?"), nil); err != nil {
		t.Fatal(err)
	}
	rows, meter := stack.Rows(), server.Meter()
	if len(rows) != 3 || rows[0].Operation != "create_cache" || rows[0].Usage.Input != meter[0].Prompt || rows[2].Usage.CachedInput != meter[1].Cached {
		t.Fatalf("rows: %+v\nmeter: %+v", rows, meter)
	}
	if storage := rows[1]; storage.Outcome != policy.Storage || storage.Usage.StorageTokenSeconds < 3599*rows[0].Usage.Input {
		t.Errorf("storage: %+v", storage)
	}
}

func TestErrorsReachTheSDK(t *testing.T) {
	for _, f := range faces() {
		client, stack, server := setup(t, f, llmtest.Config{Faults: llmtest.Sequence(llmtest.QuotaExceeded, llmtest.Overloaded)}, policy.Policy{MaxAttempts: 1})
		for _, code := range []int{429, 503} {
			_, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who pays?"), nil)
			var api genai.APIError
			if !errors.As(err, &api) || api.Code != code || api.Status == "" || api.Message == "" {
				t.Errorf("%s: %v", f.name, err)
			}
		}
		if rows, n := stack.Rows(), len(server.Requests()); len(rows) != 2 || n != 2 || rows[1].Outcome != policy.Rejected {
			t.Errorf("%s: %d requests, rows: %+v", f.name, n, rows)
		}
	}
}

// What may have been billed is sent once, and an answer that breaks off is an error.
func TestBrokenAnswers(t *testing.T) {
	faults := llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.CutStream, llmtest.CutStream, llmtest.ErrorInStream)
	for _, f := range faces() {
		client, stack, server := setup(t, f, llmtest.Config{Faults: faults}, policy.Policy{})
		for range 2 {
			if _, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who is lost?"), nil); err == nil {
				t.Errorf("%s: no error", f.name)
			}
		}
		for range 2 {
			var last error
			for _, err := range client.Models.GenerateContentStream(t.Context(), flash, genai.Text("Who breaks off?"), nil) {
				last = err
			}
			if last == nil {
				t.Errorf("%s: no error", f.name)
			}
		}
		var outcomes []policy.Outcome
		for _, r := range stack.Rows() {
			outcomes = append(outcomes, r.Outcome)
		}
		want := []policy.Outcome{policy.Ambiguous, policy.Partial, policy.Partial, policy.Partial}
		if n := len(server.Requests()); n != 4 || !slices.Equal(outcomes, want) {
			t.Errorf("%s: %d requests, %v", f.name, n, outcomes)
		}
	}
}

func TestOurRefusalsReachTheCaller(t *testing.T) {
	client, stack, server := setup(t, faces()[0], llmtest.Config{}, policy.Policy{})
	ctx := policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.000001")))
	_, unary := client.Models.GenerateContent(ctx, flash, genai.Text("Who refuses?"), nil)
	var streamed error
	for _, err := range client.Models.GenerateContentStream(ctx, flash, genai.Text("Who refuses?"), nil) {
		streamed = err
	}
	for _, err := range []error{unary, streamed} {
		var refusal *middleware.Error
		if !errors.As(err, &refusal) || !errors.Is(err, middleware.ErrCost) {
			t.Errorf("error: %v", err)
		}
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests reached the provider", n)
	}
	if rows := stack.Rows(); len(rows) != 2 || rows[0].Outcome != policy.Refused {
		t.Errorf("rows: %+v", rows)
	}
}

func TestContextReachesTheWire(t *testing.T) {
	client, stack, server := setup(t, faces()[0], llmtest.Config{}, policy.Policy{})
	ctx, call := policy.Track(t.Context())
	ctx = policy.With(ctx, policy.OnTier(policy.Priority), policy.Tag("tenant", "acme"))
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	if _, err := client.Models.GenerateContent(ctx, flash, genai.Text("Who tells?"), nil); err != nil {
		t.Fatal(err)
	}
	if got := server.Requests()[0]; got.Tier != "priority" || got.Header.Get("X-Server-Timeout") != "900" {
		t.Errorf("tier on the wire: %q, timeout %q", got.Tier, got.Header.Get("X-Server-Timeout"))
	}
	if row := stack.Rows()[0]; row.Tags["tenant"] != "acme" || call.Tier() != policy.Priority || call.Attempts() != 1 {
		t.Errorf("row: %+v; tracked: tier %q, %d attempts", row, call.Tier(), call.Attempts())
	}
}

func TestRetryOptions(t *testing.T) {
	clean(t)
	stack, err := middleware.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		retry *genai.HTTPRetryOptions
		bad   bool
	}{
		{&genai.HTTPRetryOptions{}, true},
		{&genai.HTTPRetryOptions{Attempts: genai.Ptr[int32](2)}, true},
		{&genai.HTTPRetryOptions{Attempts: genai.Ptr[int32](1)}, false},
		{nil, false},
	} {
		cfg := &genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "AI-test", HTTPOptions: genai.HTTPOptions{RetryOptions: c.retry}}
		if _, err := adapter.NewClient(t.Context(), cfg, stack); (err != nil) != c.bad || c.bad && !strings.Contains(err.Error(), "MaxAttempts") {
			t.Errorf("%+v: %v", c.retry, err)
		}
	}
}

func TestInteractionsWithoutRetries(t *testing.T) {
	clean(t)
	sent := 0
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		sent++
		return answer(req, http.StatusServiceUnavailable, `{"error":{"code":"unavailable","message":"No."}}`), nil
	})
	stack, err := middleware.New(middleware.WithBase(base))
	if err != nil {
		t.Fatal(err)
	}
	client, err := adapter.NewClient(t.Context(), &genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "AI-test"}, stack)
	if err != nil {
		t.Fatal(err)
	}
	ctx := policy.With(t.Context(), policy.MaxAttempts(1))
	input := interactions.NewInteractionsInput("Who asks?")
	body := interactions.CreateModelInteraction{Model: interactions.ModelGemini25Flash, Input: &input}
	_, err = client.Interactions.Create(ctx, operations.CreateInteractionRequest{Body: operations.NewCreateInteractionRequestBody(body)},
		operations.WithRetries(retry.Config{Strategy: "none"}))
	if rows := stack.Rows(); err == nil || sent != 1 || len(rows) != 1 || rows[0].Operation != "interactions" || rows[0].Model != flash {
		t.Errorf("%d requests: %v; rows: %+v", sent, err, rows)
	}
}

// answer returns an answer in JSON.
func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// A caller's own client, its transport and its config are left as they are, and others who use it see no credential.
func TestConfigIsLeftAlone(t *testing.T) {
	for _, f := range faces() {
		t.Run(f.name, func(t *testing.T) {
			clean(t)
			server := llmtest.NewServer(llmtest.Config{})
			defer server.Close()
			stack, err := middleware.New()
			if err != nil {
				t.Fatal(err)
			}
			hc := &http.Client{Transport: server.Transport(), Timeout: time.Minute}
			cfg := f.config
			cfg.HTTPClient = hc
			before, plain := cfg, *hc
			client, err := adapter.NewClient(t.Context(), &cfg, stack)
			if err != nil {
				t.Fatal(err)
			}
			if cfg.HTTPClient != before.HTTPClient || cfg.HTTPOptions.BaseURL != "" || cfg.Credentials != before.Credentials || hc.Transport != plain.Transport {
				t.Errorf("config: %+v", cfg)
			}
			if client.ClientConfig().HTTPClient.Timeout != time.Minute {
				t.Error("the timeout is gone")
			}
			if _, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Whose client?"), nil); err != nil {
				t.Fatal(err)
			}
			resp, err := hc.Get("https://elsewhere.example/v1/models")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			requests := server.Requests()
			if h := requests[1].Header; h.Get("Authorization") != "" || h.Get("X-Goog-Api-Key") != "" {
				t.Errorf("headers: %v", h)
			}
			if len(stack.Rows()) != 1 {
				t.Errorf("rows: %+v", stack.Rows())
			}
		})
	}
}

// A client that is given has to authenticate by itself, where there are no credentials in the config.
func TestClientThatAuthenticates(t *testing.T) {
	clean(t)
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	stack, err := middleware.New()
	if err != nil {
		t.Fatal(err)
	}
	rt := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer own")
		return next.RoundTrip(req)
	})(server.Transport())
	client, err := adapter.NewClient(t.Context(), &genai.ClientConfig{
		Backend: genai.BackendVertexAI, Project: "p", Location: "global", HTTPClient: &http.Client{Transport: rt},
	}, stack)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who am I?"), nil); err != nil {
		t.Fatal(err)
	}
	if got := server.Requests()[0].Header.Values("Authorization"); !slices.Equal(got, []string{"Bearer own"}) {
		t.Errorf("Authorization: %q", got)
	}
}

func TestDefaultCredentials(t *testing.T) {
	clean(t)
	var asked atomic.Int64
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"ya29.default","token_type":"Bearer","expires_in":3600}`)
	}))
	defer tokens.Close()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "client_email": "a@p.iam.gserviceaccount.com", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokens.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(file, account, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	t.Setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
	t.Setenv("GOOGLE_CLOUD_PROJECT", "p")
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	stack, err := middleware.New(middleware.WithBase(server.Transport()))
	if err != nil {
		t.Fatal(err)
	}
	client, err := adapter.NewClient(t.Context(), nil, stack)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who am I?"), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range server.Requests() {
		if r.Header.Get("Authorization") != "Bearer ya29.default" || r.Provider != "vertex" {
			t.Errorf("%s: %v", r.Path, r.Header)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked for %d tokens", n)
	}
	if n := len(stack.Rows()); n != 2 {
		t.Errorf("%d rows: the token's request is none", n)
	}
}

func TestErrorsHoldNoKey(t *testing.T) {
	clean(t)
	stack, err := middleware.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []*genai.ClientConfig{
		{Backend: genai.BackendGeminiAPI, APIKey: "AI-test", Project: "p"},
		{Backend: genai.BackendVertexAI, APIKey: "AI-test", Credentials: credentials("ya29")},
		{Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{Headers: http.Header{"X": {"AI-test"}}}},
	} {
		if _, err := adapter.NewClient(t.Context(), cfg, stack); err == nil || strings.Contains(err.Error(), "AI-test") {
			t.Errorf("error: %v", err)
		}
	}
}

// Credentials stay with the host, where a redirect is followed at all: a call that costs money is not sent elsewhere.
func TestCredentialsStayWithTheHost(t *testing.T) {
	const body = `{"totalTokens":3,"candidates":[{"content":{"role":"model","parts":[{"text":"Hm."}]},"finishReason":"STOP"}]}`
	for _, f := range faces() {
		for to, keeps := range map[string]bool{
			"/elsewhere":                  true,
			"https://evil.example/v1beta": false,
			"http://127.0.0.1/v1beta":     false,
		} {
			clean(t)
			var sent []string
			base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				req.Body.Close()
				sent = append(sent, req.Header.Get("X-Goog-Api-Key")+req.Header.Get("Authorization")+req.Header.Get("X-Goog-User-Project"))
				if len(sent) == 1 {
					r := answer(req, http.StatusTemporaryRedirect, "")
					r.Header.Set("Location", to)
					return r, nil
				}
				return answer(req, http.StatusOK, body), nil
			})
			stack, err := middleware.New(middleware.WithBase(base))
			if err != nil {
				t.Fatal(err)
			}
			client, err := adapter.NewClient(t.Context(), &f.config, stack)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Models.CountTokens(t.Context(), flash, genai.Text("Who knows?"), nil); err != nil {
				t.Fatal(err)
			}
			if len(sent) != 2 || sent[0] == "" || (sent[1] == sent[0]) != keeps || !keeps && sent[1] != "" {
				t.Errorf("%s, %s: %q", f.name, to, sent)
			}
			sent = nil
			_, err = client.Models.GenerateContent(t.Context(), flash, genai.Text("Who knows?"), nil)
			if keeps && (err != nil || len(sent) != 2) || !keeps && (!errors.Is(err, middleware.ErrRedirect) || len(sent) != 1) {
				t.Errorf("%s, %s: %q, %v", f.name, to, sent, err)
			}
		}
	}
}
