package policy

// A Match selects calls. A call has to fit every field that is not zero; the zero Match selects all calls.
type Match struct {
	Provider  string // "openai"
	Operation string // "chat"
	Model     string // a pattern: * is any text, ? is any one character
	Tags      map[string]string
}

// A Subject is what is known about a call when its policy is resolved.
type Subject struct {
	Provider  string
	Operation string
	Model     string
	BodyTier  Tier   // the tier that the body names; zero if it names none
	Tiers     []Tier // the tiers that the operation accepts; nil if none
}

// Matches reports whether m selects the call. Tags are those of the call's context: see [Options.Tags].
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

// glob reports whether s fits the pattern. It takes time proportional to len(pattern)*len(s) at most: where the text
// after a * does not fit, only the last * is tried again, one byte further. For "a*b" and "axxb":
//
//	a*b   axxb
//	  ^    ^     b is not x: the * takes the first x
//	  ^     ^    b is not x: the * also takes the second x
//	  ^      ^   b fits
func glob(pattern, s string) bool {
	p, i := 0, 0
	star, taken := -1, 0 // the last * in pattern, and the end of what it takes of s
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			taken++
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
