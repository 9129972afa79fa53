package middleware_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A call under the context of an earlier call's attempt is a call of its own.
func TestContextsDoNotLeakCalls(t *testing.T) {
	base := newScript(says(200, "application/json", served))
	var inner context.Context
	remember := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		inner = req.Context()
		return base.RoundTrip(req)
	})
	stack := stackOver(t, remember, policy.Policy{})
	for _, body := range []string{`{"model":"gpt-5","n":1}`, `{"model":"gpt-5-mini","n":2}`} {
		ctx := t.Context()
		if inner != nil {
			ctx = inner
		}
		if _, err := chat(t, ctx, stack, body); err != nil {
			t.Fatal(err)
		}
	}
	rows := stack.Rows()
	if base.bodies[1] != `{"model":"gpt-5-mini","n":2}` || len(rows) != 2 || rows[0].Call == rows[1].Call || rows[1].Attempt != 1 {
		t.Errorf("%q, %+v", base.bodies, rows)
	}
}

// A deadline that is over refuses the call before it is sent.
func TestFinishByInThePast(t *testing.T) {
	base := newScript(says(200, "application/json", served))
	stack := stackOver(t, base, policy.Policy{})
	_, err := chat(t, policy.With(t.Context(), policy.FinishBy(time.Now().Add(-time.Hour))), stack, chatBody)
	if !errors.Is(err, middleware.ErrDeadline) || len(base.bodies) != 0 {
		t.Errorf("%v, sent %d times", err, len(base.bodies))
	}
}

// A wait ends when the context is cancelled, and the error has the cause.
func TestCancelledWait(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(9)}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		ctx, cancel := context.WithCancelCause(w.Context())
		stop := errors.New("the user pressed stop")
		time.AfterFunc(time.Minute, func() { cancel(stop) })
		start := time.Now()
		_, _, err := w.call(ctx, chatBody)
		var refusal *middleware.Error
		if !errors.Is(err, context.Canceled) || !errors.Is(err, stop) || !errors.Is(err, middleware.ErrWait) || !errors.As(err, &refusal) {
			t.Fatalf("%v", err)
		}
		if time.Since(start) != time.Minute || refusal.Attempts != 1 || !strings.Contains(err.Error(), "after 1 attempt") {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		w.wantRows("1 flex rejected documented capacity", "2 flex refused")
		if got := w.stack.Totals(); got.Calls != 1 || got.Attempts != 1 {
			t.Errorf("%+v", got.Total)
		}
	})
}

// A long body without GetBody is sent once, unchanged.
func TestLongBodyWithoutGetBody(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1), Faults: llmtest.Sequence(llmtest.RateLimited)}, flexFirst, func(w *world) {
		body := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("x", 70_000) + `"}]}`
		req := w.request(w.Context(), "")
		req.Body, req.GetBody, req.ContentLength = io.NopCloser(strings.NewReader(body)), nil, int64(len(body))
		resp, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 429 {
			t.Errorf("status %d", resp.StatusCode)
		}
		w.wantRows("1 rejected inferred rate")
		if got := w.stack.Rows()[0].Skipped; got != transport.SkippedOnce {
			t.Errorf("skipped %q", got)
		}
		if got := string(w.provider.Requests()[0].Body); got != body {
			t.Error("the body was changed")
		}
	})
}

// A GetBody that fails ends the call before it is sent.
func TestBrokenGetBody(t *testing.T) {
	base := newScript(says(200, "application/json", served))
	stack := stackOver(t, base, policy.Policy{Tier: policy.Flex})
	req, err := http.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("closed") }
	start := time.Now()
	if _, err := stack.RoundTrip(req); !errors.Is(err, middleware.ErrBody) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Refused || len(base.bodies) != 0 {
		t.Errorf("%+v", rows)
	}
}

