// Package llmtest is a simulated LLM provider with a billing meter. Use it to test a program
// or a client library that pays for tokens, as you use net/http/httptest for HTTP. The
// simulator answers in the formats of OpenAI, Azure, Anthropic, Groq, Gemini and Vertex, can
// be scripted to fail, and records what each request would have cost.
//
//	  your program                     llmtest.Server
//	┌──────────────┐   HTTP over    ┌────────────────────────────────────────┐
//	│ SDK, client, │   loopback or  │ rate limit → checks → flex capacity    │
//	│ transports   │ ─────────────▶ │   → the work ──▶ Meter (what is billed)│
//	│ under test   │ ◀───────────── │   → the response, or the scripted Fault│
//	└──────────────┘   net.Pipe     └────────────────────────────────────────┘
//
// Start a server with a [Config], point the client at it, and compare what the client
// reports with what the server's [Server.Meter] says. The meter does not depend on the code
// under test. A call that was paid for twice is two generations with the same
// [Generation.Call]:
//
//	srv := llmtest.NewServer(llmtest.Config{
//		Flex:   llmtest.Refuse(2), // no flex capacity for the first two requests
//		Faults: llmtest.Sequence(llmtest.NoFault, llmtest.ResetAfterAccept),
//	})
//	defer srv.Close()
//
//	ask(srv.URL+"/v1/chat/completions", srv.Client()) // the code under test
//	for _, g := range srv.Meter() {
//		fmt.Println(g.Tier, g.Prompt, g.Completion, g.Call)
//	}
//
// # Endpoints
//
// The path determines the provider, under any host name. There are two exceptions. Groq is
// recognised by its host, api.groq.com. Under Anthropic's host, api.anthropic.com, the /v1
// may be missing.
//
//	POST .../chat/completions                  OpenAI; Groq
//	POST .../responses                         OpenAI, also in the background
//	GET  .../responses/ID, POST .../cancel     OpenAI
//	POST .../embeddings                        OpenAI
//	POST .../v1/messages,                      Anthropic
//	     .../v1/messages/count_tokens
//	POST .../openai/deployments/D              Azure; D is a deployment
//	     /chat/completions, /embeddings
//	POST .../openai/v1                         Azure
//	     /chat/completions, /embeddings
//	.../openai/v1/responses, .../responses/ID  Azure, as for OpenAI
//	POST /v1beta/openai/chat/completions,      Gemini's OpenAI-compatible endpoint
//	     /v1beta/chat/completions
//	POST .../models/M:generateContent,         Gemini; Vertex, if the path has
//	     :streamGenerateContent, :countTokens,   .../publishers/google/models/M
//	     :embedContent, :batchEmbedContents
//	.../cachedContents, .../cachedContents/ID  Gemini; Vertex, if the path has
//	                                             projects/P/locations/L before it
//	POST /upload/v1beta/files,                 Gemini's Files API: resumable uploads
//	GET  /v1beta/files, GET, DELETE .../ID
//	GET  .../models                            a few models
//
// Responses are those of the real provider, streamed or not, with its usage, service tiers,
// headers and errors. A model whose name contains "missing" does not exist. Any other path is
// a 404 with a JSON error. No key is required.
//
// Azure's models are deployments. The deployment in the path takes precedence over the model
// in the body. If the name of a deployment contains "filtered", its content filter rejects
// every prompt with a 400. If it contains "timeout", every request ends with a 408.
//
// The providers differ as the real ones do. Gemini rejects OpenAI's names for the tiers.
// Vertex rejects a tier in the body, and ignores the one in the header if the location is not
// global. Anthropic serves "auto" as standard. Azure rejects flex. All of them use the one
// Config.
//
// # Replies
//
// The text of a response is some words, the same for the same request. With [Config.Reply] a
// test writes the responses itself: text, JSON, tool calls and usage, in one form for all
// providers, streamed or not. So the loop of an agent can be tested:
//
//	srv := llmtest.NewServer(llmtest.Config{Reply: func(t llmtest.Turn) llmtest.Reply {
//		if len(t.ToolResults) == 0 {
//			return llmtest.Reply{ToolCalls: []llmtest.ToolCall{{Name: "weather", Arguments: `{"city":"Oslo"}`}}}
//		}
//		return llmtest.Reply{Text: "It is " + t.ToolResults[0].Content + "."}
//	}})
//
// # Caches
//
// Clients create and delete caches of Gemini and Vertex with requests. Tests can also use
// [Server.NewCache] and [Server.KillCache]. Caches expire with time. Of their contents only
// the number of tokens is kept. [Server.Caches] lists all of them, so that the cost of
// storage can be computed with [Cache.TokenTime]. [Server.CacheCount] says how many are alive.
//
// A cache that is too small, with a ttl that is not positive, with a time to expire that is past, or for a model of Gemini 4,
// which has no such caches, is a 400. So is a request with a cache and with a system instruction, tools or a tool config, or
// for another model than the cache's. Contents that are sent in addition to a cache are billed, also those that are in it.
// A cache that is not alive is a 403 of Gemini's, and a 400 or a 404 of Vertex'. Under [Config.FreeTier] no cache can be
// created.
//
// # Prompt caches
//
// With [Config.PromptCaches], OpenAI and Anthropic keep prompts in caches whose writes cost money. A prefix of a prompt is
// the same if its blocks are: tools, system instructions, and the blocks of messages. White space, the order of members, and
// markers do not count, and a string is the same as a block of its text. Only prefixes of at least 1,024 tokens are kept, or of
// 512 for Claude Opus 5 and Fable 5. A prefix that is read is kept for its time to live again. Only the one that is read is,
// and what is kept for a short time is not written again for a longer one. [Generation.Written] is what was written. A request
// whose [Config.Reply] has a Usage of its own reads and writes nothing.
//
// OpenAI's rules hold for GPT-5.6 and later. The end of the newest message that is not the model's is written, unless
// prompt_cache_options has the mode "explicit", and so is every block with a prompt_cache_breakpoint. Both are kept for 30
// minutes or 12 hours, by the ttl of the breakpoint or of the options. A prefix is read if it ends at a breakpoint of the
// request or, in the mode "implicit", at the end of one of the latest 50 messages. That nothing else is read in the mode
// "explicit" is not documented: it is what a careful client has to expect. Only requests with the same prompt_cache_key find
// it. More than four breakpoints, one in a tool or in the model's own text, another ttl, and prompt_cache_retention besides
// prompt_cache_options are a 400. For earlier models so are the options and the breakpoints.
//
// Anthropic writes what has a cache_control, for 5 minutes or an hour, and the last block if the request itself has one. It
// reads what ends at a marker or in the 20 blocks before. More than four markers, and one for an hour after one for 5
// minutes, are a 400.
//
// # Files
//
// A file of Gemini is uploaded as Google's clients do it: a start, chunks, and the last of them
// finalizes it. The size of each chunk but the last is a multiple of [Config.UploadGranularity].
// A chunk is accepted only at the offset that the server is at, so a chunk that is sent again is
// a 400, and the command "query" says how much has arrived. Of a chunk whose connection broke,
// the server keeps whole units of the granularity. Under the fault [ResetAfterAccept] a chunk
// has arrived, and its response is lost. The response to "query" after the end has the file.
//
// A file is PROCESSING for [Config.FileProcessing], then ACTIVE, and expires after 48 hours. A
// request with the URI of a file that is not ACTIVE is a 400, and with one that does not exist a
// 403. Its tokens count in prompts and caches, see [File.Tokens]. Uploads are free.
// [Server.Files] lists all files, of which the bytes are not kept.
//
// # What is billed
//
// A generation is billed when the work is done, whether or not the client gets the response.
// So a connection that breaks after the work is billed, and so are a stream that was cut and
// a client that left. A stream is billed in full when it starts, and a background response
// when it is accepted, even if it is cancelled. The creation of a cache is billed as its
// tokens read. Counting tokens is free.
//
// A rejected request is free, with two exceptions for Azure: a prompt that the content filter
// rejects is billed as read, and a request that times out is billed in full. The table at
// [Fault] says for each fault whether it is billed. Where the provider's documents do not
// say, the simulator bills. A program that is correct here does not pay more there.
//
// # Limits
//
// A [Config] has limits on requests, on tokens, and on requests at once. What exceeds one is a 429 in the provider's own words,
// and its headers show all limits that the provider shows, with what is left. What counts against a limit on tokens is what
// each provider documents, or what [Config.Counting] says: the limit on the completion is reserved at the start, or the
// completion is counted when it has been generated. [Server.Admissions] says what was admitted and what was rejected, by which
// limit. One set of limits is for all requests to the server.
//
// # HTTP/2
//
// With [Config.HTTP2] the server uses HTTP/2, unencrypted and with prior knowledge. Its own
// Transport does so for https URLs as well, which net/http allows to a transport that has no other
// version. Responses then have no TLS state, which is the only difference from an encrypted
// connection. A client with another transport must be set up in the same way, and reaches the
// server at [Server.URL].
//
// In some faults net/http reacts before the client can. If it can send the body again, it
// resends a request that got REFUSED_STREAM, GOAWAY or PROTOCOL_ERROR, and the code above it
// does not notice. [Server.Requests] shows every attempt, and the meter those for which work
// was done. A request whose GetBody is nil is not sent again, and the client gets an error.
//
// # Time
//
// [NewServer] listens on a loopback port, in real time. [NewPipe] uses [net.Pipe] and is made
// for [testing/synctest]: in a bubble, delays and the fifteen minutes of a flex request take no
// time, and [Server.Close] leaves no goroutine.
//
// # Determinism
//
// Nothing is random, unless a [Config.Reply] is. With the same Config and the same requests in
// the same order, tokens, ids and rejections are the same. Servers with different [Config.Seed]
// have different ids.
package llmtest

// The files, from the bottom to the top. A file uses only files of its own layer and of those
// below it, and there are no circles.
//
//   - Parts, which know nothing of handlers and providers: draw, json, fields, params, tokens,
//     limit, apierror, stream, url; framer and conn, which are the connection; and the types
//     of the API: capacity, faults, config, meter, request,
//     reply (with tool_results).
//   - What a provider remembers, in provider: caches (with google_path) and response_store in
//     addition to the meter and the requests. An exchange is one request to it, reply_ask
//     asks the user's Reply, and admission holds the request against the limits.
//   - Faces, one for each endpoint: face has the interface, and the files whose names begin
//     with a provider, chat, embeddings and responses have the faces. route lists them.
//   - The response to one request, with its faults: responder; disconnect, slow, redirect;
//     strike (before the work), deliver (after it); serve.
//   - The network: listener and server.
