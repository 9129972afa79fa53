package middleware_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// toolbox is library with tools.
func toolbox() cachedcontent.Content {
	c := library()
	c.Tools = json.RawMessage(`[{"functionDeclarations":[{"name":"look","parameters":{"type":"OBJECT","properties":{"page":{"type":"INTEGER"}}}}]}]`)
	c.ToolConfig = json.RawMessage(`{"functionCallingConfig":{"mode":"AUTO"}}`)
	return c
}

// spelled replaces the names of members by those of protocol buffers.
var spelled = strings.NewReplacer("systemInstruction", "system_instruction", "toolConfig", "tool_config", "functionDeclarations", "function_declarations",
	"functionCallingConfig", "function_calling_config", "generationConfig", "generation_config", "functionCall", "function_call", "functionResponse", "function_response")

// wholePrompt returns what a provider sees of a request: what is in its cache, and the rest.
func wholePrompt(creation, body string) map[string]any {
	unspelled := strings.NewReplacer("system_instruction", "systemInstruction", "tool_config", "toolConfig", "function_declarations", "functionDeclarations",
		"function_calling_config", "functionCallingConfig", "generation_config", "generationConfig", "cached_content", "cachedContent",
		"function_call", "functionCall", "function_response", "functionResponse")
	v := parsed(unspelled.Replace(body))
	if name, _ := v["cachedContent"].(string); name != "" {
		cached := parsed(creation)
		turns, _ := cached["contents"].([]any)
		rest, _ := v["contents"].([]any)
		v["contents"] = slices.Concat(turns, rest)
		for _, k := range []string{"systemInstruction", "tools", "toolConfig"} {
			if v[k] != nil {
				v[k] = "twice"
			} else if cached[k] != nil {
				v[k] = cached[k]
			}
		}
	}
	delete(v, "cachedContent")
	return v
}

