package price

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestParseRefuses(t *testing.T) {
	const tiers = `"tiers":{"standard":[{"usd_per_million":{"input":"1"}}]}`
	for name, test := range map[string]struct{ body, field string }{
		"unknown field of a model":     {`"price":1,` + onePrice(`"input":"1"`), `"price"`},
		"unknown field of a period":    {onePeriod(`"form":"2026-01-01",` + tiers), `"form"`},
		"unknown field of a window":    {onePeriod(tiers + `,"windows":[{"day":"mon"}]`), `"day"`},
		"unknown field of a band":      {standardTier(`{"over":1,"usd_per_million":{"input":"1"}}`), `"over"`},
		"unknown limit":                {`"limits":{"max":1},` + onePrice(`"input":"1"`), `limits: unknown field "max"`},
		"unknown counter":              {onePrice(`"images":"1"`), `usd_per_million: unknown counter "images"`},
		"unknown tier":                 {onePeriod(`"tiers":{"turbo":[]}`), `tiers: unknown tier "turbo"`},
		"field in capitals":            {onePeriod(`"Tiers":{}`), `"Tiers"`},
		"field twice":                  {onePrice(`"input":"1","input":"2"`), `input: is there twice`},
		"tier twice":                   {onePeriod(`"tiers":{"flex":[{"usd_per_million":{"input":"1"}}],"flex":[]}`), `flex: is there twice`},
		"no periods":                   {``, `periods: is missing`},
		"empty periods":                {`"periods":[]`, `periods: is empty`},
		"null periods":                 {`"periods":null`, `periods: want a list`},
		"period that is no object":     {`"periods":["now"]`, `periods[0]: want an object`},
		"no source":                    {`"periods":[{` + tiers + `}]`, `source: is missing`},
		"source that is no string":     {`"periods":[{"source":1,` + tiers + `}]`, `source: want a string`},
		"no tiers":                     {`"periods":[{"source":"x"}]`, `tiers: is missing`},
		"empty tiers":                  {onePeriod(`"tiers":{}`), `tiers: has no tier`},
		"no bands":                     {standardTier(``), `standard: is empty`},
		"no prices":                    {standardTier(`{"up_to":1}`), `usd_per_million: is missing`},
		"empty prices":                 {onePrice(``), `usd_per_million: has no price`},
		"price as a number":            {onePrice(`"input":1.25`), `input: `},
		"price as null":                {onePrice(`"output":null`), `output: `},
		"price with an exponent":       {onePrice(`"output":"1e2"`), `output: `},
		"price that is finer":          {onePrice(`"output":"0.0000001"`), `output: 0.0000001 is not a whole number of picodollars`},
		"price far finer":              {onePrice(`"output":"0.00000000000001"`), `output: `},
		"negative price":               {onePrice(`"cached_input":"-1"`), `cached_input: -1 is negative`},
		"price above 1000":             {onePrice(`"input":"1000.000001"`), `input: 1000.000001 is above 1000`},
		"price beyond int64":           {onePrice(`"input":"99999999999999999999"`), `input: `},
		"tool per million":             {onePrice(`"web_searches":"10"`), `usd_per_million: web_searches is counted in requests: its place is in usd_per_thousand`},
		"token per thousand":           {oneFee(`"input":"1"`), `usd_per_thousand: input is counted in tokens: its place is in usd_per_million`},
		"unknown tool":                 {oneFee(`"searches":"1"`), `usd_per_thousand: unknown counter "searches"`},
		"no fees":                      {oneFee(``), `usd_per_thousand: has no price`},
		"negative fee":                 {oneFee(`"requests":"-1"`), `requests: -1 is negative`},
		"fee above 10000":              {oneFee(`"requests":"10000.000000001"`), `requests: 10000.000000001 is above 10000 per thousand requests`},
		"fee that is finer":            {oneFee(`"requests":"0.0000000001"`), `requests: 0.0000000001 is not a whole number of picodollars per request`},
		"fee and empty prices":         {standardTier(`{"usd_per_million":{},"usd_per_thousand":{"requests":"1"}}`), `usd_per_million: has no price`},
		"cached images alone":          {onePrice(`"input":"1","cached_image_input":"1"`), `cached_image_input without image_input`},
		"long write alone":             {onePrice(`"output":"1","cache_write_12h":"1"`), `cache_write_12h without input`},
		"storage as a number":          {onePeriod(`"storage_usd_per_million_hours":1,` + tiers), `storage_usd_per_million_hours: `},
		"negative storage":             {onePeriod(`"storage_usd_per_million_hours":"-1",` + tiers), `storage_usd_per_million_hours: -1 is negative`},
		"storage above 1000":           {onePeriod(`"storage_usd_per_million_hours":"1001",` + tiers), `storage_usd_per_million_hours: 1001 is above 1000`},
		"storage that is finer":        {onePeriod(`"storage_usd_per_million_hours":"0.0000001",` + tiers), `storage_usd_per_million_hours: 0.0000001 is not a whole`},
		"storage alone":                {onePeriod(`"storage_usd_per_million_hours":"1"`), `tiers: is missing`},
		"uplift of seven decimals":     {`"regional_uplift":"1.0000001",` + onePrice(`"input":"1"`), `regional_uplift: 1.0000001 has more than six decimals`},
		"cached without input":         {onePrice(`"cached_input":"1"`), `cached_input without input`},
		"write without input":          {onePrice(`"output":"1","cache_write":"1"`), `cache_write without input`},
		"cached audio without audio":   {onePrice(`"input":"1","cached_audio_input":"1"`), `cached_audio_input without audio_input`},
		"endless band before another":  {standardTier(`{"usd_per_million":{"input":"1"}},{"up_to":5,"usd_per_million":{"input":"1"}}`), `standard: [1]: up_to`},
		"two bands of one length":      {standardTier(`{"up_to":5,"usd_per_million":{"input":"1"}},{"up_to":5,"usd_per_million":{"input":"1"}}`), `standard: [1]: up_to`},
		"reason before another band":   {standardTier(`{"up_to":5,"usd_per_million":{"input":"1"}},{"unpriced":"r"},{"usd_per_million":{"input":"1"}}`), `standard: [2]: comes after the end`},
		"two reasons":                  {standardTier(`{"up_to":5,"usd_per_million":{"input":"1"}},{"unpriced":"r"},{"unpriced":"r"}`), `standard: [2]: comes after the end`},
		"reason after an endless band": {standardTier(`{"usd_per_million":{"input":"1"}},{"unpriced":"r"}`), `standard: [1]: unpriced: comes after a band without up_to`},
		"reason with a price":          {standardTier(`{"up_to":5,"usd_per_million":{"input":"1"}},{"unpriced":"r","usd_per_million":{"input":"1"}}`), `[1]: unpriced: cannot be combined`},
		"reason alone":                 {standardTier(`{"unpriced":"r"}`), `standard: has no price`},
		"empty reason":                 {standardTier(`{"up_to":5,"usd_per_million":{"input":"1"}},{"unpriced":""}`), `[1]: unpriced: is empty`},
		"reason as a list":             {standardTier(`{"up_to":5,"usd_per_million":{"input":"1"}},{"unpriced":["r"]}`), `[1]: unpriced: want a string`},
		"reason that is null":          {standardTier(`{"up_to":5,"usd_per_million":{"input":"1"}},{"unpriced":null}`), `[1]: unpriced: want a string`},
		"band up to nothing":           {standardTier(`{"up_to":0,"usd_per_million":{"input":"1"}}`), `up_to: is not positive`},
		"band up to a fraction":        {standardTier(`{"up_to":1.5,"usd_per_million":{"input":"1"}}`), `up_to: 1.5 is not a number of tokens`},
		"negative limit":               {`"limits":{"max_output":-1},` + onePrice(`"input":"1"`), `limits: max_output`},
		"null limit":                   {`"limits":{"max_input":null},` + onePrice(`"input":"1"`), `limits: max_input`},
		"limits as a number":           {`"limits":5,` + onePrice(`"input":"1"`), `limits: want an object`},
		"uplift that lowers":           {`"regional_uplift":"0.9",` + onePrice(`"input":"1"`), `regional_uplift: 0.9 is not from 1 to 10`},
		"uplift of eleven":             {`"regional_uplift":"11",` + onePrice(`"input":"1"`), `regional_uplift: 11 is not from 1 to 10`},
		"uplift as a number":           {`"regional_uplift":1.1,` + onePrice(`"input":"1"`), `regional_uplift: `},
		"no date":                      {onePeriod(`"from":"yesterday",` + tiers), `from: "yesterday" is neither`},
		"half a date":                  {onePeriod(`"review_by":"2026-07",` + tiers), `review_by: "2026-07" is neither`},
		"year one":                     {onePeriod(`"from":"0001-01-01",` + tiers), `from: `},
		"period that ends before":      {onePeriod(`"from":"2026-01-02","until":"2026-01-01",` + tiers), `until: is not after from`},
		"period without length":        {onePeriod(`"from":"2026-01-01","until":"2026-01-01",` + tiers), `until: is not after from`},
		"two open periods":             {`"periods":[{"source":"x",` + tiers + `},{"source":"x","from":"2026-01-01",` + tiers + `}]`, `periods: the one from - overlaps the one from 2026-01-01`},
		"periods that overlap":         {`"periods":[{"source":"x","from":"2026-01-02",` + tiers + `},{"source":"x","from":"2026-01-01","until":"2026-01-03",` + tiers + `}]`, `periods: the one from 2026-01-01 overlaps`},
		"windows that overlap":         {onePeriod(tiers + `,"windows":[{"from":"01:00","until":"03:00",` + tiers + `},{"from":"02:00","until":"04:00","days":"sun",` + tiers + `}]`), `windows[1]: overlaps`},
		"empty windows":                {onePeriod(tiers + `,"windows":[]`), `windows: is empty`},
		"window over midnight":         {onePeriod(tiers + `,"windows":[{"from":"23:00","until":"01:00",` + tiers + `}]`), `windows[0]: until: is not after from`},
		"window at no time":            {onePeriod(tiers + `,"windows":[{"until":"01:00",` + tiers + `}]`), `windows[0]: from: `},
		"window at 25 o'clock":         {onePeriod(tiers + `,"windows":[{"from":"00:00","until":"25:00",` + tiers + `}]`), `windows[0]: until: `},
		"window on funday":             {onePeriod(tiers + `,"windows":[{"from":"00:00","until":"24:00","days":"funday",` + tiers + `}]`), `days: "funday"`},
		"window on no day":             {onePeriod(tiers + `,"windows":[{"from":"00:00","until":"24:00","days":"",` + tiers + `}]`), `days: ""`},
		"window on days that run back": {onePeriod(tiers + `,"windows":[{"from":"00:00","until":"24:00","days":"fri-mon",` + tiers + `}]`), `days: "fri-mon"`},
		"window without tiers":         {onePeriod(tiers + `,"windows":[{"from":"00:00","until":"24:00"}]`), `windows[0]: tiers: is missing`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parse(test.body)
			if c != nil || err == nil {
				t.Fatal("the catalog was taken")
			}
			for _, want := range []string{`catalog "test"`, "acme", "roadrunner", test.field} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not name %s: %v", want, err)
				}
			}
		})
	}
}

