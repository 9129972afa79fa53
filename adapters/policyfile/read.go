package policyfile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// file reads the document. Mistakes do not stop it: it reads everything that it can, so that all mistakes are reported.
func (r *reader) file(n ast.Node) {
	top := r.mapping(n, "", "defaults", "rules", "limits", "budgets")
	if e, ok := top["defaults"]; ok {
		r.sections(r.mapping(e.value, e.field, sectionNames()...), "", &r.policy, nil)
	}
	if e, ok := top["rules"]; ok {
		items := r.list(e.value, e.field)
		r.policy.Rules = make([]policy.Rule, len(items))
		for i, item := range items {
			r.rule(item, i)
		}
	}
	if e, ok := top["limits"]; ok {
		items := r.list(e.value, e.field)
		r.policy.Limits = make([]policy.Limit, len(items))
		for i, item := range items {
			r.limit(item, i)
		}
	}
	if e, ok := top["budgets"]; ok {
		items := r.list(e.value, e.field)
		r.policy.Budgets = make([]policy.Budget, len(items))
		for i, item := range items {
			r.budget(item, i)
		}
	}
	r.validate()
}

// sections reads the settings of the defaults, or of a rule; of a rule, defaults are the settings that it changes.
// prefix comes before a field's name in the errors of policy.Validate.
func (r *reader) sections(entries map[string]entry, prefix string, p, defaults *policy.Policy) {
	for _, s := range sections {
		set := entries
		if s.name != "" {
			e, ok := entries[s.name]
			if !ok {
				continue
			}
			set = r.mapping(e.value, e.field, names(s.keys)...)
		}
		if s.name == "tier" {
			r.tiers(set, prefix, p, defaults)
		}
		for _, k := range s.keys {
			if _, isTier := k.At(p).(*policy.Tier); isTier {
				continue // tiers has read it
			}
			e, ok := set[k.Name]
			if !ok || !assign(r, e, k, prefix, p) || defaults == nil {
				continue
			}
			general := reflect.ValueOf(k.At(defaults)).Elem()
			if reflect.ValueOf(k.At(p)).Elem().IsZero() && !general.IsZero() {
				r.fail(placeOfNode(e.value), e.field, "a rule cannot set it back from the defaults' %v; leave it out of the defaults, and set it in the rules that want it", general)
			}
		}
	}
}

// assign reads a value into a field, and reports whether it could.
func assign[T any](r *reader, e entry, k policy.Key[T], prefix string, into *T) bool {
	to := reflect.ValueOf(k.At(into)).Elem()
	s := &setting{placeOfNode(e.value), e.field, func() { to.SetZero() }}
	r.places[prefix+k.Field] = s
	ok := false
	switch at := k.At(into).(type) {
	case *time.Duration:
		*at, ok = r.duration(e)
	case *int:
		*at, ok = r.count(e)
	case *int64:
		*at, ok = r.count64(e)
	case *bool:
		*at, ok = r.flag(e)
	case *price.Pico:
		*at, ok = r.money(e)
	case *policy.CacheMode:
		s.repair = func() { *at = policy.CacheAuto } // create needs it
		ok = r.word(e, to)
	case *[]string:
		*at, ok = r.words(e)
	case *string, *policy.Tier, *policy.Class, *policy.Period, *policy.CacheTiming, *policy.CacheWrites:
		ok = r.word(e, to)
	}
	if !ok {
		s.repair()
	}
	if ok && k.Zero != "" && to.IsZero() {
		r.fail(placeOfNode(e.value), e.field, "0 would mean %s; leave the key out", k.Zero)
		return false
	}
	return ok
}

// word reads a value that is one of some words into a field. Which words these are is left to policy.Validate.
func (r *reader) word(e entry, to reflect.Value) bool {
	text, ok := r.text(e)
	if ok && text == "" {
		r.fail(placeOfNode(e.value), e.field, "empty text; give it a value, or leave the key out")
		return false
	}
	to.SetString(text)
	return ok
}

// words reads a list of words. Which words these are is left to policy.Validate.
func (r *reader) words(e entry) (words []string, ok bool) {
	mistakes := len(r.errs)
	words = []string{} // a list without items is not the default
	for _, item := range r.list(e.value, e.field) {
		if word, ok := r.text(item); ok {
			words = append(words, word)
		}
	}
	return words, len(r.errs) == mistakes
}