// However a request is written, exactly what the cache holds is taken out of it, or nothing is.
func TestRequestsWithRegisteredContent(t *testing.T) {
	const (
		tools  = `"tools":[{"functionDeclarations":[{"name":"look","parameters":{"type":"OBJECT","properties":{"page":{"type":"INTEGER"}}}}]}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},`
		system = `"systemInstruction":{"parts":[{"text":"Answer from the book."}]}`
		call   = `{"role":"model","parts":[{"functionCall":{"name":"look","args":{"page":7}}}]}`
		result = `{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"text":"Light."}}}]}`
		why    = `{"role":"user","parts":[{"text":"Why?"}]}`
	)
	text := fmt.Sprintf(`{"role":"user","parts":[{"text":%q}]}`, book)
	join := func(turns ...string) string { return `"contents":[` + strings.Join(turns, ",") + `]` }
	plain := "{" + system + "," + join(text, why) + "}"
	indented := func(s string) string {
		var b bytes.Buffer
		json.Indent(&b, []byte(s), " ", "\t")
		return b.String()
	}
	tests := map[string]struct {
		content cachedcontent.Content
		body    string
		used    bool
	}{
		"plain":                {library(), plain, true},
		"indented":             {library(), indented(plain), true},
		"spelled":              {library(), spelled.Replace(plain), true},
		"order":                {library(), "{" + join(text, why) + "," + system + "}", true},
		"escapes":              {library(), strings.Replace(plain, "Answer from", `\u0041nswer\u0020from`, 1), true},
		"more members":         {library(), strings.Replace(plain, "{", `{"generationConfig":{"temperature":0.5,"maxOutputTokens":100},"safetySettings":[],"labels":{"a":"b"},`, 1), true},
		"two questions":        {library(), "{" + system + "," + join(text, why, `{"role":"model","parts":[{"text":"Yes."}]}`, why) + "}", true},
		"cachedContent null":   {library(), strings.Replace(plain, "{", `{"cachedContent":null,`, 1), true},
		"cachedContent empty":  {library(), strings.Replace(plain, "{", `{"cachedContent":"",`, 1), true},
		"cached_content empty": {library(), strings.Replace(plain, "{", `{"cached_content":"",`, 1), true},
		"tools":                {toolbox(), "{" + tools + system + "," + join(text, why) + "}", true},
		"tools spelled":        {toolbox(), spelled.Replace(indented("{" + tools + system + "," + join(text, why) + "}")), true},
		"tool call later":      {toolbox(), "{" + tools + system + "," + join(text, why, call, result) + "}", true},
		"tool call at the cut": {toolbox(), "{" + tools + system + "," + join(text, call, result) + "}", false},
		"tools missing":        {toolbox(), plain, false},
		"tools not cached":     {library(), "{" + tools + system + "," + join(text, why) + "}", false},
		"twice contents":       {library(), "{" + system + "," + join(text, why) + "," + join(text, why) + "}", false},
		"twice system":         {library(), "{" + system + "," + system + "," + join(text, why) + "}", false},
		"both spellings":       {library(), "{" + spelled.Replace(system) + "," + system + "," + join(text, why) + "}", false},
		"twice role":           {library(), strings.Replace(plain, `"role":"user"`, `"role":"model","role":"user"`, 1), false},
		"contents null":        {library(), "{" + system + `,"contents":null}`, false},
		"contents object":      {library(), "{" + system + `,"contents":` + text + "}", false},
		"not JSON":             {library(), plain[:len(plain)-1], false},
		"empty":                {library(), "", false},
		"array":                {library(), "[" + plain + "]", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var creation string
			h := &cacheHost{}
			answer := made(0, 10*time.Minute)
			h.create = func(req *http.Request) (*http.Response, error) {
				creation = h.creation
				return answer(req)
			}
			withHost(t, h, policy.Policy{}, func(w *world) {
				handle := w.ensure(test.content)
				w.gemini(w.Context(), test.body)
				if len(h.calls) != 1 {
					w.Fatalf("%d calls", len(h.calls))
				}
				got := h.calls[0]
				switch {
				case test.used != (handle.Uses() == 1):
					req, _ := http.NewRequest(http.MethodPost, geminiURL, strings.NewReader(test.body))
					req.Header.Set("X-Goog-Api-Key", geminiKey)
					why, err := handle.Why(req)
					w.Errorf("%d uses, sent %.500s, why: %s, %v", handle.Uses(), got, why, err)
				case !test.used && got != test.body:
					w.Errorf("it was changed to %.500s", got)
				case test.used && !reflect.DeepEqual(wholePrompt(creation, got), wholePrompt("", test.body)):
					w.Errorf("the provider sees %.500v", wholePrompt(creation, got))
				case test.used && strings.Count(got, "cachedContent\"")+strings.Count(got, "cached_content\"") != 1:
					w.Errorf("%.500s", got)
				}
				w.stack.Close(w.Context())
			})
		})
	}
}

