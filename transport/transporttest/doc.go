// Package transporttest has the contract of an [http.RoundTripper] as a test, the way testing/slogtest has that of a
// handler. It is made for RoundTrippers that stand between a program and its transport: retriers, limiters, meters,
// caches, and such as edit requests or watch answers. One that passes can be put under any client and over any
// transport, and neither will notice, but for what it was made for.
//
// The contract is more than what the documentation of net/http says in so many words. It is also what [http.Client],
// [http.Transport] and programs rely on, and what RoundTrippers in wide use have got wrong. It comes in four parts,
// whose items keep the numbers of the list that this project works from:
//
//   - A, 1 to 9: the call itself
//   - B, 10 to 18: requests' bodies
//   - E, 40 to 48: answers' bodies
//   - F, 49 to 62: what is around: the client, the connection, goroutines, panics, allocations
//
// Every item runs in a [testing/synctest] bubble of its own, with net/http's own server and transport over [net.Pipe],
// or with a RoundTripper that plays the network. Waits take no real time and no port is opened.
package transporttest
