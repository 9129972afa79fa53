// Package transporttest tests whether an [http.RoundTripper] keeps its contract, as testing/slogtest does for a handler.
// It is made for RoundTrippers between a program and its transport: for example retriers, limiters, meters, caches, and
// those that edit requests or read responses. A RoundTripper that passes works under any client and over any transport.
//
// A test of three lines runs all of it:
//
//	func TestMine(t *testing.T) {
//		transporttest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper { return mine.New(base) })
//	}
//
// The contract is more than what the documentation of net/http says. It also includes what [http.Client],
// [http.Transport] and programs rely on, and what RoundTrippers in wide use have got wrong. Its items have a letter and a
// number:
//
//   - A01 to A09: the call itself
//   - B10 to B18: request bodies
//   - E40 to E48: response bodies
//   - F49 to F62: the client, the connection, goroutines, panics and allocations
//
// Every item runs in a [testing/synctest] bubble of its own, with net/http's own server and transport over [net.Pipe],
// or with a RoundTripper in place of the network. Waits take no real time, and no port is opened.
package transporttest
