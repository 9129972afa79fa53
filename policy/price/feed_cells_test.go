package price

import (
	"strings"
	"testing"
)

func TestTracker16Boundary(t *testing.T) {
	for _, c := range []struct {
		feed  *Feed
		model string
		n     int64 // of the first long prompt
	}{
		{liteFixture(t), "openai/gpt-long", 272001},
		{liteFixture(t), "gemini/gemini-pro-fixture", 200001},
		{liteFixture(t), "xai/grok-fixture", 200000},
		{genFixture(t), "xai/grok-fixture", 200000},
		{portFixture(t), "openai/gpt-tiers", 272001},
	} {
		provider, model, _ := strings.Cut(c.model, "/")
		price := func(n int64) Pico {
			cost, err := c.feed.Catalog.Cost(Query{Provider: provider, Model: model, Tier: "standard", At: feedTime}, Usage{Input: n})
			if err != nil {
				t.Fatal(err)
			}
			return cost.Cost / Pico(n)
		}
		if short, long := price(c.n-1), price(c.n); long != 2*short || price(1) != short || price(c.n+1) != long {
			t.Errorf("%s: %s below %d tokens and %s from there on", c.model, short, c.n, long)
		}
	}
}
