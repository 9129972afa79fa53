package middleware_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

const (
	backgroundBody = `{"model":"gpt-5","input":"Who saves?","background":true,"max_output_tokens":1000}`
	queued         = `{"id":"resp_1","object":"response","background":true,"status":"queued","model":"gpt-5","service_tier":"auto","output":[],"usage":null}`
	inProgress     = `{"id":"resp_1","object":"response","background":true,"status":"in_progress","model":"gpt-5","service_tier":"auto","usage":null}`
	completed      = `{"id":"resp_1","object":"response","background":true,"status":"completed","model":"gpt-5","service_tier":"default","usage":{"input_tokens":10,"output_tokens":20,"total_tokens":30}}`
	asked          = responsesURL + "/resp_1"
)

// A call in the background exposes what it may cost until its answer is fetched and reports what it did cost.
func TestBackground(t *testing.T) {
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{})
	base.on("POST "+responsesURL, says(200, "application/json", queued))
	base.on("GET "+asked, says(200, "application/json", inProgress))
	if got := mustDo(t, stack, "POST", responsesURL, backgroundBody); got != queued {
		t.Errorf("the caller got %q", got)
	}
	rows := stack.Rows()
	if len(rows) != 1 {
		t.Fatalf("%+v", rows)
	}
	first := rows[0]
	if first.Unpriced == "" || first.Cost.Known || !first.Exposure.Known || first.Exposure.Pico <= 0 ||
		first.UsageSource != ledger.Unknown || first.ResponseID != "resp_1" {
		t.Fatalf("%+v", first)
	}
	fetch(t, stack, asked, 3, inProgress)
	if rows := stack.Rows(); len(rows) != 1 {
		t.Fatalf("work in progress left a row: %+v", rows[1:])
	}

	base.on("GET "+asked, says(200, "application/json", completed))
	fetch(t, stack, asked, 3, completed) // only the first is charged for
	if rows = stack.Rows(); len(rows) != 1 {
		t.Fatalf("%d rows: %+v", len(rows), rows)
	}
	second := rows[0]
	if second.Cost.String() != "0.0002125" || second.UsageSource != ledger.Measured || second.Unpriced != "" || second.Exposure.Known || !second.Settles {
		t.Errorf("%+v", second)
	}
	if second.Usage.Input != 10 || second.Usage.Output != 20 || second.ServedTier != policy.Standard || second.ServedModel != "gpt-5" {
		t.Errorf("%+v", second)
	}
	if second.Call != first.Call || second.Attempt != first.Attempt || !second.At.Equal(first.At) || second.LatencyMS != first.LatencyMS {
		t.Errorf("%+v\nsettles %+v", second, first)
	}
	totals := stack.Totals()
	want := ledger.Total{Calls: 1, Attempts: 1}
	want.Cost.Add(second.Cost.Pico)
	want.List.Add(second.Cost.Pico)
	if totals.Total != want || totals.By["tier:standard"] != want || totals.By["model:gpt-5"] != want || len(totals.By) != 2 {
		t.Errorf("%+v", totals)
	}
}

