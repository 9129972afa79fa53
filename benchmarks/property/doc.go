// Package property holds the test of the promise that a call is never paid twice: thousands of calls through every SDK
// that there is an adapter for, over a provider where anything goes wrong that can.
//
//	go test ./benchmarks/property -v              # 10,000 calls
//	go test ./benchmarks/property -v -calls 1000000
package property
