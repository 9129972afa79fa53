package genai

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"weak"

	"google.golang.org/genai"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/transport"
)

// charged are the ends of the paths where a POST of this SDK costs money, at once or later.
var charged = []string{
	":generateContent", ":streamGenerateContent", ":embedContent", ":batchEmbedContents", ":predict", ":predictLongRunning",
	":batchGenerateContent", ":asyncBatchEmbedContent", ":importFile", "/interactions", "/cachedContents",
	"/batchPredictionJobs", "/tuningJobs", "/tunedModels", "/voices",
}

func costs(req *http.Request) bool {
	return req.Method == http.MethodPost && slices.ContainsFunc(charged, func(end string) bool { return strings.HasSuffix(req.URL.Path, end) })
}

// A try is one try of the SDK to send a request that costs money.
type try struct {
	sent bool  // it reached the stack
	err  error // how it ended; nil for success
}

type tryKey struct{}

// reaching notes the tries that reach the stack. One that failed before that, because there was no token, may be repeated.
var reaching = transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	if t, ok := req.Context().Value(tryKey{}).(*try); ok {
		t.sent = true
	}
	return next.RoundTrip(req)
})

// end notes how the try ended. A try that the stack refused before its first attempt counts as not sent.
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

// tries are the tries whose requests the SDK still holds. The SDK makes a request with a new URL value for each call and
// each redirect, and sends the same request again when it resends one. http.Client may copy the request, but not its URL.
// So the address of the URL identifies the call:
//
//	call 1, first try    req{URL: 0xc01}
//	call 1, second try   req{URL: 0xc01}   refused
//	call 2, first try    req{URL: 0xc02}
//
// The keys are weak pointers. They keep no URL alive, and two URLs that had the same address one after the other have
// different weak pointers. An entry is removed when its URL is.
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

// once sends a request that costs money, unless the SDK sent it before.
func (ts *tries) once(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	if before := ts.before(req.URL); before != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, &middleware.Error{Kind: middleware.ErrRepeat, Err: before.err,
			Detail: "the SDK resends the call on its own; the first one may have been billed, or was sent as often as the policy allows",
			Hint:   "leave HTTPOptions.RetryOptions and operations.WithRetries out, and set MaxAttempts, Patience and MaxElapsed of policy.Policy"}
	}
	t := &try{}
	resp, err := send(req.WithContext(context.WithValue(req.Context(), tryKey{}, t)))
	if t.end(resp, err); t.sent {
		ts.add(req.URL, t)
	}
	return resp, err
}
