package price

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// at reads a time, or a date at midnight UTC.
func at(text string) time.Time {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// parse reads a catalog with one model, acme/roadrunner. body is the inside of the model.
func parse(body string) (*Catalog, error) {
	return Parse("test", strings.NewReader(`{"providers":{"acme":{"models":{"roadrunner":{`+body+`}}}}}`))
}

// mustParse is parse for catalogs that are right.
func mustParse(t testing.TB, body string) *Catalog {
	t.Helper()
	c, err := parse(body)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// onePeriod is a model's one open period with that inside.
func onePeriod(body string) string { return `"periods":[{"source":"test",` + body + `}]` }

// standardTier is one open period with these bands of the standard tier.
func standardTier(bands string) string { return onePeriod(`"tiers":{"standard":[` + bands + `]}`) }

// onePrice is one open period with these prices of the standard tier.
func onePrice(prices string) string { return standardTier(`{"usd_per_million":{` + prices + `}}`) }

// oneFee is one open period with these prices of tools at the standard tier.
func oneFee(prices string) string { return standardTier(`{"usd_per_thousand":{` + prices + `}}`) }

func TestEmptyCatalog(t *testing.T) {
	parsed, err := Parse("test", strings.NewReader(` {"providers": {"acme": {"models": {}}}} `))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Catalog{parsed, {}} {
		var unpriced *Unpriced
		if _, err := c.Cost(Query{Provider: "acme", Model: "roadrunner", Tier: "flex", At: at("2026-01-01")}, Usage{}); !errors.As(err, &unpriced) {
			t.Errorf("an empty catalog priced something: %v", err)
		}
		if _, _, ok := c.Limits("acme", "roadrunner"); ok || c.Models("acme") != nil || c.Reviews(at("2026-01-01")) != nil {
			t.Error("an empty catalog knows a model")
		}
	}
}
