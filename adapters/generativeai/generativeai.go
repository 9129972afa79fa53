// Package generativeai puts a [middleware.Stack] under github.com/google/generative-ai-go, the older of Google's Gemini
// SDKs. In a program that uses it, one line changes:
//
//	client, err := generativeai.NewClient(ctx, os.Getenv("GEMINI_API_KEY"), stack)
//
// Errors of the provider reach the program as the SDK's own *apierror.APIError and *googleapi.Error, but for the 503 of
// an [UnavailableError]; refusals of ours by errors.As as a [*middleware.Error].
//
// What is peculiar to this SDK, in v0.20.1 over google.golang.org/api v0.186.0:
//
//   - It cannot name a service tier: tiers come from the policy, or from [policy.OnTier]. A context
//     cache is named by [policy.CachedContent] or by GenerativeModel.CachedContentName, which counts where both are.
//   - It resends a unary call that got a 503 for as long as its context lasts. Here the stack's policy decides instead:
//     see [UnavailableError].
//   - It gives a unary call whose context has no deadline 10 minutes (CountTokens and embeddings 1), too few for the
//     flex tier: see [FlexContext]. It gives streams none. The stack tells Google how long a call has, in
//     X-Server-Timeout, which the SDK leaves out.
//   - GenerateContentStream and ChatSession.SendMessage are streams, and an iterator cannot be closed. One that is not
//     read to its end keeps its connection, its place within a [policy.Limit] and its row open until its context is
//     done, or nobody has read for [policy.Policy.StreamIdle]: cancel the context.
//   - It takes an error within a stream for an answer without candidates. The row of such a stream is partial, with the
//     error's code.
//   - UploadFile drops its context, so that neither its deadline nor its options reach the request. Uploads are no calls
//     that cost anything, and pass the stack untouched.
//   - CreateCachedContent and its relatives speak gRPC, past every http.Client and past the stack: what they cost is in
//     no row. What is generated with a cache is. The connection for it is begun as soon as a client is made, to the same
//     endpoint, and Client.Close does not end it.
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

// home is where the SDK sends its requests by default.
const home = "https://generativelanguage.googleapis.com"

// NewClient returns a client of the Gemini API over the stack, for use by many goroutines at once.
//
// The key goes out in the header X-Goog-Api-Key, which the SDK leaves out where it is given an http.Client, and only to
// generativelanguage.googleapis.com by https and to the scheme, host and port of an option.WithEndpoint, never to
// others that a redirect leads to. The SDK's gRPC client gets it, too.
//
// An http.Client among the options, by option.WithHTTPClient, keeps its cookie jar, redirect policy and timeout, and its
// transport is what the stack sends through: see [middleware.Stack.Wrap]. Other credentials among them are an error.
func NewClient(ctx context.Context, key string, stack *middleware.Stack, opts ...option.ClientOption) (*genai.Client, error) {
	if key == "" {
		return nil, errors.New("generativeai: the API key is empty; https://aistudio.google.com/apikey has one")
	}
	none := new(http.Client)
	hc, endpoint, err := htransport.NewClient(ctx, append([]option.ClientOption{option.WithHTTPClient(none)}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("generativeai: options: %w", err)
	}
	if hc == none {
		hc = nil
	}
	a := &adapter{stack: stack, key: key, origins: []string{home}}
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

// adapter is what stands between the SDK and the stack.
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

// prepare returns the request with the key, if it goes where the key may go. It has headers of its own then: the SDK's are shared by all of a call's attempts, with names in lower case.
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

// originOf returns the origin of an endpoint, which need not name a scheme.
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

// origin returns scheme, host and port of a URL, in one spelling.
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
