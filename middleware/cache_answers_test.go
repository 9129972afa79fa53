package middleware_test

import (
	"bytes"
	"compress/gzip"
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
)

// A cacheHost answers what creates and changes caches as a test says, and every call with 200. A call that names a cache which
// does not exist is rejected, as the Gemini API does.
type cacheHost struct {
	mu       sync.Mutex
	create   answerFunc
	change   answerFunc // of PATCH and DELETE
	generate answerFunc
	created  int
	creation string   // the body of the latest creation
	changed  []string // methods and paths
	calls    []string // bodies
}

func (h *cacheHost) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case strings.HasSuffix(req.URL.Path, "enerateContent"):
		h.calls = append(h.calls, string(body))
		if h.generate != nil {
			return h.generate(req)
		}
		return says(200, jsonType, geminiServed)(req)
	case req.Method == http.MethodPost:
		h.created++
		h.creation = string(body)
		return h.create(req)
	case req.Method == http.MethodGet:
		return says(404, jsonType, `{"error":{"code":404,"status":"NOT_FOUND","message":"no"}}`)(req)
	}
	h.changed = append(h.changed, req.Method+" "+req.URL.Path)
	if h.change != nil {
		return h.change(req)
	}
	return says(200, jsonType, "{}")(req)
}

// made is the answer to the creation of a cache, by a clock that is ahead.
func made(ahead, ttl time.Duration) answerFunc {
	n := 0
	return func(req *http.Request) (*http.Response, error) {
		n++
		now := time.Now().Add(ahead).UTC()
		return says(200, jsonType, fmt.Sprintf(`{"name":"cachedContents/c%d","model":"models/gemini-2.5-flash","createTime":%q,"updateTime":%q,"expireTime":%q,"usageMetadata":{"totalTokenCount":8000}}`,
			n, now.Format(time.RFC3339Nano), now.Format(time.RFC3339Nano), now.Add(ttl).Format(time.RFC3339Nano)))(req)
	}
}

// withHost runs f with a stack over a cacheHost.
func withHost(t *testing.T, h *cacheHost, p policy.Policy, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(h))
		if err != nil {
			t.Fatal(err)
		}
		f(&world{T: t, stack: stack, client: stack.Client()})
		checkRows(t, stack.Rows())
	})
}

