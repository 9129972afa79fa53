// Package wire describes the HTTP APIs of LLM providers. It says which requests are calls that cost money, where a call
// names its model, its service tier and its context cache, how an answer reports what was used and which tier served,
// and what an error answer means for the bill. It sends nothing and knows no prices.
//
// A [Router] selects the [Dialect] for a request. The dialect then takes part in each step of the call:
//
//	dialect, call, ok := router.Recognise(req.Method, req.URL) // is it a call, and of which provider and operation?
//	dialect.Request(&call, req.Header, body.Fields())          // what does it ask for?
//	dialect.Edit(&call, body.Fields(), want, &edits)           // what has to change, for another tier say?
//	...                                                        // the request is sent
//	dialect.Rejection(&call, &response)                        // outside of 2xx: was it free, and why did it fail?
//	reader.Begin(dialect, &call, resp)                         // 2xx: a Reader turns the body into an Answer
//
// Package middleware does all of this for a program. Import wire to add a provider that it does not know:
//
//   - For a provider whose API is compatible with OpenAI's, fill in a [Compatible]: its hosts, its tiers, and whether a
//     stream reports its usage only on request.
//   - For any other provider, implement [Dialect]. One [Shape] for each operation says what to look for; the zero value of
//     every field that a dialect does not set is safe.
//
// Add either with middleware.WithDialects, or to a Router of your own through [RouterConfig]. The examples of [Dialect] and
// [Compatible] are complete.
//
// Each provider of this package has one file, which uses the parts (text, counts, errors) and no other provider's file,
// except where two providers share an API. Every fact about a provider has its source in a comment.
package wire
