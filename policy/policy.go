package policy

import (
	"fmt"
	"time"
)

// A Policy says how calls are to be made. The zero Policy is safe: it asks for no tier, resends only what is provably
// free, and asks for the usage of streams. A zero field means the default that its comment gives, and in a [Rule] that
// the rule leaves the field alone.
type Policy struct {
	// Tier is asked for where a request's body names none. The zero Tier leaves the choice to the provider.
	Tier Tier

	// Fallback is asked for when Tier, or a tier that the body names, refuses. Zero: none.
	Fallback Tier

	// OverrideBody lets Tier replace one that the body names.
	OverrideBody bool

	// Patience is how long a tier that refuses for want of capacity is asked again before Fallback is. Zero: not at
	// all. A wait that the server asks for and that goes beyond it ends it at once.
	Patience time.Duration

	// FlexMinimum is the least time a call must have left to be sent on flex, if there is a fallback. Default: 1
	// minute; Gemini's documentation gives 1 to 15 minutes as flex's target. 1ns turns it off.
	FlexMinimum time.Duration

	// MaxAttempts bounds how often a call is sent. Default: 6. 1 sends it once.
	MaxAttempts int

	// MaxWait is the longest wait before an attempt; where a server asks for more, the call ends with its answer.
	// Default: 2 minutes, and 10 where the plan ends in flex.
	MaxWait time.Duration

	// MaxElapsed is the age of a call after which no attempt is started. Default: 15 minutes, and 45 where the plan
	// ends in flex.
	MaxElapsed time.Duration

	// AttemptTimeout gives up an attempt that runs for longer, its body included. The attempt may have been billed,
	// and is not repeated. Zero: never.
	AttemptTimeout time.Duration

	// RetryQuota bounds, over all calls of a key to a host, how often failures (nothing sent, 5xx, a lost connection)
	// are sent again while nothing succeeds. A repetition that succeeds gives its place back, and any other success a
	// fifth of one. What is refused for want of capacity, or as too fast, does not count. Default: 100.
	RetryQuota int

	// BackoffBase and BackoffMax bound the waits that no server asked for: the n-th is drawn from
	// [0, BackoffBase*2^n], and at most BackoffMax. Defaults: 500 ms and 30 s.
	BackoffBase time.Duration
	BackoffMax  time.Duration

	// OnlyDocumented resends only what the provider's documentation says is free.
	OnlyDocumented bool

	// AllowDoubleBilling resends attempts that may have been billed, too.
	AllowDoubleBilling bool

	// LeaveStreams keeps the chain from asking for the usage of streams, whose cost is then unknown.
	LeaveStreams bool

	// StreamIdle is how long an answer may go unread before it is given up and closed. Default: 10 minutes.
	StreamIdle time.Duration

	// Limits hold calls back, each those that it matches. A Rule has none.
	Limits []Limit

	// Rules change the policy for some calls: the first that matches counts. A Rule has none.
	Rules []Rule
}

// A Rule changes a Policy for the calls that it matches: every field of Set that is not zero replaces the policy's.
type Rule struct {
	Match Match
	Set   Policy
}

// A Limit bounds how fast, and how many at once, the calls that it matches are sent.
type Limit struct {
	Match Match

	// RequestsPerMinute is how many attempts are sent in a minute. Zero: any number.
	RequestsPerMinute int

	// Burst is how many of them may be sent at once after a pause. Default: a second's worth, at least 1.
	Burst int

	// Concurrency is how many may be under way at once, each until its answer has been read. Zero: any number.
	Concurrency int
}

// A Match selects calls. Every field that is not zero has to fit; the zero Match selects all.
type Match struct {
	Provider  string // "openai"
	Operation string // "chat"
	Model     string // a pattern: * is any text, ? any one character
	Tags      map[string]string
}

// A Subject is what a call is matched and resolved by.
type Subject struct {
	Provider  string
	Operation string
	Model     string
	BodyTier  Tier   // the tier that the body names, in a policy's terms; zero if it names none
	Tiers     []Tier // that the operation accepts; nil if none
}

