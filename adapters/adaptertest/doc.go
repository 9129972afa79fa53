// Package adaptertest tests an adapter: the code that puts a [middleware.Stack] under an SDK. It does for adapters what
// testing/slogtest does for handlers.
//
// A test describes the SDK by an [Adapter]: how a client is made over a stack, how it makes a call, and how a program
// reads an error. [Test] then runs every case that all adapters share, each as a subtest:
//
//   - every attempt has a row, and the rows equal the provider's meter
//   - the tier that a policy or a context asks for, and the fallback
//   - what the stack refuses, and how the program sees that
//   - every fault of [llmtest], over HTTP/1 and HTTP/2, with the SDK's own retries off and on: nothing is paid twice
//   - streams that are read, closed early, cut, or late
//   - timeouts, cancelled contexts, and redirects
//
// Each case runs in a bubble of testing/synctest against a simulated provider, so it takes no real time and opens no
// port. What an SDK cannot do is said in [Adapter.Cannot], with the reason. The kit then leaves those cases out and
// logs why.
//
// What is particular to one SDK is tested beside its adapter. [Adapter.Run] gives such a test the same [World]: a stack
// over a simulated provider, and checks for both.
package adaptertest
