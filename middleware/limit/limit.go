// Package limit holds attempts back until the limits and budgets of a policy admit them: so many requests and tokens per
// minute and per day, so many attempts under way at once, and so much money within a window.
//
// A caller waits for a [Limiter] before each attempt, with an estimate of the tokens that the attempt uses and the most that it
// can cost. When the attempt has ended, the caller says what it counts for instead. [Local] is the Limiter of a single process;
// one for several processes, on Redis for example, implements the same interface:
//
//	limiter := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 500, TokensPerMinute: 200_000, Concurrency: 32}}, nil)
//	permit, err := limiter.Wait(ctx, &limit.Request{Subject: subject, Tokens: limit.Tokens{Input: 900, Output: 400}})
//	if err != nil {
//		return err
//	}
//	// When the response has been read to its end, and not when its headers arrive:
//	permit.Release(limit.Count{Requests: 1, Tokens: used, Row: row})
//
// Package middleware does this in its Limit link; a program needs this package only to implement a Limiter, or to use one
// outside of HTTP. Package limittest tests implementations.
package limit

import (
	"context"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A Limiter admits attempts. Its methods are called concurrently. It may have more methods than this one: [Needer], [Spender],
// [Loader], [Stater], [Accountant], [Noticer] and [Refuser] say what they are for.
//
// A Limiter keeps all the limits and budgets that it was made with. One that cannot keep some of them, such as those by the day,
// fails when it is made (for a Stack: in the func of middleware.WithLimiter) and ignores none.
//
// When other limits and budgets come into force, what was used stays used. A limit that differs from an earlier one only in its
// figures keeps what was taken and who holds permits; a budget of the same name keeps what was spent and is held. A permit that
// was given before is released as any other.
type Limiter interface {
	// Wait returns when every limit and budget that matches the request admits the attempt. It takes from all of them at
	// once, or from none.
	//
	// Attempts of one class that wait for the same limits are admitted in the order in which they came. Interactive attempts
	// go before those of batch, but do not starve them, and small attempts do not starve a large one: each one is overtaken by
	// a number of later ones that is bounded. Each Limiter documents its bound; that of [Local] is 32. An attempt that takes more
	// tokens than a limit's burst waits for a full burst, and those behind it wait until the rest is paid. A waiter has taken
	// nothing, so that one whose ctx ends does not hold up those behind it.
	//
	// Wait returns a nil Permit, at once, if nothing matches. Its errors are
	//
	//   - an [*Error]: at once, if the attempt needs more than a limit ever allows, or if the rates alone would make it wait
	//     until the request's deadline or longer; otherwise when the deadline passes or ctx is done. If it is refused for its
	//     deadline, its Wait is how long it would have waited at least: never longer than it would in fact. Callers tell it
	//     to their clients as Retry-After. Otherwise Wait is 0;
	//   - a [*budget.Error]: at once, if a budget could not pay for the attempt even if others gave back all that they hold;
	//     otherwise, while others hold what it needs, when MaxWait has passed, the deadline passes or ctx is done;
	//   - another error, if it is not known what is left, for example because a shared store cannot be reached.
	Wait(ctx context.Context, r *Request) (Permit, error)
}

// A Permit is held by an attempt that was admitted.
type Permit interface {
	// Release gives the attempt's places in limits on concurrency back, and replaces what was taken for it by what it counts
	// for. It is called once, when the attempt's response has been read or closed, or the attempt has failed. It must not
	// block for long.
	Release(Count)
}

// A LearningPermit is the [Permit] of an attempt from whose answer its [Limiter] learns the provider's own limits: see
// [policy.Limit.Learn]. Other permits do not have the method, so that their answers need not be read for it.
type LearningPermit interface {
	Permit

	// Learn is called before Release, when the headers of the attempt's answer have come; for a rejection, when its body has
	// been read.
	Learn(Answer)
}

// A Request is an attempt that asks to be admitted. It must not be changed while it waits.
type Request struct {
	// Subject, Tier, Key and Tags are what limits match, and what they keep apart.
	Subject policy.Subject
	Tier    policy.Tier // that the attempt asks for; "" if it names none
	Key     string      // a fingerprint of the credentials; never the credentials
	Tags    map[string]string

	Class policy.Class

	// Call and Attempt identify the attempt, in rows and in a shared store: what is asked for twice is taken once.
	Call    string
	Attempt int

	// Tokens is what the attempt is estimated to use.
	Tokens Tokens

	// Cost is the most that the attempt can cost. If it is not known, budgets refuse the attempt, and say NoBound.
	Cost    ledger.Amount
	NoBound string

	// MoneyOnly says that the attempt is no call of a model, and costs money all the same: it has a context cache held for
	// longer. Limits do not match it: it takes nothing from them, and waits for none. Budgets match it like any other.
	MoneyOnly bool

	// Cheapest says that the attempt asks for the cheapest tier of its plan. Otherwise, a budget of which
	// [policy.Budget.CheapestPercent] is spent refuses it with a [*budget.Error] that has OnlyCheapest set.
	Cheapest bool

	// Deadline is when the attempt must have been admitted. The zero Time is never.
	Deadline time.Time

	// MaxWait is how long the attempt may wait for money that others hold. Zero: not at all.
	MaxWait time.Duration

	// Zone is where the provider's day ends, for limits that do not say it: see [policy.Limit.Zone]. Nil: UTC.
	Zone *time.Location

	// Stalled, if it is not nil, may be called while the attempt waits, with a limit whose permits are all held. [Local]
	// does so when an attempt has waited for 5 seconds, and not more often than once a minute for each limit.
	Stalled func(State)
}

// Tokens are counts of tokens, as the provider's limits count them.
type Tokens struct{ Input, Output int64 }

// A Count is what an attempt counts for when it has ended. The zero Count is that of an attempt that was never sent.
type Count struct {
	// Requests is 1, or 0 if the provider did not count the attempt.
	Requests int
	// Tokens replaces the estimate.
	Tokens Tokens
	// Row is the attempt's; nil if it was never sent. Its cost and exposure replace what budgets hold.
	Row *ledger.Row
	// Storage is the row of what the attempt has added to the storage of a context cache; nil if that is nothing. It counts
	// together with Row in place of what budgets hold, and is not given to Spend.
	Storage *ledger.Row
}

// An Answer is what an attempt's answer says about the provider's limits.
type Answer struct {
	At     time.Time // when it came
	Quotas []wire.Quota
	// Limited says that the provider rejected the attempt for a rate limit, and RetryAfter how long it asks to wait; 0 if it
	// does not say.
	Limited    bool
	RetryAfter time.Duration
}
