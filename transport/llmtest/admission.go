package llmtest

import (
	"maps"
	"time"
)

// Counting says what a provider counts against its limits on tokens.
type Counting uint8

const (
	// AsDocumented counts as the provider documents it. OpenAI reserves the larger one of the prompt and the limit on the
	// completion, and Azure their sum. The others count what was used: Anthropic and Groq without what was read from a cache,
	// and Gemini without the completion.
	AsDocumented Counting = iota
	// Reserving counts the limit on the completion from the start, whatever of it is used, also if the request fails.
	Reserving
	// Settling counts the prompt from the start, and the completion when it has been generated. A request that fails
	// before that counts no tokens.
	Settling
)

// Admissions says what a server did with the requests that its limits are for.
type Admissions struct {
	// Admitted counts the requests that no limit rejected.
	Admitted int
	// Rejected counts the others, by the limit. A request is rejected for one limit only, the first in the order of the
	// constants. A rejection of a fault script does not count.
	Rejected map[Limit]int
	// Tokens are those that were counted against the limits on tokens, as the provider counts them.
	Tokens int64
	// Peak is how many requests were worked on at once at most.
	Peak int
}

// Admissions returns what the server's limits have admitted and rejected so far.
func (s *Server) Admissions() Admissions {
	s.turns.Lock()
	defer s.turns.Unlock()
	a := s.turns.admissions
	a.Rejected = maps.Clone(a.Rejected)
	return a
}

// counting is how a provider counts tokens.
type counting struct {
	reserves      bool // the limit on the completion counts from the start
	larger        bool // ... if it is larger than the prompt, and then instead of it
	withoutCached bool
	withoutOutput bool
	calendar      bool // its days end at midnight, Pacific time; those of others are buckets that refill evenly
}

// countings are what the providers document. See AsDocumented.
var countings = map[string]counting{
	"openai":    {reserves: true, larger: true},
	"azure":     {reserves: true},
	"anthropic": {withoutCached: true},
	"groq":      {withoutCached: true},
	"gemini":    {withoutOutput: true, calendar: true},
	"vertex":    {calendar: true},
}

// countingOf returns how the tokens of a provider are counted.
func (c *Config) countingOf(provider string) counting {
	how := countings[provider]
	switch c.Counting {
	case Reserving:
		how.reserves = true
	case Settling:
		how.reserves = false
	}
	return how
}

// limitOf returns a limit of the Config; 0 or less if there is none.
func (c *Config) limitOf(l Limit) int64 {
	switch l {
	case LimitConcurrency:
		return int64(c.Concurrency)
	case LimitRequests:
		return int64(c.RequestsPerMinute)
	case LimitTokens:
		return c.TokensPerMinute
	case LimitInputTokens:
		return c.InputTokensPerMinute
	case LimitOutputTokens:
		return c.OutputTokensPerMinute
	case LimitRequestsPerDay:
		return int64(c.RequestsPerDay)
	}
	return c.TokensPerDay
}

// ratedLimits are the limits with a counter, in the order in which they are checked.
var ratedLimits = [...]Limit{LimitRequests, LimitTokens, LimitInputTokens, LimitOutputTokens, LimitRequestsPerDay, LimitTokensPerDay}

// cost is what a request counts for.
type cost struct{ requests, tokens, input, output int64 }

// of returns the part of the cost that a limit counts.
func (c cost) of(l Limit) int64 {
	switch l {
	case LimitTokens, LimitTokensPerDay:
		return c.tokens
	case LimitInputTokens:
		return c.input
	case LimitOutputTokens:
		return c.output
	}
	return c.requests
}

// costAtFirst returns what a request counts for when it arrives.
func (h counting) costAtFirst(p *params) cost {
	c := cost{requests: 1, input: p.prompt()}
	if h.reserves && !h.withoutOutput && !p.readOnly {
		c.output = max(0, p.maxTokens)
	}
	switch {
	case h.larger && h.reserves:
		c.tokens = max(c.input, c.output)
	case c.output > 1<<62: // so that the sum is none that overflows
		c.tokens = c.output
	default:
		c.tokens = c.input + c.output
	}
	return c
}

