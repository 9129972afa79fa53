package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A Match selects calls. A call has to fit every field that is not zero; the zero Match selects all calls. Provider,
// Operation, Model and the values of Tags are patterns: * is any text, and ? is any one character. Case counts.
type Match struct {
	Provider  string            // "openai"
	Operation string            // "chat"
	Model     string            // "gpt-5*"
	Tags      map[string]string // names to patterns: "job": "nightly*". A call without a tag of the name does not fit
}

// A Subject is what is known about a call when its policy is resolved.
type Subject struct {
	Provider  string
	Operation string
	Model     string
	AnyModel  bool   // the model is not known, and may be any: every pattern of models fits
	BodyTier  Tier   // the tier that the body names; zero if it names none
	Tiers     []Tier // the tiers that the operation accepts; nil if none
}

// Matches reports whether m selects the call. Tags are those of the call's context: see [Options.Tags].
func (m *Match) Matches(s *Subject, tags map[string]string) bool {
	if !fits(m.Provider, s.Provider) || !fits(m.Operation, s.Operation) || !s.AnyModel && !fits(m.Model, s.Model) {
		return false
	}
	for k, pattern := range m.Tags {
		if v, ok := tags[k]; !ok || v != pattern && !glob(pattern, v) {
			return false
		}
	}
	return true
}

// fits reports whether a pattern is empty, or fits s.
func fits(pattern, s string) bool { return pattern == "" || pattern == s || glob(pattern, s) }

// covers reports whether m selects every call that other selects. It may miss that two patterns mean the same, such as
// "*?" and "?*".
func (m *Match) covers(other *Match) bool {
	if !within(m.Provider, other.Provider) || !within(m.Operation, other.Operation) || !within(m.Model, other.Model) {
		return false
	}
	for k, pattern := range m.Tags {
		if p, ok := other.Tags[k]; !ok || !contains(pattern, p) {
			return false
		}
	}
	return true
}

// within reports whether a pattern that may be empty fits every text that another such pattern fits.
func within(pattern, other string) bool {
	return pattern == "" || other != "" && contains(pattern, other) || other == "" && strings.Trim(pattern, "*") == ""
}

// contains reports whether a pattern fits every text that another pattern fits: its * takes any part of the other pattern,
// and its ? takes any one character of it but *.
func contains(pattern, other string) bool { return match(pattern, other, '*') }

// String returns the match for people to read: "every call", or "provider openai, model gpt-5*".
func (m Match) String() string {
	var parts []string
	for _, f := range []struct{ name, pattern string }{{"provider", m.Provider}, {"operation", m.Operation}, {"model", m.Model}} {
		if f.pattern != "" {
			parts = append(parts, f.name+" "+f.pattern)
		}
	}
	var tags []string
	for k, v := range m.Tags {
		tags = append(tags, "tag "+k+": "+v)
	}
	slices.Sort(tags)
	if parts = append(parts, tags...); len(parts) == 0 {
		return "every call"
	}
	return strings.Join(parts, ", ")
}

// glob reports whether s fits the pattern. It takes time proportional to len(pattern)*len(s) at most: where the text
// after a * does not fit, only the last * is tried again, one character further. For "a*b" and "axxb":
//
//	a*b   axxb
//	  ^    ^     b is not x: the * takes the first x
//	  ^     ^    b is not x: the * also takes the second x
//	  ^      ^   b fits
func glob(pattern, s string) bool { return match(pattern, s, 0) }

// match is glob, except that ? does not take the character that is not one; 0 excepts nothing.
func match(pattern, s string, not byte) bool {
	p, i := 0, 0
	star, taken := -1, 0 // the last * in pattern, and the end of what it takes of s
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, i
			p++
		case p < len(pattern) && pattern[p] == '?' && (not == 0 || s[i] != not):
			p++
			i += width(s[i:])
		case p < len(pattern) && pattern[p] == s[i] && pattern[p] != '?':
			p++
			i++
		case star >= 0:
			taken += width(s[taken:])
			p, i = star+1, taken
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// width returns the length of the first character of s, in bytes.
func width(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
