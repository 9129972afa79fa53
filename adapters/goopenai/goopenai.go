// Package goopenai puts a [middleware.Stack] under github.com/sashabaranov/go-openai.
//
// The SDK has no retries and no timeout of its own, so nothing above the stack multiplies attempts. Its streams are
// read up to "[DONE]" and not to their end; that is where their rows close. Errors of the provider reach the program
// as the SDK's own *openai.APIError, refusals of ours by errors.As as a [*middleware.Error].
package goopenai

import (
	"net/http"

	openai "github.com/sashabaranov/go-openai"

	"github.com/skinflint-go/skinflint/middleware"
)

// NewClient returns a client of OpenAI's API over the stack.
func NewClient(key string, stack *middleware.Stack) *openai.Client {
	return NewClientWithConfig(openai.DefaultConfig(key), stack)
}

// NewClientWithConfig returns a client over the stack, for another base URL, organisation or API type. An *http.Client
// that the config already has is kept, with its cookie jar, redirect policy and timeout, and its transport is what the
// stack sends through; any other HTTPDoer is replaced.
func NewClientWithConfig(cfg openai.ClientConfig, stack *middleware.Stack) *openai.Client {
	hc, ok := cfg.HTTPClient.(*http.Client)
	if ok && hc != nil && (hc.Transport != nil || hc.Jar != nil || hc.CheckRedirect != nil || hc.Timeout != 0) {
		cfg.HTTPClient = stack.Wrap(hc)
	} else {
		cfg.HTTPClient = stack.Client()
	}
	return openai.NewClientWithConfig(cfg)
}
