package middleware_test

// What other projects' issue trackers say has gone wrong with the price of a call: each test here is one such bug, named
// by its number in our table and described in one line, with where it was reported. Most go through the whole stack, from what
// a provider answers to the row; every sum of money is worked out by hand, from the prices that stand next to it.
//
// Where they are:
//
//	01 to 06  trackers_tiers_test.go    which tier's price
//	07 to 12  trackers_usage_test.go    what the answer counts
//	13 to 17  trackers_catalog_test.go  long contexts
//	18 to 26  trackers_usage_test.go    what the answer counts, or does not
//	27 to 31  trackers_tools_test.go    batches, storage, regions, searches
//	32 to 34  trackers_catalog_test.go  prices and time
//	35        trackers_catalog_test.go  feeds; also TestTracker35TieredPricingOnly of package price
//	36 to 37  trackers_catalog_test.go  names and numbers; also TestTracker36ExactBeforeMatch of package price
//	38        trackers_catalog_test.go  feeds; also TestTracker38UnitSlip and TestAgainst of package price
//
// Package price has the same of its loaders for 16, TestTracker16Boundary, and 28, TestTracker28BatchCached.

import (
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// A billedCall is a call that a provider answers with a 200, and what has to be right in its row.
type billedCall struct {
	name    string
	at      string // when it begins; "" is noon of 2026-11-20
	url     string
	header  http.Header
	request string
	answer  string // of events, if it begins with one
	takes   time.Duration

	cost string // "unknown" with a reason, or exactly so much
	tier policy.Tier
	list string // "" is not looked at
}

const noon = "2026-11-20T12:00:00Z"

// moment reads a time.
func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// row sends the call through the zero policy and returns the one row that it leaves. Nothing of it takes real time. The row is
// the same if the answer comes byte by byte.
func (x billedCall) row(t *testing.T, options ...middleware.Option) ledger.Row {
	t.Helper()
	row := x.rowOf(t, whole, options...)
	if split := x.rowOf(t, iotest.OneByteReader, options...); !reflect.DeepEqual(nameless(split), nameless(row)) {
		t.Errorf("%s: byte by byte the row is\n%+v, and at once\n%+v", x.name, split, row)
	}
	return row
}

// rowOf returns the row of an answer that comes as the reader says.
func (x billedCall) rowOf(t *testing.T, reader func(io.Reader) io.Reader, options ...middleware.Option) (row ledger.Row) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		at := x.at
		if at == "" {
			at = noon
		}
		time.Sleep(time.Until(moment(t, at)))
		stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			io.Copy(io.Discard, req.Body)
			req.Body.Close()
			time.Sleep(x.takes)
			contentType := jsonType
			if strings.HasPrefix(x.answer, "data:") || strings.HasPrefix(x.answer, "event:") {
				contentType = eventType
			}
			resp, err := says(200, contentType, x.answer)(req)
			resp.Body = io.NopCloser(reader(resp.Body))
			return resp, err
		}), policy.Policy{}, options...)
		req, err := http.NewRequest(http.MethodPost, x.url, strings.NewReader(x.request))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(req.Header, x.header)
		resp, err := stack.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		drain(resp)
		rows := stack.Rows()
		if len(rows) != 1 {
			t.Fatalf("%s: %d rows: %+v", x.name, len(rows), rows)
		}
		row = rows[0]
	})
	return row
}

// check holds the row against what the call has to cost.
func (x billedCall) check(t *testing.T, options ...middleware.Option) ledger.Row {
	t.Helper()
	row := x.row(t, options...)
	if row.Cost.String() != x.cost || row.Cost.Known == (row.Unpriced != "") {
		t.Errorf("%s: cost %v, want %s; %+v, unpriced %q", x.name, row.Cost, x.cost, row.Usage, row.Unpriced)
	}
	if x.tier != "" && row.ServedTier != x.tier {
		t.Errorf("%s: served as %q, want %q", x.name, row.ServedTier, x.tier)
	}
	if x.list != "" && row.List.String() != x.list {
		t.Errorf("%s: list price %v, want %s", x.name, row.List, x.list)
	}
	return row
}

// checkAll checks each.
func checkAll(t *testing.T, calls []billedCall, options ...middleware.Option) {
	t.Helper()
	for _, x := range calls {
		x.check(t, options...)
	}
}

// chunks is a stream of chat chunks, which ends as OpenAI's do.
func chunks(data ...string) string {
	return "data: " + strings.Join(data, "\n\ndata: ") + "\n\ndata: [DONE]\n\n"
}

// pieces is a stream of Gemini's.
func pieces(data ...string) string {
	return "data: " + strings.Join(data, "\r\n\r\ndata: ") + "\r\n\r\n"
}

// A costing is a usage that a catalog has to price.
type costing struct {
	model string // "provider/model"
	tier  string // "" is standard
	at    string // "" is noon of 2026-11-20
	usage price.Usage
	want  string // the cost; or a part of why there is none, which is no number
}

func (c costing) check(t *testing.T, prices *price.Catalog) {
	t.Helper()
	at := c.at
	if at == "" {
		at = noon
	}
	tier := c.tier
	if tier == "" {
		tier = "standard"
	}
	provider, model, _ := strings.Cut(c.model, "/")
	cost, err := prices.Cost(price.Query{Provider: provider, Model: model, Tier: tier, At: moment(t, at)}, c.usage)
	got, ok := cost.Cost.String(), err == nil && cost.Cost.String() == c.want
	if err != nil {
		got = err.Error()
		ok = strings.Contains(got, c.want) && strings.Trim(c.want, "0123456789.") != ""
	}
	if !ok {
		t.Errorf("%s (%s) at %s, %+v: %s, want %s", c.model, tier, at, c.usage, got, c.want)
	}
}

// later gives an answer some time after it was asked for.
func later(after time.Duration, answer answerFunc) answerFunc {
	return func(req *http.Request) (*http.Response, error) {
		time.Sleep(after)
		return answer(req)
	}
}