// What a call in the background saved, cost and exposed is in the group of the tier that served it, and in that of the call's own
// tags and hour, whoever fetches it.
func TestBackgroundGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("POST "+responsesURL, says(200, "application/json", strings.Replace(queued, "auto", "flex", 1)))
		base.on("GET "+asked, says(200, "application/json", strings.Replace(completed, "default", "flex", 1)))
		ctx, call := policy.Track(policy.With(t.Context(), policy.Tag("tenant", "acme")))
		if _, err := do(t, ctx, stack, "POST", responsesURL, strings.Replace(backgroundBody, "{", `{"service_tier":"flex",`, 1)); err != nil {
			t.Fatal(err)
		}
		before := stack.Totals()
		if g := before.By["tier:"+ledger.NoGroup]; g.Unpriced != 1 || g.Calls != 1 || g.Exposure.Sign() <= 0 || g.Saved.Sign() != 0 || g != before.Total {
			t.Errorf("before: %+v", before)
		}
		if _, complete := call.Cost(); complete || call.Exposure() != before.Exposure || call.Attempts() != 1 {
			t.Error("the tracker says that it is settled")
		}
		time.Sleep(2 * time.Hour)
		other, fetched := policy.Track(policy.With(t.Context(), policy.Tag("tenant", "poller")))
		if _, err := do(t, other, stack, "GET", asked, ""); err != nil {
			t.Fatal(err)
		}
		after := stack.Totals()
		want := ledger.Total{Calls: 1, Attempts: 1}
		for sum, text := range map[*price.Sum]string{&want.Cost: "0.00010625", &want.List: "0.0002125", &want.Saved: "0.00010625"} {
			sum.Add(price.MustUSD(text))
		}
		if after.Total != want || after.By["tier:flex"] != want || after.By["tag:tenant=acme"] != want || len(after.By) != 3 || len(after.Hours) != 1 {
			t.Errorf("after: %+v", after)
		}
		if cost, complete := call.Cost(); cost != want.Cost || !complete || call.Exposure().Sign() != 0 || call.Attempts() != 1 || call.Tier() != policy.Flex {
			t.Errorf("tracked %v, %v, exposure %v, %d attempts", cost, complete, call.Exposure(), call.Attempts())
		}
		if cost, _ := fetched.Cost(); cost.Sign() != 0 || fetched.Attempts() != 0 {
			t.Errorf("the fetching was tracked as well: %v", cost)
		}
	})
}

// What the request asked for decides what the fetched answer costs: its tools may be charged for beyond the tokens.
func TestBackgroundIsPricedAsAsked(t *testing.T) {
	for tools, why := range map[string]string{
		`[{"type":"file_search"}]`: "tools", `[{"type":"web_search"}]`: "web searches", `[{"type":"function","name":"f"}]`: "",
	} {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("POST "+responsesURL, says(200, "application/json", queued))
		base.on("GET "+asked, says(200, "application/json", completed))
		mustDo(t, stack, "POST", responsesURL, strings.Replace(backgroundBody, "{", `{"tools":`+tools+`,`, 1))
		mustDo(t, stack, "GET", asked, "")
		rows := stack.Rows()
		if len(rows) != 1 || rows[0].Cost.Known != (why == "") || !strings.Contains(rows[0].Unpriced, why) || rows[0].Exposure.Known == (why == "") {
			t.Errorf("%s: %+v", tools, rows)
		}
	}
}

// A call in the background whose cost has no bound says so, until its answer is fetched.
func TestBackgroundWithoutBound(t *testing.T) {
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{})
	base.on("POST "+responsesURL, says(200, "application/json", queued))
	base.on("GET "+asked, says(200, "application/json", completed))
	mustDo(t, stack, "POST", responsesURL, strings.Replace(backgroundBody, "gpt-5", "an-alias", 1))
	first := stack.Rows()[0]
	if first.Exposure.Known || !strings.Contains(first.Unpriced, "in the background") || !strings.Contains(first.Unpriced, "no bound") {
		t.Errorf("%+v", first)
	}
	mustDo(t, stack, "GET", asked, "")
	rows, totals := stack.Rows(), stack.Totals()
	if len(rows) != 1 || rows[0].Cost.String() != "0.0002125" || rows[0].Unpriced != "" || totals.Calls != 1 || totals.Unpriced != 0 {
		t.Errorf("%+v", rows)
	}
}

