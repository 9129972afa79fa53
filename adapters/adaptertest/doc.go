// Package adaptertest tests an adapter: the code that puts a [middleware.Stack] under an SDK. It does for adapters what
// testing/slogtest does for handlers.
//
// A test describes the SDK by an [Adapter]: how a client is made over a stack, how it makes a call, and how a program reads
// an error. [Test] then runs every case that all adapters share, each as a subtest:
//
//	func TestAdapter(t *testing.T) {
//		adaptertest.Test(t, adaptertest.Adapter{
//			Provider: "openai",
//			Models:   []string{"gpt-5"},
//			Tiers:    []policy.Tier{policy.Flex, policy.Priority},
//			New: func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
//				client := NewClient("sk-test", w.Stack) // of the adapter
//				return adaptertest.Client{Ask: ..., Stream: ..., Open: ...}
//			},
//			Failure: func(err error) adaptertest.Failure { ... },
//			Cannot: map[adaptertest.Ability]string{
//				adaptertest.Retries: "the SDK has no retries",
//			},
//		})
//	}
//
// The example of [Test] is a whole program of this kind.
//
// Each case runs in a bubble of testing/synctest against a simulated provider, so it takes no real time and opens no port.
// What an SDK cannot do is said in [Adapter.Cannot], with the reason. The kit then leaves those cases out and logs why.
//
// What is particular to one SDK has tests next to its adapter. [Adapter.Run] gives such a test the same [World]: a stack
// over a simulated provider, and checks for both. [World.Settle], [World.TakenOut] and [World.OnlyMarked] are for tests of
// context caches and of prompt caches.
package adaptertest
