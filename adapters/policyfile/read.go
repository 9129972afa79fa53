package policyfile

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/skinflint-go/skinflint/policy"
)

// A reader makes a policy of a YAML tree, and collects what is wrong with it.
type reader struct {
	policy policy.Policy
	errs   []*Error
	places map[string]*setting // by the name that policy.Validate has for a field
}

// A setting is where the file sets a field.
type setting struct {
	place place
	field string // in the file
	mend  func() // gives the field a value that is valid, so that the others can be validated
}

func (r *reader) fail(at place, field, format string, args ...any) {
	r.errs = append(r.errs, at.errorf(field, format, args...))
}

func (r *reader) file(n ast.Node) {
	top := r.mapping(n, "", "defaults", "rules", "limits")
	if e, ok := top["defaults"]; ok {
		r.body(r.mapping(e.value, e.field, sectionNames()...), "", &r.policy, nil)
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
	r.validate()
}

// body reads the sections of the defaults, or of a rule that changes them; prefix is what comes before the field's name
// in the errors of policy.Validate.
func (r *reader) body(entries map[string]entry, prefix string, p, defaults *policy.Policy) {
	for _, s := range sections {
		e, ok := entries[s.name]
		if !ok {
			continue
		}
		set := r.mapping(e.value, e.field, names(s.keys, s.own...)...)
		if s.name == "tier" {
			r.tiers(set, prefix, p, defaults)
		}
		for _, k := range s.keys {
			e, ok := set[k.name]
			if !ok || !assign(r, e, k, prefix, p) || defaults == nil {
				continue
			}
			general := reflect.ValueOf(k.at(defaults)).Elem()
			if reflect.ValueOf(k.at(p)).Elem().IsZero() && !general.IsZero() {
				r.fail(placeOfNode(e.value), e.field, "a rule cannot set it back from the defaults' %v; leave it out of the defaults, and set it in the rules that want it", general)
			}
		}
	}
}

// assign reads one field, and reports whether it could.
func assign[T any](r *reader, e entry, k key[T], prefix string, into *T) bool {
	to := reflect.ValueOf(k.at(into)).Elem()
	r.places[prefix+k.field] = &setting{placeOfNode(e.value), e.field, func() { to.SetZero() }}
	ok := false
	switch to := k.at(into).(type) {
	case *time.Duration:
		*to, ok = r.duration(e)
	case *int:
		*to, ok = r.count(e)
	case *bool:
		*to, ok = r.flag(e)
	}
	if ok && k.zero != "" && to.IsZero() {
		r.fail(placeOfNode(e.value), e.field, "0 would mean %s; leave the key out", k.zero)
		return false
	}
	return ok
}

// tiers reads the plan, or the fallback alone.
func (r *reader) tiers(set map[string]entry, prefix string, p, defaults *policy.Policy) {
	at := func(n ast.Node, name, field string) {
		r.places[prefix+name] = &setting{placeOfNode(n), field, func() { p.Tier, p.Fallback = "", "" }}
	}
	plan, ok := set["plan"]
	fallback, alone := set["fallback"]
	if ok {
		items := r.list(plan.value, plan.field)
		if l, ok := plan.value.(*ast.SequenceNode); ok && len(l.Values) == 0 {
			r.fail(placeOfNode(plan.value), plan.field, "an empty plan; name one tier or two, as [flex, standard]")
		}
		for i, item := range items {
			t, ok := r.tier(item)
			switch {
			case i == 0 && ok:
				p.Tier = t
				at(item.value, "Tier", item.field)
			case i == 1 && ok:
				p.Fallback = t
				at(item.value, "Fallback", item.field)
			case i == 2:
				r.fail(placeOfNode(item.value), item.field, "a plan has one tier or two")
			}
		}
		if len(items) == 1 && defaults != nil && defaults.Fallback != "" {
			p.Fallback = policy.NoFallback
		}
	}
	if alone && ok {
		r.fail(fallback.at, fallback.field, "beside plan, the fallback is the plan's second tier")
	} else if alone {
		if t, ok := r.tier(fallback); ok {
			p.Fallback = t
			at(fallback.value, "Fallback", fallback.field)
		}
	}
}

// tier returns a tier that policy.Validate has yet to judge.
func (r *reader) tier(e entry) (policy.Tier, bool) {
	t, ok := r.text(e)
	if ok && t == "" {
		r.fail(placeOfNode(e.value), e.field, "empty text names no tier")
		return "", false
	}
	return policy.Tier(t), ok
}

func (r *reader) rule(item entry, i int) {
	into := &r.policy.Rules[i]
	entries := r.mapping(item.value, item.field, sectionNames("match")...)
	r.match(entries, &into.Match)
	r.body(entries, fmt.Sprintf("Rules[%d].Set.", i), &into.Set, &r.policy)
}

func (r *reader) limit(item entry, i int) {
	into := &r.policy.Limits[i]
	bad := len(r.errs)
	entries := r.mapping(item.value, item.field, names(limitKeys, "match")...)
	r.match(entries, &into.Match)
	prefix := fmt.Sprintf("Limits[%d].", i)
	mend := func() { into.RequestsPerMinute = max(into.RequestsPerMinute, 1) }
	r.places[prefix] = &setting{placeOfNode(item.value), item.field, mend}
	for _, k := range limitKeys {
		e, ok := entries[k.name]
		if !ok {
			continue
		}
		assign(r, e, k, prefix, into)
		s := r.places[prefix+k.field]
		zero := s.mend
		s.mend = func() { zero(); mend() }
	}
	if len(r.errs) > bad && into.RequestsPerMinute == 0 {
		mend() // what the limit lacks may be what could not be read
	}
}

func (r *reader) match(entries map[string]entry, into *policy.Match) {
	e, ok := entries["match"]
	if !ok {
		return
	}
	set := r.mapping(e.value, e.field, matchKeys...)
	for _, f := range []struct {
		name string
		to   *string
	}{{"provider", &into.Provider}, {"operation", &into.Operation}, {"model", &into.Model}} {
		if e, ok := set[f.name]; ok {
			if *f.to, ok = r.text(e); ok && *f.to == "" {
				r.fail(placeOfNode(e.value), e.field, "empty text would match every call; leave the key out")
			}
		}
	}
	tags, ok := set["tags"]
	if !ok {
		return
	}
	for name, e := range r.mapping(tags.value, tags.field) {
		value, ok := r.text(e)
		if !ok {
			continue
		}
		// A tag is validated by itself: the error for a whole match does not say which one it is about.
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

// inFile are the file's names for the fields that a problem speaks of.
var inFile = strings.NewReplacer("RequestsPerMinute", "requests_per_minute", "Concurrency", "concurrency")

// validate gives the errors of policy.Validate their places, each once.
func (r *reader) validate() {
	for range maxErrors {
		err := r.policy.Validate()
		if err == nil {
			return
		}
		field := new(policy.FieldError)
		if !errors.As(err, &field) {
			r.fail(place{1, 1}, "", "%v", err)
			return
		}
		problem := inFile.Replace(field.Problem)
		name := field.Field
		s, ok := r.places[name]
		if ok {
			problem = fmt.Sprintf("%v: %s", field.Value, problem)
		} else { // the file does not set the field, and should
			name = name[:strings.LastIndexByte(name, '.')+1]
			s, ok = r.places[name]
		}
		switch {
		case ok:
			r.fail(s.place, s.field, "%s", problem)
			s.mend()
			delete(r.places, name)
		case len(r.errs) == 0:
			r.fail(place{1, 1}, "", "%v", err)
			return
		default:
			return
		}
	}
}
