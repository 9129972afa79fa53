package main

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// small returns a trace in which prefixes branch and are used again after some seconds or minutes.
func small(seed uint64, requests, most int) *trace {
	random := rand.New(rand.NewPCG(seed, 9))
	next := uint64(0)
	var made []request
	var at time.Duration
	for range requests {
		at += time.Duration(random.ExpFloat64() * float64(40*time.Second)).Truncate(time.Millisecond)
		var blocks []uint64
		if len(made) > 0 && random.IntN(4) > 0 {
			before := made[random.IntN(len(made))].blocks
			blocks = append(blocks, before[:random.IntN(len(before)+1)]...)
		}
		for n := 1 + random.IntN(most); len(blocks) == 0 || n > 0 && len(blocks) < most; n-- {
			next++
			blocks = append(blocks, next)
		}
		made = append(made, request{at: at, tokens: int64(len(blocks)) * block, output: 10, blocks: blocks})
	}
	return newTrace("small", made)
}

// recorded returns Mooncake's conversations, and skips the test where they are not present.
func recorded(t *testing.T) *trace {
	t.Helper()
	c, err := readTrace("C", "../../"+conversations)
	if os.IsNotExist(err) {
		t.Skip("the trace is not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