// Whatever stands above and below the stack, calls use the cache, or their rows say why they do not.
func TestWaysToRegisteredContent(t *testing.T) {
	type way struct {
		http2   bool
		prepare func(*world, *http.Request)
		send    func(*world, *http.Request) (*http.Response, error)
		skipped string // why it is not used
	}
	long := strings.Repeat("And then? ", 20_000)
	do := func(w *world, req *http.Request) (*http.Response, error) { return w.client.Do(req) }
	header := func(k, v string) func(*world, *http.Request) {
		return func(_ *world, req *http.Request) { req.Header.Set(k, v) }
	}
	body := func(b string, again bool) func(*world, *http.Request) {
		return func(_ *world, req *http.Request) {
			other, _ := http.NewRequest(http.MethodPost, "http://a", strings.NewReader(b))
			req.Body, req.GetBody, req.ContentLength = other.Body, other.GetBody, other.ContentLength
			if !again {
				req.Body, req.GetBody = io.NopCloser(req.Body), nil
			}
		}
	}
	option := func(o ...policy.Option) func(*world, *http.Request) {
		return func(_ *world, req *http.Request) { *req = *req.WithContext(policy.With(req.Context(), o...)) }
	}
	ways := map[string]way{
		"client":      {send: do},
		"HTTP/2":      {http2: true, send: do},
		"SDK":         {prepare: header("X-Stainless-Retry-Count", "0"), send: do},
		"SDK's retry": {prepare: header("X-Stainless-Retry-Count", "1"), send: do},
		"middleware": {send: func(w *world, req *http.Request) (*http.Response, error) {
			return w.stack.Middleware(req, w.provider.Client().Do)
		}},
		"client below": {send: func(w *world, req *http.Request) (*http.Response, error) {
			return w.stack.Chain(transport.RoundTripperFunc(w.provider.Client().Do)).RoundTrip(req)
		}},
		"timeout": {send: func(w *world, req *http.Request) (*http.Response, error) {
			return (&http.Client{Transport: w.stack, Timeout: time.Minute}).Do(req)
		}},
		"key in query": {send: do, prepare: func(_ *world, req *http.Request) {
			req.Header.Del("X-Goog-Api-Key")
			req.URL.RawQuery = "key=" + geminiKey
		}},
		"another key": {send: do, prepare: header("X-Goog-Api-Key", "AIza-another"), skipped: "none"},
		"another model": {send: do, prepare: func(_ *world, req *http.Request) {
			req.URL.Path = strings.Replace(req.URL.Path, "gemini-2.5-flash", "gemini-2.5-pro", 1)
		}, skipped: "none"},
		"long":       {send: do, prepare: body(asking(long), true)},
		"once":       {send: do, prepare: body(asking("Why?"), false)},
		"long, once": {send: do, prepare: body(asking(long), false), skipped: "long body"},
		"flex":       {send: do, prepare: option(policy.OnTier(policy.Flex))},
		"most":       {send: do, prepare: option(policy.MaxCost(price.USD))},
		"no cache":   {send: do, prepare: option(policy.NoCache()), skipped: "none"},
		"streamed": {send: do, prepare: func(_ *world, req *http.Request) {
			req.URL.Path = strings.Replace(req.URL.Path, ":generateContent", ":streamGenerateContent", 1)
			req.URL.RawQuery = "alt=sse"
		}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			inWorld(t, llmtest.Config{HTTP2: way.http2, Keyed: true}, policy.Policy{}, func(w *world) {
				handle := w.ensure(library())
				req, _ := http.NewRequestWithContext(w.Context(), http.MethodPost, geminiURL, strings.NewReader(asking("Why?")))
				req.Header.Set("X-Goog-Api-Key", geminiKey)
				if way.prepare != nil {
					way.prepare(w, req)
				}
				resp, err := way.send(w, req)
				if err != nil {
					w.Fatal(err)
				}
				drain(resp)
				meter, rows := w.provider.Meter(), w.stack.Rows()
				g, row := meter[len(meter)-1], rows[len(rows)-1]
				switch used := g.Cached == handle.Tokens(); {
				case resp.StatusCode != 200:
					w.Errorf("%d", resp.StatusCode)
				case used != (way.skipped == "") || used != (handle.Uses() == 1):
					w.Errorf("%+v, %+v", g, row)
				case way.skipped != "" && way.skipped != "none" && !strings.Contains(row.Skipped, way.skipped):
					w.Errorf("skipped %q", row.Skipped)
				case row.Usage.CachedInput != g.Cached || row.Usage.Prompt() != g.Prompt:
					w.Errorf("%+v, %+v", g, row)
				}
				if err := w.stack.Close(w.Context()); err != nil {
					w.Error(err)
				}
			})
		})
	}
}

// A body that is compressed is left alone, and its row says so.
func TestCompressedRequestWithRegisteredContent(t *testing.T) {
	h := &cacheHost{create: made(0, 10*time.Minute)}
	withHost(t, h, policy.Policy{}, func(w *world) {
		handle := w.ensure(library())
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		io.WriteString(z, asking("Why?"))
		z.Close()
		req, _ := http.NewRequestWithContext(w.Context(), http.MethodPost, geminiURL, bytes.NewReader(b.Bytes()))
		req.Header = http.Header{"X-Goog-Api-Key": {geminiKey}, "Content-Encoding": {"gzip"}}
		resp, err := w.client.Do(req)
		if err != nil {
			w.Fatal(err)
		}
		drain(resp)
		rows := w.stack.Rows()
		if h.calls[0] != b.String() || handle.Uses() != 0 || rows[len(rows)-1].Skipped == "" {
			w.Errorf("%d uses, %+v", handle.Uses(), rows[len(rows)-1])
		}
		w.stack.Close(w.Context())
	})
}

