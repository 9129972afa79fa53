package wire

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A Quota is what an answer says about one of the provider's limits.
type Quota struct {
	Unit      QuotaUnit
	Window    time.Duration // a minute, 24 hours or another; 0 if the answer does not say
	Limit     int64         // within the window; -1 if the answer does not say
	Remaining int64         // of it, now; -1 if the answer does not say
	Reset     time.Duration // until all of it is available again; -1 if the answer does not say
	Tier      policy.Tier   // the service tier that it is for; "" if it is for all
}

// A QuotaUnit is what a limit counts.
type QuotaUnit uint8

const (
	QuotaRequests QuotaUnit = iota
	QuotaTokens
	QuotaInputTokens
	QuotaOutputTokens
)

// String returns the unit for people to read: "requests", "tokens", "input tokens" or "output tokens".
func (u QuotaUnit) String() string {
	switch u {
	case QuotaRequests:
		return "requests"
	case QuotaTokens:
		return "tokens"
	case QuotaInputTokens:
		return "input tokens"
	case QuotaOutputTokens:
		return "output tokens"
	}
	return "unit " + strconv.Itoa(int(u))
}

const day = 24 * time.Hour

const (
	// maxQuota is the largest count that is taken for one. xAI has 9223372036854775807 for no limit.
	maxQuota = 1e15
	// maxQuotas is how many limits of one answer are read.
	maxQuotas = 32
)

// ReadQuotas returns what an answer's headers say about the provider's limits, whatever its status. They are in the order of
// their units and windows. What is no count, negative or larger than 10^15 counts as not said. The formats are
//
//	X-Ratelimit-Limit-Requests: 5000, X-Ratelimit-Reset-Requests: 12ms           OpenAI, Groq, xAI, Azure (without a unit)
//	X-Ratelimit-Limit-Project-Tokens: 200000                                     OpenAI
//	X-Ratelimit-Limit-Requests-Day: 14400, X-Ratelimit-Reset-Requests-Day: 33011.38    Cerebras: seconds
//	X-Ratelimit-Limit-Req-10-Second: 60, X-Ratelimit-Limit-Tokens-Minute: 500000 Mistral
//	X-Ratelimit-Limit-Tokens-Prompt: 60000, X-Ratelimit-Limit-Tokens-Generated: 6000   Fireworks
//	X-Ratelimit-Limit: 20, X-Ratelimit-Reset: 1754667660000                      OpenRouter (milliseconds since 1970), Together
//	X-Tokenlimit-Limit: 60000                                                    Together
//	Anthropic-Ratelimit-Input-Tokens-Limit: 450000, ...-Reset: 2026-08-19T14:34:16Z    Anthropic
//	Anthropic-Priority-Output-Tokens-Limit: 20000                                Anthropic, for its priority tier
//	Ratelimit: "default";r=50;t=30, Ratelimit-Policy: "default";q=100;w=60       draft-ietf-httpapi-ratelimit-headers
//
// Sources: the providers' pages on rate limits; recorded traffic of 2024 to 2026.
func ReadQuotas(c *Call, h http.Header, at time.Time) []Quota {
	var quotas []Quota
	for _, s := range statedIn(h, at) {
		if !s.known || s.Limit < 0 && s.Remaining < 0 {
			continue
		}
		if s.Unit == QuotaRequests && s.assumed && c != nil && c.Shape != nil && c.Provider == "groq" {
			s.Window = day // by Groq's page on rate limits
		}
		quotas = append(quotas, s.Quota)
	}
	slices.SortFunc(quotas, func(a, b Quota) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Window, b.Window), cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Limit, b.Limit),
			cmp.Compare(a.Remaining, b.Remaining), cmp.Compare(a.Reset, b.Reset))
	})
	return quotas
}

// A stated quota is one of the headers, before it is known what to make of it.
type stated struct {
	Quota
	name    string // what its headers have in common
	known   bool   // its unit is one that we count
	assumed bool   // its headers do not name the window
	usedUp  bool   // nothing remains, or less than nothing
	reset   string // when it is reset, as the header says it
	renewal string // Azure's: its window in seconds
}