// tiers reads the plan, or the fallback alone.
func (r *reader) tiers(set map[string]entry, prefix string, p, defaults *policy.Policy) {
	plan, hasPlan := set["plan"]
	fallback, hasFallback := set["fallback"]
	if hasPlan {
		r.plan(plan, prefix, p, defaults)
	}
	switch {
	case hasPlan && hasFallback:
		r.fail(fallback.at, fallback.field, "with plan, the fallback is the plan's second tier")
	case hasFallback:
		r.tier(fallback, prefix, "Fallback", p, &p.Fallback)
	}
}

// plan reads one tier or two. In a rule, a plan of one tier takes the defaults' fallback away: it replaces the whole
// plan.
func (r *reader) plan(e entry, prefix string, p, defaults *policy.Policy) {
	if l, ok := e.value.(*ast.SequenceNode); ok && len(l.Values) == 0 {
		r.fail(placeOfNode(e.value), e.field, "an empty plan; name one tier or two, as [flex, standard]")
	}
	items := r.list(e.value, e.field)
	for i, item := range items {
		switch i {
		case 0:
			r.tier(item, prefix, "Tier", p, &p.Tier)
		case 1:
			r.tier(item, prefix, "Fallback", p, &p.Fallback)
		case 2:
			r.fail(placeOfNode(item.value), item.field, "a plan has one tier or two")
		}
	}
	if len(items) == 1 && defaults != nil && defaults.Fallback != "" {
		p.Fallback = policy.NoFallback
	}
}

// tier reads a tier into a field of p. Whether it is one that a policy may ask for is left to policy.Validate.
func (r *reader) tier(e entry, prefix, field string, p *policy.Policy, into *policy.Tier) {
	name, ok := r.text(e)
	switch {
	case !ok:
	case name == "":
		r.fail(placeOfNode(e.value), e.field, "empty text names no tier")
	default:
		*into = policy.Tier(name)
		// The problem may be the other tier: "it is the tier itself".
		r.places[prefix+field] = &setting{placeOfNode(e.value), e.field, func() { p.Tier, p.Fallback = "", "" }}
	}
}

func (r *reader) rule(item entry, i int) {
	into := &r.policy.Rules[i]
	mistakes := len(r.errs)
	prefix := fmt.Sprintf("Rules[%d].", i)
	entries := r.mapping(item.value, item.field, sectionNames("match")...)
	r.match(item, entries, prefix, &into.Match)
	r.sections(entries, prefix+"Set.", &into.Set, &r.policy)
	if len(r.errs) > mistakes {
		into.Match.Model = unread(i) // the rule may match too much, so that rules after it would seem never to count
	}
}

// unread is a model that stands for a pattern which could not be read, or is a mistake.
func unread(i int) string { return fmt.Sprintf("unread %d", i) }

func (r *reader) limit(item entry, i int) {
	into := &r.policy.Limits[i]
	// A limit that learns needs no other field, and may have any.
	selecting(r, item, fmt.Sprintf("Limits[%d].", i), limitKeys, into, &into.Match, func() { into.Learn = true })
}

func (r *reader) budget(item entry, i int) {
	into := &r.policy.Budgets[i]
	selecting(r, item, fmt.Sprintf("Budgets[%d].", i), budgetKeys, into, &into.Match, func() {
		into.Name = cmp.Or(into.Name, unread(i))
		into.Cap = cmp.Or(into.Cap, price.USD)
		if into.Window == 0 && into.Every == "" {
			into.Every = policy.EveryDay
		}
	})
}

// selecting reads a limit or a budget, which selects calls by a match. repair gives it the fields that it needs.
func selecting[T any](r *reader, item entry, prefix string, keys []policy.Key[T], into *T, match *policy.Match, repair func()) {
	mistakes := len(r.errs)
	entries := r.mapping(item.value, item.field, names(keys, "match")...)
	r.match(item, entries, prefix, match)
	r.places[prefix] = &setting{placeOfNode(item.value), item.field, repair}
	for _, k := range keys {
		e, ok := entries[k.Name]
		if !ok {
			continue
		}
		assign(r, e, k, prefix, into)
		s := r.places[prefix+k.Field]
		zero := s.repair
		s.repair = func() { zero(); repair() }
	}
	if len(r.errs) > mistakes {
		repair() // it may lack a field only because the field could not be read
	}
}

