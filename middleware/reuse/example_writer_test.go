package reuse_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
)

// Prompts that begin with the same instructions of 4,000 tokens come every 20 minutes. After some of them the instructions are
// written for an hour, and read from then on.
func ExampleWriter() {
	rates := reuse.WriteRates{Input: 3_000_000, Cached: 300_000, Options: []reuse.WriteOption{
		{TTL: 5 * time.Minute, Write: 3_750_000},
		{TTL: time.Hour, Write: 6_000_000},
	}}
	w := reuse.NewWriter(reuse.WriterConfig{})
	at := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	var writes, reads int
	for i := range 1000 {
		at = at.Add(20 * time.Minute)
		instructions := reuse.Node{Hash: 1, Tokens: 4000}
		question := reuse.Node{Hash: uint64(1000 + i), Tokens: 4200}
		x := w.Arrive(reuse.Prompt{At: at, Nodes: []reuse.Node{instructions, question}, Tokens: 4200, Least: 1024}, rates)
		var cached, written int64 // as the answer says
		if x.Read >= 0 {
			reads++
			cached = 4000
		}
		if x.Node >= 0 {
			writes++
			written = 4000
			fmt.Println("write node", x.Node, "for", rates.Options[x.Option].TTL)
		}
		x.Answered(cached, written, at.Add(5*time.Second))
	}
	fmt.Println("writes:", writes, "most are reads:", reads > 600)
	// Output:
	// write node 0 for 1h0m0s
	// writes: 1 most are reads: true
}
