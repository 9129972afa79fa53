package policyfile

import (
	"slices"

	"github.com/skinflint-go/skinflint/policy"
)

// A key sets one field of a policy or a limit.
type key[T any] struct {
	name  string
	field string // in Go
	zero  string // what 0 would mean, where it would not turn something off
	at    func(*T) any
}

type section struct {
	name string
	own  []string // keys that set more than one field, or share one
	keys []key[policy.Policy]
}

// sections are what the defaults and each rule may hold.
var sections = []section{
	{"tier", []string{"plan", "fallback"}, []key[policy.Policy]{
		{"patience", "Patience", "", func(p *policy.Policy) any { return &p.Patience }},
		{"flex_minimum", "FlexMinimum", "the default, 1m; 1ns turns it off", func(p *policy.Policy) any { return &p.FlexMinimum }},
		{"override_body", "OverrideBody", "", func(p *policy.Policy) any { return &p.OverrideBody }},
	}},
	{"retry", nil, []key[policy.Policy]{
		{"max_attempts", "MaxAttempts", "the default, 6; 1 sends a call once", func(p *policy.Policy) any { return &p.MaxAttempts }},
		{"max_wait", "MaxWait", "the default, 2m, or 10m where the plan ends in flex", func(p *policy.Policy) any { return &p.MaxWait }},
		{"max_elapsed", "MaxElapsed", "the default, 15m, or 45m where the plan ends in flex", func(p *policy.Policy) any { return &p.MaxElapsed }},
		{"attempt_timeout", "AttemptTimeout", "", func(p *policy.Policy) any { return &p.AttemptTimeout }},
		{"quota", "RetryQuota", "the default, 100", func(p *policy.Policy) any { return &p.RetryQuota }},
		{"backoff_base", "BackoffBase", "the default, 500ms", func(p *policy.Policy) any { return &p.BackoffBase }},
		{"backoff_max", "BackoffMax", "the default, 30s", func(p *policy.Policy) any { return &p.BackoffMax }},
		{"only_documented", "OnlyDocumented", "", func(p *policy.Policy) any { return &p.OnlyDocumented }},
		{"allow_double_billing", "AllowDoubleBilling", "", func(p *policy.Policy) any { return &p.AllowDoubleBilling }},
	}},
	{"stream", nil, []key[policy.Policy]{
		{"idle", "StreamIdle", "the default, 10m", func(p *policy.Policy) any { return &p.StreamIdle }},
		{"leave", "LeaveStreams", "", func(p *policy.Policy) any { return &p.LeaveStreams }},
	}},
}

var (
	matchKeys = []string{"provider", "operation", "model", "tags"}
	limitKeys = []key[policy.Limit]{
		{"requests_per_minute", "RequestsPerMinute", "any number", func(l *policy.Limit) any { return &l.RequestsPerMinute }},
		{"burst", "Burst", "the default, a second's worth", func(l *policy.Limit) any { return &l.Burst }},
		{"concurrency", "Concurrency", "any number", func(l *policy.Limit) any { return &l.Concurrency }},
	}
)

// unenforced are the keys that a later version may know. To accept one and not enforce it would be worse than an error.
var unenforced = map[string]string{
	"budgets":           "this version has no budgets yet, and a cap that nothing enforces is worse than an error; take it out",
	"cache":             "this version creates no caches by policy yet; take it out",
	"tokens_per_minute": "this version does not limit tokens yet, and a limit that nothing enforces is worse than an error; take it out",
}

// sectionNames returns more and the names of the sections.
func sectionNames(more ...string) []string {
	for _, s := range sections {
		more = append(more, s.name)
	}
	return more
}

// names returns more and the names of keys.
func names[T any](keys []key[T], more ...string) []string {
	more = slices.Clip(more)
	for _, k := range keys {
		more = append(more, k.name)
	}
	return more
}

// homes says under which key another belongs.
var homes = func() map[string]string {
	m := map[string]string{"defaults": "the file itself", "rules": "the file itself", "limits": "the file itself", "match": "a rule or a limit"}
	for _, s := range sections {
		m[s.name] = "defaults or a rule"
		for _, name := range names(s.keys, s.own...) {
			m[name] = s.name
		}
	}
	for _, name := range matchKeys {
		m[name] = "match"
	}
	for _, name := range names(limitKeys) {
		m[name] = "a limit"
	}
	return m
}()