// Whatever a creation is answered, calls are served, with all of their documents, and creations that do not help are not repeated
// for each call.
func TestAnswersToCreation(t *testing.T) {
	const named = `{"name":"cachedContents/c1","model":"models/gemini-2.5-flash","createTime":"2000-01-01T00:00:00Z"`
	zip := func(text string) answerFunc {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(text))
		z.Close()
		return func(req *http.Request) (*http.Response, error) {
			resp, err := says(200, jsonType, b.String())(req)
			resp.Header.Set("Content-Encoding", "gzip")
			return resp, err
		}
	}
	tests := map[string]struct {
		answer answerFunc
		want   string // in Ensure's error; "": there is none
	}{
		"good":            {made(0, 10*time.Minute), ""},
		"empty":           {says(200, jsonType, ""), "does not name"},
		"no content":      {says(204, "", ""), "does not name"},
		"garbage":         {says(200, "text/html", "<html>"), "does not name"},
		"null":            {says(200, jsonType, "null"), "does not name"},
		"array":           {says(200, jsonType, "[]"), "does not name"},
		"cut":             {says(200, jsonType, named), "does not name"},
		"no name":         {says(200, jsonType, `{"expireTime":"2000-01-01T00:10:00Z","usageMetadata":{"totalTokenCount":8000}}`), "does not name"},
		"name null":       {says(200, jsonType, `{"name":null,"expireTime":"2000-01-01T00:10:00Z"}`), "does not name"},
		"name a number":   {says(200, jsonType, `{"name":7,"expireTime":"2000-01-01T00:10:00Z"}`), "does not name"},
		"name elsewhere":  {says(200, jsonType, `{"name":"../../models/x","expireTime":"2000-01-01T00:10:00Z"}`), "does not name"},
		"no expireTime":   {says(200, jsonType, named+`,"usageMetadata":{"totalTokenCount":8000}}`), ""},
		"bad expireTime":  {says(200, jsonType, named+`,"expireTime":"soon","usageMetadata":{"totalTokenCount":8000}}`), ""},
		"past expireTime": {says(200, jsonType, named+`,"expireTime":"1999-01-01T00:00:00Z","usageMetadata":{"totalTokenCount":8000}}`), "only"},
		"no tokens":       {says(200, jsonType, named+`,"expireTime":"2000-01-01T00:10:00Z"}`), ""},
		"error in 200":    {says(200, jsonType, `{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}`), "does not name"},
		"huge":            {says(200, jsonType, `{"x":"`+strings.Repeat("x", 4<<20)+`"}`), "does not name"},
		"clock ahead":     {made(48*time.Hour, 10*time.Minute), ""},
		"clock behind":    {made(-48*time.Hour, 10*time.Minute), ""},
		"gzip":            {zip(named + `,"expireTime":"2000-01-01T00:10:00Z","usageMetadata":{"totalTokenCount":8000}}`), ""},
		"400":             {says(400, jsonType, `{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}`), "400"},
		"500":             {says(500, "text/plain", "oops"), "500"},
		"free tier":       {says(429, jsonType, `{"error":{"code":429,"message":"TotalCachedContentStorageTokensPerModelFreeTier limit exceeded for model gemini-2.5-flash: limit=0, requested=8000","status":"RESOURCE_EXHAUSTED"}}`), "free tier"},
		"redirect":        {says(302, "text/html", "<html>"), "302"},
		"none":            {func(*http.Request) (*http.Response, error) { return nil, errors.New("the network is away") }, "network is away"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := &cacheHost{create: test.answer}
			withHost(t, h, policy.Policy{}, func(w *world) {
				handle, err := w.stack.Ensure(w.Context(), w.caches(), library())
				if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
					w.Errorf("%v", err)
				}
				for n := range 20 {
					if status := w.gemini(w.Context(), asking(fmt.Sprint(n))); status != 200 {
						w.Errorf("call %d: %d", n, status)
					}
					time.Sleep(2 * time.Second)
				}
				for _, body := range h.calls {
					if strings.Contains(body, book) == strings.Contains(body, "cachedContent") {
						w.Errorf("%.200s", body)
					}
					if handle != nil && !strings.Contains(body, "cachedContent") {
						w.Error("a call did not use the cache")
					}
				}
				if h.created != 1 {
					w.Errorf("%d creations", h.created)
				}
				if err := w.stack.Close(w.Context()); err != nil {
					w.Error(err)
				}
				if handle != nil && len(h.changed) == 0 {
					w.Error("the cache was not deleted")
				}
				wantNoSilentStorage(w)
			})
		})
	}
}

// wantNoSilentStorage checks that what was created costs something, or that a row says that it is not known.
func wantNoSilentStorage(w *world) {
	w.Helper()
	for _, r := range w.stack.Rows() {
		if r.Operation == "create_cache" && r.Status >= 200 && r.Status <= 299 && r.Unpriced == "" && r.Cost.Pico <= 0 && r.Exposure.Pico <= 0 {
			w.Errorf("%+v", r)
		}
	}
}

// A provider whose clock is not ours charges for as long as the cache was held.
func TestStorageByTheProvidersClock(t *testing.T) {
	var want price.Sum
	for _, ahead := range []time.Duration{0, 48 * time.Hour, -48 * time.Hour, 20 * time.Minute, -20 * time.Minute} {
		withHost(t, &cacheHost{create: made(ahead, 10*time.Minute)}, policy.Policy{}, func(w *world) {
			handle := w.ensure(library())
			time.Sleep(4 * time.Minute)
			if err := handle.Close(w.Context()); err != nil {
				w.Error(err)
			}
			if got := w.stack.Totals().Storage; want == (price.Sum{}) {
				want = got
			} else if got != want {
				w.Errorf("%v ahead: $%v, want $%v", ahead, got, want)
			}
		})
	}
}