func TestParseRefusesDocuments(t *testing.T) {
	for text, want := range map[string]string{
		``:                              "want an object",
		`{`:                             "want ",
		`[]`:                            "want an object",
		`null`:                          "want an object",
		`{"providers":{}} {}`:           "something follows",
		`{"providers":{},}`:             "want ",
		`{}`:                            "providers: is missing",
		`{"models":{}}`:                 `unknown field "models"`,
		`{"providers":{"acme":{}}}`:     "acme: models: is missing",
		`{"providers":{"acme":5}}`:      "acme: want an object",
		`{"providers":{"a":{},"a":{}}}`: "a: models: is missing",
		`{"providers":{"a":{"models":{"m":{"periods":[{"source":"s","tiers":{"flex":[{"usd_per_million":{"input":"1"}}]}}]},"m":{}}}}}`: "models: m: is there twice",
	} {
		if c, err := Parse("test", strings.NewReader(text)); c != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%s) = %v; want an error with %q", text, err, want)
		}
	}
}

func TestParseReaders(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Parse("test", iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("the reader's error became %v", err)
	}
	if _, err := Parse("test", spaces{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a reader without end gave %v", err)
	}
}

// spaces is a reader of blanks that does not end.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestParseExtremes(t *testing.T) {
	c := mustParse(t, `"regional_uplift":"10","limits":{"max_input":9223372036854775807},`+onePrice(`"input":"1000","output":"0"`))
	q := Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: at("2026-01-01")}
	got, err := c.Cost(q, Usage{Input: 3, Output: 1 << 62})
	if err != nil || got.Cost != MustUSD("0.003") {
		t.Errorf("the dearest input and free output cost %s, %v", got.Cost, err)
	}
}