// An answer that was resolved by a bill before it was fetched does not count again, and the other way round.
func TestBackgroundAndBill(t *testing.T) {
	for _, billFirst := range []bool{true, false} {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("POST "+responsesURL, says(200, "application/json", queued))
		base.on("GET "+asked, says(200, "application/json", completed))
		mustDo(t, stack, "POST", responsesURL, backgroundBody)
		call := stack.Rows()[0].Call
		want := "0.0002125"
		if billFirst {
			want = "0.000000000777"
			if err := stack.Resolve(call, 1, 777); err != nil {
				t.Fatal(err)
			}
		}
		mustDo(t, stack, "GET", asked, "")
		if err := stack.Resolve(call, 1, 1); err == nil {
			t.Error("resolved twice")
		}
		if rows, totals := stack.Rows(), stack.Totals(); len(rows) != 1 || totals.Cost.String() != want || totals.Calls != 1 || totals.Unpriced != 0 || totals.Exposure.Sign() != 0 {
			t.Errorf("%+v", rows)
		}
	}
}

// fetch gets an answer several times, and checks that it is what the base says.
func fetch(t *testing.T, rt http.RoundTripper, url string, times int, want string) {
	t.Helper()
	for range times {
		if got := mustDo(t, rt, "GET", url, ""); got != want {
			t.Errorf("the caller got %q", got)
		}
	}
}

// The work can end in several ways; each has its effect on the exposure of the first row.
func TestBackgroundEnds(t *testing.T) {
	stopped := func(status string) string { return strings.Replace(completed, "completed", status, 1) }
	unused := func(status string) string { return strings.Replace(inProgress, "in_progress", status, 1) }
	for _, test := range []struct {
		name, contentType, url, answer string
		rows                           int
		exposed                        bool // the total still is
		says                           string
	}{
		{"completed", "application/json", asked, completed, 1, false, ""},
		{"incomplete", "application/json", asked, stopped("incomplete"), 1, false, ""},
		{"cancelled, with usage", "application/json", asked, stopped("cancelled"), 1, false, ""},
		{"cancelled, without", "application/json", asked, unused("cancelled"), 1, true, "does not say what was used"},
		{"failed, without usage", "application/json", asked, unused("failed"), 1, true, "does not say what was used"},
		{"by another query", "application/json", asked + "?include[]=x", completed, 1, false, ""},
		{"streamed", "text/event-stream", asked + "?stream=true", event("created", queued) + event("in_progress", inProgress) + event("completed", completed), 1, false, ""},
		{"streamed from the middle", "text/event-stream", asked + "?stream=true&starting_after=42", event("completed", completed), 1, false, ""},
		{"streamed, and cut", "text/event-stream", asked + "?stream=true", event("created", queued) + event("in_progress", inProgress), 1, true, ""},
		{"not found", "application/json", asked, `{"error":{"code":"not_found"}}`, 1, true, ""},
		{"of another response", "application/json", asked, strings.Replace(completed, "resp_1", "resp_2", 1), 2, true, ""},
		{"a page", "text/html", asked, "<html>", 1, true, ""},
		// The cost of these is not known, so the exposure of the call stays.
		{"with images, which have no price", "application/json", asked, strings.Replace(completed, `"usage":{`, `"tool_usage":{"image_gen":{"output_tokens":1}},"usage":{`, 1), 1, true, "generated images"},
		{"with a search", "application/json", asked, strings.Replace(completed, `"usage":{`, `"tool_usage":{"web_search":{"num_requests":1}},"usage":{`, 1), 1, false, ""},
		{"with usage that makes no sense", "application/json", asked, strings.Replace(completed, `"total_tokens":30`, `"total_tokens":-30`, 1), 1, true, "total_tokens"},
		{"by a model without a price", "application/json", asked, strings.Replace(completed, "gpt-5", "mystery", 1), 1, true, "mystery"},
		{"on a tier without a price", "application/json", asked, strings.Replace(completed, "default", "mystery", 1), 1, true, "mystery"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			stack := stackOver(t, base, policy.Policy{})
			base.on("POST "+responsesURL, says(200, "application/json", queued))
			base.on("GET "+test.url, says(200, test.contentType, test.answer))
			mustDo(t, stack, "POST", responsesURL, backgroundBody)
			fetch(t, stack, test.url, 2, test.answer)
			rows, totals := stack.Rows(), stack.Totals()
			if len(rows) != test.rows || (totals.Exposure.Sign() > 0) != test.exposed || totals.Exposure.Sign() < 0 || totals.Calls != int64(test.rows) {
				t.Errorf("exposure %v, rows %+v", totals.Exposure, rows)
			}
			if rows[0].Cost.Known == (rows[0].Unpriced != "") || rows[0].Cost.Known && rows[0].Exposure.Known {
				t.Errorf("cost %v, unpriced %q", rows[0].Cost, rows[0].Unpriced)
			}
			if ended := test.says != ""; ended != (rows[0].Settles && !rows[0].Cost.Known) || !strings.Contains(rows[0].Unpriced, test.says) {
				t.Errorf("it says %q, want %q", rows[0].Unpriced, test.says)
			}
		})
	}
}

