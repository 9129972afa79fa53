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
	"iter"
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

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	adapter "github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	flash = "gemini-2.5-flash"
	pro   = "gemini-2.5-pro"
)

// The descriptions are of the Gemini API and of Vertex AI.
var (
	onGemini = describe(adaptertest.Adapter{
		Provider: "gemini",
		Tiers:    []policy.Tier{policy.Flex, policy.Priority},
	}, genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "AI-test"})

	onVertex = describe(adaptertest.Adapter{
		Provider:  "vertex",
		Tiers:     []policy.Tier{policy.Flex, policy.Priority},
		CachePath: "projects/p/locations/global/publishers/google/models/",
	}, genai.ClientConfig{Backend: genai.BackendVertexAI, Project: "p", Location: "global", Credentials: credentials("ya29.test")})

	apis = []api{onGemini, onVertex}
)

// An api is one of the two, with its description and the config that its client is made from.
type api struct {
	adaptertest.Adapter
	config genai.ClientConfig
}

func TestGemini(t *testing.T) { adaptertest.Test(t, onGemini.Adapter) }

func TestVertex(t *testing.T) { adaptertest.Test(t, onVertex.Adapter) }

func TestMain(m *testing.M) {
	adaptertest.Unsetenv("GOOGLE_", "GEMINI_")
	os.Exit(m.Run())
}

// describe completes a description by what both have in common.
func describe(a adaptertest.Adapter, config genai.ClientConfig) api {
	a.Models = []string{flash, pro}
	a.CachedContent = true
	a.New = func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
		own := config
		own.HTTPClient = o.HTTPClient
		if o.Timeout > 0 {
			own.HTTPOptions.Timeout = &o.Timeout
		}
		return caller{newClient(w, own), o.Retries}.client()
	}
	a.Failure = failure
	a.RetriesLost, a.ResendsRefusals = true, true
	a.Cannot = map[adaptertest.Ability]string{
		adaptertest.ReadTier:    "the answer's type has no member for it",
		adaptertest.StreamUsage: "a stream always has its usage",
	}
	return api{a, config}
}

// newClient returns the adapter's client.
func newClient(w *adaptertest.World, config genai.ClientConfig) *genai.Client {
	client, err := adapter.NewClient(context.Background(), &config, w.Stack)
	if err != nil {
		w.Fatal(err)
	}
	return client
}

// A caller makes the calls of the kit.
type caller struct {
	*genai.Client
	retries bool // each call asks the SDK for retries
}

func (c caller) client() adaptertest.Client {
	return adaptertest.Client{Ask: c.ask, Stream: c.stream, Open: c.open}
}

func (c caller) config() *genai.GenerateContentConfig {
	if c.retries {
		return repeating()
	}
	return nil
}

func (c caller) ask(ctx context.Context, model, text string) (adaptertest.Answer, error) {
	got, err := c.Models.GenerateContent(ctx, model, genai.Text(text), c.config())
	if err != nil {
		return adaptertest.Answer{}, err
	}
	return adaptertest.Answer{
		Text: got.Text(), Input: int64(got.UsageMetadata.PromptTokenCount), Output: int64(got.UsageMetadata.CandidatesTokenCount),
	}, nil
}

func (c caller) stream(ctx context.Context, model, text string) (answer adaptertest.Answer, err error) {
	for got, err := range c.Models.GenerateContentStream(ctx, model, genai.Text(text), c.config()) {
		if err != nil {
			return answer, err
		}
		answer.Text += got.Text()
	}
	return answer, nil
}

func (c caller) open(ctx context.Context, model, text string) (io.Closer, error) {
	next, stop := iter.Pull2(c.Models.GenerateContentStream(ctx, model, genai.Text(text), c.config()))
	_, err, _ := next()
	return adaptertest.CloserFunc(func() error { stop(); return nil }), err
}

// failure reads an error, which is a value.
func failure(err error) adaptertest.Failure {
	var e genai.APIError
	if !errors.As(err, &e) {
		return adaptertest.Failure{}
	}
	return adaptertest.Failure{Status: e.Code, Code: e.Status, Message: e.Message}
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

func TestRequests(t *testing.T) {
	flex := llmtest.Config{Flex: llmtest.Refuse(1)}
	for _, a := range apis {
		a.Run(t, adaptertest.Setup{Config: flex, Policy: policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}}, func(w *adaptertest.World) {
			if _, err := w.Client.Ask(w.Context(), flash, "Who saves?"); err != nil {
				w.Fatal(err)
			}
			for i, r := range w.Server.Requests() {
				key, bearer, project := r.Header.Get("X-Goog-Api-Key"), r.Header.Get("Authorization"), r.Header.Get("X-Goog-User-Project")
				want := [3]string{"AI-test", "", ""}
				if a.Provider == "vertex" {
					want = [3]string{"", "Bearer ya29.test", "quota"}
				}
				if got := [3]string{key, bearer, project}; got != want {
					w.Errorf("credentials %q, want %q", got, want)
				}
				if tier := []string{"flex", ""}[i]; a.Provider == "vertex" && (r.Tier != tier || strings.Contains(string(r.Body), "ervice")) {
					w.Errorf("tier %q, want %q; body %s", r.Tier, tier, r.Body)
				}
			}
		})
	}
}

