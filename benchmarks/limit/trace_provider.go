package main

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A counting is how a provider counts the tokens of a call.
type counting struct {
	key, name string
	reserves  bool  // the limit on the output counts when the call arrives; else what was used counts when it ends
	others    int64 // percent of the limit that another program uses
}

var countings = []counting{
	{key: "reservation", name: "by reservation", reserves: true},
	{key: "settlement", name: "by settlement"},
	{key: "shared", name: "by settlement, and another program uses 30 % of it", others: 30},
}

// traceOutput is the limit on the output that each call of a trace sets. It is more than any call uses.
const traceOutput = 2000

// cost returns what a call counts for.
func (c counting) cost(call tracedCall) int64 {
	if c.reserves {
		return call.prompt + traceOutput
	}
	return call.prompt + call.output
}

// A tracedProvider has a limit on tokens: a bucket that holds those of a minute and refills evenly. It is full at first.
type tracedProvider struct {
	counting
	perMinute int64

	mu     sync.Mutex
	bucket *rate.Limiter
	ends   time.Time // of the trace
	served int64     // tokens of calls that were taken up before that
}

func newTracedProvider(how counting, perMinute int64, length time.Duration) *tracedProvider {
	return &tracedProvider{
		counting: how, perMinute: perMinute, ends: time.Now().Add(length),
		bucket: rate.NewLimiter(rate.Limit(float64(perMinute)/60), int(perMinute)),
	}
}

// share has another program use its share of the limit, every second, until the trace ends.
func (p *tracedProvider) share() {
	for p.others > 0 && time.Now().Before(p.ends) {
		p.mu.Lock()
		p.bucket.AllowN(time.Now(), int(p.perMinute*p.others/100/60))
		p.mu.Unlock()
		time.Sleep(time.Second)
	}
}

// take takes a call up, or says for how long to wait. What it says about its limit is as of now.
func (p *tracedProvider) take(call tracedCall) (taken bool, a limit.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, n := time.Now(), call.prompt
	if p.reserves {
		n = p.cost(call)
	}
	taken = p.bucket.AllowN(now, int(n))
	left := p.bucket.TokensAt(now)
	if taken && now.Before(p.ends) {
		p.served += p.cost(call)
	}
	if !taken {
		a.Limited = true
		a.RetryAfter = time.Duration((float64(n) - left) / float64(p.bucket.Limit()) * float64(time.Second))
	}
	a.Quotas = []wire.Quota{{
		Unit: wire.QuotaTokens, Window: time.Minute, Limit: p.perMinute, Remaining: max(0, int64(left)),
		Reset: time.Duration((float64(p.perMinute) - left) / float64(p.bucket.Limit()) * float64(time.Second)),
	}}
	return taken, a
}

// end counts what is counted when a call ends, which may be more than is left.
func (p *tracedProvider) end(call tracedCall) {
	if !p.reserves {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.bucket.ReserveN(time.Now(), int(call.output))
	}
}

// mostServed returns how many tokens a queue without a burst gets through until the last call comes: the limit as long as a
// call waits. A call that would wait for longer than it may is dropped when it comes.
func mostServed(how counting, perMinute int64, calls []tracedCall) int64 {
	perSecond := float64(perMinute*(100-how.others)) / 100 / 60
	var kept, waiting float64
	var last time.Duration
	for _, c := range calls {
		waiting = max(0, waiting-(c.at-last).Seconds()*perSecond)
		last = c.at
		if waiting/perSecond < traceDeadline.Seconds() {
			kept += float64(how.cost(c))
			waiting += float64(how.cost(c))
		}
	}
	return int64(kept - waiting)
}
