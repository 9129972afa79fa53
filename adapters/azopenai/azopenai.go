// Package azopenai puts a [middleware.Stack] under the SDK github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai. A program
// changes one line:
//
//	client, err := skinflintazopenai.NewClientWithKeyCredential(endpoint, azcore.NewKeyCredential(key), stack, nil)
//
// At Azure a call names a deployment, and the model behind the deployment has a price. Pass both to the stack: the models by
// [middleware.WithDeployments], and your prices by [middleware.WithCatalog]. The embedded prices are not Azure's.
//
// # Errors
//
// An error of the provider is the SDK's own *azcore.ResponseError or *azopenai.ContentFilterResponseError. A refusal of the
// stack, and an attempt that may have been billed, is a [*middleware.Error] to errors.As.
//
// # The SDK
//
// These are properties of v0.7.2 over azcore v1.16.0:
//
//   - v0.7.2 is the last version with a client of its own. From v0.8.0 on the SDK extends openai-go: use adapters/openaigo.
//   - By default its pipeline resends 408, 429, 500, 502, 503, 504 and every error, 3 times, and ignores x-should-retry.
//     To the stack each of these would be a new call. With this package it sends every request once, even those that cost
//     nothing, and even if a context has azcore/policy.WithRetryOptions.
//   - A credential of Microsoft Entra ID may answer a 401 that asks for other claims by a second request with another
//     token. The first one was rejected and cost nothing.
//   - It has no timeout of its own.
//   - It cannot name a service tier. Tiers come from the policy or from [policy.OnTier].
//   - A stream ends at "[DONE]", where its row is closed. Without "[DONE]" it ends in "incomplete stream". Before that, an
//     error event is a chunk without choices. Close every stream: an open one keeps its connection, and its place within a
//     [policy.Limit], until its context is done.
//   - Azure may bill what its content filter rejects, and a 408. Their rows are ambiguous.
//   - NewClientForOpenAI of the SDK sends the api-version of Azure in the query.
package azopenai

import (
	"errors"
	"net/http"
	"reflect"

	"github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/transport"
)

// NewClient returns a client of Azure OpenAI over the stack, with a credential of Microsoft Entra ID. Requests for its
// tokens bypass the stack. For the rest see [NewClientWithKeyCredential].
func NewClient(endpoint string, credential azcore.TokenCredential, stack *middleware.Stack, options *azopenai.ClientOptions) (*azopenai.Client, error) {
	own, err := over(stack, options)
	if err != nil {
		return nil, err
	}
	return azopenai.NewClient(endpoint, credential, own)
}

// NewClientForOpenAI returns a client of OpenAI's own API over the stack, for an endpoint such as
// https://api.openai.com/v1. For the rest see [NewClientWithKeyCredential].
func NewClientForOpenAI(endpoint string, credential *azcore.KeyCredential, stack *middleware.Stack, options *azopenai.ClientOptions) (*azopenai.Client, error) {
	own, err := over(stack, options)
	if err != nil {
		return nil, err
	}
	return azopenai.NewClientForOpenAI(endpoint, credential, own)
}

// NewClientWithKeyCredential returns a client of Azure OpenAI over the stack. It may be used by several goroutines. The
// options may be nil. They are not changed.
//
// If options.Transport is an *http.Client, the client uses a copy of it with the same cookie jar, redirect policy and
// timeout, and the stack sends through its transport, as [middleware.Stack.Wrap] says. The stack sends through any other
// Transporter directly, which must not resend anything.
//
// If options.Retry is set and its MaxRetries is not negative, the result is an error: the pipeline would resend calls that
// may have been billed, and a program that asked for retries should not lose them without notice.
func NewClientWithKeyCredential(endpoint string, credential *azcore.KeyCredential, stack *middleware.Stack, options *azopenai.ClientOptions) (*azopenai.Client, error) {
	own, err := over(stack, options)
	if err != nil {
		return nil, err
	}
	return azopenai.NewClientWithKeyCredential(endpoint, credential, own)
}

// over returns a copy of the options that makes the SDK send every call through the stack, once.
func over(stack *middleware.Stack, options *azopenai.ClientOptions) (*azopenai.ClientOptions, error) {
	var own azopenai.ClientOptions
	if options != nil {
		own = *options
	}
	if own.Retry.MaxRetries >= 0 && !reflect.ValueOf(own.Retry).IsZero() {
		return nil, errors.New("azopenai: ClientOptions.Retry is refused: the SDK would resend calls that the stack resends itself; " +
			"leave it zero and set MaxAttempts, Patience and MaxElapsed, or AttemptTimeout, of policy.Policy")
	}
	own.Retry.MaxRetries = -1
	n := len(own.PerCallPolicies)
	own.PerCallPolicies = append(own.PerCallPolicies[:n:n], onlyOnce{own.Retry})
	own.Transport = stack.ErrorsAs(middleware.AsError).Wrap(clientOf(own.Transport))
	return &own, nil
}

// clientOf returns the http.Client that a Transporter is, or else one that sends through the Transporter; nil for nil.
func clientOf(t azpolicy.Transporter) *http.Client {
	switch t := t.(type) {
	case nil:
		return nil
	case *http.Client:
		return t
	}
	return &http.Client{Transport: transport.RoundTripperFunc(t.Do)}
}

// onlyOnce replaces the retry options of a call's context, which the next policy of the pipeline would obey.
type onlyOnce struct{ retry azpolicy.RetryOptions }

func (o onlyOnce) Do(req *azpolicy.Request) (*http.Response, error) {
	return req.WithContext(azpolicy.WithRetryOptions(req.Raw().Context(), o.retry)).Next()
}
