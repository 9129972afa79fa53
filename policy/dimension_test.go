package policy

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pieces are what values in these tests are made of: among them all that separates values in a key, and readable text.
var pieces = []string{"", "a", "b", ",", ":", "1", "2:", "1:a,", "0:", " ", "\"", "\\", "é", "\x00", "\xff", "{", "}", "gpt-5"}

// Two attempts have the same key if, and only if, they have the same value in each dimension.
func TestKeyOfIsInjective(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	value := func() string {
		var b strings.Builder
		for range random.IntN(4) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		return b.String()
	}
	pers := [][]string{{"model"}, {"provider", "operation", "model", "tier", "key"}, {"tag:a", "tag:b"}, {"key", "tag:a", "model"}, {"tag:model", "model"}}
	values := make([]map[string]string, len(pers)) // by key, the values of which it was made
	for i := range values {
		values[i] = make(map[string]string)
	}
	for range 20_000 {
		i := random.IntN(len(pers))
		s := Subject{Provider: value(), Operation: value(), Model: value()}
		tier, key, tags := Tier(value()), value(), map[string]string{"a": value(), "b": value(), "model": value()}
		got := KeyOf(pers[i], &s, tier, key, tags)
		var parts []string
		for _, d := range pers[i] {
			parts = append(parts, strconv.Quote(dimension(d, &s, tier, key, tags)))
		}
		want := strings.Join(parts, " ")
		if before, ok := values[i][got]; ok && before != want {
			t.Fatalf("%v: %q is the key of %s and of %s", pers[i], got, before, want)
		}
		values[i][got] = want
		if back, ok := keyValues(pers[i], got); !ok || len(back) != len(pers[i]) {
			t.Fatalf("%v: %q cannot be read", pers[i], got)
		} else {
			for j, d := range pers[i] {
				if back[j] != dimension(d, &s, tier, key, tags) {
					t.Fatalf("%v: %q: %s is read as %q", pers[i], got, d, back[j])
				}
			}
		}
	}
	for i, of := range values {
		distinct := make(map[string]bool)
		for _, v := range of {
			distinct[v] = true
		}
		if len(distinct) != len(of) || len(of) < 100 {
			t.Errorf("%v: %d keys for %d sets of values", pers[i], len(of), len(distinct))
		}
	}
}

func TestKeyOf(t *testing.T) {
	s := Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}
	tags := map[string]string{"tenant": "acme, inc", "empty": ""}
	for _, test := range []struct {
		per       []string
		key, text string
	}{
		{nil, "", ""},
		{[]string{}, "", ""},
		{[]string{"model"}, "5:gpt-5", "model gpt-5"},
		{[]string{"provider", "operation", "tier", "key"}, "6:openai,4:chat,4:flex,4:4f1c", "provider openai, operation chat, tier flex, key 4f1c"},
		{[]string{"model", "tag:tenant"}, "5:gpt-5,9:acme, inc", `model gpt-5, tenant "acme, inc"`},
		{[]string{"tag:empty"}, "0:", `empty ""`},
		{[]string{"tag:none"}, "0:", `none ""`},
	} {
		key := KeyOf(test.per, &s, Flex, "4f1c", tags)
		if text := KeyText(test.per, key); key != test.key || text != test.text {
			t.Errorf("%v: %q, %q", test.per, key, text)
		}
		if got := AppendKey([]byte("x"), test.per, &s, Flex, "4f1c", tags); string(got) != "x"+key {
			t.Errorf("%v: %q", test.per, got)
		}
	}
}

// A key that comes from elsewhere, such as from a shared store, is shown as it is.
func TestKeyTextOfOthers(t *testing.T) {
	per := []string{"model", "tag:tenant"}
	for _, key := range []string{"", "x", "5:gpt-5", "5:gpt-5,", "5:gpt-5,4:acme,1:x", "9999999999999999999999:a,1:b", "-1:,1:b", "99:a,1:b", "1:a;1:b", "1:a,1:bc", "1,1"} {
		if got := KeyText(per, key); got != strconv.Quote(key) {
			t.Errorf("%q: %s", key, got)
		}
	}
	if got := KeyText(nil, "x"); got != `"x"` {
		t.Error(got)
	}
	if got := KeyText([]string{"model"}, "3:a\nb"); strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
}

func TestKeysAllocateLittle(t *testing.T) {
	s, tags := Subject{Model: "gpt-5"}, map[string]string{"tenant": "acme"}
	per, buf := []string{"model", "tag:tenant"}, make([]byte, 0, 64)
	for name, test := range map[string]struct {
		most float64
		f    func()
	}{
		"no dimension": {0, func() { KeyOf(nil, &s, "", "", tags) }},
		"in a buffer":  {0, func() { AppendKey(buf, per, &s, "", "", tags) }},
		"a key":        {1, func() { KeyOf(per, &s, "", "", tags) }},
		"selects":      {0, func() { (&Limit{}).Selects(&s, "", tags) }},
	} {
		if n := testing.AllocsPerRun(100, test.f); n > test.most {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestSelects(t *testing.T) {
	s, tags := Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}, map[string]string{"job": "nightly"}
	for _, test := range []struct {
		limit Limit
		tier  Tier
		want  bool
	}{
		{Limit{}, "", true},
		{Limit{}, Flex, true},
		{Limit{Tier: Flex}, Flex, true},
		{Limit{Tier: Flex}, "", false},
		{Limit{Tier: Standard}, "", false}, // a call that names no tier is served on the provider's default, which may be another
		{Limit{Tier: Flex, Match: Match{Provider: "gemini"}}, Flex, false},
		{Limit{Match: Match{Tags: map[string]string{"job": "night*"}}}, "", true},
		{Limit{Match: Match{Tags: map[string]string{"tenant": "*"}}}, "", false},
	} {
		if got := test.limit.Selects(&s, test.tier, tags); got != test.want {
			t.Errorf("%+v, %q: %v", test.limit, test.tier, got)
		}
	}
}

func TestDimensions(t *testing.T) {
	for _, test := range []struct {
		limit Limit
		want  []string
	}{
		{Limit{}, nil},
		{Limit{Per: []string{"tier"}}, []string{"tier"}},
		{Limit{Learn: true}, []string{"provider", "model", "key"}},
		{Limit{Learn: true, Per: []string{}}, []string{}},
		{Limit{Learn: true, Per: []string{"tag:tenant"}}, []string{"tag:tenant"}},
	} {
		if got := test.limit.Dimensions(); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v", test.limit, got)
		}
	}
}

func TestTokenBursts(t *testing.T) {
	for _, test := range []struct{ burst, perMinute, want int64 }{
		{0, 0, 0}, {5, 0, 0}, {0, 1, 1}, {0, 60, 10}, {0, 200_000, 33_333}, {7, 60, 7}, {600, 60, 600},
	} {
		if got := (&Limit{TokenBurst: test.burst}).TokenBursts(test.perMinute); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}