// An answer that was complete at once has been counted, however it is fetched again.
func TestFetchAfterCounting(t *testing.T) {
	plain := strings.Replace(completed, `"background":true`, `"background":false`, 1)
	body := strings.Replace(backgroundBody, `"background":true,`, "", 1)
	for _, test := range []struct{ name, body, contentType, answer, again string }{
		{"not in the background", body, "application/json", plain, plain},
		{"in the background, and done at once", backgroundBody, "application/json", completed, completed},
		{"in the background, and streamed", strings.Replace(backgroundBody, "{", `{"stream":true,`, 1), "text/event-stream",
			event("created", queued) + event("completed", completed), completed},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := newAPI()
			stack := stackOver(t, base, policy.Policy{})
			base.on("POST "+responsesURL, says(200, test.contentType, test.answer))
			base.on("GET "+asked, says(200, "application/json", test.again))
			mustDo(t, stack, "POST", responsesURL, test.body)
			mustDo(t, stack, "GET", asked, "")
			rows := stack.Rows()
			if totals := stack.Totals(); len(rows) != 1 || !rows[0].Cost.Known || totals.Cost.String() != "0.0002125" {
				t.Errorf("cost %v, rows %+v", totals.Cost, rows)
			}
		})
	}
}

// A stream that was cut is fetched again; the result settles the row of the call that began it.
func TestBackgroundStreamCut(t *testing.T) {
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{})
	base.on("POST "+responsesURL, says(200, "text/event-stream", event("created", queued)))
	base.on("GET "+asked, says(200, "application/json", completed))
	mustDo(t, stack, "POST", responsesURL, strings.Replace(backgroundBody, "{", `{"stream":true,`, 1))
	mustDo(t, stack, "GET", asked, "")
	rows := stack.Rows()
	if totals := stack.Totals(); len(rows) != 1 || !rows[0].Cost.Known || rows[0].Exposure.Known || totals.Exposure.Sign() != 0 || totals.Calls != 1 {
		t.Errorf("exposure %v, rows %+v", totals.Exposure, rows)
	}
}