// A call that is wrong by itself is rejected with and without the cache, and does not cost the others their cache.
func TestWrongCallKeepsCache(t *testing.T) {
	h := &cacheHost{create: made(0, 10*time.Minute)}
	h.generate = func(req *http.Request) (*http.Response, error) {
		if strings.Contains(h.calls[len(h.calls)-1], "Wrong") {
			return says(400, jsonType, `{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}`)(req)
		}
		return says(200, jsonType, geminiServed)(req)
	}
	withHost(t, h, policy.Policy{}, func(w *world) {
		handle := w.ensure(library())
		if status := w.gemini(w.Context(), asking("Wrong")); status != 400 {
			w.Error(status)
		}
		if status := w.gemini(w.Context(), asking("Right")); status != 200 {
			w.Error(status)
		}
		if handle.Name() == "" || handle.Uses() != 2 || h.created != 1 {
			w.Errorf("%q, %d uses, %d creations", handle.Name(), handle.Uses(), h.created)
		}
		if err := w.stack.Close(w.Context()); err != nil || len(h.changed) != 1 {
			w.Errorf("%v, %q", err, h.changed)
		}
	})
}

// A cache that the provider does not take, for a reason that it does not say, is deleted, and not tried again soon.
func TestBlamedCache(t *testing.T) {
	h := &cacheHost{create: made(0, 10*time.Minute)}
	h.generate = func(req *http.Request) (*http.Response, error) {
		if strings.Contains(h.calls[len(h.calls)-1], "cachedContent") {
			return says(400, jsonType, `{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}`)(req)
		}
		return says(200, jsonType, geminiServed)(req)
	}
	withHost(t, h, policy.Policy{}, func(w *world) {
		w.ensure(library())
		for range 5 {
			if status := w.gemini(w.Context(), asking("Why?")); status != 200 {
				w.Error(status)
			}
			synctest.Wait()
		}
		if len(h.calls) != 6 || h.created != 1 || len(h.changed) != 1 || !strings.HasPrefix(h.changed[0], "DELETE") {
			w.Errorf("%d calls, %d creations, %q", len(h.calls), h.created, h.changed)
		}
	})
}

// A cache that cannot be extended is not tried to be extended by every call.
func TestFailedExtensions(t *testing.T) {
	for name, p := range map[string]policy.Policy{"rejected": {}, "cap": {Cache: policy.Cache{MaxCost: price.USD / 50}}} {
		t.Run(name, func(t *testing.T) {
			h := &cacheHost{create: made(0, 10*time.Minute)}
			if name == "rejected" {
				h.change = says(503, jsonType, `{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}`)
			}
			withHost(t, h, p, func(w *world) {
				w.ensure(library())
				time.Sleep(6 * time.Minute)
				for n := range 100 {
					w.gemini(w.Context(), asking(fmt.Sprint(n)))
					time.Sleep(2 * time.Second)
				}
				if len(h.changed) > 10 {
					w.Errorf("%d changes", len(h.changed))
				}
				h.change = nil
				w.stack.Close(w.Context())
			})
		})
	}
}

// A cache that could not be deleted is deleted by Close.
func TestDeletedAtLast(t *testing.T) {
	h := &cacheHost{create: made(0, 10*time.Minute), change: says(503, jsonType, `{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}`)}
	withHost(t, h, policy.Policy{}, func(w *world) {
		handle := w.ensure(library())
		if err := handle.Close(w.Context()); err == nil || !strings.Contains(err.Error(), "c1 is not deleted") {
			w.Errorf("%v", err)
		}
		h.change = nil
		before := len(h.changed)
		if err := w.stack.Close(w.Context()); err != nil || len(h.changed) != before+1 {
			w.Errorf("%v, %q", err, h.changed)
		}
	})
}

