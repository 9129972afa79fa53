package main

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An agreement is what the processes of a fleet share. It is the first line that a worker reads.
type agreement struct {
	Worker   int // the worker's number
	Workers  int
	Calls    int // that each worker makes at once
	Redis    string
	Postgres string
	Provider string // its URL

	RPM int
	TPM int64
	Cap price.Pico
}

// The agreements that are the same in each run.
const (
	group = "fleet" // of keys in Redis
	salt  = "fleet" // of the fingerprints of keys, with which limits and budgets may be kept apart

	// What a worker that has died holds comes back after this time.
	lease = 2 * time.Second

	// While Redis is away, each worker spends its part of this share of the cap, in percent. Without it, calls would be refused
	// until Redis is back: then it is not known what the others have spent.
	budgetShare = 10
)

// policy returns the policy of every worker.
func (a *agreement) policy() policy.Policy {
	return policy.Policy{
		Tier: policy.Standard,
		Limits: []policy.Limit{{
			Name: "fleet", RequestsPerMinute: a.RPM, TokensPerMinute: a.TPM,
			Burst: max(a.Workers, a.RPM/120), // half a second's worth
		}},
		Budgets: []policy.Budget{{Name: "fleet", Window: time.Hour, Cap: a.Cap}},
	}
}

// allowed returns the most requests that the limit admits in a time. Redis hangs within it once: each worker then begins with its
// part of the burst.
func (a *agreement) allowed(d time.Duration) int {
	l := a.policy().Limits[0]
	return 2*l.Bursts() + int(d*time.Duration(l.RequestsPerMinute)/time.Minute)
}

// agree returns the agreement for the settings of a run.
func agree(set settings) agreement {
	a := agreement{Workers: set.workers, Calls: set.calls, RPM: set.rpm, TPM: int64(set.rpm) * tokensPerCall}
	first := price.Pico(set.rpm) * price.Pico(set.length/time.Millisecond) / 60_000 * cheap.cost() // what the first part costs
	// The share that is set aside lasts as long as Redis hangs and a second more, in which that is noticed at both ends. A
	// third more is there for what the attempts under way can cost at most.
	aside := first * price.Pico((set.hang+time.Second)/time.Millisecond) / price.Pico(set.length/time.Millisecond) * 4 / 3
	a.Cap = max(2*first, aside*100/budgetShare)
	return a
}
