package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// The links that take a policy, and the links that each setting needs beside the chain itself.
var (
	policyLinks = map[string]func(policy.Policy) transport.Middleware{
		"Identify": middleware.Identify, "Retry": middleware.Retry, "Tier": middleware.Tier, "Budget": middleware.Budget,
		"Cache": middleware.Cache,
	}
	linksOfSettings = map[string][]string{
		"Tier": {"Tier"}, "Fallback": {"Tier"}, "FlexMinimum": {"Tier"}, "OverrideBody": {"Tier"}, "Patience": {"Tier", "Retry"},
		"MaxAttempts": {"Retry"}, "MaxWait": {"Retry"}, "MaxElapsed": {"Retry"}, "RetryQuota": {"Retry"}, "BackoffBase": {"Retry"},
		"BackoffMax": {"Retry"}, "OnlyDocumented": {"Retry"}, "AllowDoubleBilling": {"Retry"},
		"AttemptTimeout": nil, "StreamIdle": nil, "LeaveStreams": nil,
		"Limits": {"nothing: a limit is given to Limit"}, "Class": {"Limit"},

		"Cache.Mode": {"Cache"}, "Cache.Create": {"Cache"}, "Cache.Writes": {"Cache"}, "Cache.Key": {"Cache"}, "Cache.Compatible": {"Cache"},
		"Cache.MaxCost": {"Cache"}, "Cache.MaxCostPerHour": {"Cache"}, "Cache.MaxLive": {"Cache"},
	}
)

// settings returns policies that set one field each, by its name.
func settings(t *testing.T) map[string]policy.Policy {
	t.Helper()
	all := map[string]policy.Policy{"Limits": {Limits: []policy.Limit{{Concurrency: 1}}}}
	for _, k := range policy.Keys() {
		var p policy.Policy
		switch v := k.At(&p).(type) {
		case *time.Duration:
			*v = 7 * time.Second
		case *int:
			*v = 7
		case *bool:
			*v = true
		case *policy.Tier:
			*v = policy.Priority
		case *price.Pico:
			*v = 7 * price.USD
		case *policy.Class:
			*v = policy.ClassBatch
		case *policy.CacheMode:
			*v = policy.CacheAuto
		case *policy.CacheTiming:
			*v = policy.CacheBefore
			p.Cache.Mode = policy.CacheAuto
		case *policy.CacheWrites:
			*v = policy.WritesAuto
		default:
			t.Fatalf("%s is a %T", k.Field, v)
		}
		all[k.Field] = p
	}
	return all
}

// Each setting that is given to a link, alone or beside any other, is either in force or refused by name: for the whole
// policy and in a rule, in both orders of the links.
func TestEverySettingIsInForceOrRefused(t *testing.T) {
	base := transport.RoundTripperFunc(says(200, jsonType, served))
	given := settings(t)
	for field := range given {
		if _, ok := linksOfSettings[field]; !ok {
			t.Errorf("which links does %s need?", field)
		}
	}
	tried := 0
	for field, p := range given {
		for first, link := range policyLinks {
			beside := map[string]transport.Middleware{"": nil, "Ledger": middleware.Ledger(ledger.NewMemory(1)), "Limit": middleware.Limit(policy.Limit{Concurrency: 9})}
			for name, other := range policyLinks {
				beside[name] = other(policy.Policy{})
			}
			for second, other := range beside {
				inRule := policy.Policy{Rules: []policy.Rule{{Match: policy.Match{Provider: "openai"}, Set: p}}}
				for name, p := range map[string]policy.Policy{field: p, "Rules[0].Set." + field: inRule} {
					if field == "Limits" && name != field {
						continue // a rule has none
					}
					missing := slices.ContainsFunc(linksOfSettings[field], func(l string) bool { return l != first && l != second })
					for _, links := range [][]transport.Middleware{{link(p), other}, {other, link(p)}} {
						tried++
						_, err := chat(t, t.Context(), transport.Chain(base, links...), chatBody)
						refused := errors.Is(err, middleware.ErrPolicy) && strings.Contains(err.Error(), "enforces ") && strings.Contains(err.Error(), " "+name+" ")
						if refused != missing || err != nil && !refused {
							t.Errorf("%s given to %s beside %q: %v", name, first, second, err)
						}
					}
				}
			}
		}
	}
	t.Logf("%d chains", tried)
}

// Options of a context that no link of the chain enforces are refused by name, for each kind of call that costs something.
func TestOptionsWithoutTheirLink(t *testing.T) {
	base := transport.RoundTripperFunc(says(200, jsonType, `{}`))
	links := map[string]transport.Middleware{
		"Budget": middleware.Budget(policy.Policy{}), "Tier": middleware.Tier(policy.Policy{}), "Retry": middleware.Retry(policy.Policy{}),
	}
	for _, test := range []struct {
		option policy.Option
		name   string
		link   string
		edits  bool // a call that is sent once, as it is, can be sent all the same
	}{
		{policy.MaxCost(1 << 60), "MaxCost", "Budget", false},
		{policy.OnTier(policy.Flex), "OnTier", "Tier", true},
		{policy.FallBackTo(policy.Standard), "FallBackTo", "Tier", true},
		{policy.MaxAttempts(2), "MaxAttempts", "Retry", true},
		{policy.AllowDoubleBilling(), "AllowDoubleBilling", "Retry", true},
	} {
		for path, billable := range map[string]bool{
			"/v1/chat/completions": true, "/v1/responses": true, "/v1/embeddings": true, "/v1/audio/speech": false, "/v1/batches": false,
		} {
			for name, link := range links {
				rt := transport.Chain(base, middleware.Ledger(ledger.NewMemory(1)), link)
				_, err := do(t, policy.With(t.Context(), test.option), rt, http.MethodPost, "https://api.openai.com"+path, chatBody)
				refused := errors.Is(err, middleware.ErrPolicy) && strings.Contains(err.Error(), test.name)
				if want := name != test.link && (billable || !test.edits); refused != want {
					t.Errorf("%s on %s, beside %s: %v", test.name, path, name, err)
				}
			}
		}
		rt := transport.Chain(base, middleware.Ledger(ledger.NewMemory(1)))
		if _, err := do(t, policy.With(t.Context(), test.option), rt, http.MethodPost, "https://api.openai.com/v1/files", chatBody); err != nil {
			t.Errorf("%s on a call that costs nothing: %v", test.name, err)
		}
	}
	rt := transport.Chain(base, middleware.Ledger(ledger.NewMemory(1)))
	if _, err := chat(t, policy.With(t.Context(), policy.MaxAttempts(1)), rt, chatBody); err != nil {
		t.Errorf("one attempt, which is what there is without Retry: %v", err)
	}
}

