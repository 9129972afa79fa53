package generativeai_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/generative-ai-go/genai"
	"github.com/googleapis/gax-go/v2/apierror"
	"github.com/googleapis/gax-go/v2/callctx"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/adapters/generativeai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// google is the SDK's own endpoint, written so that its gRPC client cannot dial it: no test uses the network.
var google = option.WithEndpoint("https://generativelanguage.googleapis.com:443")

const (
	flash = "gemini-2.5-flash"
	pro   = "gemini-2.5-pro"
)

var flexFirst = policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}

// onGemini describes the SDK.
var onGemini = adaptertest.Adapter{
	Provider:    "gemini",
	Models:      []string{flash, pro},
	Tiers:       []policy.Tier{policy.Flex, policy.Priority},
	MadeOutside: true, // the SDK's gRPC client starts goroutines that never end
	New: func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
		opts := []option.ClientOption{google}
		if o.HTTPClient != nil {
			opts = append(opts, option.WithHTTPClient(o.HTTPClient))
		}
		client, err := generativeai.NewClient(context.Background(), "AI-test", w.Stack, opts...)
		if err != nil {
			w.Fatal(err)
		}
		w.Cleanup(func() {
			if err := client.Close(); err != nil {
				w.Error(err)
			}
		})
		return adaptertest.Client{Ask: caller{client}.ask, Stream: caller{client}.stream}
	},
	Failure:       failure,
	CachedContent: true,
	ErrorEvent:    adaptertest.Ending{Hidden: "the SDK takes an error within a stream for an answer without candidates"},
	Cannot: map[adaptertest.Ability]string{
		adaptertest.CloseStream: "an iterator cannot be closed, see TestAbandonedStream",
		adaptertest.ReadTier:    "the answer's type has no member for it",
		adaptertest.Retries:     "what the SDK resends cannot be chosen, see TestUnavailableEndsTheCall",
		adaptertest.StreamUsage: "a stream always has its usage",
		adaptertest.Timeout:     "the SDK's timeout cannot be set, see TestFlexDeadline",
	},
}

func TestGemini(t *testing.T) { adaptertest.Test(t, onGemini) }

// A caller makes the calls of the kit.
type caller struct{ *genai.Client }

func (c caller) ask(ctx context.Context, model, text string) (adaptertest.Answer, error) {
	got, err := c.GenerativeModel(model).GenerateContent(ctx, genai.Text(text))
	if err != nil {
		return adaptertest.Answer{}, err
	}
	if len(got.Candidates) != 1 || got.UsageMetadata == nil {
		return adaptertest.Answer{}, errors.New("not one candidate, or no usage")
	}
	return adaptertest.Answer{
		Text: written(got), Input: int64(got.UsageMetadata.PromptTokenCount), Output: int64(got.UsageMetadata.CandidatesTokenCount),
	}, nil
}

func (c caller) stream(ctx context.Context, model, text string) (answer adaptertest.Answer, err error) {
	answers := c.GenerativeModel(model).GenerateContentStream(ctx, genai.Text(text))
	for {
		got, err := answers.Next()
		switch {
		case errors.Is(err, iterator.Done):
			return answer, nil
		case err != nil:
			return answer, err
		}
		answer.Text += written(got)
	}
}

// written returns the text of an answer.
func written(answer *genai.GenerateContentResponse) (text string) {
	for _, candidate := range answer.Candidates {
		for _, part := range candidate.Content.Parts {
			text += fmt.Sprint(part)
		}
	}
	return text
}

func failure(err error) adaptertest.Failure {
	var unavailable *generativeai.UnavailableError
	if errors.As(err, &unavailable) {
		return adaptertest.Failure{Status: unavailable.StatusCode, Code: unavailable.Status, Message: unavailable.Message}
	}
	var e *googleapi.Error
	if errors.As(err, &e) {
		return adaptertest.Failure{Status: e.Code, Message: e.Message}
	}
	return adaptertest.Failure{}
}