// A quotaFamily is headers whose names are formed in one way.
type quotaFamily struct {
	prefix   string
	suffixed bool   // the part comes last: Anthropic-Ratelimit-Requests-Remaining
	name     string // of what all its headers are about; "" if each says it
	tier     policy.Tier
}

var quotaFamilies = [...]quotaFamily{
	{prefix: "X-Ratelimit-"},
	{prefix: "Anthropic-Ratelimit-", suffixed: true},
	{prefix: "Anthropic-Priority-", suffixed: true, tier: policy.Priority},
	{prefix: "X-Tokenlimit-", name: "Tokens"},
	{prefix: "Ratelimit-"}, // early drafts of the IETF; Replicate
}

// statedIn returns what the headers say about limits, of whatever unit.
func statedIn(h http.Header, at time.Time) []stated {
	var all []stated
	for key, values := range h {
		if len(values) == 0 {
			continue
		}
		if key == "Ratelimit" || key == "Ratelimit-Policy" {
			all = readRateLimitFields(all, values)
			continue
		}
		f, part, name, ok := rateHeader(key)
		if !ok {
			continue
		}
		if s := find(&all, f.prefix+name); s != nil {
			s.Tier = f.tier
			s.Unit, s.Window, s.assumed, s.known = quotaNamed(cmp.Or(f.name, name))
			s.note(part, values[0])
		}
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		at = date // so clocks need not agree
	}
	for i := range all {
		all[i].finish(at)
	}
	return all
}

// find returns the quota of a name, which is new if there is none; nil if there are too many.
func find(all *[]stated, name string) *stated {
	for i := range *all {
		if (*all)[i].name == name {
			return &(*all)[i]
		}
	}
	if len(*all) == maxQuotas {
		return nil
	}
	*all = append(*all, stated{name: name, Quota: Quota{Limit: -1, Remaining: -1, Reset: -1}})
	return &(*all)[len(*all)-1]
}

// rateHeader splits the name of a header: X-Ratelimit-Remaining-Tokens-Minute is the part Remaining of Tokens-Minute.
func rateHeader(key string) (f *quotaFamily, part, name string, ok bool) {
	for i := range quotaFamilies {
		f = &quotaFamilies[i]
		rest, found := strings.CutPrefix(key, f.prefix)
		if !found {
			continue
		}
		if dash := strings.LastIndexByte(rest, '-'); f.suffixed {
			if dash < 0 {
				return nil, "", "", false
			}
			name, part = rest[:dash], rest[dash+1:]
		} else {
			part, name, _ = strings.Cut(rest, "-")
		}
		switch part {
		case "Limit", "Remaining", "Reset", "Renewalperiod":
			return f, part, name, true
		}
		return nil, "", "", false
	}
	return nil, "", "", false
}