// costAtLast returns what a request counts for whose work is done, or failed: then g is nil.
func (h counting) costAtLast(g *Generation) cost {
	c := cost{requests: 1}
	if g == nil {
		return c
	}
	if c.input = g.Prompt; h.withoutCached {
		c.input -= g.Cached
	}
	if !h.withoutOutput {
		c.output = g.Completion
	}
	c.tokens = c.input + c.output
	return c
}

// counterKey identifies a counter. Providers whose days end at midnight have counters of their own.
type counterKey struct {
	limit    Limit
	calendar bool
}

// counterOf returns the counter of a limit, which is new if there is none; nil if there is no limit.
func (t *turns) counterOf(cfg *Config, l Limit, calendar bool) counter {
	limit := cfg.limitOf(l)
	if limit <= 0 {
		return nil
	}
	key := counterKey{l, calendar && l.window() > time.Minute}
	if c := t.counters[key]; c != nil {
		return c
	}
	if t.counters == nil {
		t.counters = map[counterKey]counter{}
	}
	if key.calendar {
		t.counters[key] = &day{limit: limit, zone: pacific}
	} else {
		t.counters[key] = &bucket{limit: limit, window: l.window()}
	}
	return t.counters[key]
}

// admit holds the request against all limits, and counts it if none of them is exceeded. The owner has locked turns.
func (x *exchange) admit() {
	t := &x.turns
	how := x.cfg.countingOf(x.params.provider)
	c := how.costAtFirst(&x.params)
	x.allowances = map[Limit]allowance{}
	var rejected Limit
	if limit := x.cfg.limitOf(LimitConcurrency); limit > 0 && int64(t.running) >= limit {
		rejected = LimitConcurrency
		x.allowances[rejected] = allowance{name: rejected, exceeded: true, limit: limit, requested: 1}
	}
	for _, l := range ratedLimits {
		counter := t.counterOf(&x.cfg, l, how.calendar)
		if counter == nil {
			continue
		}
		a := counter.ask(c.of(l), x.began)
		a.name = l
		x.allowances[l] = a
		if a.exceeded && rejected == "" {
			rejected = l
		}
	}
	x.quota = freeAllowance
	if x.cfg.RequestsPerMinute > 0 {
		x.quota = x.allowances[LimitRequests]
	}
	if rejected != "" {
		x.rejected = x.allowances[rejected]
		if t.admissions.Rejected == nil {
			t.admissions.Rejected = map[Limit]int{}
		}
		t.admissions.Rejected[rejected]++
		return
	}
	x.counted, x.charged = true, c
	for _, l := range ratedLimits {
		if counter := t.counterOf(&x.cfg, l, how.calendar); counter != nil {
			counter.add(c.of(l), x.began)
		}
	}
	t.admissions.Admitted++
	t.admissions.Tokens += c.tokens
	t.running++
	t.admissions.Peak = max(t.admissions.Peak, t.running)
}

// leave replaces what an admitted request counted for by what it used, if the provider does so, and makes room for another
// one. Further calls do nothing.
func (x *exchange) leave() {
	t := &x.turns
	t.Lock()
	defer t.Unlock()
	if !x.counted {
		return
	}
	x.counted = false
	t.running--
	how := x.cfg.countingOf(x.params.provider)
	if how.reserves {
		return
	}
	c, now := how.costAtLast(x.generated), time.Now()
	for _, l := range ratedLimits {
		if counter := t.counterOf(&x.cfg, l, how.calendar); counter != nil {
			counter.add(c.of(l)-x.charged.of(l), now)
		}
	}
	t.admissions.Tokens += c.tokens - x.charged.tokens
}