// On Vertex AI, answers name caches by the number of the project, and requests by its id.
func TestVertexCaches(t *testing.T) {
	for _, location := range []string{"global", "us-central1"} {
		t.Run(location, func(t *testing.T) {
			inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
				client, err := cachedcontent.NewVertex(w.client, "my-project", location, func(context.Context) (string, error) { return "token", nil })
				if err != nil {
					w.Fatal(err)
				}
				handle, err := w.stack.Ensure(w.Context(), client, library())
				if err != nil {
					w.Fatal(err)
				}
				host := "aiplatform.googleapis.com"
				if location != "global" {
					host = location + "-" + host
				}
				url := "https://" + host + "/v1/projects/my-project/locations/" + location + "/publishers/google/models/gemini-2.5-flash:generateContent"
				for n := range 10 {
					req, _ := http.NewRequestWithContext(w.Context(), http.MethodPost, url, strings.NewReader(asking(fmt.Sprint(n))))
					req.Header.Set("Authorization", "Bearer other-token")
					resp, err := w.client.Do(req)
					if err != nil || resp.StatusCode != 200 {
						w.Fatal(resp, err)
					}
					drain(resp)
					time.Sleep(2 * time.Minute)
				}
				if n := len(w.provider.Caches()); n != 1 || handle.Uses() != 10 || handle.Name() != w.provider.Caches()[0].Name {
					w.Errorf("%d caches, %d uses, %s", n, handle.Uses(), handle.Name())
				}
				if err := handle.Close(w.Context()); err != nil {
					w.Error(err)
				}
				if live, _ := w.provider.CacheCount(time.Now()); live != 0 {
					w.Error("it is still alive")
				}
				if rows := w.stack.Rows(); rows[len(rows)-1].Parent == "" || w.stack.Totals().Unpriced != 0 {
					w.Errorf("%+v", rows[len(rows)-1])
				}
			})
		})
	}
}

// A thousand calls with the same new prefix make one cache, whether they wait for it or not.
func TestAutomaticCacheOnce(t *testing.T) {
	for _, create := range []policy.CacheTiming{policy.CacheBefore, policy.CacheBeside} {
		p := policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: create}}
		inWorld(t, llmtest.Config{Latency: time.Second}, p, func(w *world) {
			var all sync.WaitGroup
			for n := range 1000 {
				all.Go(func() {
					if status := w.gemini(w.Context(), asking(fmt.Sprint(n))); status != 200 {
						w.Error(status)
					}
				})
			}
			all.Wait()
			if n := len(w.provider.Caches()); n > 1 {
				w.Errorf("%s: %d caches", create, n)
			}
			w.stack.Close(w.Context())
			w.wantLedger()
		})
	}
}

// Registered content that expired is created again once, however many calls need it.
func TestRecreatedOnce(t *testing.T) {
	for _, create := range []policy.CacheTiming{policy.CacheBefore, policy.CacheBeside} {
		p := policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: create}}
		inWorld(t, llmtest.Config{Latency: time.Second}, p, func(w *world) {
			handle := w.ensure(library())
			for range 10 { // it pays
				w.gemini(w.Context(), asking("Why?"))
			}
			time.Sleep(time.Hour)
			var all sync.WaitGroup
			for n := range 1000 {
				all.Go(func() {
					if status := w.gemini(w.Context(), asking(fmt.Sprint(n))); status != 200 {
						w.Error(status)
					}
				})
			}
			all.Wait()
			if n := len(w.provider.Caches()); n != 2 {
				w.Errorf("%s: %d caches", create, n)
			}
			if create == policy.CacheBefore && handle.Uses() != 1010 {
				w.Errorf("%d uses", handle.Uses())
			}
			w.stack.Close(w.Context())
		})
	}
}