// match reads what a rule, a limit or a budget matches. prefix comes before the field's name in the errors of package policy.
func (r *reader) match(item entry, entries map[string]entry, prefix string, into *policy.Match) {
	prefix += "Match"
	r.places[prefix] = &setting{placeOfNode(item.value), item.field, func() {}}
	e, ok := entries["match"]
	if !ok {
		return
	}
	r.places[prefix] = &setting{placeOfNode(e.value), e.field, func() {}}
	set := r.mapping(e.value, e.field, matchKeys...)
	for _, f := range []struct {
		name, field string
		to          *string
	}{{"provider", "Provider", &into.Provider}, {"operation", "Operation", &into.Operation}, {"model", "Model", &into.Model}} {
		e, ok := set[f.name]
		if !ok {
			continue
		}
		if *f.to, ok = r.text(e); ok && *f.to == "" {
			r.fail(placeOfNode(e.value), e.field, "empty text would match every call; leave the key out")
			continue
		}
		at := placeOfNode(e.value)
		r.places[prefix+"."+f.field] = &setting{at, e.field, func() { *f.to = unread(at.line) }}
	}
	if tags, ok := set["tags"]; ok {
		r.tags(tags, into)
	}
}

func (r *reader) tags(e entry, into *policy.Match) {
	for name, e := range r.mapping(e.value, e.field) {
		value, ok := r.text(e)
		if !ok {
			continue
		}
		// Each tag is validated alone: the error about a whole match does not say which tag it is about.
		tag := map[string]string{name: value}
		one := policy.Policy{Rules: []policy.Rule{{Match: policy.Match{Tags: tag}}}}
		if field := new(policy.FieldError); errors.As(one.Validate(), &field) {
			r.fail(e.at, e.field, "%s", field.Problem)
			continue
		}
		if into.Tags == nil {
			into.Tags = make(map[string]string)
		}
		into.Tags[name] = value
	}
}

// inFile replaces the names of fields in the problems that package policy reports by their keys in the file.
var inFile = func() *strings.Replacer {
	names := map[string]string{"Rules[": "rules[", "Limits[": "limits[", "Budgets[": "budgets["}
	for _, k := range limitKeys {
		names[k.Field] = k.Name
	}
	for _, k := range budgetKeys {
		names[k.Field] = k.Name
	}
	var pairs []string
	for _, field := range slices.Backward(slices.Sorted(maps.Keys(names))) { // RequestsPerMinute before a field that it begins with
		pairs = append(pairs, field, names[field])
	}
	return strings.NewReplacer(pairs...)
}()

// validate reports the errors of policy.Validate, which returns one at a time, with their places in the file. After
// each, it repairs the field and validates again. Then it reports the rules, limits and budgets that can match
// nothing.
func (r *reader) validate() {
	for range maxErrors {
		err := r.policy.Validate()
		if err == nil || !r.place(err) {
			break
		}
	}
	if r.known == nil {
		return
	}
	for _, err := range r.policy.Unmatched(r.known) {
		if s, ok := r.places[err.Field]; ok {
			r.fail(s.place, s.field, "%v: %s", err.Value, inFile.Replace(err.Problem))
		}
	}
}

// place reports an error of policy.Validate with its place, and repairs the field. It returns false if it cannot.
func (r *reader) place(err error) bool {
	field := new(policy.FieldError)
	if !errors.As(err, &field) {
		r.fail(place{1, 1}, "", "%v", err)
		return false
	}
	problem := inFile.Replace(field.Problem)
	name := field.Field
	s, ok := r.places[name]
	if ok {
		problem = fmt.Sprintf("%v: %s", field.Value, problem)
	} else { // the file does not set the field, and should: the error is about the limit or the budget
		name = name[:strings.LastIndexByte(name, '.')+1]
		s, ok = r.places[name]
	}
	switch {
	case ok:
		r.fail(s.place, s.field, "%s", problem)
		s.repair()
		delete(r.places, name)
	case len(r.errs) == 0:
		r.fail(place{1, 1}, "", "%v", err)
	}
	return ok
}
