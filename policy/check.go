package policy

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A FieldError says which field of a [Policy], or which context option, has an invalid value, and why. Nothing is sent
// under such a policy or context.
type FieldError struct {
	Field   string // "Rules[2].Set.Patience"
	Value   any
	Problem string // "it must not be negative"
}

// Error names the field, its value and the problem.
func (e *FieldError) Error() string {
	return fmt.Sprintf("policy: %s is %v: %s", e.Field, e.Value, e.Problem)
}

const (
	maxDuration = 24 * time.Hour // no provider takes longer; a longer duration is a mistaken unit
	maxAttempts = 1000
	maxRate     = 100_000_000
	maxRequests = 1_000_000_000
	maxAtOnce   = 1_000_000
	maxTokens   = 1_000_000_000_000

	maxTagKey   = 64
	maxTagValue = 256
)

// checkKind checks a field by its type. A count may be at most most.
func checkKind(field string, at any, most int64) error {
	switch v := at.(type) {
	case *time.Duration:
		return checkDuration(field, *v)
	case *int:
		return checkCount(field, int64(*v), most)
	case *int64:
		return checkCount(field, *v, most)
	case *price.Pico:
		return checkMoney(field, *v)
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

func checkCount(field string, n, most int64) error {
	switch {
	case n < 0:
		return &FieldError{field, n, "it must not be negative"}
	case n > most:
		return &FieldError{field, n, fmt.Sprintf("it is more than %d", most)}
	}
	return nil
}

func checkClass(field string, c Class) error {
	return checkWord(field, c, ClassInteractive, ClassBatch)
}

func checkTier(field string, t Tier) error {
	if t != "" && !t.Askable() {
		return &FieldError{field, fmt.Sprintf("%q", t), "want flex, standard or priority"}
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

// checkPattern checks the pattern of a name. No name has control characters, or begins or ends with a space.
func checkPattern(field, pattern string) error {
	switch {
	case strings.ContainsFunc(pattern, unicode.IsControl):
		return &FieldError{field, quote(pattern), "a name holds no control characters, so it matches nothing"}
	case strings.TrimSpace(pattern) != pattern:
		return &FieldError{field, quote(pattern), "it begins or ends with a space, so it matches nothing"}
	}
	return nil
}

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

// checkName checks the name of a limit or a budget, which errors, logs and shared stores contain.
func checkName(field, name string) error {
	switch {
	case name == "":
		return &FieldError{field, quote(name), "it needs a name"}
	case len(name) > maxTagKey:
		return &FieldError{field, quote(name), fmt.Sprintf("a name has at most %d bytes", maxTagKey)}
	case !utf8.ValidString(name):
		return &FieldError{field, quote(name), "a name is text in UTF-8"}
	case strings.ContainsFunc(name, unicode.IsControl):
		return &FieldError{field, quote(name), "a name holds no control characters"}
	case strings.TrimSpace(name) != name:
		return &FieldError{field, quote(name), "it begins or ends with a space"}
	}
	return nil
}

func checkZone(field, zone string) error {
	switch zone {
	case "":
		return nil
	case "Local":
		return &FieldError{field, quote(zone), "it is another zone on each machine; name the zone"}
	}
	if _, err := location(zone); err != nil {
		return &FieldError{field, quote(zone), "it is not in this machine's database of time zones, as Europe/Berlin is; a program without a database imports time/tzdata"}
	}
	return nil
}
