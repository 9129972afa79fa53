package price

import (
	"io"
	"strings"
	"testing"
)

func TestFeedPrevious(t *testing.T) {
	// As when the price of storage was entered as that of a cached token: $4.50, not $0.20.
	list := func(cached string) io.Reader {
		return strings.NewReader(`{"m": {"litellm_provider": "gemini", "input_cost_per_token": 2e-6, "cache_read_input_token_cost": ` + cached +
			`, "output_cost_per_token": 12e-6}, "n": {"litellm_provider": "gemini", "input_cost_per_token": 1e-6}}`)
	}
	previous := loaded(t)(LoadLiteLLM("old", list("2e-7"), FeedConfig{})).Catalog
	for cached, refused := range map[string]bool{"2e-7": false, "2e-6": false, "2.000001e-6": true, "4.5e-6": true, "2e-8": false, "1.9e-8": true} {
		f := loaded(t)(LoadLiteLLM("new", list(cached), FeedConfig{AsOf: feedTime, Previous: Layers(nil, previous, Embedded())}))
		if got := f.has(Refused, "m: standard: cached_input", "where it was $0.2 per million before"); got != refused {
			t.Errorf("cached at %s: refused %t: %v", cached, got, f.Warnings)
		}
		if _, err := LoadLiteLLM("new", list(cached), FeedConfig{AsOf: feedTime, Previous: previous, Strict: true}); (err != nil) != refused {
			t.Errorf("cached at %s, strict: %v", cached, err)
		}
	}
}

func TestTracker38UnitSlip(t *testing.T) {
	list := `{"a": {"litellm_provider": "openai", "input_cost_per_token": 2.5, "output_cost_per_token": 1e-5},
		"b": {"litellm_provider": "openai", "input_cost_per_token": 1e-3, "output_cost_per_token": 1e-5}}`
	f := loaded(t)(LoadLiteLLM("l", strings.NewReader(list), FeedConfig{}))
	if f.Models != 1 || f.Skipped != 1 || !f.has(Refused, "a: input_cost_per_token", "above 1000 per million") {
		t.Errorf("%+v", f)
	}
	_, err := LoadLiteLLM("l", strings.NewReader(list), FeedConfig{Strict: true})
	if want := "a: input_cost_per_token: is $2.5 per token, above 1000 per million"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = LoadLiteLLM("l", strings.NewReader(strings.Replace(list, "1e-3", "1", 1)), FeedConfig{})
	if err == nil {
		t.Error("a list of slips was taken")
	}
	for _, price := range []string{"-1e-6", `"1e-6"`, "true", "[1]", "1e-999", "1e999", "1.00000000000000000000000000000000000000000000000000000000000000001e-6"} {
		f, err := LoadLiteLLM("l", strings.NewReader(strings.Replace(list, "2.5", price, 1)), FeedConfig{})
		if err != nil || f.Models != 1 || !f.has(Refused, "a: input_cost_per_token", "") {
			t.Errorf("a price of %s was taken: %v", price, err)
		}
	}
}
