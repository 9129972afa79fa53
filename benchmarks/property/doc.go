// Package property tests the promise that a call is never paid twice. It makes thousands of calls through every SDK that has
// an adapter, to a simulated provider where everything goes wrong that can.
//
//	go test ./benchmarks/property -v              # 10,000 calls
//	go test ./benchmarks/property -v -calls 1000000
package property
