// Package openaigo puts a [middleware.Stack] under github.com/openai/openai-go/v3, OpenAI's SDK. In a program that uses it,
// one line changes:
//
//	client := openaigo.NewClient(os.Getenv("OPENAI_API_KEY"), stack)
//
// Errors of the provider reach the program as the SDK's own *openai.Error, and so does what the stack refuses or gives up,
// as the SDK sends whatever ends in another error again: StatusCode is 402 for a cost limit, 429 for a limit of ours, 400 for
// a policy that makes no sense, and 424 for everything else, an attempt that may have been billed first of all. Error says
// no more than the status; Message says why, Type ("skinflint_ambiguous") and the header Skinflint-Refusal of Response
// ("ambiguous") say what it was. [policy.Track] brings the [*middleware.Error] behind it past the SDK, as its Call's Err. A
// context that is done is the context's own error.
//
// What is peculiar to this SDK, in v3.96.0:
//
//   - It resends 408, 409, 429, 5xx and lost connections, twice by default. Here that is off, as the stack does it. Where a
//     program turns it on, nothing is billed twice all the same: every answer to a call tells the SDK not to resend it, and
//     where the SDK does so out of our sight (when http.Client.Timeout is over), it is answered with 424 and "repeat". That
//     it is one, the SDK says in X-Stainless-Retry-Count, which has to stay; and where a middleware of the program's own
//     makes each try another (by a date in the body), it is known by [policy.Track].
//   - The SDK's own http.Client gives up after 10 minutes without an answer, which is too early for the flex tier; the
//     stack's has no timeout. A context's deadline is the one to set: 15 minutes or more for flex.
//   - option.WithRequestTimeout ends the whole call, the stack's repetitions included, and the SDK throws an answer away
//     that comes at just that moment. A policy's AttemptTimeout is for single attempts.
//   - A stream's last event with its usage is asked for and kept back by the stack, so that Choices[0] is always there; a
//     program that asks for it itself, by StreamOptions.IncludeUsage, gets it. A stream that is read to its end is closed;
//     one that is left has to be closed by the program.
//   - WebSockets, of Responses and Realtime, are opened by the stack's http.Client, and what is said over them is neither
//     counted nor limited.
//   - Package azure of the SDK works as it is: give its options to NewClient, with an empty key.
//
// Where an option is all that can be given, as to genkit's compat_oai, which has v1 of this SDK, the stack fits as a
// middleware, for any version of the SDK and without this package:
//
//	client := openai.NewClient(option.WithMiddleware(stack.Middleware), option.WithMaxRetries(0))
//
// It then stands above the SDK's http.Client, with that client's timeouts. It is to be the last of the middlewares, as
// others may change the request's path (package azure does). A redirect ends the call there: the
// client beneath would follow it wherever it leads.
package openaigo

import (
	"net/http"
	"slices"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/skinflint-go/skinflint/middleware"
)

// NewClient returns a client of OpenAI's API over the stack. An empty key leaves it to the options or, by the SDK, to
// OPENAI_API_KEY.
//
// The options are those of openai.NewClient: a base URL, an organisation, headers. They may turn the SDK's retries on,
// which are off. But option.WithHTTPClient has no effect: see [Options] for a program with an http.Client of its own. Given
// to a single call, it goes past the stack.
func NewClient(key string, stack *middleware.Stack, opts ...option.RequestOption) openai.Client {
	first := []option.RequestOption{option.WithMaxRetries(0)}
	if key != "" {
		first = append(first, option.WithAPIKey(key))
	}
	return openai.NewClient(slices.Concat(first, opts, []option.RequestOption{through(stack, nil)})...)
}

// Options returns the options that put the stack under a client which the program makes itself, or has a framework make.
// They belong before its own, which may turn the SDK's retries on again:
//
//	client := openai.NewClient(append(openaigo.Options(stack, hc), option.WithAPIKey(key))...)
//
// An http.Client keeps its cookie jar, redirect policy and timeout, and its transport is what the stack sends through: see
// [middleware.Stack.Wrap]. hc itself is left as it is, and may be nil.
func Options(stack *middleware.Stack, hc *http.Client) []option.RequestOption {
	return []option.RequestOption{option.WithMaxRetries(0), through(stack, hc)}
}

// through has the SDK send through the stack, and be told of refusals by answers.
func through(stack *middleware.Stack, hc *http.Client) option.RequestOption {
	return option.WithHTTPClient(stack.ErrorsAs(middleware.AsResponse).Wrap(hc))
}
