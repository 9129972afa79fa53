package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// prefix is how the proxy's own headers begin. They are never sent to the provider.
const prefix = "Skinflint-"

// tokenHeader is the header with the proxy's token.
const tokenHeader = prefix + "Token"

// ours reports whether a header is one of the proxy's own.
func ours(name string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// readers parse the headers by which a client controls its call.
var readers = map[string]func(value string) (policy.Option, error){
	prefix + "Tier":           func(v string) (policy.Option, error) { return policy.OnTier(policy.Tier(v)), nil },
	prefix + "Class":          func(v string) (policy.Option, error) { return policy.AsClass(policy.Class(v)), nil },
	prefix + "Max-Cost":       readMaxCost,
	prefix + "Finish-By":      readFinishBy,
	prefix + "Cached-Content": func(v string) (policy.Option, error) { return policy.CachedContent(v), nil },
	prefix + "Tag":            readTag,
}

// options returns a context with the options of the headers. An invalid or unknown header is an error that names it:
// otherwise a misspelled limit would limit nothing.
func options(ctx context.Context, h http.Header) (context.Context, error) {
	for _, key := range slices.Sorted(maps.Keys(h)) {
		if !ours(key) || strings.EqualFold(key, tokenHeader) {
			continue
		}
		name := http.CanonicalHeaderKey(key)
		read, ok := readers[name]
		if !ok {
			return ctx, fmt.Errorf("the header %s is not known; known are %s", name, strings.Join(slices.Sorted(maps.Keys(readers)), ", "))
		}
		values := h[key]
		if name == prefix+"Tag" {
			values = strings.Split(strings.Join(values, ","), ",")
		} else if len(values) != 1 {
			return ctx, fmt.Errorf("the header %s occurs %d times; want it once", name, len(values))
		}
		for _, value := range values {
			option, err := read(strings.TrimSpace(value))
			if err == nil {
				ctx = policy.With(ctx, option)
				err = policy.From(ctx).Err()
			}
			if err != nil {
				return ctx, fmt.Errorf("the header %s: %w", name, err)
			}
		}
	}
	return ctx, nil
}

// readMaxCost parses an amount of US dollars.
func readMaxCost(v string) (policy.Option, error) {
	most, err := price.ParseUSD(v)
	return policy.MaxCost(most), err
}

// readFinishBy parses a time, or a duration from now.
func readFinishBy(v string) (policy.Option, error) {
	if d, err := time.ParseDuration(v); err == nil && d > 0 {
		return policy.FinishBy(time.Now().Add(d)), nil
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return nil, fmt.Errorf("%.64q is neither a time such as 2026-12-31T23:59:59Z nor a duration from now such as 20m", v)
	}
	return policy.FinishBy(t), nil
}

// readTag parses one tag. Several tags are separated by commas or are in several headers.
func readTag(v string) (policy.Option, error) {
	name, value, ok := strings.Cut(v, "=")
	if !ok {
		return nil, errors.New("want NAME=VALUE, or several separated by commas")
	}
	return policy.Tag(name, value), nil
}