// Matches reports whether m selects the call, given the tags of its context.
func (m *Match) Matches(s *Subject, tags map[string]string) bool {
	if m.Provider != "" && m.Provider != s.Provider || m.Operation != "" && m.Operation != s.Operation {
		return false
	}
	if m.Model != "" && !glob(m.Model, s.Model) {
		return false
	}
	for k, v := range m.Tags {
		if got, ok := tags[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// glob reports whether s fits the pattern, in time proportional to the product of their lengths at most.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// A FieldError says which field of a policy, or which context option, has a value that makes no sense.
type FieldError struct {
	Field   string // "Rules[2].Set.Patience"
	Value   any
	Problem string
}

// Error names the field, its value, and what is wrong.
func (e *FieldError) Error() string {
	return fmt.Sprintf("policy: %s is %v: %s", e.Field, e.Value, e.Problem)
}

// maxDuration is longer than any provider takes; a longer duration is a unit mixed up.
const maxDuration = 24 * time.Hour

const (
	maxAttempts = 1000
	maxRate     = 100_000_000
)

// Validate returns a [*FieldError] for the first field that makes no sense, or nil.
func (p *Policy) Validate() error {
	if err := p.validate(""); err != nil {
		return err
	}
	for i := range p.Limits {
		if err := p.Limits[i].validate(fmt.Sprintf("Limits[%d].", i)); err != nil {
			return err
		}
	}
	for i := range p.Rules {
		prefix, r := fmt.Sprintf("Rules[%d].", i), &p.Rules[i]
		if err := r.Match.validate(prefix + "Match."); err != nil {
			return err
		}
		if err := r.Set.validate(prefix + "Set."); err != nil {
			return err
		}
		if len(r.Set.Rules) > 0 {
			return &FieldError{prefix + "Set.Rules", len(r.Set.Rules), "a rule cannot hold rules"}
		}
		if len(r.Set.Limits) > 0 {
			return &FieldError{prefix + "Set.Limits", len(r.Set.Limits), "limits match calls themselves; put them in the policy's own Limits"}
		}
	}
	return nil
}

func (p *Policy) validate(prefix string) error {
	if p.Tier != "" && !p.Tier.Askable() {
		return &FieldError{prefix + "Tier", fmt.Sprintf("%q", p.Tier), "want flex, standard or priority"}
	}
	if err := checkFallback(prefix+"Fallback", p.Fallback, p.Tier); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"Patience", p.Patience},
		{"FlexMinimum", p.FlexMinimum},
		{"MaxWait", p.MaxWait},
		{"MaxElapsed", p.MaxElapsed},
		{"AttemptTimeout", p.AttemptTimeout},
		{"BackoffBase", p.BackoffBase},
		{"BackoffMax", p.BackoffMax},
		{"StreamIdle", p.StreamIdle},
	} {
		if err := checkDuration(prefix+f.name, f.value); err != nil {
			return err
		}
	}
	if err := checkCount(prefix+"RetryQuota", p.RetryQuota, maxRate); err != nil {
		return err
	}
	return checkCount(prefix+"MaxAttempts", p.MaxAttempts, maxAttempts)
}

func (l *Limit) validate(prefix string) error {
	if err := l.Match.validate(prefix + "Match."); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"RequestsPerMinute", l.RequestsPerMinute}, {"Burst", l.Burst}, {"Concurrency", l.Concurrency},
	} {
		if err := checkCount(prefix+f.name, f.value, maxRate); err != nil {
			return err
		}
	}
	if l.RequestsPerMinute == 0 && l.Concurrency == 0 {
		return &FieldError{prefix + "RequestsPerMinute", 0, "a limit needs RequestsPerMinute or Concurrency"}
	}
	if l.RequestsPerMinute == 0 && l.Burst > 0 {
		return &FieldError{prefix + "Burst", l.Burst, "it needs RequestsPerMinute"}
	}
	return nil
}

func (m *Match) validate(prefix string) error {
	for k, v := range m.Tags {
		if err := checkTag(prefix+"Tags", k, v); err != nil {
			return err
		}
	}
	return nil
}

func checkFallback(field string, fallback, tier Tier) error {
	switch {
	case fallback == "" || fallback == NoFallback:
		return nil
	case !fallback.Askable():
		return &FieldError{field, fmt.Sprintf("%q", fallback), "want flex, standard, priority or none"}
	case fallback == tier:
		return &FieldError{field, fmt.Sprintf("%q", fallback), "it is the tier itself"}
	}
	return nil
}

func checkDuration(field string, d time.Duration) error {
	switch {
	case d < 0:
		return &FieldError{field, d, "it must not be negative"}
	case d > maxDuration:
		return &FieldError{field, d, "it is longer than a day; is the unit right?"}
	}
	return nil
}

func checkCount(field string, n, most int) error {
	switch {
	case n < 0:
		return &FieldError{field, n, "it must not be negative"}
	case n > most:
		return &FieldError{field, n, fmt.Sprintf("it is more than %d", most)}
	}
	return nil
}

const (
	maxTagKey   = 64
	maxTagValue = 256
)

func checkTag(field, key, value string) error {
	for _, c := range key + value {
		if c < ' ' || c == 0x7f {
			return &FieldError{field, fmt.Sprintf("%q", key), "a tag holds no control characters"}
		}
	}
	switch {
	case key == "":
		return &FieldError{field, fmt.Sprintf("%q", key), "a tag needs a name"}
	case len(key) > maxTagKey:
		return &FieldError{field, fmt.Sprintf("%.20q...", key), fmt.Sprintf("a tag's name has at most %d bytes", maxTagKey)}
	case len(value) > maxTagValue:
		return &FieldError{field, fmt.Sprintf("%q", key), fmt.Sprintf("a tag's value has at most %d bytes", maxTagValue)}
	}
	return nil
}