func TestStream(t *testing.T) {
	for _, a := range apis {
		a.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
			n := 0
			for _, err := range newClient(w, a.config).Models.GenerateContentStream(w.Context(), pro, genai.Text("Who streams?"), nil) {
				if err != nil {
					w.Fatal(err)
				}
				n++
			}
			if n != 8 {
				w.Errorf("%d answers, want 8", n)
			}
			w.Balance()
		})
	}
}

func TestChat(t *testing.T) {
	onGemini.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		chat, err := newClient(w, onGemini.config).Chats.Create(w.Context(), flash, nil, nil)
		if err != nil {
			w.Fatal(err)
		}
		for _, text := range []string{"Who asks?", "And who answers?"} {
			if _, err := chat.SendMessage(w.Context(), genai.Part{Text: text}); err != nil {
				w.Fatal(err)
			}
		}
		w.Balance()
	})
}

func TestServiceTierOfTheSDK(t *testing.T) {
	flex := llmtest.Config{Flex: llmtest.Refuse(1)}
	onGemini.Run(t, adaptertest.Setup{Config: flex, Policy: policy.Policy{Fallback: policy.Standard}}, func(w *adaptertest.World) {
		config := &genai.GenerateContentConfig{ServiceTier: genai.ServiceTierFlex}
		if _, err := newClient(w, onGemini.config).Models.GenerateContent(w.Context(), flash, genai.Text("Who names it?"), config); err != nil {
			w.Fatal(err)
		}
		if rows := w.Stack.Rows(); len(rows) != 2 || rows[0].AskedTier != policy.Flex || rows[1].ServedTier != policy.Standard {
			w.Errorf("rows: %+v", rows)
		}
		w.Balance()
	})
}

// A cache that the SDK names counts before one that the context names.
func TestContextCacheOfTheSDK(t *testing.T) {
	for _, a := range apis {
		a.Run(t, adaptertest.Setup{Policy: policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}}, func(w *adaptertest.World) {
			mine, yours := w.Server.NewCache(a.CachePath+flash, 20_000, time.Hour), w.Server.NewCache(a.CachePath+flash, 30_000, time.Hour)
			models := newClient(w, a.config).Models
			ctx := policy.With(w.Context(), policy.CachedContent(mine))
			config := &genai.GenerateContentConfig{CachedContent: yours}
			if _, err := models.GenerateContent(ctx, flash, genai.Text("By context?"), nil); err != nil {
				w.Fatal(err)
			}
			if _, err := models.GenerateContent(ctx, flash, genai.Text("By both?"), config); err != nil {
				w.Fatal(err)
			}
			for _, err := range models.GenerateContentStream(w.Context(), flash, genai.Text("In a stream?"), config) {
				if err != nil {
					w.Fatal(err)
				}
			}
			w.Balance()
			var used []string
			for _, r := range w.Stack.Rows() {
				used = append(used, r.Cache)
			}
			if !slices.Equal(used, []string{mine, yours, yours}) {
				w.Errorf("caches: %v", used)
			}
		})
	}
}

func TestCachesCreate(t *testing.T) {
	onGemini.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		client := newClient(w, onGemini.config)
		cache, err := client.Caches.Create(w.Context(), flash, &genai.CreateCachedContentConfig{
			Contents: genai.Text(strings.Repeat("A penny saved is a penny earned. ", 1000)), TTL: time.Hour,
		})
		if err != nil {
			w.Fatal(err)
		}
		if _, err := client.Models.GenerateContent(policy.With(w.Context(), policy.CachedContent(cache.Name)), flash, genai.Text("And?"), nil); err != nil {
			w.Fatal(err)
		}
		rows, meter := w.Stack.Rows(), w.Server.Meter()
		if len(rows) != 3 || rows[0].Operation != "create_cache" || rows[0].Usage.Input != meter[0].Prompt || rows[2].Usage.CachedInput != meter[1].Cached {
			w.Fatalf("rows: %+v\nmeter: %+v", rows, meter)
		}
		if storage := rows[1]; storage.Outcome != policy.Storage || storage.Usage.StorageTokenSeconds < 3599*rows[0].Usage.Input {
			w.Errorf("storage: %+v", storage)
		}
	})
}

