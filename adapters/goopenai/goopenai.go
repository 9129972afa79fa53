// Package goopenai puts a [middleware.Stack] under github.com/sashabaranov/go-openai. In a program that uses it, one line
// changes:
//
//	client := goopenai.NewClient(os.Getenv("OPENAI_API_KEY"), stack)
//
// The SDK has no retries and no timeout of its own, so nothing above the stack multiplies attempts. Its streams are
// read up to "[DONE]" and not to their end; that is where their rows close. Errors of the provider reach the program
// as the SDK's own *openai.APIError, refusals of ours by errors.As as a [*middleware.Error].
//
// With the BaseURL https://generativelanguage.googleapis.com/v1beta/openai it speaks to Gemini, whose tiers and context
// caches ([policy.CachedContent]) are set on this face, too. Its errors come in an array there, and so as an
// *openai.RequestError.
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
// that the config already has keeps its cookie jar, redirect policy and timeout, and its transport, if it has one, is
// what the stack sends through: see [middleware.Stack.Wrap]. Any other HTTPDoer is replaced.
func NewClientWithConfig(cfg openai.ClientConfig, stack *middleware.Stack) *openai.Client {
	hc, _ := cfg.HTTPClient.(*http.Client)
	cfg.HTTPClient = stack.ErrorsAs(middleware.AsError).Wrap(hc)
	return openai.NewClientWithConfig(cfg)
}
