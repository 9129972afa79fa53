// Package anthropic puts a [middleware.Stack] under github.com/anthropics/anthropic-sdk-go, Anthropic's SDK. In a program
// that uses it, one line changes:
//
//	client := skinflintanthropic.NewClient(os.Getenv("ANTHROPIC_API_KEY"), stack)
//
// Errors of the provider reach the program as the SDK's own *anthropic.Error, and so does what the stack refuses or gives
// up, as the SDK sends whatever ends in another error again: StatusCode is 402 for a cost limit, 429 for a limit of ours, 400
// for a policy that makes no sense, and 424 for everything else, an attempt that may have been billed first of all. Error
// says why, Type ("skinflint_ambiguous") and the header Skinflint-Refusal of Response ("ambiguous") say what it was.
// [policy.Track] brings the [*middleware.Error] behind it past the SDK, as its Call's Err. A context that is done is the
// context's own error.
//
// What is peculiar to this SDK, in v1.84.0:
//
//   - It resends 408, 409, 429, 5xx, lost connections, answers that break off, and attempts that take too long, twice by
//     default. Here that is off, as the stack does it. Where a program turns it on, every answer to a call tells the SDK not
//     to resend it, and what the SDK repeats for want of time, after it may have been billed, is answered with 424 and "repeat".
//     That it is one, the SDK says in X-Stainless-Retry-Count, which has to stay; and where a middleware of the program's own
//     makes each try another (by a date in the body), it is known by [policy.Track].
//   - Package bedrock of the SDK speaks another API, whose calls pass the stack untouched.
//   - Every call that is not a stream ends after 10 minutes, whatever http.Client there is, the stack's repetitions included.
//     option.WithRequestTimeout sets another time. A stream has none, unless that option sets one.
//   - Where MaxTokens may take longer, above 21,333 and for some models above less, the SDK demands a stream, and sends
//     nothing. With option.WithRequestTimeout it sends that, too.
//   - It waits for as long as Retry-After says, be it a day. The stack has patience for a policy's MaxWait, and then hands
//     on the answer, which the SDK does not wait for. With its retries on, what is no call, such as a list of models, is
//     left to the SDK.
//   - A stream that is read to its end need not be closed; one that is left does. An error in a stream is an
//     *anthropic.Error, too, with StatusCode 200.
//   - Anthropic has no flex tier: a policy's Tier changes nothing. ServiceTier stands as the program sets it.
//   - vertex.WithCredentials puts an http.Client with the token above the one that it finds, and has to come behind
//     [Options]; [NewClient] would take it away again.
//
// Where an option is all that can be given, the stack fits as a middleware, without this package:
//
//	client := anthropic.NewClient(option.WithMiddleware(stack.Middleware), option.WithMaxRetries(0))
//
// It then stands above the SDK's http.Client, with that client's timeouts: the SDK's own gives up after 10 minutes without
// an answer. A redirect ends the call there: the client beneath would follow it wherever it leads.
package anthropic

import (
	"net/http"
	"slices"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/skinflint-go/skinflint/middleware"
)

// NewClient returns a client of Anthropic's API over the stack. An empty key leaves it to the options or, by the SDK, to the
// environment.
//
// The options are those of the SDK's NewClient: a base URL, headers, a timeout. They may turn the SDK's retries on, which
// are off. But option.WithHTTPClient has no effect: see [Options] for a program with an http.Client of its own. Given to a
// single call, it goes past the stack.
func NewClient(key string, stack *middleware.Stack, opts ...option.RequestOption) sdk.Client {
	first := []option.RequestOption{option.WithMaxRetries(0)}
	if key != "" {
		first = append(first, option.WithAPIKey(key))
	}
	return sdk.NewClient(slices.Concat(first, opts, []option.RequestOption{through(stack, nil)})...)
}

// Options returns the options that put the stack under a client which the program makes itself, or has a framework make.
// They belong before its own, which may turn the SDK's retries on again:
//
//	client := anthropic.NewClient(append(skinflintanthropic.Options(stack, hc), option.WithAPIKey(key))...)
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
