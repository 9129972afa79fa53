package price

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

var feedTime = time.Date(2026, 9, 20, 12, 0, 0, 0, time.UTC)

// fixture opens a list written for these tests, in the form of a published one.
func fixture(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open("testdata/feeds/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func loaded(t testing.TB) func(*Feed, error) *Feed {
	return func(f *Feed, err error) *Feed {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
}

// feedCase is a usage and what it costs by a feed, or what its error says.
type feedCase struct {
	model, tier string // provider/model
	usage       Usage
	at          time.Time
	want        string
}

func (c feedCase) check(t *testing.T, f *Feed) {
	t.Helper()
	if c.tier == "" {
		c.tier = "standard"
	}
	if c.at.IsZero() {
		c.at = feedTime
	}
	provider, model, _ := strings.Cut(c.model, "/")
	cost, err := f.Catalog.Cost(Query{Provider: provider, Model: model, Tier: c.tier, At: c.at}, c.usage)
	got := cost.Cost.String()
	if err != nil {
		got = err.Error()
	}
	if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
		t.Errorf("%s (%s) %+v at %s: %s, want %s", c.model, c.tier, c.usage, c.at.Format(time.RFC3339), got, c.want)
	}
}

// has says whether there is a warning of that kind, about that place, with that text in it.
func (f *Feed) has(kind WarningKind, place, text string) bool {
	for _, w := range f.Warnings {
		if w.Kind == kind && strings.HasPrefix(w.String(), place) && strings.Contains(w.Text, text) {
			return true
		}
	}
	return false
}

func TestFeedRefusedWhole(t *testing.T) {
	loaders := map[string]func(io.Reader) (*Feed, error){
		"LiteLLM": func(r io.Reader) (*Feed, error) { return LoadLiteLLM("x", r, FeedConfig{AsOf: feedTime}) },
		"GenAI":   func(r io.Reader) (*Feed, error) { return LoadGenAI("x", r, FeedConfig{}) },
		"Portkey": func(r io.Reader) (*Feed, error) { return LoadPortkey("x", "openai", r, FeedConfig{AsOf: feedTime}) },
	}
	for name, load := range loaders {
		for _, text := range []string{"", "null", "1", "{}", "[]", `{"a": {}}`, `[{"id": "a"}]`, `[{"id": ""}]`, `[1]`, `{"a": 1} x`, `[{"id": "a", "models": [1]}]`} {
			if f, err := load(strings.NewReader(text)); err == nil || f != nil {
				t.Errorf("%s took %s", name, text)
			} else if !strings.HasPrefix(err.Error(), `price: feed "x" (`) {
				t.Errorf("%s: %s: %v", name, text, err)
			}
		}
		if _, err := load(failingReader{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestFeedWarningsBounded(t *testing.T) {
	var list strings.Builder
	list.WriteString(`{"ok": {"litellm_provider": "p", "input_cost_per_token": 1e-6}`)
	for i := range maxWarnings + 7 {
		fmt.Fprintf(&list, `, "%d": 1`, i)
	}
	list.WriteString("}")
	f := loaded(t)(LoadLiteLLM("l", strings.NewReader(list.String()), FeedConfig{}))
	if len(f.Warnings) != maxWarnings || f.Dropped != 7 || f.Skipped != maxWarnings+7 {
		t.Errorf("%d warnings, %d dropped, %d skipped", len(f.Warnings), f.Dropped, f.Skipped)
	}
}

func TestFeedOddities(t *testing.T) {
	lite := func(fields string) func() (*Feed, error) {
		return func() (*Feed, error) {
			return LoadLiteLLM("x", strings.NewReader(`{"ok": {"litellm_provider": "p", "input_cost_per_token": 1e-6},
				"m": {"litellm_provider": "p", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, `+fields+`}}`), FeedConfig{})
		}
	}
	gen := func(prices string) func() (*Feed, error) {
		return func() (*Feed, error) {
			return LoadGenAI("x", strings.NewReader(`[{"id": "p", "models": [{"id": "ok", "prices": {"input_mtok": 1}}, {"id": "m", "prices": `+prices+`}]}]`), FeedConfig{})
		}
	}
	port := func(model string) func() (*Feed, error) {
		return func() (*Feed, error) {
			return LoadPortkey("x", "p", strings.NewReader(`{"ok": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1e-4}}}}, "m": `+model+`}`), FeedConfig{})
		}
	}
	timed := func(constraint string) func() (*Feed, error) {
		return gen(`[{"prices": {"input_mtok": 1}}, {"constraint": ` + constraint + `, "prices": {"input_mtok": 2}}]`)
	}
	tiered := func(label, more string) func() (*Feed, error) {
		return port(`{"custom_pricing": {` + more + `"regions": {"default": {"execution_modes": {"standard": {"context_tiers": {
			"lte-1k": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1e-4}}}},
			"` + label + `": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 2e-4}}}}}}}}}}}`)
	}
	for name, c := range map[string]struct {
		load func() (*Feed, error)
		kind WarningKind // of what the model is left out for; none if it is not
		text string
	}{
		"regions that differ":       {lite(`"regional_processing_uplift_multiplier_eu": 1.1, "regional_processing_uplift_multiplier_us": 1.2`), LeftOut, "region to region"},
		"a region cheaper":          {lite(`"regional_endpoint_uplift_multiplier": 0.9`), Refused, "not from 1 to 10"},
		"no factor":                 {lite(`"regional_endpoint_uplift_multiplier": "much"`), Refused, "not a number"},
		"a search at one price":     {lite(`"search_context_cost_per_query": 0.01`), "", ""},
		"a search at no price":      {lite(`"search_context_cost_per_query": {"search_context_size_low": -1}`), Refused, "negative"},
		"a search too dear":         {lite(`"search_context_cost_per_query": 11`), Refused, "above 10000 per thousand"},
		"ranges that are no list":   {lite(`"tiered_pricing": 1`), Refused, "not a list"},
		"a range backwards":         {lite(`"tiered_pricing": [{"range": [5, 1]}]`), Refused, "ends at 1"},
		"a range of one number":     {lite(`"tiered_pricing": [{"range": [5]}]`), Refused, "two numbers"},
		"half a token":              {lite(`"tiered_pricing": [{"range": [0, 0.5]}]`), Refused, "number of tokens"},
		"a limit that is a text":    {lite(`"max_input_tokens": "8k"`), "", ""},
		"a strange price in ranges": {lite(`"tiered_pricing": [{"range": [0, 9], "cost_of_living": 1}]`), LeftOut, "not known here"},
		"another project's cost":    {lite(`"long_context_cost_multiplier": 2`), LeftOut, "not known here"},

		"prices that are a text":      {gen(`"free"`), LeftOut, "neither prices nor a list"},
		"conditions that are numbers": {gen(`[1]`), LeftOut, "not a list of prices"},
		"no prices":                   {gen(`[]`), LeftOut, "no price"},
		"null":                        {gen(`null`), LeftOut, "no price"},
		"tiers that do not ascend":    {gen(`{"input_mtok": {"base": 1, "tiers": [{"start": 5, "price": 2}, {"start": 5, "price": 3}]}}`), LeftOut, "do not ascend"},
		"tiers that are numbers":      {gen(`{"input_mtok": {"base": 1, "tiers": [1]}}`), LeftOut, "base with tiers"},
		"no base":                     {gen(`{"input_mtok": {"tiers": [{"start": 5, "price": 2}]}}`), Refused, "not a number"},
		"a strange price":             {gen(`{"input_mtok": 1, "moonlight_mtok": 1}`), LeftOut, "in addition to what is counted"},
		"a price of pages":            {gen(`{"input_mtok": 1, "input_document_kpages": 1}`), "", ""},
		"a date":                      {timed(`{"start_date": "2026-08-01"}`), "", ""},
		"no date":                     {timed(`{"start_date": "yesterday"}`), LeftOut, "neither a date"},
		"no time":                     {timed(`{"start_time": "noon", "end_time": "13:00:00"}`), LeftOut, "not a time of day"},
		"an end that is no time":      {timed(`{"start_time": "12:00:00", "end_time": "late"}`), LeftOut, "not a time of day"},
		"a time with seconds":         {timed(`{"start_time": "12:00:01Z", "end_time": "13:00:00Z"}`), LeftOut, "whole minutes"},
		"a time elsewhere":            {timed(`{"start_time": "12:00:00+08:00", "end_time": "13:00:00+08:00"}`), "", ""},
		"a date and a time":           {timed(`{"start_date": "2026-08-01", "start_time": "12:00:00Z", "end_time": "13:00:00Z"}`), LeftOut, "neither a date"},
		"a condition of another kind": {timed(`{"moon": "full"}`), LeftOut, "neither a date"},
		"hours that overlap":          {gen(`[{"prices": {"input_mtok": 1}}, {"constraint": {"start_time": "12:00:00", "end_time": "13:00:00"}, "prices": {"input_mtok": 2}}, {"constraint": {"start_time": "12:30:00", "end_time": "14:00:00"}, "prices": {"input_mtok": 3}}]`), Refused, "overlaps"},
		"an hour without a price":     {gen(`[{"prices": {"input_mtok": 1}}, {"constraint": {"start_time": "12:00:00", "end_time": "13:00:00"}, "prices": {}}]`), LeftOut, "no price"},

		"other money":               {port(`{"pricing_config": {"currency": "EUR", "pay_as_you_go": {"request_token": {"price": 1e-4}}}}`), LeftOut, `"EUR", not USD`},
		"a price that is a number":  {port(`{"pricing_config": {"pay_as_you_go": {"request_token": 1e-4}}}`), LeftOut, "not a price"},
		"units that are a number":   {port(`{"pricing_config": {"pay_as_you_go": {"additional_units": 1}}}`), LeftOut, "not an object"},
		"a model that is a number":  {port(`1`), LeftOut, "not prices in the form"},
		"a router's price":          {port(`{"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1e-4}, "additional_units": {"routing_units": {"price": 1e-5}}}}}`), LeftOut, "not known here"},
		"a label":                   {tiered("gt-1k", ""), "", ""},
		"a label in a map":          {tiered("large", `"context_tier_map": {"0": "lte-1k", "1000": "large"}, `), "", ""},
		"a label that is not known": {tiered("large", ""), LeftOut, "from how many tokens"},
		"a label without a number":  {tiered("gt-k", ""), LeftOut, "from how many tokens"},
		"a map that is none":        {tiered("large", `"context_tier_map": {"many": "large"}, `), LeftOut, "not a number"},
	} {
		f, err := c.load()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := f.Catalog.listed(modelKey{"p", "m"}) != nil
		if got != (c.kind == "") {
			t.Errorf("%s: taken %t, with %v", name, got, f.Warnings)
		}
		if c.kind != "" && !f.has(c.kind, "m", c.text) && !f.has(c.kind, "p/m", c.text) {
			t.Errorf("%s: %v, want %s: %s", name, f.Warnings, c.kind, c.text)
		}
	}
}

// fuzzFeed checks what a loader makes of any text.
func fuzzFeed(t *testing.T, f *Feed, err error) {
	if err != nil {
		return
	}
	usage := Usage{Input: 1 << 40, CachedInput: 3, CacheWrite: 5, Output: 7, Reasoning: 2, WebSearches: 1}
	for key, m := range f.Catalog.models {
		for _, tier := range tierNames {
			q := Query{Provider: key.provider, Model: key.name, Tier: tier, At: feedTime, Regional: true}
			for _, u := range []Usage{usage, {Input: 1}, {Output: 1}, {CachedInput: 1}} {
				if cost, err := f.Catalog.Cost(q, u); err == nil && cost.Cost < 0 {
					t.Fatalf("%+v costs %s", q, cost.Cost)
				}
			}
			_, _ = f.Catalog.Bound(q, Size{Input: -1, Output: 1000})
		}
		if len(m.periods) == 0 {
			t.Fatalf("%v has no period", key)
		}
	}
}

func fuzzSeed(f *testing.F, name string) {
	text, err := io.ReadAll(fixture(f, name))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
}
