package tokens

import (
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Counted returns what an attempt counts for when it has ended, as its provider counts. asked is what [Learner.Asked] returned
// for it, and row is nil if it was never sent.
//
//   - What was not sent counts for nothing.
//   - What the provider rejected counts for nothing, or for all that was asked where the provider counts failures.
//   - A complete answer counts for its usage: all input, whether or not it was read from a cache, unless the provider does not
//     count that; and its output, or the limit that the request set on it, where the provider counts that limit in any case.
//   - An answer that was cut off counts for the input that it reported, and for at least the output that was asked, since more
//     may have been used than was reported.
//   - What is not known counts for what was asked.
func Counted(c *wire.Call, m wire.Metering, asked limit.Tokens, row *ledger.Row) limit.Count {
	if row == nil {
		return limit.Count{}
	}
	count := limit.Count{Requests: 1, Tokens: asked, Row: row}
	switch row.Outcome {
	case policy.NotSent, policy.Refused, policy.Storage:
		count.Requests, count.Tokens = 0, limit.Tokens{}
	case policy.Rejected:
		if !m.Failures {
			count.Requests, count.Tokens = 0, limit.Tokens{}
		}
	case policy.Billed, policy.Partial:
		if row.UsageSource != ledger.Measured {
			break
		}
		count.Tokens = used(c, m, &row.Usage)
		if row.Outcome == policy.Partial {
			count.Tokens.Output = max(count.Tokens.Output, asked.Output)
			if row.Usage.Prompt() <= 0 {
				count.Tokens.Input = asked.Input
			}
		}
	}
	return count
}

// used returns what a complete answer counts for.
func used(c *wire.Call, m wire.Metering, u *price.Usage) limit.Tokens {
	t := limit.Tokens{Input: max(u.Prompt(), 0)}
	if m.WithoutCached {
		t.Input = max(t.Input-cachedInput(u), 0)
	}
	if m.WithoutOutput || c.NoOutput {
		return t
	}
	t.Output = outputOf(u)
	switch stated := statedOutput(c); {
	case stated > 0 && m.Reserves && m.Larger:
		t.Output = max(0, max(t.Output, stated)-t.Input)
	case m.Reserves:
		t.Output = max(t.Output, stated)
	}
	return t
}

// cachedInput returns how many tokens of the prompt were read from a cache.
func cachedInput(u *price.Usage) int64 {
	return bounded(u.CachedInput) + bounded(u.CachedAudioInput) + bounded(u.CachedImageInput)
}

// outputOf returns how many tokens were generated.
func outputOf(u *price.Usage) int64 {
	return bounded(u.Output) + bounded(u.AudioOutput) + bounded(u.ImageOutput) + bounded(u.VideoOutput)
}