// FuzzParse checks that no text makes Parse panic, and that every catalog that it accepts answers all queries without a
// panic and without a negative amount.
func FuzzParse(f *testing.F) {
	const tiers = `"tiers":{"standard":[{"up_to":9,"usd_per_million":{"input":"1.25","output":"10"}}],"flex":[{"usd_per_million":{"input":"0.5"}}]}`
	f.Add(`{"providers":{"a":{"models":{"m":{"limits":{"max_input":100},"regional_uplift":"1.1",` + onePeriod(tiers) + `}}}}}`)
	f.Add(`{"providers":{"a":{"models":{"m":{` + onePeriod(`"from":"2020-01-01",`+tiers+`,"windows":[{"from":"00:00","until":"24:00","days":"mon-sun",`+tiers+`}]`) + `}}}}}`)
	f.Add(`{"providers":{"a":{"models":{"m":{` + onePrice(`"input":"1000","cached_input":"0","audio_input":"999.999999"`) + `}}}}}`)
	f.Add(`{"providers":{"a":{"models":{"m":{` + onePeriod(`"storage_usd_per_million_hours":"4.5",`+tiers) + `}}}}}`)
	f.Add(`{"providers":{"a":{"models":{"m":{` + oneFee(`"web_searches":"10000","requests":"0.000000001"`) + `}}}}}`)
	f.Add(`{"providers":{"a":{"same_as":"b","models":{"x":{"same_as":"b/m"}}},"b":{"models":{"m":{` + onePrice(`"input":"1"`) + `}}}}}`)
	f.Add(`{"providers":{"a":{"models":{"m":{"caching":[{"source":"s","until":"2026-11-01","min_explicit":1},{"source":"s","from":"2026-11-01","min_implicit":1,"min_write":2,"write_ttl":"5m"}],` + onePrice(`"input":"1","cache_write":"2","cache_write_12h":"3"`) + `}}}}}`)
	f.Add(`{"providers":{}}`)
	f.Add(`{"providers":{"a":{"models":null}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("fuzz", strings.NewReader(text))
		if (c == nil) == (err == nil) {
			t.Fatalf("Parse = %v, %v", c, err)
		}
		if err == nil {
			priceAll(t, c)
		}
	})
}

// checkCaching asks what a model caches. Whatever is there has a minimum and rates that are not negative.
func checkCaching(t *testing.T, c *Catalog, q Query) {
	for _, prompt := range []int64{0, 1 << 62} {
		got, err := c.Caching(q, prompt)
		if err != nil && got != (Caching{}) {
			t.Fatalf("%+v is %+v, %v", q, got, err)
		}
		if err == nil && ((got.MinExplicit > 0) != (got.NoExplicit == "") || (got.MinWrite > 0) != (got.NoWrites == "") || (got.MinWrite > 0) != (got.Writes[0].TTL > 0)) {
			t.Fatalf("%+v is %+v", q, got)
		}
		for _, rate := range []Pico{got.Input, got.Cached, got.Create, got.Storage, got.Writes[0].Rate, got.Writes[1].Rate, got.Writes[2].Rate} {
			if rate < 0 {
				t.Fatalf("%+v has a negative rate: %+v", q, got)
			}
		}
	}
}

// priceAll asks a catalog for each of its prices, of small and of huge usages, and so by way of layers.
func priceAll(t *testing.T, c *Catalog) {
	usages := []Usage{{}, full, {Input: 1 << 62}, {Input: 9, Output: 1 << 62}, {WebSearches: 1 << 62}}
	layers := Layers(c, Embedded(), c)
	for key, m := range c.models {
		times := []time.Time{{}, at("2026-11-21")}
		for _, p := range m.periods {
			times = append(times, p.from, p.until)
		}
		for _, when := range times {
			for _, tier := range tierNames {
				q := Query{Provider: key.provider, Model: key.name, Tier: tier, At: when, Regional: true}
				checkCaching(t, c, q)
				checkCaching(t, layers, q)
				for _, u := range usages {
					priceOne(t, c, q, u)
					priceOne(t, layers, q, u)
				}
			}
			storeAll(t, c, Query{Provider: key.provider, Model: key.name, Regional: true}, when, times)
		}
	}
}

// priceOne asks for one price, and for a bound.
func priceOne(t *testing.T, c *Catalog, q Query, u Usage) {
	got, err := c.Cost(q, u)
	if err == nil && (got.Cost < 0 || got.Uncached < 0 || got.List < 0 || got.PriceID == "") {
		t.Fatalf("%+v of %+v costs %+v", u, q, got)
	}
	if bound, err := c.Bound(q, Size{Input: -1, Output: 5}); err == nil && bound < 0 {
		t.Fatalf("the bound of %+v is %s", q, bound)
	}
}

// storeAll asks for storage from one moment until each of the others.
func storeAll(t *testing.T, c *Catalog, q Query, from time.Time, times []time.Time) {
	for _, until := range append(times, from.Add(time.Nanosecond), from.Add(time.Hour)) {
		for _, tokens := range []int64{-1, 0, 1, 1_000_000, 1 << 62} {
			got, err := c.Storage(q, tokens, from, until)
			if err == nil && (tokens < 0 || until.Before(from) || got.Cost < 0 || got.TokenSeconds < 0 || got.PriceID == "") {
				t.Fatalf("%d tokens of %+v from %s until %s cost %+v", tokens, q, from, until, got)
			}
		}
	}
}