// windowWords are the windows that names of headers have.
var windowWords = map[string]time.Duration{"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour, "Day": day}

// quotaNamed returns what the name of a header counts, and within which window. assumed says that the name has none. known
// is false for what we do not count: images, seconds of audio, the tokens of a month.
func quotaNamed(name string) (unit QuotaUnit, window time.Duration, assumed, known bool) {
	if name == "" {
		return QuotaRequests, 0, true, true
	}
	number := time.Duration(1)
	for word := range strings.SplitSeq(name, "-") {
		if w := windowWords[word]; w > 0 {
			window = number * w
			continue
		}
		switch word {
		case "Requests", "Req":
			known = true
		case "Tokens":
			if unit == QuotaRequests {
				unit = QuotaTokens
			}
			known = true
		case "Input", "Prompt":
			unit = QuotaInputTokens
		case "Output", "Generated":
			unit = QuotaOutputTokens
		case "Project", "Per":
		default:
			n, err := strconv.Atoi(word)
			if err != nil || n < 1 || n > 1000 {
				return 0, 0, false, false
			}
			number = time.Duration(n)
		}
	}
	if window == 0 {
		return unit, time.Minute, true, known
	}
	return unit, window, false, known
}

// note adds the value of one of the quota's headers.
func (s *stated) note(part, value string) {
	if part != "Reset" {
		value, _, _ = strings.Cut(value, ",") // "100, 100;w=60", in early drafts of the IETF
		value, _, _ = strings.Cut(value, ";")
	}
	switch part {
	case "Limit":
		s.Limit = quotaCount(value)
	case "Remaining":
		s.Remaining, s.usedUp = quotaCount(value), usedUp(value)
	case "Reset":
		s.reset = value
	case "Renewalperiod":
		s.renewal = value
	}
}

// quotaCount reads a count; -1 if it is none.
func quotaCount(value string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil || n < 0 || n > maxQuota {
		return -1
	}
	return n
}

// finish reads the reset when all headers are known.
func (s *stated) finish(at time.Time) {
	d, ok := resetIn(s.reset, at)
	if !ok {
		return
	}
	s.Reset = d
	switch seconds := quotaCount(s.renewal); {
	case seconds > 0 && seconds <= int64(day/time.Second):
		s.Window, s.assumed = time.Duration(seconds)*time.Second, false
		s.Reset = s.azureReset()
	case s.assumed && s.spansDay():
		s.Window = day
	}
}

// azureReset returns the reset of a quota of Azure's. It is in seconds or in milliseconds, and the header does not say which:
// at 50 requests in 60 seconds, after the first of them, some deployments say 1 and others 1200. It is what is nearer to
// the time in which what was used comes back.
func (s *stated) azureReset() time.Duration {
	if s.Limit <= 0 || s.Remaining < 0 {
		return min(s.Reset, s.Window)
	}
	used := max(0, s.Limit-s.Remaining)
	expected := time.Duration(float64(s.Window) * min(1, float64(used)/float64(s.Limit)))
	if shorter := s.Reset / 1000; (expected - shorter).Abs() < (expected - s.Reset).Abs() {
		return shorter
	}
	return s.Reset
}

// spansDay reports whether what was used comes back so slowly that the limit is one of a day: 10,000 requests of which one
// comes back in 8.64s, as OpenAI has it for some accounts. Only durations as Go writes them are such times of a bucket that
// fills evenly.
func (s *stated) spansDay() bool {
	used := s.Limit - s.Remaining
	if s.Limit <= 0 || s.Remaining < 0 || used <= 0 || !strings.HasSuffix(strings.TrimSpace(s.reset), "s") {
		return false
	}
	window := float64(s.Reset) * float64(s.Limit) / float64(used)
	return window > 0.8*float64(day) && window < 1.25*float64(day)
}

// readRateLimitFields reads the fields of the IETF's draft: lists of a name, or a string, with parameters. w and t are in
// seconds.
func readRateLimitFields(all []stated, values []string) []stated {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			s := find(&all, "Ratelimit;"+strings.TrimSpace(name))
			if s == nil {
				return all
			}
			if !s.known {
				s.known, s.assumed = true, true
				if strings.Contains(strings.ToLower(name), "token") {
					s.Unit = QuotaTokens
				}
			}
			for parameter := range strings.SplitSeq(parameters, ";") {
				s.noteParameter(strings.TrimSpace(parameter))
			}
		}
	}
	return all
}

// noteParameter adds a parameter of the IETF's draft.
func (s *stated) noteParameter(parameter string) {
	key, value, _ := strings.Cut(parameter, "=")
	switch key {
	case "q":
		s.note("Limit", value)
	case "r":
		s.note("Remaining", value)
	case "t":
		s.note("Reset", value)
	case "w":
		if n := quotaCount(value); n > 0 && n <= int64(maxRetryAfter/time.Second) {
			s.Window, s.assumed = time.Duration(n)*time.Second, false
		}
	case "qu":
		if value != `"requests"` {
			s.name, s.known = s.name+";"+value, false // bytes, or requests at once
		}
	}
}