// setup returns a client over a stack over a simulator that listens on a port.
func setup(t *testing.T, cfg llmtest.Config, p policy.Policy) (*genai.Client, *middleware.Stack, *llmtest.Server) {
	t.Helper()
	server := llmtest.NewServer(cfg)
	t.Cleanup(server.Close)
	client, stack := over(t, server.Transport(), p)
	return client, stack, server
}

// over returns a client over a stack over rt.
func over(t *testing.T, rt http.RoundTripper, p policy.Policy) (*genai.Client, *middleware.Stack) {
	t.Helper()
	stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(rt))
	if err != nil {
		t.Fatal(err)
	}
	client, err := generativeai.NewClient(t.Context(), "AI-test", stack, google)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), stack.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return client, stack
}

func TestKeyIsAHeader(t *testing.T) {
	client, _, server := setup(t, llmtest.Config{Flex: llmtest.Refuse(1)}, flexFirst)
	if _, err := (caller{client}).ask(t.Context(), flash, "Who saves?"); err != nil {
		t.Fatal(err)
	}
	if n := len(server.Requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
	for _, r := range server.Requests() {
		if got := r.Header.Values("X-Goog-Api-Key"); !slices.Equal(got, []string{"AI-test"}) || strings.Contains(r.Query, "key") {
			t.Errorf("key: %q, query %q", got, r.Query)
		}
	}
}

func TestStream(t *testing.T) {
	client, stack, _ := setup(t, llmtest.Config{}, flexFirst)
	answers := client.GenerativeModel(pro).GenerateContentStream(t.Context(), genai.Text("Who streams?"))
	n := 0
	for ; ; n++ {
		if _, err := answers.Next(); errors.Is(err, iterator.Done) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if rows := stack.Rows(); n != 8 || len(rows) != 1 || !rows[0].Stream {
		t.Errorf("%d answers, rows: %+v", n, rows)
	}
}

func TestChatSession(t *testing.T) {
	client, stack, server := setup(t, llmtest.Config{}, policy.Policy{})
	chat := client.GenerativeModel(flash).StartChat()
	for _, text := range []string{"Who asks?", "And who answers?"} {
		if _, err := chat.SendMessage(policy.With(t.Context(), policy.Tag("tenant", "acme")), genai.Text(text)); err != nil {
			t.Fatal(err)
		}
	}
	rows, meter := stack.Rows(), server.Meter()
	if len(rows) != 2 || !rows[0].Stream || rows[0].Call == rows[1].Call || rows[0].Tags["tenant"] != "acme" {
		t.Fatalf("rows: %+v", rows)
	}
	for i, g := range meter {
		if rows[i].ResponseID != g.ID || rows[i].Usage.Output != g.Completion {
			t.Errorf("row %+v\nmeter %+v", rows[i], g)
		}
	}
}

// A cache that the model names counts before one that the context names.
func TestContextCacheOfTheModel(t *testing.T) {
	client, stack, server := setup(t, llmtest.Config{}, flexFirst)
	mine, yours := server.NewCache(flash, 20_000, time.Hour), server.NewCache(flash, 30_000, time.Hour)
	model := client.GenerativeModel(flash)
	ctx := policy.With(t.Context(), policy.CachedContent(mine))
	if _, err := model.GenerateContent(ctx, genai.Text("By context?")); err != nil {
		t.Fatal(err)
	}
	model.CachedContentName = yours
	if _, err := model.GenerateContent(ctx, genai.Text("By both?")); err != nil {
		t.Fatal(err)
	}
	if _, err := model.StartChat().SendMessage(t.Context(), genai.Text("By the model, in a stream?")); err != nil {
		t.Fatal(err)
	}
	var used []string
	for i, r := range stack.Rows() {
		used = append(used, r.Cache)
		if r.Usage.CachedInput != server.Meter()[i].Cached {
			t.Errorf("row: %+v", r)
		}
	}
	if !slices.Equal(used, []string{mine, yours, yours}) {
		t.Errorf("caches: %v", used)
	}

	server.KillCache(mine)
	model.CachedContentName = ""
	_, err := model.GenerateContent(ctx, genai.Text("Of the dead?"))
	var api *apierror.APIError
	if !errors.As(err, &api) || api.HTTPCode() != 403 {
		t.Errorf("a dead cache: %v", err)
	}
}

func TestErrorsReachTheSDK(t *testing.T) {
	client, _, _ := setup(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.QuotaExceeded)}, policy.Policy{})
	_, err := client.GenerativeModel(flash).GenerateContent(t.Context(), genai.Text("Who pays?"))
	var api *apierror.APIError
	var plain *googleapi.Error
	if !errors.As(err, &api) || !errors.As(err, &plain) || plain.Code != 429 {
		t.Fatalf("error: %v", err)
	}
}