// A call does not wait for a creation longer than it can afford, and uses the cache as soon as it exists.
func TestSlowCreation(t *testing.T) {
	quick := made(0, 10*time.Minute)
	slow := func(req *http.Request) (*http.Response, error) {
		time.Sleep(5 * time.Minute)
		return quick(req)
	}
	h := &slowHost{cacheHost: cacheHost{create: quick}, slow: slow}
	synctest.Test(t, func(t *testing.T) {
		before := policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: policy.CacheBefore}}
		stack, err := middleware.New(middleware.WithBase(h), middleware.WithPolicy(before))
		if err != nil {
			t.Fatal(err)
		}
		w := &world{T: t, stack: stack, client: stack.Client()}
		handle := w.ensure(library())
		for range 10 { // it pays
			w.gemini(w.Context(), asking("Why?"))
		}
		time.Sleep(11 * time.Minute)
		h.on = true
		ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		if status := w.gemini(ctx, asking("Why?")); status != 200 || time.Since(start) != 5*time.Second {
			w.Errorf("%d after %v", status, time.Since(start))
		}
		rows := stack.Rows()
		if last := rows[len(rows)-1]; !strings.Contains(last.Skipped, "still being created") || last.UsageSource != ledger.Measured {
			w.Errorf("%+v", last)
		}
		if status := w.gemini(w.Context(), asking("Why?")); status != 200 || time.Since(start) != 65*time.Second {
			w.Errorf("%d after %v", status, time.Since(start))
		}
		time.Sleep(5 * time.Minute)
		if handle.Name() != "cachedContents/c2" || h.created != 2 {
			w.Errorf("%q, %d creations", handle.Name(), h.created)
		}
		if err := stack.Close(w.Context()); err != nil {
			w.Error(err)
		}
	})
}

// A slowHost creates caches slowly when it is on, without keeping others from being served.
type slowHost struct {
	cacheHost
	slow answerFunc
	on   bool
}

func (h *slowHost) RoundTrip(req *http.Request) (*http.Response, error) {
	if h.on && strings.HasSuffix(req.URL.Path, "/cachedContents") && req.Method == http.MethodPost {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		h.created++
		return h.slow(req)
	}
	return h.cacheHost.RoundTrip(req)
}

// A time to live that is over before a call can use the cache is refused.
func TestShortTTL(t *testing.T) {
	withHost(t, &cacheHost{create: made(0, time.Second)}, policy.Policy{}, func(w *world) {
		content := library()
		content.TTL = time.Second
		if _, err := w.stack.Ensure(w.Context(), w.caches(), content); err == nil || !strings.Contains(err.Error(), "TTL is 1s") {
			w.Errorf("%v", err)
		}
	})
}

// The dead name of a caller is the caller's: it sees the provider's error, and nothing is changed.
func TestCallersOwnDeadName(t *testing.T) {
	const dead = `{"error":{"code":403,"message":"CachedContent not found (or permission denied)","status":"PERMISSION_DENIED"}}`
	h := &cacheHost{create: made(0, 10*time.Minute)}
	h.generate = func(req *http.Request) (*http.Response, error) {
		if strings.Contains(h.calls[len(h.calls)-1], "dead") {
			return says(403, jsonType, dead)(req)
		}
		return says(200, jsonType, geminiServed)(req)
	}
	withHost(t, h, policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: policy.CacheBefore}}, func(w *world) {
		handle := w.ensure(library())
		body := strings.Replace(asking("Why?"), "{", `{"cachedContent":"cachedContents/dead",`, 1)
		if status := w.gemini(w.Context(), body); status != 403 {
			w.Error(status)
		}
		ctx := policy.With(w.Context(), policy.CachedContent("cachedContents/dead"))
		if status := w.gemini(ctx, asking("Why?")); status != 403 {
			w.Error(status)
		}
		ctx = policy.With(w.Context(), policy.NoCache())
		if status := w.gemini(ctx, asking("Why?")); status != 200 || h.calls[2] != asking("Why?") {
			w.Error(status)
		}
		if h.calls[0] != body || len(h.calls) != 3 || handle.Uses() != 0 {
			w.Errorf("%d calls, %d uses", len(h.calls), handle.Uses())
		}
		w.stack.Close(w.Context())
	})
}
