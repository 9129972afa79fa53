// Package llmtest is a simulator of an LLM provider, with a billing meter of
// its own. It does for programs that pay for tokens what net/http/httptest does
// for programs that speak HTTP: it gives their tests somebody to talk to, who
// can be told to misbehave, and who remembers what every mishap cost.
//
//	  your program                     llmtest.Server
//	┌──────────────┐   HTTP over    ┌────────────────────────────────────────┐
//	│ SDK, client, │   loopback or  │ rate limit → checks → flex capacity    │
//	│ transports   │ ─────────────▶ │   → the work ──▶ Meter (what it bills) │
//	│ under test   │ ◀───────────── │   → the answer, or the scripted Fault  │
//	└──────────────┘   net.Pipe     └────────────────────────────────────────┘
//
// The meter is an independent witness. A client's own account of what it spent
// is worth comparing with it, and a call that was paid for twice shows up as two
// generations with one [Generation.Call]:
//
//	srv := llmtest.NewServer(llmtest.Config{
//		Flex:   llmtest.Refuse(2), // no room at first
//		Faults: llmtest.Sequence(llmtest.NoFault, llmtest.ResetAfterAccept),
//	})
//	defer srv.Close()
//
//	ask(srv.URL+"/v1/chat/completions", srv.Client()) // the code under test
//	for _, g := range srv.Meter() {
//		fmt.Println(g.Tier, g.Prompt, g.Completion, g.Call)
//	}
//
// # What it speaks
//
// The path says whose face the server shows, under any host name, with one
// exception: Groq is known by its host, api.groq.com. Under Anthropic's host,
// api.anthropic.com, the /v1 may be missing.
//
//	POST .../chat/completions                  OpenAI; Groq
//	POST .../responses                         OpenAI, in the background too
//	GET  .../responses/ID, POST .../cancel     the same
//	POST .../embeddings                        OpenAI
//	POST .../v1/messages,                      Anthropic
//	     .../v1/messages/count_tokens
//	POST .../openai/deployments/D              Azure; D is a deployment
//	     /chat/completions, /embeddings
//	POST .../openai/v1                         Azure
//	     /chat/completions, /embeddings
//	.../openai/v1/responses, .../responses/ID  Azure, as OpenAI has them
//	POST /v1beta/openai/chat/completions,      Gemini's OpenAI-compatible endpoint
//	     /v1beta/chat/completions
//	POST .../models/M:generateContent,         Gemini; Vertex, if the path has
//	     :streamGenerateContent, :countTokens,   .../publishers/google/models/M
//	     :embedContent, :batchEmbedContents
//	.../cachedContents, .../cachedContents/ID  Gemini; Vertex, if the path has
//	                                             projects/P/locations/L before it
//	GET  .../models                            a few models
//
// They are answered as the provider does it, streamed or not, with its usage, its
// service tiers, its headers and its errors. A model whose name contains "missing"
// does not exist. Everything else is a 404 with a JSON error. No key is asked for.
//
// Azure's models are deployments: the one in the path, whatever the body says, or
// else the one in the body. A deployment whose name contains "filtered" has a content
// filter that refuses every prompt, with a 400, and one whose name contains "timeout"
// is not done in time, which is a 408.
//
// Each face is a provider that knows nothing of the others: Gemini refuses OpenAI's
// names for the tiers, Vertex refuses a tier in the body, and overlooks the one in
// the header where the location is not global; Anthropic serves "auto" as standard,
// and Azure refuses flex. The one thing that they share is the Config.
//
// # Caches
//
// Caches are created over the wire, or by [Server.NewCache], and die over the wire,
// by [Server.KillCache], or with time. What they hold is counted and forgotten.
// [Server.Caches] lists them all, for whoever wants to know what storage costs.
//
// # What it bills
//
// A generation is billed when the work was done, whatever became of the answer:
// a connection that breaks after the work is billed, and so is a stream that was
// cut, a client that hung up, and an answer that nobody waited for. A stream is
// billed in full once it has started, and a background response when it was
// accepted, cancelled or not. To create a cache is billed as its tokens read; to
// count tokens is free. A refusal is free, but for two of Azure's: what the content
// filter refuses is billed as its prompt read, and what timed out in full. The table
// at [Fault] says it for each mishap. Where the provider's documents are silent, the
// simulator bills: a program that is safe here is safe there.
//
// # HTTP/2
//
// With [Config.HTTP2] the server speaks HTTP/2, unencrypted and by prior knowledge.
// Its own Transport does so for https URLs as well, which net/http permits a
// transport that has no other version; an answer then has no TLS state, and that is
// the one difference from an encrypted connection. A client with a transport of its
// own must be set up in the same way, and reaches the server at [Server.URL].
//
// net/http answers for the client in some mishaps: a request that met with
// REFUSED_STREAM, GOAWAY or PROTOCOL_ERROR it sends again by itself if it can, and
// the code above it sees nothing. [Server.Requests] does, and if work was done for
// the first, so does the meter. A request whose GetBody is nil it does not send
// again, and the code above has an error to judge.
//
// # Time
//
// [NewServer] listens on a loopback port and lives in real time. [NewPipe]
// talks over [net.Pipe] and is made for [testing/synctest]: started inside a
// bubble, its delays and the fifteen minutes of a flex request pass in no time,
// and [Server.Close] leaves nothing behind.
//
// # Chance
//
// There is none, except what a seed draws: the same Config, asked the same
// things in the same order, gives the same tokens, ids and refusals. Two servers
// whose ids must differ need different seeds.
package llmtest
