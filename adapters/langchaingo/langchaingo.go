// Package langchaingo puts a [middleware.Stack] under the models of github.com/tmc/langchaingo. In a program that uses
// them, one line changes:
//
//	llm, err := langchaingo.NewOpenAI(stack, openai.WithToken(key), openai.WithModel("gpt-5"))
//
// The SDK has no retries and no timeout of its own, so nothing above the stack multiplies attempts.
//
// Errors of the provider reach the program as text: "API returned unexpected status code: 429: ...". So do refusals of
// ours, and attempts that may have been billed, in what [NewOpenAI] returns, as 402 for a cost limit, 429 for a limit,
// 400 for a policy that makes no sense and 424 for all else; llms/openai gives any error of its client away for another
// that says nothing, a context's included. What [NewAnthropic] returns keeps them: by errors.As they are a
// [*middleware.Error]. Beneath either, [policy.Track] tells of a call, what it has cost and why it failed:
//
//	ctx, call := policy.Track(ctx)
//	answer, err := llms.GenerateFromSinglePrompt(ctx, llm, "Who saves?")
//	if errors.Is(call.Err(), middleware.ErrCost) { ... }
//
// What is peculiar to this SDK, in v0.1.14:
//
//   - llms/openai takes a stream that ends in an error event for a whole answer, and at times one that the context ended:
//     the program gets half a text, no StopReason, and no error. The Err of a tracked call, and the row, say what it was.
//   - llms/anthropic asks for a stream where there is an llms.WithStreamingReasoningFunc alone, and then cannot read it:
//     the answer is billed and lost. Give it an llms.WithStreamingFunc, too.
//   - llms/anthropic leaves a goroutine behind for good, at times, where a stream ends in an error event.
//   - A line of a stream may have 64 KiB; a longer one ends it, and it is billed all the same.
//   - llms.ErrorMapper, and MapError of both packages, look for figures such as 429 and 503 anywhere in a text, and find
//     them in sums of money. Ask errors.Is, or the tracked call.
//   - llms/openai bounds no answer unless there is an llms.WithMaxTokens. To [policy.MaxCost] each then is as long as the
//     model can make it. llms/anthropic says 2048.
//   - With openai.WithAPIType(openai.APITypeAzure) models are deployments: see [middleware.WithDeployments] and, for
//     their prices, [middleware.WithCatalog].
//
// There is nothing here for llms/googleai. It makes its own client of github.com/google/generative-ai-go, which drops the
// key where it is given an http.Client, and resends a 503 for as long as the context lasts. The package adapters/generativeai
// has what that takes, but no langchaingo model can be made of its client. Speak to Gemini by [NewOpenAI] with
// openai.WithBaseURL("https://generativelanguage.googleapis.com/v1beta/openai"), or past langchaingo, by adapters/genai.
package langchaingo

import (
	"net/http"

	"github.com/tmc/langchaingo/httputil"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/skinflint-go/skinflint/middleware"
)

// NewAnthropic returns a model of Anthropic's API over the stack, for use by many goroutines at once. An
// anthropic.WithHTTPClient among the options is replaced: what it sends through is for [middleware.WithBase].
func NewAnthropic(stack *middleware.Stack, opts ...anthropic.Option) (*anthropic.LLM, error) {
	hc := client(stack.ErrorsAs(middleware.AsError))
	return anthropic.New(append(opts[:len(opts):len(opts)], anthropic.WithHTTPClient(hc))...)
}

// NewOpenAI returns a model of OpenAI's API over the stack, or of one like it, for use by many goroutines at once. An
// openai.WithHTTPClient among the options is replaced: what it sends through is for [middleware.WithBase].
func NewOpenAI(stack *middleware.Stack, opts ...openai.Option) (*openai.LLM, error) {
	hc := client(stack.ErrorsAs(middleware.AsResponse))
	return openai.New(append(opts[:len(opts):len(opts)], openai.WithHTTPClient(hc))...)
}

// client returns a client that names itself, in User-Agent, as the SDK's own does.
func client(stack *middleware.Stack) *http.Client {
	return &http.Client{Transport: &httputil.Transport{Transport: stack}}
}
