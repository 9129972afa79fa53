// Package azopenai puts a [middleware.Stack] under github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai. In a program that
// uses it, one line changes:
//
//	client, err := skinflintazopenai.NewClientWithKeyCredential(endpoint, azcore.NewKeyCredential(key), stack, nil)
//
// At Azure a call names a deployment, and the model behind it is what has a price: tell the stack by
// [middleware.WithDeployments]. The embedded prices are not Azure's: give it yours, by [middleware.WithCatalog].
//
// Errors of the provider reach the program as the SDK's own *azcore.ResponseError, or *azopenai.ContentFilterResponseError.
// Refusals of ours, and attempts that may have been billed, come by errors.As as a [*middleware.Error].
//
// What is peculiar to this SDK, in v0.7.2 over azcore v1.16.0:
//
//   - v0.7.2 is the last with a client of its own. From v0.8.0 on it adds to openai-go, for which there is adapters/openaigo.
//   - Its pipeline resends 408, 429, 500, 502, 503, 504 and any error 3 times by default, whatever x-should-retry says, and
//     to the stack each would be a call of its own. Here it sends once, whatever azcore/policy.WithRetryOptions says in a
//     context. That holds for calls that cost nothing, too.
//   - A credential of Microsoft Entra ID may answer a 401 that asks for other claims by a second request, with another
//     token. The first was refused, and not worked on.
//   - It has no timeout of its own.
//   - It cannot name a service tier: tiers come from the policy, or from [policy.OnTier].
//   - A stream ends at "[DONE]", where its row closes; without it, it ends in "incomplete stream". An error event comes as a
//     chunk without choices before that. Close the stream, or it holds its connection and its place within a
//     [policy.Limit] until its context is done.
//   - What the content filter refuses may be billed, and so may a 408: their rows are ambiguous.
//   - NewClientForOpenAI leaves the api-version of Azure in the query.
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

// NewClient returns a client of Azure OpenAI over the stack, with a credential of Microsoft Entra ID. The credential gets
// its tokens past the stack. The rest is as for [NewClientWithKeyCredential].
func NewClient(endpoint string, credential azcore.TokenCredential, stack *middleware.Stack, options *azopenai.ClientOptions) (*azopenai.Client, error) {
	own, err := over(stack, options)
	if err != nil {
		return nil, err
	}
	return azopenai.NewClient(endpoint, credential, own)
}

// NewClientForOpenAI returns a client of OpenAI's own API over the stack, such as at https://api.openai.com/v1. The rest is
// as for [NewClientWithKeyCredential].
func NewClientForOpenAI(endpoint string, credential *azcore.KeyCredential, stack *middleware.Stack, options *azopenai.ClientOptions) (*azopenai.Client, error) {
	own, err := over(stack, options)
	if err != nil {
		return nil, err
	}
	return azopenai.NewClientForOpenAI(endpoint, credential, own)
}

// NewClientWithKeyCredential returns a client of Azure OpenAI over the stack, for use by many goroutines at once. The
// options may be nil, and are left as they are.
//
// An *http.Client that is their Transport keeps its cookie jar, redirect policy and timeout, and its transport is what the
// stack sends through: see [middleware.Stack.Wrap]. Any other Transporter is what the stack sends through itself; let it
// resend nothing.
//
// A Retry in the options is an error, unless its MaxRetries is negative. The pipeline would resend calls that may have been
// billed; to take that out in silence would leave the program without the retries that it asked for.
func NewClientWithKeyCredential(endpoint string, credential *azcore.KeyCredential, stack *middleware.Stack, options *azopenai.ClientOptions) (*azopenai.Client, error) {
	own, err := over(stack, options)
	if err != nil {
		return nil, err
	}
	return azopenai.NewClientWithKeyCredential(endpoint, credential, own)
}

// over returns a copy of the options by which every call goes to the stack once.
func over(stack *middleware.Stack, options *azopenai.ClientOptions) (*azopenai.ClientOptions, error) {
	var own azopenai.ClientOptions
	if options != nil {
		own = *options
	}
	if own.Retry.MaxRetries >= 0 && !reflect.ValueOf(own.Retry).IsZero() {
		return nil, errors.New("azopenai: ClientOptions.Retry would resend calls above the stack, which resends them itself: " +
			"leave it zero, and say how often by policy.Policy.MaxAttempts, Patience and MaxElapsed, and for how long by AttemptTimeout")
	}
	own.Retry.MaxRetries = -1
	n := len(own.PerCallPolicies)
	own.PerCallPolicies = append(own.PerCallPolicies[:n:n], onlyOnce{own.Retry})
	own.Transport = stack.ErrorsAs(middleware.AsError).Wrap(clientOf(own.Transport))
	return &own, nil
}

// clientOf returns the client that a Transporter is, or one that sends through it; nil for nil.
func clientOf(t azpolicy.Transporter) *http.Client {
	switch t := t.(type) {
	case nil:
		return nil
	case *http.Client:
		return t
	}
	return &http.Client{Transport: transport.RoundTripperFunc(t.Do)}
}

// onlyOnce keeps the options for retries that a call's context may hold from the policy that would obey them, which comes
// next.
type onlyOnce struct{ retry azpolicy.RetryOptions }

func (o onlyOnce) Do(req *azpolicy.Request) (*http.Response, error) {
	return req.WithContext(azpolicy.WithRetryOptions(req.Raw().Context(), o.retry)).Next()
}