// A response that another process asked for is counted once, and concurrent fetches do not count it twice.
func TestBackgroundConcurrentFetches(t *testing.T) {
	for _, own := range []bool{true, false} {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("POST "+responsesURL, says(200, "application/json", queued))
		base.on("GET "+asked, says(200, "application/json", completed))
		if own {
			mustDo(t, stack, "POST", responsesURL, backgroundBody)
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got, err := do(t, t.Context(), stack, "GET", asked, ""); err != nil || got != completed {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
		all.Wait()
		rows := stack.Rows()
		counted := 0
		for _, row := range rows {
			if row.Cost.Known {
				counted++
			}
			if !own && (row.Parent != "" || row.Exposure.Known) {
				t.Errorf("it belongs to no call of ours: %+v", row)
			}
		}
		if totals := stack.Totals(); counted != 1 || totals.Exposure.Sign() != 0 || totals.Cost.String() != "0.0002125" {
			t.Errorf("own %v: counted %d times, totals %+v", own, counted, totals.Total)
		}
	}
}

// A fetch is neither changed nor sent again: it is a GET of what was paid for already.
func TestFetchesAreUnchanged(t *testing.T) {
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{Tier: policy.Flex, Limits: []policy.Limit{{RequestsPerMinute: 1, Burst: 1}}})
	base.on("GET "+asked, says(429, "application/json", `{"error":{"code":"slow_down"}}`))
	ctx := policy.With(t.Context(), policy.CachedContent("cachedContents/abc"), policy.MaxCost(0))
	for range 3 {
		if got, err := do(t, ctx, stack, "GET", asked, ""); err != nil || !strings.Contains(got, "slow_down") {
			t.Errorf("%q, %v", got, err)
		}
	}
	if rows := stack.Rows(); len(base.sent) != 3 || base.sent[0] != "GET "+asked || len(rows) != 0 {
		t.Errorf("sent %q, rows %+v", base.sent, rows)
	}
}

// Work in progress is not what it costs, whatever usage it reports so far.
func TestPendingUsage(t *testing.T) {
	const interactionsURL = "https://generativelanguage.googleapis.com/v1beta/interactions"
	const sofar = `"usage":{"total_input_tokens":9,"total_output_tokens":0,"total_tokens":9}`
	running := strings.Replace(inProgress, `"usage":null`, `"usage":{"input_tokens":10,"output_tokens":1,"total_tokens":11}`, 1)
	zeros := strings.Replace(queued, `"usage":null`, `"usage":{"input_tokens":0,"output_tokens":0,"total_tokens":0}`, 1)
	for _, x := range []billedCall{
		{name: "in progress", url: responsesURL, request: backgroundBody, answer: running},
		{name: "queued, with zeros", url: responsesURL, request: backgroundBody, answer: zeros},
		{name: "not in the background", url: responsesURL, request: `{"model":"gpt-5"}`, answer: strings.Replace(running, `"background":true,`, "", 1)},
		{name: "an interaction", url: interactionsURL, request: `{"model":"gemini-2.5-flash","background":true}`,
			answer: `{"id":"i","model":"gemini-2.5-flash","status":"in_progress","background":true,"service_tier":"standard",` + sofar + `}`},
		{name: "an interaction, cut", url: interactionsURL + "?alt=sse", request: `{"model":"gemini-2.5-flash","stream":true}`,
			answer: `data: {"event_type":"interaction.start","interaction":{"id":"i","model":"gemini-2.5-flash","status":"in_progress",` + sofar + "}}\n\n"},
	} {
		x.cost = "unknown"
		if row := x.check(t); row.UsageSource != ledger.Unknown || row.Exposure.Pico <= 0 || row.Usage != (price.Usage{}) {
			t.Errorf("%s: %s, %+v, exposure %v", x.name, row.UsageSource, row.Usage, row.Exposure)
		}
	}
	x := billedCall{name: "an interaction that says only what event it is, cut", url: interactionsURL + "?alt=sse", request: `{"model":"gemini-2.5-flash","stream":true}`,
		answer: `data: {"event_type":"interaction.start","interaction":{"id":"i","model":"gemini-2.5-flash",` + sofar + "}}\n\n", cost: "0.0000027"}
	if row := x.check(t); row.UsageSource != ledger.Estimated || row.Exposure.Pico <= 0 || row.Outcome != policy.Partial {
		t.Errorf("%s: %s, %s, exposure %v", x.name, row.Outcome, row.UsageSource, row.Exposure)
	}
}

// A result that is fetched before the answer of its call has been read to its end is counted once.
func TestBackgroundFetchedFirst(t *testing.T) {
	for name, answer := range map[string]string{"queued": queued, "done at once": completed} {
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("POST "+responsesURL, says(200, "application/json", answer))
		base.on("GET "+asked, says(200, "application/json", completed))
		ctx, call := policy.Track(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", responsesURL, strings.NewReader(backgroundBody))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := stack.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		fetch(t, stack, asked, 1, completed)
		drain(resp)
		fetch(t, stack, asked, 2, completed)
		rows, totals := stack.Rows(), stack.Totals()
		if len(rows) != 1 || totals.Calls != 1 || totals.Cost.String() != "0.0002125" || totals.Exposure.Sign() != 0 || totals.Unpriced != 0 {
			t.Errorf("%s: totals %+v, rows %+v", name, totals.Total, rows)
		}
		if call.Exposure().Sign() != 0 {
			t.Errorf("%s: the tracker has an exposure of %v", name, call.Exposure())
		}
	}
}

// Nor is the row open that a store was shown of the attempt: it is ended by one that costs nothing.
func TestBackgroundFetchedFirstIsEnded(t *testing.T) {
	var store openStore
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{}, middleware.WithStore(&store))
	base.on("POST "+responsesURL, says(200, "application/json", queued))
	base.on("GET "+asked, says(200, "application/json", completed))
	req, err := http.NewRequest("POST", responsesURL, strings.NewReader(backgroundBody))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stack.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	fetch(t, stack, asked, 1, completed)
	drain(resp)
	fetch(t, stack, asked, 1, completed)
	totals := store.Totals()
	if left := store.unended(); len(left) != 0 || totals.Cost.String() != "0.0002125" || totals.Exposure.Sign() != 0 || totals.Unpriced != 0 {
		t.Errorf("open: %+v, totals %+v", left, totals.Total)
	}
}

// The result of a call that another process made says itself which tools it had.
func TestForeignTools(t *testing.T) {
	const interaction = "https://generativelanguage.googleapis.com/v1beta/interactions/i"
	const interacted = `{"id":"i","model":"gemini-2.5-flash","background":true,"status":"completed","service_tier":"standard","usage":{"total_input_tokens":1000,"total_output_tokens":100,"total_tokens":1100}}`
	long := `[{"type":"function","name":"` + strings.Repeat("f", 5000) + `"}]`
	for _, x := range []struct{ url, answer, tools, why string }{
		{asked, completed, `[]`, ""},
		{asked, completed, `[{"type":"function","name":"f"}]`, ""},
		{asked, completed, `[{"type":"file_search"}]`, "tools"},
		{asked, completed, `[{"type":"code_interpreter"}]`, "tools"},
		{asked, completed, `[{"type":"web_search"}]`, "web searches"},
		{asked, completed, long, "tools"},
		{interaction, interacted, `[]`, ""},
		{interaction, interacted, `[{"type":"google_search"}]`, "tools"},
		{interaction, interacted, "", "tools"},
	} {
		answer := x.answer
		if x.tools != "" {
			answer = strings.Replace(answer, "{", `{"tools":`+x.tools+`,`, 1)
		}
		base := newAPI()
		stack := stackOver(t, base, policy.Policy{})
		base.on("GET "+x.url, says(200, "application/json", answer))
		fetch(t, stack, x.url, 2, answer)
		rows := stack.Rows()
		if len(rows) != 1 || rows[0].Cost.Known != (x.why == "") || !strings.Contains(rows[0].Unpriced, x.why) {
			t.Errorf("%.60s: %+v", x.tools, rows)
		}
	}
	// What streams say is read alike.
	base := newAPI()
	stack := stackOver(t, base, policy.Policy{})
	base.on("GET "+asked+"?stream=true", says(200, "text/event-stream", event("completed", strings.Replace(completed, "{", `{"tools":[{"type":"file_search"}],`, 1))))
	mustDo(t, stack, "GET", asked+"?stream=true", "")
	if rows := stack.Rows(); len(rows) != 1 || rows[0].Cost.Known || !strings.Contains(rows[0].Unpriced, "tools") {
		t.Errorf("streamed: %+v", rows)
	}
}
