package policyfile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A reader turns a YAML tree into a policy, and collects the mistakes.
type reader struct {
	policy policy.Policy
	errs   []*Error
	known  []policy.Known      // what rules and limits can match; nil if that is not known
	places map[string]*setting // by the names that policy.Validate has for fields: "Rules[2].Set.MaxWait"
}

// A setting is where the file sets a field of the policy.
type setting struct {
	place  place
	field  string // in the file: "rules[2].retry.max_wait"
	repair func() // gives the field a valid value, so that the other fields can be validated
}

func (r *reader) fail(at place, field, format string, args ...any) {
	r.errs = append(r.errs, at.errorf(field, format, args...))
}

// An entry is a value of a mapping or a list.
type entry struct {
	field string // its path: "rules[2].tier.patience"
	at    place  // of its key; in a list, of the value
	value ast.Node
}

// mapping returns the entries of a mapping by key. Keys that are not known are mistakes; without known keys, every key
// is accepted.
func (r *reader) mapping(n ast.Node, field string, known ...string) map[string]entry {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		r.fail(placeOfNode(n), field, "want a mapping of keys to values, not %s", describe(n))
		return nil
	}
	lines := make(map[string]int)
	entries := make(map[string]entry)
	for _, pair := range pairs {
		e := entry{at: placeOf(pair.Key.GetToken()), value: pair.Value}
		key, ok := pair.Key.(*ast.StringNode)
		if !ok {
			r.fail(e.at, field, "want a key that is text, not %s; %s", describe(pair.Key), keyAdvice(pair))
			continue
		}
		name := key.Value
		e.field = join(field, name)
		if line, twice := lines[name]; twice {
			r.fail(e.at, e.field, "this key is on line %d already", line)
			continue
		}
		lines[name] = e.at.line
		switch {
		case len(known) > 0 && !slices.Contains(known, name):
			r.fail(e.at, e.field, "%s", unknown(name, known))
		case isNull(e.value):
			r.fail(e.at, e.field, "it has no value; give it one, or leave the key out")
		default:
			entries[name] = e
		}
	}
	return entries
}

// threeDigits is what follows a separator of thousands.
var threeDigits = regexp.MustCompile(`^[0-9]{3}$`)

// keyAdvice returns what to do about a key that is no text. In brackets, the 000 of 200,000 is such a key.
func keyAdvice(pair *ast.MappingValueNode) string {
	if isNull(pair.Value) && threeDigits.MatchString(pair.Key.GetToken().Value) {
		return "numbers have no separators: write 200000, not 200,000"
	}
	return "quote it"
}

// list returns the items of a list that have a value.
func (r *reader) list(n ast.Node, field string) []entry {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fail(placeOfNode(n), field, "want a list, as [a, b], not %s", describe(n))
		return nil
	}
	var items []entry
	for i, value := range list.Values {
		e := entry{fmt.Sprintf("%s[%d]", field, i), placeOfNode(value), value}
		if isNull(value) {
			r.fail(e.at, e.field, "an empty item; give it a value, or take it out")
			continue
		}
		items = append(items, e)
	}
	return items
}

// text returns a value that is text on one line.
func (r *reader) text(e entry) (string, bool) {
	n, ok := e.value.(*ast.StringNode)
	switch {
	case !ok:
		r.fail(placeOfNode(e.value), e.field, "want text, not %s%s", describe(e.value), quoteIt(e.value))
		return "", false
	case n.Token.Type != token.StringType: // it is in quotes
		return n.Value, true
	case strings.ContainsAny(n.Value, "{}[],") || strings.Contains(n.Value, ": "):
		// The YAML library reads a part of [a b: c] or {a: b]} as text.
		r.fail(placeOfNode(e.value), e.field, "text with a bracket, a comma or a colon needs quotes")
		return "", false
	case strings.ContainsAny(strings.TrimSpace(n.Token.Origin), "\r\n"):
		r.fail(placeOfNode(e.value), e.field, "this text goes on over several lines; write it on one")
		return "", false
	}
	return n.Value, true
}

// flag returns true or false.
func (r *reader) flag(e entry) (bool, bool) {
	n, ok := e.value.(*ast.BoolNode)
	if !ok {
		r.fail(placeOfNode(e.value), e.field, "want true or false, not %s", describe(e.value))
		return false, false
	}
	return n.Value, true
}

// decimal excludes numbers that YAML reads in another base, such as 0x10, or differently in its versions, such as 010.
var decimal = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)

// count returns a whole number.
func (r *reader) count(e entry) (int, bool) {
	n, ok := r.count64(e)
	if ok && int64(int(n)) != n {
		r.fail(placeOfNode(e.value), e.field, "%d is too large", n)
		return 0, false
	}
	return int(n), ok
}

func (r *reader) count64(e entry) (int64, bool) {
	_, ok := e.value.(*ast.IntegerNode)
	if text := e.value.GetToken().Value; ok && decimal.MatchString(text) {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, true
		}
	}
	r.fail(placeOfNode(e.value), e.field, "want a plain decimal number, not %s", describe(e.value))
	return 0, false
}

// amount excludes numbers that YAML reads in another base, or that have an exponent.
var amount = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// money returns an amount in US dollars. It is read from the text of the file, so that it is exact with quotes and without.
func (r *reader) money(e entry) (price.Pico, bool) {
	at := placeOfNode(e.value)
	var text string
	switch n := e.value.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		text = n.GetToken().Value
	default:
		r.fail(at, e.field, "want an amount in US dollars, as \"2.50\", not %s", describe(e.value))
		return 0, false
	}
	if !amount.MatchString(text) {
		r.fail(at, e.field, "%.40q is no amount in US dollars: write it as \"2.50\", without a sign for the currency", text)
		return 0, false
	}
	p, err := price.ParseUSD(strings.TrimPrefix(text, "+"))
	if err != nil {
		r.fail(at, e.field, "%.40s is an amount that is too large, or has more than 12 decimals", text)
		return 0, false
	}
	return p, true
}

// duration returns a duration that has a unit.
func (r *reader) duration(e entry) (time.Duration, bool) {
	at := placeOfNode(e.value)
	var text string
	switch n := e.value.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		text = n.GetToken().Value
	default:
		r.fail(at, e.field, "want a duration, as 30s, not %s", describe(e.value))
		return 0, false
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		r.fail(at, e.field, "%.40s has no unit; write it as 30s, 2m or 1h30m", text)
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		r.fail(at, e.field, "%.40q is no duration: write it as 30s, 2m or 1h30m; the units are ns, us, ms, s, m and h", text)
		return 0, false
	}
	return d, true
}

// isNull reports whether a value is missing, or is null.
func isNull(n ast.Node) bool {
	_, ok := n.(*ast.NullNode)
	return ok || n == nil
}

// describe returns what a value is, for errors.
func describe(n ast.Node) string {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode:
		return fmt.Sprintf("the text %.40q", n.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return fmt.Sprintf("%.40s", n.GetToken().Value)
	}
	return fmt.Sprintf("%.40q", n.GetToken().Value)
}

// quoteIt returns the advice to quote a value, where quotes would make it text.
func quoteIt(n ast.Node) string {
	if _, ok := n.(ast.ScalarNode); ok {
		return "; put it in quotes"
	}
	return ""
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// join returns the path of the key name in field.
func join(field, name string) string {
	if !plainName.MatchString(name) {
		name = fmt.Sprintf("%.64q", name)
	}
	if field == "" {
		return name
	}
	return field + "." + name
}
