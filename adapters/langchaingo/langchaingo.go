// Package langchaingo puts a [middleware.Stack] under the models of github.com/tmc/langchaingo. A program changes one line:
//
//	llm, err := langchaingo.NewOpenAI(stack, openai.WithToken(key), openai.WithModel("gpt-5"))
//
// # Errors
//
// An error of the provider is a text: "API returned unexpected status code: 429: ...".
//
// A model of [NewAnthropic] returns a refusal of the stack, and an attempt that may have been billed, as a
// [*middleware.Error] to errors.As.
//
// A model of [NewOpenAI] cannot: llms/openai replaces every error of its http.Client, even a context's, by one that says
// nothing. There a refusal is a text with a status: 402 for a cost limit, 429 for a limit of the policy, 400 for an invalid
// policy, and 424 for everything else.
//
// For both, [policy.Track] says what a call cost and why it failed:
//
//	ctx, call := policy.Track(ctx)
//	answer, err := llms.GenerateFromSinglePrompt(ctx, llm, "Who saves?")
//	if errors.Is(call.Err(), middleware.ErrCost) { ... }
//
// # The SDK
//
// These are properties of v0.1.14:
//
//   - It has neither retries nor a timeout, so nothing above the stack sends a call again.
//   - llms/openai takes a stream that ends in an error event for a whole answer, and at times one that the context ended:
//     the program gets half a text, no StopReason and no error. The Err of a tracked call, and the row, say what happened.
//   - llms/anthropic asks for a stream if there is only an llms.WithStreamingReasoningFunc, and then cannot read it. The
//     answer is billed and lost. Also pass an llms.WithStreamingFunc.
//   - llms/anthropic at times leaves a goroutine that never ends, if a stream ends in an error event.
//   - A line of a stream may have 64 KiB. A longer one ends the stream, which is billed all the same.
//   - llms.ErrorMapper, and MapError of both packages, look for numbers such as 429 and 503 anywhere in a text, and find
//     them in amounts of money. Use errors.Is or the tracked call.
//   - llms/openai sets no limit on an answer unless there is an llms.WithMaxTokens. [policy.MaxCost] then assumes the
//     longest answer of the model. llms/anthropic sets 2048.
//   - With openai.WithAPIType(openai.APITypeAzure) models are deployments: see [middleware.WithDeployments], and for their
//     prices [middleware.WithCatalog].
//
// # Gemini
//
// There is no constructor for llms/googleai. That package makes its own client of github.com/google/generative-ai-go,
// which omits the key if it has an http.Client, and resends a 503 for as long as the context lasts. Package
// adapters/generativeai solves that for its own client, but langchaingo cannot use that client. Call Gemini by [NewOpenAI]
// with openai.WithBaseURL("https://generativelanguage.googleapis.com/v1beta/openai"), or without langchaingo by
// adapters/genai.
package langchaingo

import (
	"net/http"

	"github.com/tmc/langchaingo/httputil"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/skinflint-go/skinflint/middleware"
)

// NewAnthropic returns a model of Anthropic's API over the stack. It may be used by several goroutines. An
// anthropic.WithHTTPClient among the options has no effect: pass its transport to [middleware.WithBase].
func NewAnthropic(stack *middleware.Stack, opts ...anthropic.Option) (*anthropic.LLM, error) {
	hc := client(stack.ErrorsAs(middleware.AsError))
	return anthropic.New(append(opts[:len(opts):len(opts)], anthropic.WithHTTPClient(hc))...)
}

// NewOpenAI returns a model of OpenAI's API, or of a compatible one, over the stack. It may be used by several goroutines.
// An openai.WithHTTPClient among the options has no effect: pass its transport to [middleware.WithBase].
func NewOpenAI(stack *middleware.Stack, opts ...openai.Option) (*openai.LLM, error) {
	hc := client(stack.ErrorsAs(middleware.AsResponse))
	return openai.New(append(opts[:len(opts):len(opts)], openai.WithHTTPClient(hc))...)
}

// client returns an http.Client with the same User-Agent as the SDK's own.
func client(stack *middleware.Stack) *http.Client {
	return &http.Client{Transport: &httputil.Transport{Transport: stack}}
}
