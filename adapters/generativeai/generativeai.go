// Package generativeai puts a [middleware.Stack] under github.com/google/generative-ai-go, the older of Google's SDKs for
// Gemini. A program changes one line:
//
//	client, err := generativeai.NewClient(ctx, os.Getenv("GEMINI_API_KEY"), stack)
//
// # Errors
//
// An error of the provider is the SDK's own *apierror.APIError and *googleapi.Error, except a 503: see [UnavailableError].
// A refusal of the stack, and an attempt that may have been billed, is a [*middleware.Error] to errors.As.
//
// # The SDK
//
// These are properties of v0.20.1 over google.golang.org/api v0.186.0:
//
//   - It cannot name a service tier. Tiers come from the policy or from [policy.OnTier]. A context cache is named by
//     [policy.CachedContent] or by GenerativeModel.CachedContentName, which counts if both are set.
//   - It resends a call that is not a stream after a 503, for as long as the call's context lasts. With this package the
//     policy decides instead: see [UnavailableError].
//   - If the context of such a call has no deadline, it sets one of 10 minutes (1 for CountTokens and embeddings). That is
//     too short for the flex tier: see [FlexContext]. It sets none for streams. The stack sends the time that a call has
//     left to Google, in X-Server-Timeout, because the SDK does not.
//   - GenerateContentStream and ChatSession.SendMessage are streams, and an iterator cannot be closed. One that is not read
//     to its end keeps its connection, its place within a [policy.Limit] and its row open until its context is done, or
//     until nothing has been read for [policy.Policy.StreamIdle]. Cancel the context.
//   - It takes an error within a stream for an answer without candidates. The row of such a stream is partial and has the
//     code of the error.
//   - UploadFile drops its context, so the request has neither its deadline nor its options. Uploads cost nothing. The
//     stack passes them on unchanged.
//   - CreateCachedContent and its relatives use gRPC, which bypasses every http.Client and so the stack: their cost is in no
//     row. The calls that use a cache have rows. [middleware.Stack.Ensure] creates caches through the stack. The SDK opens
//     the gRPC connection, to the same endpoint, when a client is made, and Client.Close does not close it.
//   - It writes the types of a schema as numbers: {"type":6} is an object. Tools of a content that is registered with
//     [middleware.Stack.Ensure] must be written in this way too, or the content does not match.
package generativeai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/generative-ai-go/genai"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/transport"
)

// defaultOrigin is where the SDK sends its requests by default.
const defaultOrigin = "https://generativelanguage.googleapis.com"

// NewClient returns a client of the Gemini API over the stack. It may be used by several goroutines. An empty key is an
// error.
//
// The key is sent in the header X-Goog-Api-Key, which the SDK omits if it has an http.Client. It is sent only to
// https://generativelanguage.googleapis.com and to the scheme, host and port of an option.WithEndpoint, never to another
// host that a redirect names. The SDK's gRPC client also gets the key.
//
// For an option.WithHTTPClient, the client uses a copy of that http.Client with the same cookie jar, redirect policy and
// timeout, and the stack sends through its transport, as [middleware.Stack.Wrap] says. Other credentials among the options
// are an error.
func NewClient(ctx context.Context, key string, stack *middleware.Stack, opts ...option.ClientOption) (*genai.Client, error) {
	if key == "" {
		return nil, errors.New("generativeai: the API key is empty; create one at https://aistudio.google.com/apikey")
	}
	none := new(http.Client)
	hc, endpoint, err := htransport.NewClient(ctx, append([]option.ClientOption{option.WithHTTPClient(none)}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("generativeai: options: %w", err)
	}
	if hc == none {
		hc = nil
	}
	a := &adapter{stack: stack, key: key, origins: []string{defaultOrigin}}
	if endpoint != "" {
		o, err := originOf(endpoint)
		if err != nil {
			return nil, fmt.Errorf("generativeai: endpoint: %w", err)
		}
		a.origins = append(a.origins, o)
	}
	hc = stack.ErrorsAs(middleware.AsError).Wrap(hc)
	hc.Transport = transport.Link(a.roundTrip)(hc.Transport)
	own := []option.ClientOption{option.WithAPIKey(key), option.WithHTTPClient(hc)}
	return genai.NewClient(ctx, append(opts[:len(opts):len(opts)], own...)...)
}

// adapter is the RoundTripper between the SDK and the stack.
type adapter struct {
	stack   *middleware.Stack
	key     string
	origins []string // that may see the key
}

func (a *adapter) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	short := timeoutOfSDK(req)
	resp, err := next.RoundTrip(a.prepare(req))
	switch {
	case err != nil && short:
		return resp, a.explain(req, err)
	case err != nil || !resends(req):
		return resp, err
	}
	if e := unavailable(resp); e != nil {
		return nil, e
	}
	return resp, nil
}

// prepare returns the request with the key, if it goes to an origin that may see the key. The request then has a header
// map of its own: the SDK's map is shared by all attempts of a call, and its names are in lower case.
func (a *adapter) prepare(req *http.Request) *http.Request {
	if !slices.Contains(a.origins, origin(req.URL)) {
		return req
	}
	header := make(http.Header, len(req.Header)+1)
	for name, values := range req.Header {
		if !strings.EqualFold(name, keyHeader) {
			header[name] = values[:len(values):len(values)]
		}
	}
	header[keyHeader] = []string{a.key}
	req = req.WithContext(req.Context())
	req.Header = header
	return req
}

const keyHeader = "X-Goog-Api-Key"

// originOf returns the origin of an endpoint. An endpoint without a scheme is https.
func originOf(endpoint string) (string, error) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	if u.Hostname() == "" {
		return "", fmt.Errorf("%q has no host", endpoint)
	}
	return origin(u), nil
}

// origin returns scheme, host and port of a URL, in lower case and without the default port.
func origin(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host
}
