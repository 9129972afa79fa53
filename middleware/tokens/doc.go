// Package tokens estimates how many tokens a request uses, before it is sent, and says what counts when it has ended.
//
// An [Estimator] counts a request's body while the body is read once. [Heuristic] is the estimator that a chain uses if it is
// given no other. A [Learner] corrects its estimates by what answers report, and knows how much output to expect:
//
//	counter := tokens.Heuristic{}.Counter()
//	defer counter.Release()
//	body.Load(req, paths, counter)
//	estimate := counter.Estimate(&subject)
//
//	asked := learner.Asked(&call, metering, estimate, maxOutput) // what the attempt takes from limits on tokens
//	...
//	count := tokens.Counted(&call, metering, asked, row) // what it counts for when it has ended
//	learner.Learn(&call, estimate, row)
//
// Estimates are for limits on tokens. They are not upper bounds: for budgets of money, package middleware computes the most that
// a request can cost.
package tokens
