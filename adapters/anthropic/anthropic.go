// Package anthropic puts a [middleware.Stack] under Anthropic's SDK, github.com/anthropics/anthropic-sdk-go. A program
// changes one line:
//
//	client := skinflintanthropic.NewClient(os.Getenv("ANTHROPIC_API_KEY"), stack)
//
// # Errors
//
// An error of the provider is the SDK's own *anthropic.Error. So is a refusal of the stack, and an attempt that may have
// been billed, because the SDK would resend any other error:
//
//   - StatusCode is 402 for a cost limit, 429 for a limit of the policy, 400 for an invalid policy, and 424 for everything
//     else, such as an attempt that may have been billed.
//   - Error says why.
//   - Type ("skinflint_ambiguous"), and the header Skinflint-Refusal of Response ("ambiguous"), name the kind.
//
// [policy.Track] gives access to the [*middleware.Error] itself, by the Err of its Call. If the context is done, the error
// is the context's.
//
// # The SDK
//
// These are properties of v1.84.0:
//
//   - By default it resends 408, 409, 429, 5xx, lost connections, answers that break off, and attempts that take too long,
//     twice. The adapter turns that off, because the stack does it. A program may turn it on again. Every answer to a call
//     then says that the SDK must not resend it, and the stack answers a call that the SDK resends after a timeout, and that may
//     have been billed, with 424 and "repeat". It recognizes a resent call by the header X-Stainless-Retry-Count, which
//     must not be removed, or by [policy.Track] if a middleware of the program changes each try, for example by a date in
//     the body.
//   - Package bedrock of the SDK uses another API. The stack passes its calls on unchanged.
//   - A call that is not a stream ends after 10 minutes, the attempts of the stack included, even if the http.Client has a
//     longer timeout. option.WithRequestTimeout sets another time. A stream has no timeout unless that option sets one.
//   - If a call may take longer than that, because of a MaxTokens above 21,333 or, for some models, above less, the SDK
//     demands a stream and sends nothing. With option.WithRequestTimeout it sends the call.
//   - It waits as long as Retry-After says, even for a day. The stack waits for a policy's MaxWait at most and then returns
//     the answer, for which the SDK does not wait. If the SDK's retries are on, it resends requests that are no calls, such
//     as a list of models.
//   - A stream that is read to its end need not be closed. Any other has to be. An error within a stream is an
//     *anthropic.Error as well, with StatusCode 200.
//   - Anthropic has no flex tier, so a policy's Tier changes nothing. The program's ServiceTier is sent as it is.
//   - vertex.WithCredentials puts an http.Client that adds the token above the one that it finds. Pass it after
//     [Options]. [NewClient] would replace that http.Client.
//
// # As a middleware
//
// Some programs can only pass an option. There the stack is a middleware, without this package:
//
//	client := anthropic.NewClient(option.WithMiddleware(stack.Middleware), option.WithMaxRetries(0))
//
// The stack is then above the SDK's http.Client and subject to its timeouts: the SDK's own gives up after 10 minutes
// without an answer. The stack ends a call that is redirected: the http.Client below would follow the redirect to any host.
package anthropic

import (
	"net/http"
	"slices"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/skinflint-go/skinflint/middleware"
)

// NewClient returns a client of Anthropic's API over the stack. It may be used by several goroutines. If the key is empty,
// it comes from the options, or from ANTHROPIC_API_KEY, which the SDK reads.
//
// The options are those of the SDK's NewClient, such as a base URL, headers or a timeout. The SDK's retries are off unless
// an option turns them on. option.WithHTTPClient has no effect here; use [Options] for an http.Client of the program.
// Passed to a single call, that option bypasses the stack.
func NewClient(key string, stack *middleware.Stack, opts ...option.RequestOption) sdk.Client {
	first := []option.RequestOption{option.WithMaxRetries(0)}
	if key != "" {
		first = append(first, option.WithAPIKey(key))
	}
	return sdk.NewClient(slices.Concat(first, opts, []option.RequestOption{through(stack, nil)})...)
}

// Options returns the options that put the stack under a client which the program, or a framework, makes itself. Pass them
// before other options, which may turn the SDK's retries on again:
//
//	client := anthropic.NewClient(append(skinflintanthropic.Options(stack, hc), option.WithAPIKey(key))...)
//
// The client uses a copy of hc with the same cookie jar, redirect policy and timeout, and the stack sends through its
// transport, as [middleware.Stack.Wrap] says. hc may be nil.
func Options(stack *middleware.Stack, hc *http.Client) []option.RequestOption {
	return []option.RequestOption{option.WithMaxRetries(0), through(stack, hc)}
}

// through makes the SDK send through the stack, which answers what it refuses by a response.
func through(stack *middleware.Stack, hc *http.Client) option.RequestOption {
	return option.WithHTTPClient(stack.ErrorsAs(middleware.AsResponse).Wrap(hc))
}
