package price

import (
	"strings"
	"testing"
)

func TestParseCachingRefuses(t *testing.T) {
	for name, test := range map[string]struct{ caching, problem string }{
		"null":                  {`null`, "caching: want a list"},
		"no list":               {`{}`, "caching: want a list"},
		"empty":                 {`[]`, "caching: is empty"},
		"an entry without text": {`[1]`, "caching[0]: want an object"},
		"unknown field":         {`[{"source":"s","explicit":true}]`, `caching[0]: unknown field "explicit"`},
		"field twice":           {`[{"source":"s","min_write":1,"min_write":2}]`, "caching[0]: min_write: is there twice"},
		"no source":             {`[{"min_explicit":1}]`, "caching[0]: source: is missing"},
		"empty source":          {`[{"source":""}]`, "caching[0]: source: is missing"},
		"zero":                  {`[{"source":"s","min_explicit":0}]`, "caching[0]: min_explicit: is 0; leave it out"},
		"negative":              {`[{"source":"s","min_implicit":-1}]`, "caching[0]: min_implicit: -1 is not a number of tokens"},
		"fraction":              {`[{"source":"s","min_implicit":1.5}]`, "caching[0]: min_implicit: 1.5 is not"},
		"text":                  {`[{"source":"s","min_write":"1024"}]`, `caching[0]: min_write: "1024" is not`},
		"null minimum":          {`[{"source":"s","min_write":null}]`, "caching[0]: min_write: null is not"},
		"write without ttl":     {`[{"source":"s","min_write":1}]`, "caching[0]: write_ttl: and min_write need each other"},
		"ttl without write":     {`[{"source":"s","write_ttl":"5m"}]`, "caching[0]: write_ttl: and min_write need each other"},
		"ttl without unit":      {`[{"source":"s","min_write":1,"write_ttl":"5"}]`, `caching[0]: write_ttl: "5" is not a time`},
		"ttl as a number":       {`[{"source":"s","min_write":1,"write_ttl":5}]`, "caching[0]: write_ttl: want a string"},
		"ttl of an hour":        {`[{"source":"s","min_write":1,"write_ttl":"1h"}]`, `caching[0]: write_ttl: "1h" is not a time of less than an hour`},
		"negative ttl":          {`[{"source":"s","min_write":1,"write_ttl":"-5m"}]`, `caching[0]: write_ttl: "-5m" is not`},
		"bad date":              {`[{"source":"s","from":"today"}]`, `caching[0]: from: "today" is neither`},
		"ends before it begins": {`[{"source":"s","from":"2026-02-01","until":"2026-02-01"}]`, "caching[0]: until: is not after from"},
		"two open ones":         {`[{"source":"s"},{"source":"s"}]`, "caching: two entries overlap"},
		"overlap":               {`[{"source":"s","from":"2026-02-01"},{"source":"s","until":"2026-02-02"}]`, "caching: two entries overlap"},
		"bad review":            {`[{"source":"s","review_by":"soon"}]`, "caching[0]: review_by: "},
	} {
		_, err := parse(`"caching":` + test.caching + `,` + onePrice(`"input":"1"`))
		if err == nil || !strings.Contains(err.Error(), "acme: roadrunner: "+test.problem) {
			t.Errorf("%s: %v, want %q", name, err, test.problem)
		}
	}
	if _, err := Parse("test", strings.NewReader(`{"providers":{"a":{"models":{"m":{"same_as":"a/n","caching":[]}}}}}`)); err == nil {
		t.Error("an alias has caching of its own")
	}
}

// What a model offers is found by time, whatever the order of the entries.
func TestOfferAt(t *testing.T) {
	c := mustParse(t, `"caching":[
		{"source":"s","from":"2026-03-01","min_explicit":3},{"source":"s","until":"2026-01-01","min_explicit":1,"review_by":"2026-05-05"},{"source":"s","from":"2026-01-01","until":"2026-02-01","min_explicit":2}],`+onePrice(`"input":"1"`))
	m := c.listed(modelKey{"acme", "roadrunner"})
	for day, want := range map[string]int64{"2025-12-31T23:59:59Z": 1, "2026-01-01": 2, "2026-01-31": 2, "2026-02-01": 0, "2026-02-28": 0, "2026-03-01": 3, "2030-01-01": 3} {
		got := int64(0)
		if o := m.offerAt(at(day)); o != nil {
			got = o.minExplicit
		}
		if got != want {
			t.Errorf("at %s the minimum is %d, want %d", day, got, want)
		}
	}
	if due := c.Reviews(at("2026-05-05")); len(due) != 1 || len(c.Reviews(at("2026-05-04"))) != 0 {
		t.Errorf("due are %v", due)
	}
}
