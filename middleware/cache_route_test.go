package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// between runs f in a bubble, with a stack whose requests pass through a gateway.
func between(t *testing.T, cfg llmtest.Config, p policy.Policy, gateway func(next http.RoundTripper, req *http.Request) (*http.Response, error), f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		provider := llmtest.NewPipe(cfg)
		defer provider.Close()
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) { return gateway(provider.Transport(), req) })
		stack, err := middleware.New(middleware.WithProvider("gemini"), middleware.WithPolicy(p), middleware.WithBase(base))
		if err != nil {
			t.Fatal(err)
		}
		f(&world{t, provider, stack, stack.Client()})
		_ = stack.Close(t.Context())
	})
}

var autoBefore = policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: policy.CacheBefore}}

// Requests about caches go where the call goes, with the headers and the query by which a gateway knows the caller, and without
// what is about the call itself.
func TestErrandsThroughGateway(t *testing.T) {
	for url, want := range map[string]string{
		"https://gw.example/google/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse":                    "/google/v1beta/cachedContents?",
		"https://gw.example/models/google/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse":             "/models/google/v1beta/cachedContents?",
		"https://gw.example/a%2Fb/v1beta/models/gemini-2.5-flash:streamGenerateContent?tenant=t1&$alt=sse&key=k":    "/a%2Fb/v1beta/cachedContents?tenant=t1&key=k",
		"https://gw.example/none/v1/projects/p/publishers/google/models/gemini-2.5-flash:streamGenerateContent?a=b": "",
	} {
		t.Run(url, func(t *testing.T) {
			var paths []string
			between(t, llmtest.Config{}, autoBefore, func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				if strings.Contains(req.URL.Path, "cachedContents") {
					paths = append(paths, req.URL.EscapedPath()+"?"+req.URL.RawQuery)
					for k, want := range map[string]string{
						"X-Gateway-Token": "t", "Cf-Aig-Authorization": "c", "X-Stainless-Lang": "", "X-Vertex-Ai-Llm-Request-Type": "",
					} {
						if got := req.Header.Get(k); got != want {
							t.Errorf("%s %s: %s is %q; want %q", req.Method, req.URL.Path, k, got, want)
						}
					}
					if req.Header.Get("X-Server-Timeout") == "301" {
						t.Errorf("%s %s has the call's X-Server-Timeout", req.Method, req.URL.Path)
					}
				}
				req = req.Clone(req.Context())
				at := strings.Index(req.URL.Path, "/v1")
				req.URL.Path, req.URL.RawPath, req.URL.Host = req.URL.Path[at:], "", "generativelanguage.googleapis.com"
				return next.RoundTrip(req)
			}, func(w *world) {
				for i := range 60 {
					req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, url, strings.NewReader(asking(fmt.Sprint("q", i))))
					if err != nil {
						t.Fatal(err)
					}
					req.Header = http.Header{"X-Goog-Api-Key": {"k"}, "x-gateway-token": {"t"}, "Cf-Aig-Authorization": {"c"}, "X-Server-Timeout": {"301"}, "x-stainless-lang": {"go"}, "X-Vertex-Ai-Llm-Request-Type": {"shared"}}
					resp, err := w.client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					time.Sleep(5 * time.Second)
				}
				rows, used := w.stack.Rows(), 0
				for _, r := range rows {
					if r.Operation == "generate" && r.Cache != "" {
						used++
					}
				}
				if last := rows[len(rows)-1].Skipped; want == "" && (used+len(paths) > 0 || !strings.Contains(last, "cache: no context caches are known at this URL")) {
					t.Errorf("%d calls used a cache, %d requests about caches, the row says %q", used, len(paths), last)
				} else if want != "" && (used < 30 || len(paths) == 0 || !strings.HasPrefix(paths[0], want)) {
					t.Errorf("%d calls used a cache: %v", used, paths)
				}
			})
			for _, p := range paths {
				if strings.Contains(p, "alt=") {
					t.Error(p)
				}
			}
		})
	}
}