// A POST to a known provider that no dialect recognises is sent once, unchanged, and leaves a row of an unknown
// operation.
func TestUnknownOperation(t *testing.T) {
	const speech = "https://api.openai.com/v1/audio/speech"
	for _, test := range []struct {
		name, url string
		status    int
		outcome   policy.Outcome
		cost      ledger.Amount
	}{
		{"speech", speech, 200, policy.Billed, ledger.Amount{}},
		{"rejected", speech, 429, policy.Rejected, ledger.Known(0)},
		{"failed", speech, 500, policy.Ambiguous, ledger.Amount{}},
		{"another provider's", "https://api.mistral.ai/v1/ocr", 200, policy.Billed, ledger.Amount{}},
		{"Gemini's", "https://generativelanguage.googleapis.com/v1beta/models/veo-3:predictLongRunning", 200, policy.Billed, ledger.Amount{}},
		{"Anthropic's", "https://api.anthropic.com/v1/complete", 200, policy.Billed, ledger.Amount{}},
		{"another publisher's", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/anthropic/models/m:rawPredict", 200, policy.Billed, ledger.Amount{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			stack := stackOver(t, base, policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, MaxAttempts: 5})
			answer := `{"error":{"message":"slow down","code":"slow_down"},"usage":{"prompt_tokens":1,"completion_tokens":1,"input_tokens":1,"output_tokens":1}}`
			base.on("POST "+test.url, says(test.status, "application/json", answer))
			const body = `{ "model":"tts-1", "service_tier":"auto", "stream":true,"n":9 }`
			if got := mustDo(t, stack, "POST", test.url, body); got != answer {
				t.Errorf("the caller got %q", got)
			}
			if want := "POST " + test.url + " " + body; len(base.sent) != 1 || base.sent[0] != want {
				t.Errorf("sent %q, want %q", base.sent, want)
			}
			rows := stack.Rows()
			if len(rows) != 1 || rows[0].Operation != "unknown" || rows[0].Outcome != test.outcome || rows[0].Cost != test.cost || (rows[0].Unpriced == "") != test.cost.Known {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// The body of an unknown operation is not buffered: what is written is read by the base before more is written.
func TestUnknownOperationStreamsItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var body io.Reader
		stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			body = req.Body
			buf := make([]byte, 5)
			if _, err := io.ReadFull(req.Body, buf); err != nil || string(buf) != "first" {
				t.Errorf("%q, %v", buf, err)
			}
			time.Sleep(time.Hour)
			rest, err := io.ReadAll(req.Body)
			if err != nil || string(rest) != " and last" {
				t.Errorf("%q, %v", rest, err)
			}
			return says(200, "audio/mpeg", "sound")(req)
		}), policy.Policy{})
		start := time.Now()
		go func() {
			io.WriteString(w, "first")
			if took := time.Since(start); took != 0 {
				t.Errorf("the first write took %v", took)
			}
			io.WriteString(w, " and last")
			w.Close()
		}()
		req, err := http.NewRequest(http.MethodPost, "https://api.openai.com/v1/audio/speech", r)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := stack.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); string(got) != "sound" || err != nil || body != io.Reader(r) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A context that names a cache has every call use it, in the form of the call's API. A cache that the body names stays.
