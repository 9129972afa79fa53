package price

import (
	"encoding/json"
	"regexp"
	"strings"
)

// clause is a condition on the name of a model, as genai-prices writes it. The zero clause matches nothing.
type clause struct {
	kind   string // equals, starts_with, ends_with, contains or regex; or, and
	text   string
	regex  *regexp.Regexp
	negate bool // of a regex
	parts  []clause
}

// maxClauses is how deeply clauses may be nested.
const maxClauses = 16

// parseClause reads a clause. It reports whether it understood the whole clause. A part that it did not understand matches
// nothing.
func parseClause(raw []byte, depth int) (clause, bool) {
	var fields map[string]json.RawMessage
	if depth > maxClauses || json.Unmarshal(raw, &fields) != nil || len(fields) != 1 {
		return clause{}, false
	}
	for kind, raw := range fields {
		switch kind {
		case "or", "and":
			return parseClauses(kind, raw, depth)
		case "equals", "starts_with", "ends_with", "contains", "regex":
			c := clause{kind: kind}
			if json.Unmarshal(raw, &c.text) != nil || c.text == "" {
				return clause{}, false
			}
			if kind == "regex" {
				return c, c.compile()
			}
			c.text = strings.ToLower(c.text)
			return c, true
		}
	}
	return clause{}, false
}

// parseClauses reads a list of clauses.
func parseClauses(kind string, raw []byte, depth int) (clause, bool) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return clause{}, false
	}
	c, understood := clause{kind: kind}, true
	for _, raw := range list {
		part, ok := parseClause(raw, depth+1)
		c.parts = append(c.parts, part)
		understood = understood && ok
	}
	return c, understood
}

// compile compiles the regex. Go has no lookahead. The list uses one form of it, ^(?!R), which is the negation of ^(?:R).
func (c *clause) compile() (ok bool) {
	text := c.text
	if rest, found := strings.CutPrefix(text, "^(?!"); found {
		if rest, c.negate = strings.CutSuffix(rest, ")"); c.negate {
			if _, err := regexp.Compile(rest); err != nil {
				return false // the bracket at the end is not the one that closes the lookahead
			}
			text = "^(?:" + rest + ")"
		}
	}
	var err error
	c.regex, err = regexp.Compile("(?i)" + text)
	return err == nil
}

// match reports whether the name meets the condition. It ignores case.
func (c *clause) match(name string) bool {
	lower := strings.ToLower(name)
	switch c.kind {
	case "equals":
		return lower == c.text
	case "starts_with":
		return strings.HasPrefix(lower, c.text)
	case "ends_with":
		return strings.HasSuffix(lower, c.text)
	case "contains":
		return strings.Contains(lower, c.text)
	case "regex":
		return c.regex != nil && c.regex.MatchString(name) != c.negate
	case "or":
		for i := range c.parts {
			if c.parts[i].match(name) {
				return true
			}
		}
		return false
	case "and":
		for i := range c.parts {
			if !c.parts[i].match(name) {
				return false
			}
		}
		return true
	}
	return false
}

// names appends the names that are written in the condition. Some of them may not meet it.
func (c *clause) names(to []string) []string {
	if c.text != "" && c.kind != "regex" {
		to = append(to, c.text)
	}
	for i := range c.parts {
		to = c.parts[i].names(to)
	}
	return to
}