// A provider that rejects creations is not asked for each prefix again, and the row says until when.
func TestFailedCreationsPauseTheScope(t *testing.T) {
	for status, most := range map[int]int{401: 1, 403: 1, 400: 6, 503: 6} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			creations, heals := 0, false
			between(t, llmtest.Config{}, autoBefore, func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				if heals || !strings.HasSuffix(req.URL.Path, "/cachedContents") || req.Method != http.MethodPost {
					return next.RoundTrip(req)
				}
				creations++
				body := fmt.Sprintf(`{"error":{"code":%d,"message":"No.","status":"X"}}`, status)
				return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Request: req, Body: io.NopCloser(strings.NewReader(body))}, nil
			}, func(w *world) {
				call := func(n int) string {
					if got := w.gemini(w.Context(), strings.ReplaceAll(asking(fmt.Sprint("q", n)), "Answer from", fmt.Sprint(n/6, " from"))); got != 200 {
						t.Fatal(got)
					}
					time.Sleep(5 * time.Second)
					rows := w.stack.Rows()
					return rows[len(rows)-1].Skipped
				}
				said := 0
				for n := range 600 {
					if strings.Contains(call(n), "none is created until 2000-01-01T") {
						said++
					}
				}
				if creations == 0 || creations > most || said == 0 {
					t.Errorf("%d creations in 600 calls, want at most %d; %d rows say why", creations, most, said)
				}
				heals = true
				time.Sleep(time.Hour)
				for n := range 60 {
					call(600 + n)
				}
				if len(w.provider.Caches()) == 0 {
					t.Error("nothing is created after the pause")
				}
			})
		})
	}
}

// The project that a header names, and not the token of the hour, says whose a cache is.
func TestTokenRotation(t *testing.T) {
	inWorld(t, llmtest.Config{}, autoBefore, func(w *world) {
		for n := range 180 {
			req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, geminiURL, strings.NewReader(asking(fmt.Sprint("q", n))))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{"Authorization": {fmt.Sprint("Bearer token-", n/60)}, "x-goog-user-project": {"p"}}
			resp, err := w.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			time.Sleep(time.Minute)
		}
		if n := len(w.stack.Caches()); n != 1 {
			t.Errorf("%d scopes of one project", n)
		}
	})
}

// A cache that a deletion does not find, although it should live, is not taken for deleted: its storage stays charged, and Close
// says so.
func TestDeletionWithAnotherKey(t *testing.T) {
	other := false
	gateway := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if other {
			req = req.Clone(req.Context())
			req.Header.Set("X-Goog-Api-Key", "another")
		}
		return next.RoundTrip(req)
	}
	between(t, llmtest.Config{Keyed: true}, policy.Policy{}, gateway, func(w *world) {
		h := w.ensure(library())
		charged := w.stack.Totals().Storage
		other = true
		if err := h.Close(w.Context()); err == nil || !strings.Contains(err.Error(), "is charged until it expires") {
			t.Errorf("Close of the handle: %v", err)
		}
		if got := w.stack.Totals().Storage; got.Cmp(charged) != 0 || charged.Cmp(price.Sum{}) == 0 {
			t.Errorf("storage of $%v; want $%v", got, charged)
		}
		if err := w.stack.Close(w.Context()); err == nil {
			t.Error("Close says nothing of a cache that lives")
		}
		other = false
		if err := w.stack.Close(w.Context()); err != nil {
			t.Error(err)
		}
		if c := w.provider.Caches()[0]; c.Alive(time.Now()) {
			t.Error("the cache lives")
		}
	})
}

// What a cache costs counts against the cap on an hour, also if its tokens or its end are not known.
func TestHourCapOfUnknownCosts(t *testing.T) {
	count := regexp.MustCompile(`("totalTokenCount": ?)(\d+)`)
	for name, edit := range map[string]func(string) string{
		"no usage":  func(s string) string { return strings.Replace(s, `"usageMetadata"`, `"unknown"`, 1) },
		"no expiry": func(s string) string { return strings.Replace(s, `"expireTime"`, `"unknown"`, 1) },
		"negative":  func(s string) string { return count.ReplaceAllString(s, "${1}-5") },
		"huge":      func(s string) string { return count.ReplaceAllString(s, "${1}99999999999999") },
		"vast":      func(s string) string { return count.ReplaceAllString(s, "${1}99999999999999999999999") },
		"null":      func(s string) string { return count.ReplaceAllString(s, "${1}null") },
	} {
		t.Run(name, func(t *testing.T) {
			p := policy.Policy{Cache: policy.Cache{MaxCostPerHour: price.MustUSD("0.05"), MaxCost: price.MustUSD("0.04")}}
			between(t, llmtest.Config{}, p, func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(req)
				if err == nil && strings.Contains(req.URL.Path, "/cachedContents") {
					b, _ := io.ReadAll(resp.Body)
					resp.Body.Close()
					s := edit(string(b))
					resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(s)), int64(len(s))
					resp.Header.Del("Content-Length")
				}
				return resp, err
			}, func(w *world) {
				made := 0
				for n := range 30 {
					c := library()
					c.Turns = []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(fmt.Sprint(n, book)))}
					if _, err := w.stack.Ensure(w.Context(), w.caches(), c); err == nil {
						made++
					}
				}
				if all := len(w.provider.Caches()); made == 0 || made != all || all > 3 {
					t.Errorf("%d caches, of which %d are known to us", all, made)
				}
			})
		})
	}
}
