package tokens

import (
	"math/rand/v2"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func TestCounted(t *testing.T) {
	asked := limit.Tokens{Input: 1000, Output: 500}
	usage := price.Usage{Input: 300, CachedInput: 600, CacheWrite: 50, AudioInput: 10, Output: 120, Reasoning: 100}
	billed := answer(usage)
	partial := &ledger.Row{Outcome: policy.Partial, UsageSource: ledger.Measured, Usage: price.Usage{Input: 900, Output: 3}}
	none := limit.Tokens{}
	for _, test := range []struct {
		name      string
		metering  wire.Metering
		maxOutput int64
		row       *ledger.Row
		requests  int
		want      limit.Tokens
	}{
		{"never sent", wire.Metering{Failures: true}, 0, nil, 0, none},
		{"not sent", wire.Metering{Failures: true}, 0, &ledger.Row{Outcome: policy.NotSent}, 0, none},
		{"refused by us", wire.Metering{Failures: true}, 0, &ledger.Row{Outcome: policy.Refused}, 0, none},
		{"rejected", wire.Metering{}, 0, &ledger.Row{Outcome: policy.Rejected}, 0, none},
		{"rejected where failures count", wire.Metering{Failures: true}, 0, &ledger.Row{Outcome: policy.Rejected}, 1, asked},
		{"ambiguous", wire.Metering{}, 0, &ledger.Row{Outcome: policy.Ambiguous}, 1, asked},
		{"no usage", wire.Metering{}, 0, &ledger.Row{Outcome: policy.Billed, UsageSource: ledger.Unknown}, 1, asked},
		{"usage", wire.Metering{}, 0, billed, 1, limit.Tokens{Input: 960, Output: 120}},
		{"without cached", wire.Metering{WithoutCached: true}, 0, billed, 1, limit.Tokens{Input: 360, Output: 120}},
		{"without output", wire.Metering{WithoutOutput: true}, 0, billed, 1, limit.Tokens{Input: 960}},
		{"reserved", wire.Metering{Reserves: true}, 500, billed, 1, limit.Tokens{Input: 960, Output: 500}},
		{"reserved nothing", wire.Metering{Reserves: true}, 0, billed, 1, limit.Tokens{Input: 960, Output: 120}},
		{"the larger one is the input", wire.Metering{Reserves: true, Larger: true}, 500, billed, 1, limit.Tokens{Input: 960}},
		{"the larger one is reserved", wire.Metering{Reserves: true, Larger: true}, 1000, billed, 1, limit.Tokens{Input: 960, Output: 40}},
		{"there is nothing larger", wire.Metering{Reserves: true, Larger: true}, 0, billed, 1, limit.Tokens{Input: 960, Output: 120}},
		{"held", wire.Metering{Holds: true}, 500, billed, 1, limit.Tokens{Input: 960, Output: 120}},
		{"partial", wire.Metering{}, 0, partial, 1, limit.Tokens{Input: 900, Output: 500}},
	} {
		c := callOf("gpt-5")
		c.MaxOutput = test.maxOutput
		got := Counted(c, test.metering, asked, test.row)
		if want := (limit.Count{Requests: test.requests, Tokens: test.want, Row: test.row}); got != want {
			t.Errorf("%s: %+v, want %+v", test.name, got, want)
		}
	}
}

// What counts is never negative. A provider that counts more things never counts less, and an answer that did not end well
// never counts for less output than the same answer that did.
func TestCountedProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	count := func() int64 {
		switch random.IntN(8) {
		case 0:
			return 0
		case 1:
			return -random.Int64N(100)
		case 2:
			return 1<<63 - 1 - random.Int64N(3)
		}
		return random.Int64N(5000)
	}
	outcomes := []policy.Outcome{policy.NotSent, policy.Rejected, policy.Ambiguous, policy.Billed, policy.Partial, policy.Refused}
	for range 20_000 {
		c, m := callOf("m"), wire.Metering{Reserves: random.IntN(2) == 0, Failures: random.IntN(2) == 0}
		c.MaxOutput, c.Choices = count(), random.Int64N(4)
		row := answer(price.Usage{Input: count(), CachedInput: count(), CacheWrite: count(), CachedAudioInput: count(), Output: count(), ImageOutput: count()})
		row.Outcome = outcomes[random.IntN(len(outcomes))]
		e := Estimate{Text: count(), Media: count(), Held: count()}
		asked := new(Learner).Asked(c, m, e, count())
		got := Counted(c, m, asked, row)
		if got.Tokens.Input < 0 || got.Tokens.Output < 0 || got.Requests == 0 && got.Tokens != (limit.Tokens{}) {
			t.Fatalf("%+v of %+v, %+v", got, row, asked)
		}
		for _, less := range []wire.Metering{
			{Reserves: m.Reserves, Failures: m.Failures, WithoutCached: true},
			{Reserves: m.Reserves, Failures: m.Failures, WithoutOutput: true},
			{Failures: m.Failures},
			{Reserves: m.Reserves},
		} {
			lessAsked := new(Learner).Asked(c, less, e, 0)
			lessAsked.Input, lessAsked.Output = min(lessAsked.Input, asked.Input), min(lessAsked.Output, asked.Output)
			if n := Counted(c, less, lessAsked, row); n.Tokens.Input > got.Tokens.Input || n.Tokens.Output > got.Tokens.Output || n.Requests > got.Requests {
				t.Fatalf("%+v counts %+v, %+v counts %+v, of %+v", less, n, m, got, row)
			}
		}
		if row.Outcome == policy.Billed {
			partial := *row
			partial.Outcome = policy.Partial
			if n := Counted(c, m, asked, &partial); n.Tokens.Output < got.Tokens.Output {
				t.Fatalf("%d tokens of output of an answer that was cut off, %d of one that was not", n.Tokens.Output, got.Tokens.Output)
			}
		}
	}
}
