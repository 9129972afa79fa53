package wire_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

func TestCacheAnswers(t *testing.T) {
	const (
		caches = "https://generativelanguage.googleapis.com/v1beta/cachedContents"
		body   = `{"name":"cachedContents/x","model":"models/gemini-3-pro","createTime":"2026-11-21T12:00:00Z","expireTime":"2026-11-21T13:00:00Z","usageMetadata":{"totalTokenCount":5000,"audioDurationSeconds":3}}`
	)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	held := wire.Stored{Name: "cachedContents/x", Model: "gemini-3-pro", Tokens: 5000, Created: at, Expires: at.Add(time.Hour)}
	for _, test := range []struct {
		method, url string
		want        wire.Stored
		usage       int64
	}{
		{http.MethodPost, caches, held, 5000},
		{http.MethodPatch, caches + "/x", held, 0},
		{http.MethodDelete, caches + "/x", wire.Stored{Name: "cachedContents/x", Deleted: true}, 0},
	} {
		d, call, ok := recognise(t, test.method, test.url)
		if !ok {
			t.Fatal(test.url)
		}
		var a wire.Answer
		d.Answer(&call, fields(t, call.AnswerPaths, body), &a)
		if a.Stored != test.want || a.Usage.Input != test.usage || a.HasUsage != (test.usage > 0) || (a.Extras != "") != a.HasUsage {
			t.Errorf("%s: %+v", test.method, a)
		}
	}
}

// A context cache is named in the member that the request has, or else in Google's own spelling, and in full on Vertex AI.
func TestCacheEdits(t *testing.T) {
	const (
		vertex = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:generateContent"
		chat   = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"
		full   = "projects/p/locations/global/cachedContents/x"
	)
	for _, test := range []struct{ name, url, body, cache, after, problem string }{
		{"native", geminiURL, `{"a":1}`, "cachedContents/x", `{"cachedContent":"cachedContents/x","a":1}`, ""},
		{"the other spelling", geminiURL, `{"cached_content":null}`, "cachedContents/x", `{"cached_content":"cachedContents/x"}`, ""},
		{"no name of a cache", geminiURL, `{}`, "x", "", `"x", which should be cachedContents/ID`},
		{"a name without an id", geminiURL, `{}`, "cachedContents/", "", "should be cachedContents/ID"},
		{"there is one", geminiURL, `{"cachedContent":"cachedContents/y"}`, "cachedContents/x", `{"cachedContent":"cachedContents/y"}`, ""},
		{"Vertex AI, short", vertex, `{}`, "cachedContents/x", `{"cachedContent":"` + full + `"}`, ""},
		{"Vertex AI, in full", vertex, `{}`, full, `{"cachedContent":"` + full + `"}`, ""},
		{"Vertex AI, no name", vertex, `{}`, "x", "", "should be projects/p/locations/global/cachedContents/ID"},
		{"compatible", chat, `{"a":1}`, "cachedContents/x", `{"extra_body":{"google":{"cached_content":"cachedContents/x"}},"a":1}`, ""},
		{"compatible, beside others", chat, `{"extra_body":{"google":{"thinking_config":{}},"b":2}}`, "cachedContents/x",
			`{"extra_body":{"google":{"cached_content":"cachedContents/x","thinking_config":{}},"b":2}}`, ""},
		{"compatible, null", chat, `{"extra_body":null}`, "cachedContents/x", `{"extra_body":{"google":{"cached_content":"cachedContents/x"}}}`, ""},
		{"compatible, there is one", chat, `{"extra_body":{"google":{"cached_content":"cachedContents/y"}}}`, "cachedContents/x",
			`{"extra_body":{"google":{"cached_content":"cachedContents/y"}}}`, ""},
		{"compatible, no object", chat, `{"extra_body":[1]}`, "cachedContents/x", "", "extra_body of the request is no object"},
		{"compatible, no object within", chat, `{"extra_body":{"google":7}}`, "cachedContents/x", "", "extra_body.google of the request is no object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, call, ok := recognise(t, http.MethodPost, test.url)
			if !ok {
				t.Fatal("not recognised")
			}
			body := fields(t, call.RequestPaths, test.body)
			d.Request(&call, nil, body)
			var e wire.Edits
			d.Edit(&call, body, wire.Want{Cache: test.cache}, &e)
			if test.problem != "" {
				if !strings.Contains(e.Problem, test.problem) {
					t.Errorf("problem %q, want %q", e.Problem, test.problem)
				}
				return
			}
			if got, err := body.Splice(e.Body...); err != nil || string(got) != test.after || e.Problem != "" {
				t.Errorf("got  %s, %v, %q\nwant %s", got, err, e.Problem, test.after)
			}
		})
	}
}