// The order in which links are given changes nothing: neither what is sent, nor the rows, nor what is refused.
func TestOrderOfLinks(t *testing.T) {
	p := policy.Policy{MaxAttempts: 3, OnlyDocumented: true}
	for name, test := range map[string]struct {
		links func(ledger.Store) []transport.Middleware
		want  string // what is sent, the rows, and the start of the error
	}{
		"each with its own part": {func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(p), middleware.Tier(flexFirst), middleware.Budget(policy.Policy{}),
				middleware.Limit(policy.Limit{Concurrency: 1})}
		}, "flex default|rejected billed|<nil>"},
		"Identify for all": {func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(policy.Policy{}), middleware.Tier(policy.Policy{}), middleware.Identify(flexFirst)}
		}, "flex default|rejected billed|<nil>"},
		"Identify and more": {func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(p), middleware.Tier(flexFirst), middleware.Identify(flexFirst)}
		}, "flex default|rejected billed|<nil>"},
		"one attempt": {func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(policy.Policy{MaxAttempts: 1}), middleware.Tier(flexFirst)}
		}, "flex|rejected|<nil>"},
		"two tiers": {func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(p), middleware.Tier(flexFirst), middleware.Tier(policy.Policy{Tier: policy.Priority})}
		}, "|refused|Tier is"},
		"Identify and another tier": {func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(p), middleware.Identify(flexFirst), middleware.Tier(policy.Policy{Tier: policy.Priority})}
		}, "|refused|Tier is"},
		"Identify and other retries": {func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(policy.Policy{MaxAttempts: 2}), middleware.Identify(p), middleware.Tier(flexFirst)}
		}, "|refused|MaxAttempts is"},
		"a part that no link has": {func(s ledger.Store) []transport.Middleware {
			return []transport.Middleware{middleware.Ledger(s), middleware.Tier(policy.Policy{Tier: policy.Flex, MaxWait: time.Second}), middleware.Budget(policy.Policy{})}
		}, "|refused|no link of the chain enforces MaxWait"},
		"rules of two links": {func(s ledger.Store) []transport.Middleware {
			rule := func(m string, p policy.Policy) policy.Policy {
				return policy.Policy{Rules: []policy.Rule{{Match: policy.Match{Model: m}, Set: p}}}
			}
			return []transport.Middleware{middleware.Ledger(s), middleware.Retry(rule("gpt-5*", p)), middleware.Tier(rule("gpt-*", flexFirst))}
		}, "|refused|Rules is"},
	} {
		t.Run(name, func(t *testing.T) {
			n := len(test.links(ledger.NewMemory(1)))
			orders := 0
			for order := range permutations(n) {
				orders++
				server := llmtest.NewServer(llmtest.Config{Flex: llmtest.Refuse(1)})
				store := ledger.NewMemory(0)
				given := test.links(store)
				var links []transport.Middleware
				for _, i := range order {
					links = append(links, given[i])
				}
				_, err := send(t, transport.Chain(server.Transport(), links...), server.URL)
				server.Close()
				if got := whatHappened(server, store, err); !strings.HasPrefix(got, test.want) {
					t.Fatalf("in the order %v: %s, want %s", order, got, test.want)
				}
			}
			t.Logf("%d orders", orders)
		})
	}
}

// whatHappened returns the tiers that were sent, the outcomes of the rows, and the error without its beginning.
func whatHappened(server *llmtest.Server, store *ledger.Memory, err error) string {
	var tiers, outcomes []string
	for _, r := range server.Requests() {
		tiers = append(tiers, r.Tier)
	}
	for _, r := range store.Rows() {
		outcomes = append(outcomes, string(r.Outcome))
	}
	text := fmt.Sprint(err)
	for _, prefix := range []string{"skinflint: bad policy: ", "policy: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return strings.Join(tiers, " ") + "|" + strings.Join(outcomes, " ") + "|" + text
}

// permutations yields every order of the numbers below n.
func permutations(n int) func(func([]int) bool) {
	return func(yield func([]int) bool) {
		order := make([]int, 0, n)
		var place func() bool
		place = func() bool {
			if len(order) == n {
				return yield(slices.Clone(order))
			}
			for i := range n {
				if slices.Contains(order, i) {
					continue
				}
				order = append(order, i)
				if !place() {
					return false
				}
				order = order[:len(order)-1]
			}
			return true
		}
		place()
	}
}

func TestPermutations(t *testing.T) {
	var all [][]int
	for order := range permutations(3) {
		all = append(all, order)
	}
	if want := [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}; !reflect.DeepEqual(all, want) {
		t.Errorf("%v", all)
	}
}
