package main

import (
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestPaid(t *testing.T) {
	for _, c := range []struct {
		provider, model, tier string
		want                  price.Pico // of 1000 tokens in, and 100 out
	}{
		{"openai", "gpt-5", "default", 2_250_000_000},
		{"openai", "gpt-5", "flex", 1_125_000_000},
		{"azure", "gpt-5", "default", 2_250_000_000},
		{"anthropic", "claude-sonnet-4-5", "standard", 4_500_000_000},
		{"gemini", "gemini-2.5-flash", "flex", 275_000_000},
	} {
		g := generation("a", 1000, 100)
		g.Provider, g.Model, g.Tier = c.provider, c.model, c.tier
		if got, err := paid(g); got != c.want || err != nil {
			t.Errorf("%s %s %s: $%s, %v, want $%s", c.provider, c.model, c.tier, got, err, c.want)
		}
		if got := priced(g); got != (c.provider != "azure") {
			t.Errorf("%s: prices of its own: %t", c.provider, got)
		}
	}
}

func TestCovered(t *testing.T) {
	for _, c := range []struct {
		paid, cost, exposure price.Pico
		want                 bool
	}{
		{7, 7, 0, true}, {7, 4, 3, true}, {7, 0, 9, true}, {7, 4, 2, false}, {7, 8, 0, false},
	} {
		var m money
		m.paid.Add(c.paid)
		m.cost.Add(c.cost)
		m.exposure.Add(c.exposure)
		if got := m.covered(); got != c.want {
			t.Errorf("paid %d, cost %d, exposure %d: %t", c.paid, c.cost, c.exposure, got)
		}
	}
}

func TestDollars(t *testing.T) {
	for usd, want := range map[string]string{
		"0": "0.0000", "1.1477": "1.1477", "0.00005": "0.0001", "0.000049999999": "0.0000", "0.99995": "1.0000", "12.30004": "12.3000",
		"9223372.036854775807": "9223372.0369",
	} {
		var s price.Sum
		s.Add(price.MustUSD(usd))
		if got := dollars(s); got != want {
			t.Errorf("$%s is %q, want %q", usd, got, want)
		}
	}
}
