package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/skinflint-go/skinflint/internal/spell"
)

// tagDimension begins the name of a dimension that is a tag: "tag:tenant".
const tagDimension = "tag:"

// dimensions are the names that the Per of a limit may have beside those of tags.
var dimensions = []string{"provider", "operation", "model", "tier", keyDimension}

// rowDimensions are those that the Per of a budget may have: what rows have.
var rowDimensions = dimensions[:len(dimensions)-1]

// keyDimension is the dimension of the request's credentials.
const keyDimension = "key"

// learned are the dimensions by which providers apply limits: see [Limit.Learn].
var learned = []string{"provider", "model", "key"}

// KeyOf returns which of the limits or budgets that Per keeps apart an attempt belongs to. Two attempts have the same key if
// they have the same value in each dimension, and different keys if they do not, whatever the values are. key is a fingerprint
// of the request's credentials, and tags are those of the call. Without dimensions the key is "", and nothing is allocated.
// [KeyText] makes a key readable.
func KeyOf(per []string, s *Subject, tier Tier, key string, tags map[string]string) string {
	if len(per) == 0 {
		return ""
	}
	return string(AppendKey(make([]byte, 0, 64), per, s, tier, key, tags))
}

// AppendKey appends what [KeyOf] returns to b: the values of the dimensions, each after its length, as in "5:gpt-5,4:acme".
func AppendKey(b []byte, per []string, s *Subject, tier Tier, key string, tags map[string]string) []byte {
	for i, d := range per {
		if i > 0 {
			b = append(b, ',')
		}
		v := dimension(d, s, tier, key, tags)
		b = strconv.AppendInt(b, int64(len(v)), 10)
		b = append(b, ':')
		b = append(b, v...)
	}
	return b
}

// dimension returns the value that an attempt has in a dimension.
func dimension(name string, s *Subject, tier Tier, key string, tags map[string]string) string {
	switch name {
	case "provider":
		return s.Provider
	case "operation":
		return s.Operation
	case "model":
		return s.Model
	case "tier":
		return string(tier)
	case "key":
		return key
	}
	return tags[strings.TrimPrefix(name, tagDimension)]
}

// KeyText returns a key of [KeyOf] for people to read: "model gpt-5, tenant acme". It is "" without dimensions. A key that is
// not one of KeyOf with the same dimensions is returned in quotes.
func KeyText(per []string, key string) string {
	if len(per) == 0 && key == "" {
		return ""
	}
	values, ok := keyValues(per, key)
	if !ok {
		return quote(key)
	}
	var b strings.Builder
	for i, d := range per {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(plain(strings.TrimPrefix(d, tagDimension)))
		b.WriteByte(' ')
		b.WriteString(plain(values[i]))
	}
	return b.String()
}

// keyValues returns the values of which KeyOf made the key.
func keyValues(per []string, key string) (values []string, ok bool) {
	for i := range per {
		if i > 0 {
			if key, ok = strings.CutPrefix(key, ","); !ok {
				return nil, false
			}
		}
		length, rest, ok := strings.Cut(key, ":")
		n, err := strconv.Atoi(length)
		if !ok || err != nil || n < 0 || n > len(rest) {
			return nil, false
		}
		values, key = append(values, rest[:n]), rest[n:]
	}
	return values, key == ""
}

// plain returns a value as it is if that cannot be misread between others; else in quotes.
func plain(v string) string {
	strange := func(c rune) bool {
		return c == ',' || c == '"' || c == ' ' || c == unicode.ReplacementChar || !unicode.IsGraphic(c)
	}
	if v == "" || len(v) > 80 || strings.ContainsFunc(v, strange) {
		return quote(v)
	}
	return v
}

// Selects reports whether the limit holds back an attempt that asks for the tier, of a call with the tags.
func (l *Limit) Selects(s *Subject, tier Tier, tags map[string]string) bool {
	return (l.Tier == "" || l.Tier == tier) && l.Match.Matches(s, tags)
}

// Dimensions returns Per or, if it is nil, its default. It must not be changed.
func (l *Limit) Dimensions() []string {
	if l.Per == nil && l.Learn {
		return learned
	}
	return l.Per
}

// TokenBursts returns how many tokens may be used at once after a pause in a limit of so many per minute: TokenBurst or, if
// that is zero, its default. It returns 0 if there is no such limit.
func (l *Limit) TokenBursts(perMinute int64) int64 {
	if perMinute <= 0 {
		return 0
	}
	return cmp.Or(l.TokenBurst, max(1, perMinute/6))
}

// meant returns which dimension a name that is none was probably meant to be, for errors.
func meant(name string, known []string) string {
	if nearest := spell.Nearest(name, known); nearest != "" {
		return "; did you mean " + nearest + "?"
	}
	if checkTag("", name, "") == nil {
		return "; did you mean " + tagDimension + name + "?"
	}
	return ""
}

// checkPer checks the dimensions of a limit or a budget. known are those that it may have beside tags.
func checkPer(field string, per, known []string) error {
	for i, d := range per {
		tag, isTag := strings.CutPrefix(d, tagDimension)
		switch {
		case isTag:
			if err := checkTag(field, tag, ""); err != nil {
				return err
			}
		case !slices.Contains(known, d):
			return &FieldError{field, quote(d), "no such dimension; want " + strings.Join(known, ", ") + " or tag:NAME" + meant(d, known)}
		}
		if slices.Contains(per[:i], d) {
			return &FieldError{field, quote(d), fmt.Sprintf("it is there twice, as %d and %d", slices.Index(per, d), i)}
		}
	}
	return nil
}