func TestErrorsReachTheSDK(t *testing.T) {
	for _, a := range apis {
		a.Run(t, adaptertest.Setup{
			Config: llmtest.Config{Faults: llmtest.Sequence(llmtest.QuotaExceeded, llmtest.Overloaded)}, Policy: policy.Policy{MaxAttempts: 1},
		}, func(w *adaptertest.World) {
			for _, code := range []int{429, 503} {
				_, err := w.Client.Ask(w.Context(), flash, "Who pays?")
				var api genai.APIError
				if !errors.As(err, &api) || api.Code != code || api.Status == "" || api.Message == "" {
					w.Errorf("%s: %v", a.Provider, err)
				}
			}
			if rows, n := w.Stack.Rows(), len(w.Server.Requests()); len(rows) != 2 || n != 2 || rows[1].Outcome != policy.Rejected {
				w.Errorf("%s: %d requests, rows: %+v", a.Provider, n, rows)
			}
		})
	}
}

// The stack sends Google the shortest time that a call has.
func TestServerTimeout(t *testing.T) {
	onGemini.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		ctx, cancel := context.WithTimeout(policy.With(w.Context(), policy.OnTier(policy.Priority)), 15*time.Minute)
		defer cancel()
		if _, err := w.Client.Ask(ctx, flash, "How long?"); err != nil {
			w.Fatal(err)
		}
		if got := w.Server.Requests()[0]; got.Tier != "priority" || got.Header.Get("X-Server-Timeout") != "900" {
			w.Errorf("tier on the wire: %q, timeout %q", got.Tier, got.Header.Get("X-Server-Timeout"))
		}
	})
}

func TestRetryOptions(t *testing.T) {
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

// answer returns an answer in JSON.
func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// The program's http.Client, its transport and its config are not changed, and other users of them see no credential.
func TestConfigIsLeftAlone(t *testing.T) {
	for _, f := range apis {
		t.Run(f.Provider, func(t *testing.T) {
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
				t.Error("the timeout is lost")
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

// The program's http.Client has to authenticate if there are no credentials in the config.
func TestClientThatAuthenticates(t *testing.T) {
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

// A redirect to another host gets no credentials. A call that costs money does not follow it at all.
func TestCredentialsStayWithTheHost(t *testing.T) {
	for _, a := range apis {
		for to, same := range map[string]bool{
			"/elsewhere":                  true,
			"https://evil.example/v1beta": false,
			"http://127.0.0.1/v1beta":     false,
		} {
			t.Run(a.Provider+" to "+to, func(t *testing.T) { redirected(t, a, to, same) })
		}
	}
}

// redirected has the first request of each call redirected, to the same host or another one.
func redirected(t *testing.T, a api, to string, same bool) {
	const body = `{"totalTokens":3,"candidates":[{"content":{"role":"model","parts":[{"text":"Hm."}]},"finishReason":"STOP"}]}`
	var sent []string // the credentials of each request
	stack, err := middleware.New(middleware.WithBase(transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		sent = append(sent, req.Header.Get("X-Goog-Api-Key")+req.Header.Get("Authorization")+req.Header.Get("X-Goog-User-Project"))
		if len(sent) == 1 {
			r := answer(req, http.StatusTemporaryRedirect, "")
			r.Header.Set("Location", to)
			return r, nil
		}
		return answer(req, http.StatusOK, body), nil
	})))
	if err != nil {
		t.Fatal(err)
	}
	client, err := adapter.NewClient(t.Context(), &a.config, stack)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Models.CountTokens(t.Context(), flash, genai.Text("Who knows?"), nil); err != nil {
		t.Fatal(err)
	}
	second := ""
	if same {
		second = sent[0]
	}
	if sent[0] == "" || !slices.Equal(sent[1:], []string{second}) {
		t.Errorf("credentials of a free call: %q", sent)
	}
	sent = nil
	_, err = client.Models.GenerateContent(t.Context(), flash, genai.Text("Who knows?"), nil)
	if same && (err != nil || len(sent) != 2) || !same && (!errors.Is(err, middleware.ErrRedirect) || len(sent) != 1) {
		t.Errorf("credentials of a call that costs money: %q, %v", sent, err)
	}
}
