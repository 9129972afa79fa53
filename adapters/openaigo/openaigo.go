// Package openaigo puts a [middleware.Stack] under OpenAI's SDK, github.com/openai/openai-go/v3. A program changes one line:
//
//	client := openaigo.NewClient(os.Getenv("OPENAI_API_KEY"), stack)
//
// # Errors
//
// An error of the provider is the SDK's own *openai.Error. So is, for errors.As, a refusal of the stack, and an attempt that
// may have been billed:
//
//   - StatusCode is 402 for a cost limit, 429 for a limit of the policy, 400 for an invalid policy, and 424 for everything
//     else, such as an attempt that may have been billed.
//   - Message says why, and so does the text of the error. The text of the SDK's own errors has only the status.
//   - Type ("skinflint_ambiguous"), and the header Skinflint-Refusal of Response ("ambiguous"), name the kind.
//
// [policy.Track] gives access to the [*middleware.Error] itself, by the Err of its Call. If the context is done, the error
// is the context's.
//
// # The SDK
//
// These are properties of v3.96.0:
//
//   - By default it resends 408, 409, 429, 5xx and lost connections, twice. The adapter turns that off, because the stack
//     does it. A program may turn it on again. Nothing is billed twice then: every answer to a call says that the SDK
//     must not resend it. The SDK does resend a call when its http.Client.Timeout is over. The stack answers that with 424 and
//     "repeat". It recognizes a resent call by the header X-Stainless-Retry-Count, which must not be removed, or by
//     [policy.Track] if a middleware of the program changes each try, for example by a date in the body.
//   - The SDK's own http.Client gives up after 10 minutes without an answer, which is too short for the flex tier. The
//     stack's http.Client has no timeout. Set a deadline on the context: 15 minutes or more for flex.
//   - option.WithRequestTimeout ends the whole call, the attempts of the stack included. If an answer arrives at that
//     moment, the SDK drops it. Use a policy's AttemptTimeout for single attempts.
//   - The stack asks for the usage of a stream and removes it from what the program sees, so that Choices[0] is always
//     there. A program that sets StreamOptions.IncludeUsage gets the usage. A stream that is read to its end closes itself.
//     A program has to close any other.
//   - WebSockets, of Responses and Realtime, use the stack's http.Client. Their messages are neither counted nor limited.
//   - Package azure of the SDK works: pass its options to NewClient with an empty key.
//
// # As a middleware
//
// Some programs can only pass an option, for example to compat_oai of genkit, which uses v1 of this SDK. There the stack is
// a middleware. This works for any version of the SDK, without this package:
//
//	client := openai.NewClient(option.WithMiddleware(stack.Middleware), option.WithMaxRetries(0))
//
// The stack is then above the SDK's http.Client and subject to its timeouts. Make it the last middleware, because others
// may change the path of the request, as package azure does. The stack ends a call that is redirected: the http.Client
// below would follow the redirect to any host.
package openaigo

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/skinflint-go/skinflint/middleware"
)

// NewClient returns a client of OpenAI's API over the stack. It may be used by several goroutines. If the key is empty, it
// comes from the options, or from OPENAI_API_KEY, which the SDK reads.
//
// The options are those of openai.NewClient, such as a base URL, an organization or headers. The SDK's retries are off
// unless an option turns them on. option.WithHTTPClient has no effect here; use [Options] for an http.Client of the
// program. Passed to a single call, that option bypasses the stack.
func NewClient(key string, stack *middleware.Stack, opts ...option.RequestOption) openai.Client {
	first := []option.RequestOption{option.WithMaxRetries(0), option.WithMiddleware(explained)}
	if key != "" {
		first = append(first, option.WithAPIKey(key))
	}
	return openai.NewClient(slices.Concat(first, opts, []option.RequestOption{through(stack, nil)})...)
}

// Options returns the options that put the stack under a client which the program, or a framework, makes itself. Pass them
// before other options, which may turn the SDK's retries on again:
//
//	client := openai.NewClient(append(openaigo.Options(stack, hc), option.WithAPIKey(key))...)
//
// The client uses a copy of hc with the same cookie jar, redirect policy and timeout, and the stack sends through its
// transport, as [middleware.Stack.Wrap] says. hc may be nil.
func Options(stack *middleware.Stack, hc *http.Client) []option.RequestOption {
	return []option.RequestOption{option.WithMaxRetries(0), option.WithMiddleware(explained), through(stack, hc)}
}

// through makes the SDK send through the stack, which answers what it refuses by a response, because the SDK resends any
// error without one.
func through(stack *middleware.Stack, hc *http.Client) option.RequestOption {
	return option.WithHTTPClient(stack.ErrorsAs(middleware.AsResponse).Wrap(hc))
}

// explained gives the SDK the response by which the stack refuses a call together with an error that says why. The SDK
// returns that error, and does not resend the call because the response says so.
func explained(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	resp, err := next(req)
	if err != nil || resp == nil || resp.Header.Get("Skinflint-Refusal") == "" || resp.Body == nil {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return resp, err
	}
	var answer struct{ Error json.RawMessage }
	e := &openai.Error{Request: req, Response: resp, StatusCode: resp.StatusCode}
	if json.Unmarshal(body, &answer) != nil || e.UnmarshalJSON(answer.Error) != nil || e.Message == "" {
		return resp, nil
	}
	return resp, &refusal{e}
}

// A refusal is an error of the SDK whose text says why.
type refusal struct{ err *openai.Error }

func (r *refusal) Error() string { return r.err.Error() + ": " + r.err.Message }
func (r *refusal) Unwrap() error { return r.err }
