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
// POST to any path that ends in /chat/completions is answered as OpenAI's chat
// completions endpoint does, streamed or not, with its usage, its service tiers,
// its headers and its errors. GET of a path that ends in /models lists a few
// models. Everything else is a 404 with a JSON error. No key is asked for.
//
// # What it bills
//
// A generation is billed when the work was done, whatever became of the answer:
// a connection that breaks after the work is billed, and so is a stream that was
// cut, a client that hung up, and an answer that nobody waited for. A stream is
// billed in full once it has started. A refusal is free. The table at [Fault]
// says it for each mishap. Where the provider's documents are silent, the
// simulator bills: a program that is safe here is safe there.
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
