// Package genai puts a [middleware.Stack] under google.golang.org/genai, Google's SDK for the Gemini API and Vertex AI. A
// program changes one line:
//
//	client, err := skinflintgenai.NewClient(ctx, &genai.ClientConfig{APIKey: key}, stack)
//
// # Errors
//
// An error of the provider is the SDK's own genai.APIError. That is a value: pass errors.As a pointer to one. A refusal of
// the stack, and an attempt that may have been billed, is a [*middleware.Error] to errors.As.
//
// # Retries of the SDK
//
// These are properties of v1.77.0, as are those below:
//
//   - The SDK resends nothing unless HTTPOptions.RetryOptions says so. [NewClient] refuses these in the client's config.
//     In the config of a single call they are not visible until the SDK resends. If the call costs money, the resent one is
//     then refused with [middleware.ErrRepeat], because the first may have been billed or the stack has sent it as often as
//     the policy allows. The error before is the cause of that error; a genai.APIError in it has no message. Do not use
//     these options: each refusal comes after a wait of the SDK.
//   - Client.Interactions of the SDK resends 4 times by default, and ignores x-should-retry. Our client's resends nothing;
//     the stack does it as for all calls. If operations.WithRetries makes Create resend, the resent call is refused as
//     above. What costs nothing, such as Get, may have that option. Voices.Create is sent once, but by default the SDK
//     tries to resend it, and the stack refuses that.
//   - The adapter does not see that the SDK resends a call if the program, after NewClient, puts a RoundTripper that clones
//     requests around the transport of ClientConfig().HTTPClient.
//
// # The SDK
//
//   - GenerateContentConfig.ServiceTier and CachedContent count before the policy and [policy.CachedContent]. But Vertex AI
//     takes the tier from a header, which the stack sets, and not from the body, where the SDK puts ServiceTier. Do not set
//     ServiceTier there.
//   - After an answer with the finish reason CONTINUATION, an interaction with the status requires_continuation, or a
//     stream that breaks off after it gave a token to continue with, the SDK sends another request. Each is a call with
//     rows of its own, and is billed. GenerateContentConfig.AutomaticContinuation and
//     operations.WithAutomaticContinuation turn that off.
//   - It has no timeout of its own. A deadline of the context, HTTPOptions.Timeout and http.Client.Timeout all end a call,
//     and the shortest is sent to Google in X-Server-Timeout. If there is none, the stack sends 15 minutes for the flex
//     tier: Google's servers would give a call up after 10, and the target for flex is at most 15 (Google's page on flex
//     inference, 2026).
//   - A stream that is not read to its end is closed when the program leaves its loop.
//   - Caches.Create goes through the stack and has a row. Client.Live uses a WebSocket, which bypasses every http.Client.
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

// NewClient returns a client over the stack, for the Gemini API or Vertex AI as cfg or the environment says. It may be used
// by several goroutines. If cfg is nil, everything comes from the environment. cfg is not changed.
//
// The client uses a copy of cfg.HTTPClient with the same cookie jar, redirect policy and timeout, and the stack sends
// through its transport, as [middleware.Stack.Wrap] says. Other users of that http.Client do not get the credentials.
//
// For Vertex AI without an API key, requests carry the token of cfg.Credentials, or else of the application default
// credentials. But if cfg has an http.Client and no Credentials, that http.Client has to authenticate, as in the SDK
// itself. Neither key nor token is sent to another host that a redirect names.
//
// If cfg.HTTPOptions.RetryOptions allow more than one attempt, the result is an error. The SDK would resend every 429 and
// 5xx, every lost connection and every refusal of the stack, in spite of x-should-retry, and each would be a new call to the
// stack: 5 times 6 attempts by default, some of them billed for nothing. A program that asked for retries should not lose
// them without notice.
func NewClient(ctx context.Context, cfg *genai.ClientConfig, stack *middleware.Stack) (*genai.Client, error) {
	var own genai.ClientConfig
	if cfg != nil {
		own = *cfg
	}
	if r := own.HTTPOptions.RetryOptions; r != nil && (r.Attempts == nil || *r.Attempts > 1) {
		return nil, errors.New("genai: HTTPOptions.RetryOptions is refused: the SDK would resend calls that the stack resends itself; " +
			"leave it nil and set MaxAttempts, Patience and MaxElapsed of policy.Policy")
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

// withoutConfig returns the SDK's error without the config that it may print, which holds the key and headers.
func withoutConfig(err error) error {
	if text, _, ok := strings.Cut(err.Error(), " ClientConfig: "); ok {
		return errors.New("genai: " + text)
	}
	return err
}

// credentialsFor returns the credentials that the SDK would use if it had no http.Client; nil for none. authenticates says
// that the program passed an http.Client.
func credentialsFor(cfg genai.ClientConfig, authenticates bool) (*auth.Credentials, error) {
	switch {
	case cfg.Backend != genai.BackendVertexAI || cfg.APIKey != "":
		return nil, nil
	case cfg.Credentials != nil:
		return cfg.Credentials, nil
	case authenticates, cfg.Project == "" && cfg.Location == "": // without project and location, it is a gateway
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

// authorize returns a RoundTripper that adds the token of the credentials, and the project whose quota is used.
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
	// A token provider of the program may fetch a token for each request. The program's credentials must not be changed, so
	// the tokens are kept in new ones.
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

// A guard does not send credentials to another host that a redirect names. http.Client removes Authorization itself, but
// neither Google's header for keys nor what a RoundTripper adds. A guard also refuses what the SDK resends on its own.
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
	if !crossHost(req) {
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

// CloseIdleConnections closes the idle connections of the transport below.
func (g *guard) CloseIdleConnections() { transport.CloseIdleConnections(g.plain) }

// crossHost reports whether the request is a redirect to another scheme, host or port than the program sent it to.
func crossHost(req *http.Request) bool {
	first := req
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	return !strings.EqualFold(first.URL.Scheme, req.URL.Scheme) || !strings.EqualFold(first.URL.Host, req.URL.Host)
}
