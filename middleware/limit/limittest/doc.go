// Package limittest tests implementations of [limit.Limiter], as package transporttest tests round trippers.
//
// [Run] holds a limiter against the contract. It works with real time, so that it also tests a limiter that keeps its state in
// a server; it takes some seconds.
//
//	func TestContract(t *testing.T) {
//		limittest.Run(t, func(t *testing.T, limits []policy.Limit, budgets []policy.Budget) limit.Limiter {
//			return mylimiter.New(limits, budgets)
//		})
//	}
//
// A limiter that lacks a [Feature], such as budgets, is tested without it:
//
//	limittest.Run(t, start, limittest.Budgets, limittest.Days)
//
// An [Audit] is a model of limits and budgets for tests of one's own: it gets what a limiter admits and what is given back,
// and says where more was admitted than the limits and budgets allow.
package limittest