// The SDK takes an error within a stream for one more answer, and its end for the end.
func TestErrorInStream(t *testing.T) {
	client, stack, _ := setup(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.CutStream, llmtest.ErrorInStream)}, policy.Policy{})
	model := client.GenerativeModel(flash)
	if _, err := model.StartChat().SendMessage(t.Context(), genai.Text("Who breaks off?")); err == nil {
		t.Error("no error")
	}
	if _, err := model.StartChat().SendMessage(t.Context(), genai.Text("Who fails?")); err != nil {
		t.Error("the SDK sees errors within a stream now; correct the package's documentation:", err)
	}
	rows := stack.Rows()
	if len(rows) != 2 || rows[0].Outcome != policy.Partial || rows[1].Outcome != policy.Partial || rows[1].ErrorCode == "" {
		t.Errorf("rows: %+v", rows)
	}
}

func TestCountTokensIsFree(t *testing.T) {
	client, stack, _ := setup(t, llmtest.Config{}, flexFirst)
	n, err := client.GenerativeModel(flash).CountTokens(t.Context(), genai.Text("Who counts?"))
	if err != nil || n.TotalTokens == 0 {
		t.Fatal(n, err)
	}
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Cost != ledger.Known(0) {
		t.Errorf("rows: %+v", rows)
	}
}

// always is a script of one fault.
func always(f llmtest.Fault) llmtest.Script {
	return llmtest.ScriptFunc(func(int) llmtest.Fault { return f })
}

// answer returns an answer in JSON.
func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// later is a RoundTripper that is set later. The SDK's gRPC client starts goroutines that never end, so a client has to be
// made outside of the bubble.
type later struct{ http.RoundTripper }

// An iterator cannot be closed. The stack closes the stream for it; if it did not, the bubble would not end.
func TestAbandonedStream(t *testing.T) {
	base := new(later)
	client, stack := over(t, base, policy.Policy{StreamIdle: time.Minute, Limits: []policy.Limit{{Concurrency: 1}}})
	synctest.Test(t, func(t *testing.T) {
		server := llmtest.NewPipe(llmtest.Config{ChunkDelay: time.Second})
		defer server.Close()
		base.RoundTripper = server.Transport()
		ctx := context.WithoutCancel(t.Context())
		if _, err := client.GenerativeModel(flash).GenerateContentStream(ctx, genai.Text("Who leaves?")).Next(); err != nil {
			t.Fatal(err)
		}
		if rows := stack.Rows(); len(rows) != 0 {
			t.Fatalf("rows of a stream that is open: %+v", rows)
		}
		// There is one permit, and the stream has it.
		start := time.Now()
		if _, err := client.GenerativeModel(flash).GenerateContent(ctx, genai.Text("Who is next?")); err != nil {
			t.Fatal(err)
		}
		waited := time.Since(start)
		rows := stack.Rows()
		if len(rows) != 2 || rows[0].Outcome != policy.Partial || rows[1].Outcome != policy.Billed || waited != time.Minute {
			t.Errorf("waited %v, rows: %+v", waited, rows)
		}
	})
}

// A stream whose context ends is closed at once.
func TestCancelledStream(t *testing.T) {
	base := new(later)
	client, stack := over(t, base, policy.Policy{})
	synctest.Test(t, func(t *testing.T) {
		server := llmtest.NewPipe(llmtest.Config{ChunkDelay: time.Second})
		defer server.Close()
		base.RoundTripper = server.Transport()
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		if _, err := client.GenerativeModel(flash).GenerateContentStream(ctx, genai.Text("Who leaves?")).Next(); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Partial {
			t.Errorf("rows: %+v", rows)
		}
	})
}

