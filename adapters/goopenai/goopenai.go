// Package goopenai puts a [middleware.Stack] under the SDK github.com/sashabaranov/go-openai. A program changes one line:
//
//	client := goopenai.NewClient(os.Getenv("OPENAI_API_KEY"), stack)
//
// # Errors
//
// An error of the provider is the SDK's own *openai.APIError. A refusal of the stack, and an attempt that may have been
// billed, is a [*middleware.Error] to errors.As.
//
// # The SDK
//
// It has neither retries nor a timeout, so nothing above the stack sends a call again. It reads a stream up to "[DONE]"
// and not to the end of its bytes. The row of the stream is closed at that point.
//
// # Gemini
//
// With the BaseURL https://generativelanguage.googleapis.com/v1beta/openai the SDK calls Gemini. The stack also sets tiers
// and context caches ([policy.CachedContent]) there. Gemini sends its errors in an array, which the SDK cannot read. They
// are an *openai.RequestError.
package goopenai

import (
	"net/http"

	openai "github.com/sashabaranov/go-openai"

	"github.com/skinflint-go/skinflint/middleware"
)

// NewClient returns a client of OpenAI's API over the stack. It may be used by several goroutines.
func NewClient(key string, stack *middleware.Stack) *openai.Client {
	return NewClientWithConfig(openai.DefaultConfig(key), stack)
}

// NewClientWithConfig returns a client over the stack for another base URL, organization or API type.
//
// If cfg.HTTPClient is an *http.Client, the client uses a copy of it with the same cookie jar, redirect policy and
// timeout, and the stack sends through its transport, as [middleware.Stack.Wrap] says. Any other HTTPDoer is replaced.
func NewClientWithConfig(cfg openai.ClientConfig, stack *middleware.Stack) *openai.Client {
	hc, _ := cfg.HTTPClient.(*http.Client)
	cfg.HTTPClient = stack.ErrorsAs(middleware.AsError).Wrap(hc)
	return openai.NewClientWithConfig(cfg)
}