func TestCachedContentByName(t *testing.T) {
	const face = `{"model":"gemini-2.5-flash","extra_body":%s}`
	for _, test := range []struct{ name, url, cache, body, sent, row string }{
		{"none there", geminiURL, "", `{"contents":[]}`, `{"cachedContent":"cachedContents/abc","contents":[]}`, ""},
		{"an empty object", geminiURL, "", `{}`, `{"cachedContent":"cachedContents/abc"}`, ""},
		{"null", geminiURL, "", `{"cachedContent":null}`, `{"cachedContent":"cachedContents/abc"}`, ""},
		{"the other spelling", geminiURL, "", `{"cached_content":""}`, `{"cached_content":"cachedContents/abc"}`, ""},
		{"streamed", strings.Replace(geminiURL, ":g", ":streamG", 1), "", `{}`, `{"cachedContent":"cachedContents/abc"}`, ""},
		{"its own", geminiURL, "", `{"cachedContent":"cachedContents/own"}`, `{"cachedContent":"cachedContents/own"}`, "cachedContents/own"},
		{"its own, in the other spelling", geminiURL, "", `{"cached_content":"cachedContents/own"}`, `{"cached_content":"cachedContents/own"}`, "cachedContents/own"},
		{"within contents, it is none", geminiURL, "", `{"contents":[{"cachedContent":"x"}]}`, `{"cachedContent":"cachedContents/abc","contents":[{"cachedContent":"x"}]}`, ""},

		{"face: none there", geminiFaceURL, "", `{"model":"gemini-2.5-flash"}`, `{"extra_body":{"google":{"cached_content":"cachedContents/abc"}},"model":"gemini-2.5-flash"}`, ""},
		{"face: null", geminiFaceURL, "", fmt.Sprintf(face, "null"), fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/abc"}}`), ""},
		{"face: null within", geminiFaceURL, "", fmt.Sprintf(face, `{"google":null}`), fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/abc"}}`), ""},
		{"face: with others", geminiFaceURL, "", fmt.Sprintf(face, `{"other": [1], "google":{"thinking_config":{"include_thoughts":true}}}`),
			fmt.Sprintf(face, `{"other": [1], "google":{"cached_content":"cachedContents/abc","thinking_config":{"include_thoughts":true}}}`), ""},
		{"face: with other providers", geminiFaceURL, "", fmt.Sprintf(face, `{"other":{"google":1}}`),
			fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/abc"},"other":{"google":1}}`), ""},
		{"face: its own", geminiFaceURL, "", fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/own"}}`), fmt.Sprintf(face, `{"google":{"cached_content":"cachedContents/own"}}`), "cachedContents/own"},

		{"Vertex: in full", vertexURL, "", `{"contents":[]}`, `{"cachedContent":"` + vertexCache + `","contents":[]}`, ""},
		{"Vertex: it is in full", vertexURL, vertexCache, `{}`, `{"cachedContent":"` + vertexCache + `"}`, ""},
		{"Vertex: its own", vertexURL, "", `{"cachedContent":"projects/x/y"}`, `{"cachedContent":"projects/x/y"}`, "projects/x/y"},
		{"Vertex's face", vertexFaceURL, "", `{"model":"google/gemini-2.5-flash"}`, `{"extra_body":{"google":{"cached_content":"` + vertexCache + `"}},"model":"google/gemini-2.5-flash"}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			base.on("POST "+test.url, says(200, "application/json", geminiServed))
			stack := stackOver(t, base, policy.Policy{})
			cache := cmp.Or(test.cache, "cachedContents/abc")
			if _, err := do(t, policy.With(t.Context(), policy.CachedContent(cache)), stack, "POST", test.url, test.body); err != nil {
				t.Fatal(err)
			}
			if want := "POST " + test.url + " " + test.sent; len(base.sent) != 1 || base.sent[0] != want {
				t.Errorf("sent %q\nwant %q", base.sent, want)
			}
			if !json.Valid([]byte(test.sent)) {
				t.Error("what the test wants is no JSON")
			}
			rows := stack.Rows()
			if want := cmp.Or(test.row, cache); len(rows) != 1 || rows[0].Cache != want {
				t.Errorf("cache %q, want %q", rows[0].Cache, want)
			}
		})
	}
}

// A call that cannot use the cache is refused: an answer without it would be wrong.
func TestCachedContentCannotBeUsed(t *testing.T) {
	const embed = "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:embedContent"
	for _, test := range []struct {
		name, cache, url, body string
		header                 http.Header
		want                   error
	}{
		{"another provider", "", openaiURL, chatBody, nil, middleware.ErrPolicy},
		{"responses", "", responsesURL, backgroundBody, nil, middleware.ErrPolicy},
		{"Anthropic", "", "https://api.anthropic.com/v1/messages", `{}`, nil, middleware.ErrPolicy},
		{"embeddings", "", embed, `{}`, nil, middleware.ErrPolicy},
		{"an unknown operation", "", "https://api.openai.com/v1/audio/speech", `{}`, nil, middleware.ErrPolicy},
		{"a name that is none", "abc", geminiURL, `{}`, nil, middleware.ErrPolicy},
		{"Vertex's name on Gemini", vertexCache, geminiURL, `{}`, nil, middleware.ErrPolicy},
		{"a name that is none on Vertex", "abc", vertexURL, `{}`, nil, middleware.ErrPolicy},
		{"extra_body that is no object", "", geminiFaceURL, `{"extra_body":[1]}`, nil, middleware.ErrPolicy},
		{"extra_body.google that is no object", "", geminiFaceURL, `{"extra_body":{"google":"x"}}`, nil, middleware.ErrPolicy},
		{"extra_body that is too long", "", geminiFaceURL, `{"extra_body":{"x":"` + strings.Repeat("x", 100<<10) + `"}}`, nil, middleware.ErrPolicy},
		{"no JSON", "", geminiURL, `contents`, nil, middleware.ErrBody},
		{"no body", "", geminiURL, ``, nil, middleware.ErrBody},
		{"an array", "", geminiURL, `[{}]`, nil, middleware.ErrBody},
		{"an encoded body", "", geminiURL, `{}`, http.Header{"content-encoding": {"gzip"}}, middleware.ErrBody},
		{"a signed body", "", geminiURL, `{}`, http.Header{"Authorization": {"AWS4-HMAC-SHA256 x"}}, middleware.ErrBody},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			base.on("POST "+test.url, says(200, "application/json", geminiServed))
			stack := stackOver(t, base, policy.Policy{})
			ctx := policy.With(t.Context(), policy.CachedContent(cmp.Or(test.cache, "cachedContents/abc")))
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, test.url, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			maps.Copy(req.Header, test.header)
			_, err = stack.RoundTrip(req)
			var refusal *middleware.Error
			if !errors.Is(err, test.want) || !errors.As(err, &refusal) || refusal.Attempts != 0 || len(base.sent) != 0 {
				t.Fatalf("%v, sent %q", err, base.sent)
			}
			if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Refused || rows[0].Cost != ledger.Known(0) || rows[0].Attempt != 0 {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// A provider without context caches refuses a call that names one.
func TestCachedContentWithoutCaches(t *testing.T) {
	base := newScript(says(200, "application/json", served))
	stack := stackOver(t, base, policy.Policy{})
	_, err := chat(t, policy.With(t.Context(), policy.CachedContent("cachedContents/x")), stack, chatBody)
	if !errors.Is(err, middleware.ErrPolicy) || len(base.bodies) != 0 {
		t.Errorf("%v, sent %d times", err, len(base.bodies))
	}
}
