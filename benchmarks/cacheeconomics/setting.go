package main

import (
	"fmt"
	"time"
)

const (
	minTokens = 2048 // of an explicit cache: the providers' floor
	minBlocks = minTokens / block
	tick      = 100 * time.Microsecond
)

// An amount is money in 1/360 of a picodollar. In this unit the input price of a token and the storage of a token for one
// tick are whole numbers, so every sum is exact.
type amount int64

const (
	dollarPerMillion     amount = 1_000_000 * 360                    // per token
	dollarPerMillionHour        = dollarPerMillion / (3600 * 10_000) // per token and tick
	_                           = uint(time.Second/tick-10_000) +    // does not compile unless there are 10,000 ticks
		uint(10_000-time.Second/tick) + uint(dollarPerMillionHour-10) // in a second, and 10 units in a dollar
)

// rates are the prices of a model with explicit caches, per token.
type rates struct {
	name          string
	input, cached amount
	storage       amount // for a tick
}

var (
	pro   = rates{"2.5 Pro", dollarPerMillion * 125 / 100, dollarPerMillion * 125 / 1000, dollarPerMillionHour * 45 / 10}
	flash = rates{"2.5 Flash", dollarPerMillion * 30 / 100, dollarPerMillion * 3 / 100, dollarPerMillionHour}
)

// A scale stretches the times of a trace. It is in tenths.
type scale int64

var scales = []scale{1, 10, 100}

func (s scale) of(d time.Duration) time.Duration { return d / 10 * time.Duration(s) }

// String returns x0.1, x1 or x10.
func (s scale) String() string { return fmt.Sprintf("x%g", float64(s)/10) }

// setting is what a policy for explicit caches is measured in.
type setting struct {
	rates
	scale    scale
	implicit int  // of a hundred calls with a repeated prefix, how many the provider serves from a cache of its own
	beside   bool // a cache is created beside the call, which does not use it; otherwise before the call
}

// settings returns all 18 of a way to create.
func settings(beside bool) []setting {
	var all []setting
	for _, r := range []rates{pro, flash} {
		for _, s := range scales {
			for _, p := range []int{0, 30, 70} {
				all = append(all, setting{r, s, p, beside})
			}
		}
	}
	return all
}

// repeat is what a token of a repeated prefix is expected to cost in a call without an explicit cache.
func (s *setting) repeat() amount {
	return (amount(s.implicit)*s.cached + amount(100-s.implicit)*s.input) / 100
}

// repeats returns how many tokens of a prompt the provider may have in a cache of its own.
func repeats(r *request) int64 {
	if r.repeated < minBlocks {
		return 0
	}
	return int64(r.repeated) * block
}

// call is what the input of a request is expected to cost that reads an explicit cache of so many tokens; 0: none.
func (s *setting) call(r *request, cached int64) amount {
	seen := repeats(r)
	fresh := r.tokens - max(cached, seen)
	return amount(cached)*s.cached + amount(max(0, seen-cached))*s.repeat() + amount(fresh)*s.input
}

// create is what it costs to create a cache.
func (s *setting) create(tokens int64) amount { return amount(tokens) * s.input }

// hold is what it costs to store a cache for a time of the scaled trace.
func (s *setting) hold(tokens int64, d time.Duration) amount {
	return amount(tokens) * s.storage * amount(max(0, d)/tick)
}

// noCache is what requests cost without explicit caches.
func (s *setting) noCache(requests []request) (sum amount) {
	for i := range requests {
		sum += s.call(&requests[i], 0)
	}
	return sum
}
