package price

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// stored asks for the embedded catalog's price of storage of a Gemini model.
func stored(model string) Query { return Query{Provider: "gemini", Model: model} }

func TestStorage(t *testing.T) {
	for _, test := range []struct {
		name        string
		q           Query
		tokens      int64
		from, until string
		want        StorageCost
	}{
		{"an hour", stored("gemini-2.5-pro"), 1_000_000, "2026-11-21", "2026-11-21T01:00:00Z",
			StorageCost{MustUSD("4.5"), 3_600_000_000, "embedded/gemini/gemini-2.5-pro/-/storage"}},
		{"a snapshot", stored("models/gemini-2.5-flash-001"), 2_000_000, "2026-11-21", "2026-11-21T00:30:00Z",
			StorageCost{MustUSD("1"), 3_600_000_000, "embedded/gemini/gemini-2.5-flash/-/storage"}},
		{"no time", stored("gemini-2.5-pro"), 1_000_000, "2026-11-21", "2026-11-21", StorageCost{0, 0, "embedded/gemini/gemini-2.5-pro/-/storage"}},
		{"no tokens", stored("gemini-2.5-pro"), 0, "2026-11-21", "2026-11-22", StorageCost{0, 0, "embedded/gemini/gemini-2.5-pro/-/storage"}},
		{"up to a change", stored("gemini-3.7-flash"), 1_000_000, "2026-12-31T22:00:00Z", "2027-01-01",
			StorageCost{MustUSD("1"), 7_200_000_000, "embedded/gemini/gemini-3.7-flash/2026-08-13/storage"}},
		{"from a change", stored("gemini-3.7-flash"), 1_000_000, "2027-01-01", "2027-01-01T02:00:00Z",
			StorageCost{MustUSD("2"), 7_200_000_000, "embedded/gemini/gemini-3.7-flash/2027-01-01/storage"}},
		{"across a change", stored("gemini-3.7-flash"), 1_000_000, "2026-12-31T23:00:00Z", "2027-01-01T02:00:00Z",
			StorageCost{MustUSD("2.5"), 10_800_000_000, "embedded/gemini/gemini-3.7-flash/2026-08-13+2027-01-01/storage"}},
		{"a moment in another zone", stored("gemini-3.7-flash"), 1_000_000, "2027-01-01T00:00:00+01:00", "2026-12-31T20:00:00-04:00",
			StorageCost{MustUSD("0.5"), 3_600_000_000, "embedded/gemini/gemini-3.7-flash/2026-08-13/storage"}},
		{"a region", Query{Provider: "gemini", Model: "gemini-3.7-flash", Regional: true}, 1_000_000, "2026-12-31T23:00:00Z", "2027-01-01T02:00:00Z",
			StorageCost{MustUSD("2.75"), 10_800_000_000, "embedded/gemini/gemini-3.7-flash/2026-08-13+2027-01-01/storage"}},
		{"a month of a million tokens", stored("gemini-2.5-pro"), 1_000_000, "2026-10-01", "2026-10-31",
			StorageCost{MustUSD("3240"), 2_592_000_000_000, "embedded/gemini/gemini-2.5-pro/-/storage"}},
		{"one token for a millisecond", stored("gemini-2.5-pro"), 1, "2026-10-01", "2026-10-01T00:00:00.001Z",
			StorageCost{1, 0, "embedded/gemini/gemini-2.5-pro/-/storage"}}, // 1.25 picodollars
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Embedded().Storage(test.q, test.tokens, at(test.from), at(test.until))
			if err != nil || got != test.want {
				t.Errorf("%+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

// The tier and the time of the query do not matter.
func TestStorageIgnoresTheRest(t *testing.T) {
	q := Query{Provider: "gemini", Model: "gemini-2.5-pro", Tier: "turbo", At: at("1999-01-01")}
	got, err := Embedded().Storage(q, 1_000_000, at("2026-11-21"), at("2026-11-21T01:00:00Z"))
	if err != nil || got.Cost != MustUSD("4.5") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestStorageUnpriced(t *testing.T) {
	gaps := mustParse(t, `"periods":[
		{"source":"s","from":"2026-01-01","until":"2026-01-02","storage_usd_per_million_hours":"1","tiers":{"standard":[{"usd_per_million":{"input":"1"}}]}},
		{"source":"s","from":"2026-01-03","until":"2026-01-04","storage_usd_per_million_hours":"1","tiers":{"standard":[{"usd_per_million":{"input":"1"}}]}},
		{"source":"s","from":"2026-01-04","until":"2026-01-05","tiers":{"standard":[{"usd_per_million":{"input":"1"}}]}}]`)
	acme := Query{Provider: "acme", Model: "roadrunner"}
	day := at("2026-11-21")
	for name, test := range map[string]struct {
		c           *Catalog
		q           Query
		tokens      int64
		from, until time.Time
		words       []string
	}{
		"model":              {Embedded(), stored("gemini-9"), 1, day, day, []string{"gemini/gemini-9", "no such model"}},
		"implicit only":      {Embedded(), stored("gemini-4-argon"), 1, day, day.Add(1), []string{"gemini-4-argon", "no price for storage at 2026-11-21T00:00:00Z"}},
		"no explicit caches": {Embedded(), Query{Provider: "openai", Model: "gpt-5"}, 1, day, day.Add(1), []string{"openai/gpt-5", "storage"}},
		"negative tokens":    {Embedded(), stored("gemini-2.5-pro"), -1, day, day, []string{"negative: -1"}},
		"end before":         {Embedded(), stored("gemini-2.5-pro"), 1, day, day.Add(-time.Second), []string{"ends 1s before it begins"}},
		"no beginning":       {Embedded(), stored("gemini-2.5-pro"), 1, time.Time{}, day, []string{"time of the storage"}},
		"no end":             {Embedded(), stored("gemini-2.5-pro"), 1, day, time.Time{}, []string{"time of the storage"}},
		"centuries":          {Embedded(), stored("gemini-2.5-pro"), 1, at("1700-01-01"), day, []string{"292 years"}},
		"centuries back":     {Embedded(), stored("gemini-2.5-pro"), 1, day, at("1700-01-01"), []string{"before it begins"}},
		"too much":           {Embedded(), stored("gemini-2.5-pro"), math.MaxInt64, day, day.Add(time.Hour), []string{"more than"}},
		"far too much":       {Embedded(), stored("gemini-2.5-pro"), math.MaxInt64, at("1800-01-01"), day, []string{"more than"}},
		"before the first":   {gaps, acme, 1, at("2025-12-31"), at("2026-01-02"), []string{"2025-12-31"}},
		"a gap":              {gaps, acme, 1, at("2026-01-01"), at("2026-01-02").Add(1), []string{"no price for storage at 2026-01-02"}},
		"across a gap":       {gaps, acme, 1, at("2026-01-01"), at("2026-01-04"), []string{"2026-01-02"}},
		"begins in a gap":    {gaps, acme, 1, at("2026-01-02"), at("2026-01-04"), []string{"2026-01-02"}},
		"no price later":     {gaps, acme, 1, at("2026-01-03"), at("2026-01-05"), []string{"2026-01-04"}},
		"after the last":     {gaps, acme, 0, at("2026-01-05"), at("2026-01-05"), []string{"2026-01-05"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.c.Storage(test.q, test.tokens, test.from, test.until)
			wantUnpriced(t, err, test.words...)
			if got != (StorageCost{}) {
				t.Errorf("and still it costs %+v", got)
			}
		})
	}
	if got, err := gaps.Storage(acme, 1_000_000, at("2026-01-03"), at("2026-01-04")); err != nil || got.Cost != 24*USD {
		t.Errorf("up to the end of a period it costs %+v, %v", got, err)
	}
}

// Storage at a very low price can exceed the range of token-seconds.
func TestStorageSaturates(t *testing.T) {
	c := mustParse(t, `"periods":[{"source":"s","storage_usd_per_million_hours":"0","tiers":{"standard":[{"usd_per_million":{"input":"1"}}]}}]`)
	got, err := c.Storage(Query{Provider: "acme", Model: "roadrunner"}, math.MaxInt64, at("1800-01-01"), at("2026-01-01"))
	if err != nil || got.Cost != 0 || got.TokenSeconds != math.MaxInt64 {
		t.Errorf("%+v, %v", got, err)
	}
}

// steps is a model with a price of storage for each day of January, and an uplift of many decimals.
func steps(t *testing.T, uplift string) (*Catalog, []Pico) {
	t.Helper()
	random := rand.New(rand.NewPCG(8, 9))
	var periods strings.Builder
	var prices []Pico
	day := at("2026-01-01")
	for i := range 31 {
		price := Pico(random.Int64N(1_000_000_001)) * 1_000_000
		if i%7 == 0 {
			price = Pico(random.Int64N(9)) * 1_000_000 // next to nothing, so that rounding shows
		}
		prices = append(prices, price)
		if i > 0 {
			periods.WriteByte(',')
		}
		periods.WriteString(`{"source":"s","from":"` + day.Format(time.DateOnly) + `","until":"` + day.AddDate(0, 0, 1).Format(time.DateOnly) +
			`","storage_usd_per_million_hours":"` + price.String() + `","tiers":{"standard":[{"usd_per_million":{"input":"1"}}]}}`)
		day = day.AddDate(0, 0, 1)
	}
	return mustParse(t, `"regional_uplift":"`+uplift+`","periods":[`+periods.String()+`]`), prices
}

// storageQuestions asks for storage of random tokens in random parts of the month.
func storageQuestions(n int, ask func(tokens int64, from, until time.Time, random *rand.Rand)) {
	random := rand.New(rand.NewPCG(10, 11))
	start := at("2026-01-01")
	const month = 31 * 24 * time.Hour
	for range n {
		from := start.Add(time.Duration(random.Int64N(int64(month))))
		until := from.Add(time.Duration(random.Int64N(int64(start.Add(month).Sub(from)) + 1)))
		if random.IntN(4) == 0 {
			until = from.Add(min(until.Sub(from), time.Duration(random.Int64N(int64(time.Second)))))
		}
		ask(random.Int64N(1<<random.IntN(40)), from, until, random)
	}
}

func TestStorageAgainstRationals(t *testing.T) {
	for _, uplift := range []string{"1", "1.1", "1.234567", "9.999999"} {
		c, prices := steps(t, uplift)
		factor, _ := new(big.Rat).SetString(uplift)
		storageQuestions(5_000, func(tokens int64, from, until time.Time, random *rand.Rand) {
			q := Query{Provider: "acme", Model: "roadrunner", Regional: random.IntN(2) == 0}
			exact := new(big.Rat)
			for i, price := range prices {
				day := at("2026-01-01").AddDate(0, 0, i)
				begin, end := day, day.AddDate(0, 0, 1)
				if from.After(begin) {
					begin = from
				}
				if until.Before(end) {
					end = until
				}
				if part := end.Sub(begin); part > 0 {
					r := big.NewRat(int64(price), 1_000_000)
					r.Mul(r, big.NewRat(tokens, 1)).Mul(r, big.NewRat(int64(part), int64(time.Hour)))
					exact.Add(exact, r)
				}
			}
			if q.Regional {
				exact.Mul(exact, factor)
			}
			seconds := new(big.Rat).Mul(big.NewRat(tokens, 1), big.NewRat(int64(until.Sub(from)), int64(time.Second)))
			got, err := c.Storage(q, tokens, from, until)
			if exact.Cmp(big.NewRat(math.MaxInt64, 1)) > 0 {
				wantUnpriced(t, err, "more than")
				return
			}
			if err != nil || !isNearest(got.Cost, exact) || !isNearest(Pico(got.TokenSeconds), seconds) {
				t.Fatalf("%d tokens from %s until %s in %+v cost %+v, %v; want %s and %s", tokens, from, until, q, got, err, exact.FloatString(3), seconds.FloatString(3))
			}
		})
	}
}

// The two parts of an interval cost as much as the whole, except for the rounding of each.
func TestStorageAddsUp(t *testing.T) {
	c, _ := steps(t, "1.1")
	storageQuestions(10_000, func(tokens int64, from, until time.Time, random *rand.Rand) {
		middle := from.Add(time.Duration(random.Int64N(int64(until.Sub(from)) + 1)))
		q := Query{Provider: "acme", Model: "roadrunner", Regional: random.IntN(2) == 0}
		whole, err := c.Storage(q, tokens, from, until)
		if err != nil || until.Equal(at("2026-02-01")) || middle.Equal(at("2026-02-01")) {
			return
		}
		first, err1 := c.Storage(q, tokens, from, middle)
		second, err2 := c.Storage(q, tokens, middle, until)
		if err1 != nil || err2 != nil {
			t.Fatalf("the whole has a price and its parts do not: %v, %v", err1, err2)
		}
		if off := first.Cost + second.Cost - whole.Cost; off < -1 || off > 1 {
			t.Fatalf("%s and %s make %s, %d picodollars off", first.Cost, second.Cost, whole.Cost, off)
		}
		if off := first.TokenSeconds + second.TokenSeconds - whole.TokenSeconds; off < -1 || off > 1 {
			t.Fatalf("the token-seconds are %d off", off)
		}
	})
}
