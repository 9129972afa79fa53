// Package genai puts a [middleware.Stack] under google.golang.org/genai, Google's SDK for the Gemini API and Vertex AI.
// In a program that uses it, one line changes:
//
//	client, err := skinflintgenai.NewClient(ctx, &genai.ClientConfig{APIKey: key}, stack)
//
// Errors of the provider reach the program as the SDK's own genai.APIError, which is a value: errors.As takes a pointer to
// one. Refusals of ours come by errors.As as a [*middleware.Error].
//
// What is peculiar to this SDK, in v1.77.0:
//
//   - GenerateContentConfig.ServiceTier and CachedContent count before the policy and [policy.CachedContent]. But Vertex AI
//     takes a tier from a header, which the stack sets, and none from the body, where the SDK puts ServiceTier: leave that
//     out there.
//   - The SDK resends nothing unless it is told to by HTTPOptions.RetryOptions, see [NewClient]. Those of a single call are
//     out of our sight until it resends: what costs money is then refused, with [middleware.ErrRepeat], as it may have been
//     billed, or the stack has sent it as often as the policy allows. The error before is the cause of that one, in which
//     a genai.APIError has no message. Leave them out: each refusal comes after a wait of the SDK's.
//   - Client.Interactions would resend 4 times by default, whatever the answer says. In our client it resends nothing, and
//     the stack does as it does with all calls. Where operations.WithRetries has Create resend, that is refused likewise.
//     What costs nothing, as Get, may be given that option. Voices.Create is sent once, but its repetition is tried, and
//     refused, by default.
//   - An answer with the finish reason CONTINUATION, or an interaction with the status requires_continuation, has the SDK go
//     on with another request, as has a stream that breaks off after it gave a token to go on with. Each is a call with
//     rows of its own, and is billed. GenerateContentConfig.AutomaticContinuation and operations.WithAutomaticContinuation
//     turn that off.
//   - Whatever is put around the transport of ClientConfig().HTTPClient afterwards, and clones requests, hides from us that
//     the SDK sends one again.
//   - It has no timeout of its own. A deadline of the context, HTTPOptions.Timeout and http.Client.Timeout all end a call,
//     and the shortest is told to Google in X-Server-Timeout. Where there is none, the stack asks for 15 minutes on the
//     flex tier: Google's servers would give it up after 10, and its target ends at 15 (its page on flex inference, 2026).
//   - A stream that is not read to its end is closed by leaving its loop.
//   - Caches.Create passes the stack, which has a row for it. Client.Live speaks WebSocket, past every http.Client.
package genai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/httptransport"
	"google.golang.org/genai"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/transport"
)

// NewClient returns a client over the stack, for the Gemini API or Vertex AI as cfg or the environment says, for use by
// many goroutines at once. A nil cfg takes everything from the environment. cfg itself is left as it is.
//
// An http.Client in cfg keeps its cookie jar, redirect policy and timeout, and its transport is what the stack sends
// through: see [middleware.Stack.Wrap]. The SDK gets a copy of its own, so that no credential comes to other users of it.
//
// For Vertex AI without an API key, requests carry the token of cfg.Credentials. Without these either it is that of the
// application default credentials; but where cfg has an http.Client, that has to authenticate by itself, as the SDK
// demands. Neither key nor token goes to another host that a redirect leads to.
//
// RetryOptions in cfg.HTTPOptions that allow more than one attempt are an error. The SDK would resend any 429 and 5xx, any
// lost connection and what the stack itself refuses, whatever the answer says, and each time the stack would begin a new
// call: 5 times 6 attempts, by the defaults, some of them billed for nothing. To take them out in silence would leave the
// program without the retries that it asked for.
func NewClient(ctx context.Context, cfg *genai.ClientConfig, stack *middleware.Stack) (*genai.Client, error) {
	var own genai.ClientConfig
	if cfg != nil {
		own = *cfg
	}
	if r := own.HTTPOptions.RetryOptions; r != nil && (r.Attempts == nil || *r.Attempts > 1) {
		return nil, errors.New("genai: HTTPOptions.RetryOptions would resend calls above the stack, which resends them itself: " +
			"leave them nil, and say how often by policy.Policy.MaxAttempts, Patience and MaxElapsed")
	}
	authenticates := own.HTTPClient != nil
	hc := stack.ErrorsAs(middleware.AsError).Wrap(own.HTTPClient)
	own.HTTPClient = hc
	client, err := genai.NewClient(ctx, &own)
	if err != nil {
		return nil, withoutConfig(err)
	}
	client.Interactions = interactionsOnce(client, hc)
	plain := reaching(hc.Transport)
	authorized := plain
	if creds, err := credentialsFor(client.ClientConfig(), authenticates); err != nil {
		return nil, err
	} else if creds != nil {
		if authorized, err = authorize(ctx, plain, creds); err != nil {
			return nil, err
		}
	}
	hc.Transport = &guard{authorized: authorized, plain: plain}
	return client, nil
}

