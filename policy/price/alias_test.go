package price

import (
	"strings"
	"testing"
)

// aliases is a user's catalog with other names for what is in it, and in the embedded one.
func aliases(t testing.TB) *Catalog {
	return namedCatalog(t, "user", `
		"openai":{"models":{`+flat("gpt-5", "7", "")+`}},
		"azure":{"same_as":"openai","models":{
			"prod-chat":{"same_as":"openai/gpt-5.4"},
			"prod-five":{"same_as":"openai/gpt-5"},
			"groq":{"same_as":"groq/openai/gpt-oss-20b"},
			"nothing":{"same_as":"openai/gpt-9"},
			`+flat("o3", "1", "")+`}},
		"loop":{"same_as":"around"},
		"near":{"models":{"o3":{"same_as":"near/o3-pro"}}}`)
}

func TestAliases(t *testing.T) {
	below := namedCatalog(t, "below", `"around":{"same_as":"loop"},"near":{"models":{"o3-pro":{"same_as":"openai/o3-pro"},`+flat("o3", "5", "")+`}}`)
	c := Layers(aliases(t), below, Embedded())
	for _, test := range []struct {
		provider, model, tier string
		want                  string // "" is unpriced
	}{
		{"azure", "prod-chat", "standard", "user/azure/prod-chat=embedded/openai/gpt-5.4/-/standard"},
		{"azure", "prod-chat", "flex", "user/azure/prod-chat=embedded/openai/gpt-5.4/-/flex"},
		{"azure", "prod-five", "standard", "user/azure/prod-five=user/openai/gpt-5/-/standard"},
		{"azure", "prod-five", "flex", "user/azure/prod-five=embedded/openai/gpt-5/-/flex"},
		{"azure", "groq", "standard", "user/azure/groq=embedded/groq/openai/gpt-oss-20b/-/standard"},
		{"azure", "gpt-5.4-mini", "standard", "user/azure/gpt-5.4-mini=embedded/openai/gpt-5.4-mini/-/standard"},
		{"azure", "models/gpt-5.4-mini-2026-03-17", "standard", "user/azure/gpt-5.4-mini-2026-03-17=embedded/openai/gpt-5.4-mini/-/standard"},
		{"azure", "gpt-5", "standard", "user/azure/gpt-5=user/openai/gpt-5/-/standard"},
		{"azure", "o3", "standard", "user/azure/o3/-/standard"},
		{"azure", "o3", "flex", ""}, // what the provider lists itself is not the other's
		{"azure", "nothing", "standard", ""},
		{"azure", "gpt-9", "standard", ""},
		{"loop", "o3", "standard", ""},
		{"near", "o3", "standard", "below/near/o3/-/standard"}, // the alias leads nowhere: only one is followed
	} {
		q := query(test.provider, test.model, test.tier)
		got, err := c.Cost(q, Usage{Input: 1})
		if got.PriceID != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s/%s %s is priced by %q, %v; want %q", test.provider, test.model, test.tier, got.PriceID, err, test.want)
		}
	}
	_, err := c.Cost(query("azure", "nothing", "standard"), Usage{})
	wantUnpriced(t, err, "azure/nothing", "same as openai/gpt-9", `"user"`, `"embedded"`)
	if in, out, ok := c.Limits("azure", "prod-chat"); in != 1_050_000 || out != 128_000 || !ok {
		t.Errorf("the limits of an alias are %d and %d, %t", in, out, ok)
	}
	alone := aliases(t)
	if got := mustCost(t, alone, query("azure", "prod-five", "standard"), Usage{Input: 1}); got.Cost != 7_000_000 {
		t.Errorf("in one catalog an alias costs %+v", got)
	}
	_, err = alone.Cost(query("azure", "prod-chat", "standard"), Usage{})
	wantUnpriced(t, err, "no such model in catalog \"user\", where it is the same as openai/gpt-5.4")
}

func TestParseRefusesAliases(t *testing.T) {
	const prices = `"periods":[{"source":"s","tiers":{"standard":[{"usd_per_million":{"input":"1"}}]}}]`
	for body, want := range map[string]string{
		`"a":{"models":{"m":{"same_as":"b/n",` + prices + `}}}`:                         "a: m: same_as: cannot be combined with",
		`"a":{"models":{"m":{"same_as":"b/n","limits":{}}}}`:                            "a: m: same_as: cannot be combined with",
		`"a":{"models":{"m":{"same_as":"n"}}}`:                                          `a: m: same_as: "n" is not the name of a model`,
		`"a":{"models":{"m":{"same_as":"/n"}}}`:                                         `same_as: "/n" is not the name`,
		`"a":{"models":{"m":{"same_as":"b/"}}}`:                                         `same_as: "b/" is not the name`,
		`"a":{"models":{"m":{"same_as":5}}}`:                                            "a: m: same_as: want a string",
		`"a":{"models":{"m":{"same_as":null}}}`:                                         "a: m: same_as: want a string",
		`"a":{"models":{"m":{}}}`:                                                       "a: m: periods: is missing",
		`"a":{"same_as":""}`:                                                            "a: same_as: is empty",
		`"a":{"same_as":5}`:                                                             "a: same_as: want a string",
		`"a":{"same_as":"b","models":5}`:                                                "a: models: want an object",
		`"a":{"same_as":"a"}`:                                                           `a: same_as: "a" is an alias itself`,
		`"a":{"same_as":"b"},"b":{"same_as":"c"}`:                                       `a: same_as: "b" is an alias itself`,
		`"a":{"models":{"m":{"same_as":"a/m"}}}`:                                        `a: m: same_as: "a/m" is an alias itself`,
		`"a":{"models":{"m":{"same_as":"b/n"}}},"b":{"models":{"n":{"same_as":"c/o"}}}`: `"b/n" is an alias itself`,
		`"a":{"models":{"m":{"same_as":"b/n-2026-01-01"}}},"b":{"models":{"n":{"same_as":"c/o"}}}`:         "is an alias itself",
		`"a":{"models":{"m":{"same_as":"b/n"}}},"b":{"same_as":"c"}`:                                       `"b/n" is an alias itself`,
		`"a":{"models":{"m":{"same_as":"b/n"}}},"b":{"same_as":"c","models":{"n":{` + prices + `,"x":1}}}`: `unknown field "x"`,
	} {
		c, err := Parse("test", strings.NewReader(`{"providers":{`+body+`}}`))
		if c != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", body, err, want)
		}
	}
	namedCatalog(t, "test", `"a":{"models":{"m":{"same_as":"b/n"}}},"b":{"same_as":"c","models":{"n":{`+prices+`}}}`)
}
