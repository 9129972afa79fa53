package price

import (
	"bytes"
	"regexp"
	"testing"
)

func TestEmbeddedParses(t *testing.T) {
	if _, err := Parse("embedded", bytes.NewReader(embeddedJSON)); err != nil {
		t.Fatal(err)
	}
	if first, second := Embedded(), Embedded(); first != second {
		t.Error("the catalog is parsed more than once")
	}
}

// Writes of twelve hours, the requests of tools, and where the table has none.
func TestEmbeddedHasWhatIsNoColumn(t *testing.T) {
	for _, test := range []struct {
		provider, model, tier string
		u                     Usage
		want                  string // "" is unpriced
	}{
		{"openai", "gpt-6.1-terra", "standard", Usage{CacheWrite: 100_000}, "0.125"},
		{"openai", "gpt-6.1-terra", "standard", Usage{CacheWrite12h: 100_000}, "0.25"},
		{"openai", "gpt-6.1-terra", "standard", Usage{CacheWrite12h: 300_000}, "1.5"},
		{"openai", "gpt-6.1-sol", "standard", Usage{CacheWrite12h: 1_000}, "0.005"},
		{"openai", "gpt-6-sol", "standard", Usage{WebSearches: 3}, "0.03"},
		{"openai", "gpt-6-sol", "flex", Usage{WebSearches: 3}, "0.03"},
		{"openai", "gpt-5.4", "standard", Usage{Input: 300_000, WebSearches: 1}, "1.51"},
		{"openai", "o3", "flex", Usage{WebSearches: 1}, "0.01"},
		// For models that do not reason, the price depends on the version of the tool.
		{"openai", "gpt-4.1", "standard", Usage{WebSearches: 1}, ""},
		{"openai", "gpt-5", "standard", Usage{CodeSessions: 1}, ""},
		{"openai", "gpt-5", "standard", Usage{FileSearches: 1}, ""},
		{"gemini", "gemini-3.8-flash", "batch", Usage{WebSearches: 1}, "0.014"},
		{"gemini", "gemini-2.5-pro", "standard", Usage{Input: 200_001, WebSearches: 2}, "0.5700025"},
		{"gemini", "gemini-2.5-flash", "standard", Usage{WebSearches: 1}, "0.035"},
		{"gemini", "gemini-2.5-flash", "standard", Usage{MapSearches: 1}, ""},
		{"gemini", "gemini-embedding-001", "standard", Usage{WebSearches: 1}, ""},
		{"perplexity", "sonar-pro", "standard", Usage{Input: 1_000, Requests: 1}, "0.017"},
		{"perplexity", "sonar-deep-research", "standard", Usage{Requests: 1}, ""},
	} {
		got, err := Embedded().Cost(query(test.provider, test.model, test.tier), test.u)
		if test.want == "" && err == nil || test.want != "" && (err != nil || got.Cost != MustUSD(test.want)) {
			t.Errorf("%s %s: %+v costs %s, %v; want %q", test.model, test.tier, test.u, got.Cost, err, test.want)
		}
	}
}

// Models of OpenAI that were released before 5 March 2026 cost the same in every region.
func TestEmbeddedUpliftIsOfNewModels(t *testing.T) {
	newer := regexp.MustCompile(`^gpt-(5\.[4-9]|6)`)
	for _, name := range Embedded().Models("openai") {
		if m := Embedded().models[modelKey{"openai", name}]; (m.uplift != ratio{}) != newer.MatchString(name) {
			t.Errorf("%s has the uplift %v", name, m.uplift)
		}
	}
}
