package genai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"weak"

	"google.golang.org/genai"
	"google.golang.org/genai/interactions"
	"google.golang.org/genai/interactions/models/components"
	"google.golang.org/genai/interactions/models/operations"
	"google.golang.org/genai/interactions/retry"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/transport"
)

var noRetries = retry.Config{Strategy: "none"}

// interactionsOnce returns client.Interactions made anew, as the SDK makes it, but with its retries off: the SDK has no
// setting for that. How the SDK names itself it tells nobody but a server, so it is asked for a request that goes nowhere.
func interactionsOnce(client *genai.Client, hc *http.Client) *interactions.Interactions {
	var asked http.Header
	stack := hc.Transport
	hc.Transport = transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		asked = req.Header
		return nil, errors.New("genai: not to be sent")
	})
	_, _ = client.Interactions.Get(context.Background(), operations.GetInteractionByIDRequest{ID: "none"},
		operations.WithRetries(noRetries))
	hc.Transport = stack
	if asked == nil {
		return client.Interactions // its repetitions are refused
	}
	cfg := client.ClientConfig()
	headers := map[string]string{}
	for name, values := range cfg.HTTPOptions.Headers {
		if len(values) > 0 {
			headers[name] = strings.Join(values, " ")
		}
	}
	for _, name := range []string{"User-Agent", "X-Goog-Api-Client"} {
		for spelt := range headers {
			if strings.EqualFold(spelt, name) {
				delete(headers, spelt)
			}
		}
		if value := asked.Get(name); value != "" {
			headers[name] = value
		}
	}
	security := components.Security{DefaultHeaders: headers}
	if cfg.APIKey != "" {
		security.APIKey = &cfg.APIKey
	}
	version := cfg.HTTPOptions.APIVersion
	if cfg.Backend == genai.BackendVertexAI && cfg.Project != "" && cfg.Location != "" {
		version = fmt.Sprintf("%s/projects/%s/locations/%s", version, cfg.Project, cfg.Location)
	}
	opts := []interactions.SDKOption{
		interactions.WithClient(hc), interactions.WithSecurity(security), interactions.WithRetryConfig(noRetries),
		interactions.WithServerURL(cfg.HTTPOptions.BaseURL), interactions.WithAPIVersion(version),
	}
	if cfg.HTTPOptions.Timeout != nil {
		opts = append(opts, interactions.WithTimeout(*cfg.HTTPOptions.Timeout))
	}
	return interactions.New(opts...).Interactions
}

// charged are the ends of the paths at which a POST of this SDK costs money, at once or later.
var charged = []string{
	":generateContent", ":streamGenerateContent", ":embedContent", ":batchEmbedContents", ":predict", ":predictLongRunning",
	":batchGenerateContent", ":asyncBatchEmbedContent", ":importFile", "/interactions", "/cachedContents",
	"/batchPredictionJobs", "/tuningJobs", "/tunedModels", "/voices",
}

func costs(req *http.Request) bool {
	return req.Method == http.MethodPost && slices.ContainsFunc(charged, func(end string) bool { return strings.HasSuffix(req.URL.Path, end) })
}

// A try is a request that costs money, once it has been sent.
type try struct {
	sent bool  // it came as far as the stack
	err  error // how it ended; nil for well
}

type tryKey struct{}

// reaching notes the tries that come as far as the stack: a token that could not be had is no reason to refuse anything.
var reaching = transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	if t, ok := req.Context().Value(tryKey{}).(*try); ok {
		t.sent = true
	}
	return next.RoundTrip(req)
})

// end notes how the try ended.
func (t *try) end(resp *http.Response, err error) {
	var refusal *middleware.Error
	switch {
	case errors.As(err, &refusal) && refusal.Attempts == 0:
		t.sent = false // the stack did not send it
	case err != nil:
		t.err = err
	case resp.StatusCode/100 != 2:
		t.err = genai.APIError{Code: resp.StatusCode, Status: resp.Status}
	}
}

// tries are those whose requests the SDK still holds. It makes a request with a URL of its own for each call and each
// redirect, and sends that same request when it repeats one: http.Client may copy the rest, but not the URL. As weak
// pointers to URLs differ even if they had the same address one after the other, nothing has to be kept for long.
type tries struct {
	mu   sync.Mutex
	made map[weak.Pointer[url.URL]]*try
}

func (ts *tries) before(u *url.URL) *try {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.made[weak.Make(u)]
}

func (ts *tries) add(u *url.URL, t *try) {
	key := weak.Make(u)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.made == nil {
		ts.made = map[weak.Pointer[url.URL]]*try{}
	}
	ts.made[key] = t
	runtime.AddCleanup(u, ts.forget, key)
}

func (ts *tries) forget(key weak.Pointer[url.URL]) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.made, key)
}

// once sends a request that costs money, unless it was sent before.
func (ts *tries) once(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	if before := ts.before(req.URL); before != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, &middleware.Error{Kind: middleware.ErrRepeat, Err: before.err,
			Detail: "the SDK above sends it again of itself, and what it sent before may have been billed, or was sent as often as the policy allows",
			Hint: "leave out HTTPOptions.RetryOptions and operations.WithRetries, and say how often by policy.Policy.MaxAttempts, " +
				"Patience and MaxElapsed"}
	}
	t := &try{}
	resp, err := send(req.WithContext(context.WithValue(req.Context(), tryKey{}, t)))
	if t.end(resp, err); t.sent {
		ts.add(req.URL, t)
	}
	return resp, err
}