// withoutConfig returns the SDK's error without the config that it may print, the key and headers in it.
func withoutConfig(err error) error {
	if text, _, ok := strings.Cut(err.Error(), " ClientConfig: "); ok {
		return errors.New("genai: " + text)
	}
	return err
}

// credentialsFor returns what the SDK would use if it had no http.Client; nil for none.
func credentialsFor(cfg genai.ClientConfig, authenticates bool) (*auth.Credentials, error) {
	switch {
	case cfg.Backend != genai.BackendVertexAI || cfg.APIKey != "":
		return nil, nil
	case cfg.Credentials != nil:
		return cfg.Credentials, nil
	case authenticates, cfg.Project == "" && cfg.Location == "": // the latter is a gateway
		return nil, nil
	}
	creds, err := credentials.DetectDefault(&credentials.DetectOptions{
		Scopes: []string{"https://www.googleapis.com/auth/cloud-platform"},
	})
	if err != nil {
		return nil, fmt.Errorf("genai: no application default credentials: %w", err)
	}
	return creds, nil
}

const quotaProject = "X-Goog-User-Project"

// authorize returns a RoundTripper that adds the token of the credentials, and the project whose quota counts.
func authorize(ctx context.Context, next http.RoundTripper, creds *auth.Credentials) (http.RoundTripper, error) {
	project, err := creds.QuotaProjectID(ctx)
	if err != nil {
		return nil, fmt.Errorf("genai: quota project: %w", err)
	}
	if project != "" {
		next = transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if req.Header.Get(quotaProject) == "" {
				req = req.Clone(req.Context())
				req.Header.Set(quotaProject, project)
			}
			return next.RoundTrip(req)
		})(next)
	}
	// Token providers of the program's own need not keep their tokens, and its credentials are not ours to change.
	kept := auth.NewCredentials(&auth.CredentialsOptions{
		TokenProvider:          auth.NewCachedTokenProvider(creds, nil),
		UniverseDomainProvider: auth.CredentialsPropertyFunc(creds.UniverseDomain),
	})
	hc := &http.Client{Transport: next}
	if err := httptransport.AddAuthorizationMiddleware(hc, kept); err != nil {
		return nil, fmt.Errorf("genai: %w", err)
	}
	return hc.Transport, nil
}

// A guard keeps credentials from hosts that a redirect leads to. http.Client takes Authorization off itself, but neither
// Google's header for keys nor what a RoundTripper adds. And it refuses what the SDK repeats of itself.
type guard struct {
	authorized http.RoundTripper
	plain      http.RoundTripper
	tries      tries
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if costs(req) {
		return g.tries.once(req, g.send)
	}
	return g.send(req)
}

func (g *guard) send(req *http.Request) (*http.Response, error) {
	if !ledAway(req) {
		return g.authorized.RoundTrip(req)
	}
	req = req.WithContext(req.Context())
	header := make(http.Header, len(req.Header))
	for name, values := range req.Header {
		if !strings.EqualFold(name, "X-Goog-Api-Key") && !strings.EqualFold(name, "Authorization") {
			header[name] = values
		}
	}
	req.Header = header
	return g.plain.RoundTrip(req)
}

// CloseIdleConnections forwards the call.
func (g *guard) CloseIdleConnections() { transport.CloseIdleConnections(g.plain) }

// ledAway reports whether a redirect has led the request to another scheme, host or port than the program sent it to.
func ledAway(req *http.Request) bool {
	first := req
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	return !strings.EqualFold(first.URL.Scheme, req.URL.Scheme) || !strings.EqualFold(first.URL.Host, req.URL.Host)
}