// The key is sent to Google and to the endpoint, and to no other host.
func TestKeyStaysWithTheHost(t *testing.T) {
	const body = `{"totalTokens":3,"candidates":[{"content":{"role":"model","parts":[{"text":"Hm."}]},"finishReason":1}]}`
	for _, c := range []struct{ name, endpoint, to, want string }{
		{"google", "https://generativelanguage.googleapis.com:443", "", "AI-test"},
		{"a gateway", "http://gateway.example:8080/google", "", "AI-test"},
		{"the same host", "https://gateway.example:443", "https://GATEWAY.example/elsewhere", "AI-test"},
		{"another host", "https://gateway.example:443", "https://evil.example/v1beta", ""},
		{"another port", "https://gateway.example:443", "https://gateway.example:444/", ""},
		{"without TLS", "https://generativelanguage.googleapis.com:443", "http://generativelanguage.googleapis.com/", ""},
		{"a name like it", "https://generativelanguage.googleapis.com:443", "https://generativelanguage.googleapis.com.evil.example/", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var keys []string
			base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				req.Body.Close()
				var got []string
				for name, values := range req.Header {
					if strings.EqualFold(name, "X-Goog-Api-Key") {
						got = append(got, values...)
					}
				}
				keys = append(keys, strings.Join(got, ","))
				if c.to != "" && len(keys) == 1 {
					r := answer(req, http.StatusTemporaryRedirect, "")
					r.Header.Set("Location", c.to)
					return r, nil
				}
				return answer(req, http.StatusOK, body), nil
			})
			stack, err := middleware.New()
			if err != nil {
				t.Fatal(err)
			}
			client, err := generativeai.NewClient(t.Context(), "AI-test", stack,
				option.WithHTTPClient(&http.Client{Transport: base}), option.WithEndpoint(c.endpoint))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := client.GenerativeModel(flash).CountTokens(t.Context(), genai.Text("Who knows?")); err != nil {
				t.Fatal(err)
			}
			want := []string{"AI-test"}
			if c.to != "" {
				want = append(want, c.want)
			}
			if !slices.Equal(keys, want) {
				t.Errorf("keys %q, want %q", keys, want)
			}
			// A call that costs money is not sent to another host at all.
			elsewhere := c.to != "" && c.want == ""
			keys = nil
			_, err = client.GenerativeModel(flash).GenerateContent(t.Context(), genai.Text("Who knows?"))
			if errors.Is(err, middleware.ErrRedirect) != elsewhere || elsewhere && len(keys) != 1 {
				t.Errorf("keys %q, %v", keys, err)
			}
		})
	}
}

// The names of the SDK's headers are in lower case, and all attempts share one map.
func TestKeyReplacesAnother(t *testing.T) {
	client, _, server := setup(t, llmtest.Config{}, policy.Policy{})
	ctx := callctx.SetHeaders(t.Context(), "x-goog-api-key", "another", "x-goog-user-project", "p")
	for range 2 {
		if _, err := client.GenerativeModel(flash).GenerateContent(ctx, genai.Text("Whose key?")); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range server.Requests() {
		if got := r.Header.Values("X-Goog-Api-Key"); !slices.Equal(got, []string{"AI-test"}) || r.Header.Get("X-Goog-User-Project") != "p" {
			t.Errorf("headers: %v", r.Header)
		}
	}
}

func TestNewClientRefuses(t *testing.T) {
	stack, err := middleware.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key string
		opt option.ClientOption
	}{
		"no key":             {"", google},
		"another credential": {"AI-test", option.WithCredentialsFile("/none")},
		"no host":            {"AI-test", option.WithEndpoint("https:///v1")},
		"no URL":             {"AI-test", option.WithEndpoint("https://%zz")},
	} {
		client, err := generativeai.NewClient(t.Context(), c.key, stack, c.opt)
		if err == nil {
			client.Close()
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "AI-test") {
			t.Errorf("%s: the error has the key: %v", name, err)
		}
	}
}
