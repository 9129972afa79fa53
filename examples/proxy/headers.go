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

// Our own headers begin with this. They never go upstream.
const prefix = "Skinflint-"

// tokenHeader has the proxy's token.
const tokenHeader = prefix + "Token"

// stripOurs takes our own headers out of h, in whatever case they stand.
func stripOurs(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool { return ours(name) })
}

func ours(name string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// readers read the headers by which a client says how its call is to be made.
var readers = map[string]func(value string) (policy.Option, error){
	prefix + "Tier":           func(v string) (policy.Option, error) { return policy.OnTier(policy.Tier(v)), nil },
	prefix + "Max-Cost":       readMaxCost,
	prefix + "Finish-By":      readFinishBy,
	prefix + "Cached-Content": func(v string) (policy.Option, error) { return policy.CachedContent(v), nil },
	prefix + "Tag":            readTag,
}

// options returns a context that says what the headers say. One that makes no sense, or is not known, is an error that
// names it: a limit that is spelled wrong is none.
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
			return ctx, fmt.Errorf("the header %s is there %d times; want it once", name, len(values))
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

func readMaxCost(v string) (policy.Option, error) {
	most, err := price.ParseUSD(v)
	return policy.MaxCost(most), err
}

// readFinishBy reads a time, or a duration from now.
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

// readTag reads one tag. Several stand apart by commas, or in headers of their own.
func readTag(v string) (policy.Option, error) {
	name, value, ok := strings.Cut(v, "=")
	if !ok {
		return nil, errors.New("want NAME=VALUE, and commas between several")
	}
	return policy.Tag(name, value), nil
}
