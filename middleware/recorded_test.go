package middleware_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// recordedTraffic is real traffic, recorded by other projects. It is kept outside of the repository.
const recordedTraffic = "../../shared/data/traffic/recorded.jsonl.gz"

// exceptions are the records, by their source, whose usage is not held against the oracle, and why.
var exceptions = map[string]string{
	"tests/Fixtures/mistral/embeddings-input-1.json": "made up: the usage of a chat in an answer to /embeddings, its total (25) less than its parts (16+34)",
}

// An exchange is one record of the traffic.
type exchange struct {
	Provider        string            `json:"provider"`
	Host            string            `json:"provider_host"`
	Method          string            `json:"method"`
	Path            string            `json:"path"`
	RequestHeaders  map[string]string `json:"request_headers"`
	RequestBody     string            `json:"request_body"`
	Status          int               `json:"status"`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body"`
	Stream          bool              `json:"is_stream"`
	ResponseOnly    bool              `json:"response_only"`
	Source          string            `json:"source_path"`

	index int
}

// TestRecordedTraffic replays recorded traffic through the whole stack, and audits it: the caller reads what the
// provider sent, the provider gets what the caller sent, each call leaves one row, and the row says what the oracle says.
func TestRecordedTraffic(t *testing.T) {
	byProvider := readTraffic(t)
	table := &tally{}
	for _, provider := range slices.Sorted(maps.Keys(byProvider)) {
		t.Run(provider, func(t *testing.T) {
			a := &audit{t: t, provider: provider, reasons: map[string]int{}}
			for _, x := range byProvider[provider] {
				a.exchange(x)
			}
			table.add(a)
		})
	}
	t.Logf("\n%s", table)
}

// sharedLines reads JSON documents from a gzipped file, and skips the test where it is not.
func sharedLines(t *testing.T, what, path string) *json.Decoder {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(what + " is not there: " + path)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return json.NewDecoder(bufio.NewReader(unzipped))
}

func readTraffic(t *testing.T) map[string][]*exchange {
	t.Helper()
	byProvider := map[string][]*exchange{}
	d := sharedLines(t, "the recorded traffic", recordedTraffic)
	for n := 0; ; n++ {
		x := &exchange{index: n}
		if err := d.Decode(x); err == io.EOF {
			return byProvider
		} else if err != nil {
			t.Fatalf("record %d: %v", n, err)
		}
		byProvider[x.Provider] = append(byProvider[x.Provider], x)
	}
}

// ---- one exchange

// A replay is one way to send an exchange through the stack.
type replay struct {
	name   string
	leave  bool // the policy leaves streams alone: what the caller reads is what the provider sent, always
	mute   bool // the caller does not ask for a stream's usage, even if it did when this was recorded
	single bool // both sides read byte by byte
}

var replays = []replay{
	{name: "streams left alone", leave: true},
	{name: "default"},
	{name: "usage not asked for", mute: true},
	{name: "byte by byte", mute: true, single: true},
}

// An audit gathers what is wrong with the exchanges of a provider.
type audit struct {
	t        *testing.T
	provider string
	reported int

	exchanges, calls, shown, rows, equal, asked, hidden int
	reasons                                             map[string]int
}

// wrong notes that something is; the first few of each provider are shown in full.
func (a *audit) wrong(x *exchange, how replay, reason, detail string) {
	a.t.Helper()
	a.reasons[reason]++
	if a.t.Fail(); a.reported >= 12 {
		return
	}
	a.reported++
	a.t.Logf("record %d, %s (%s %s%s, %d, %s): %s: %s",
		x.index, how.name, x.Method, x.Host, x.Path, x.Status, x.Source, reason, detail)
}

func (a *audit) exchange(x *exchange) {
	want := judge(x)
	a.exchanges++
	if want.call == mustCall {
		a.calls++
		if want.has {
			a.shown++
		}
	}
	var sum played
	for i, how := range replays {
		p := x.play(how, want, rand.New(rand.NewPCG(uint64(x.index), uint64(i))))
		sum.rows, sum.asked, sum.hidden = max(sum.rows, p.rows), sum.asked || p.asked, sum.hidden || p.hidden
		if sum.reason = p.reason; p.reason != "" {
			a.wrong(x, how, p.reason, p.detail)
			break // the other replays would mostly say the same
		}
	}
	a.rows += btoi(sum.rows > 0)
	a.asked += btoi(sum.asked)
	a.hidden += btoi(sum.hidden)
	a.equal += btoi(sum.reason == "" && want.call == mustCall)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// played is what came of a replay: what is wrong, in a few words and in detail; how many rows there are; whether a
// stream's usage was asked for on the caller's behalf, and an event hidden from it.
type played struct {
	reason, detail string
	rows           int
	asked, hidden  bool
}

// play sends the exchange through a stack of its own.
func (x *exchange) play(how replay, want verdict, random *rand.Rand) (p played) {
	defer func() {
		if v := recover(); v != nil {
			p = played{reason: "panicked", detail: fmt.Sprintf("%v\n%s", v, debug.Stack())}
		}
	}()
	base := &recordedBase{x: x, sizes: sizes(how.single, random)}
	kept := ledger.NewMemory(0)
	stack, err := middleware.New(
		middleware.WithBase(base), middleware.WithStore(kept),
		// One attempt: a recorded refusal would only be played again.
		middleware.WithPolicy(policy.Policy{LeaveStreams: how.leave, MaxAttempts: 1}))
	if err != nil {
		return played{reason: "no stack", detail: err.Error()}
	}
	req, err := x.request(how)
	if err != nil {
		return played{reason: "no request", detail: err.Error()}
	}
	sent := x.requestBody(how)
	resp, err := stack.RoundTrip(req)
	if err != nil {
		return played{reason: "no answer", detail: err.Error()}
	}
	read, err := io.ReadAll(&chopped{r: resp.Body, sizes: sizes(how.single, random)})
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return played{reason: "body broken", detail: err.Error()}
	}
	got := string(read)
	p = played{rows: len(kept.Rows()), asked: base.body != sent, hidden: got != x.ResponseBody}
	for _, check := range []func() (string, string){
		func() (string, string) { return checkResponse(x, resp, len(kept.Rows()) > 0) },
		func() (string, string) { return checkBody(x, how, sent, got) },
		func() (string, string) { return checkRequest(how, sent, req, base) },
		func() (string, string) { return checkRow(x, want, kept.Rows()) },
	} {
		if p.reason, p.detail = check(); p.reason != "" {
			break
		}
	}
	return p
}

// ---- the request

// redactions are what the recordings have instead of what was private.
var redactions = strings.NewReplacer(
	"<GOOGLE_CLOUD_LOCATION>", "us-central1", "<GOOGLE_CLOUD_PROJECT>", "project", "<AWS_REGION>", "us-east-1")

// url is where the request went. Answers without a request, that Google published for Vertex, have only the Developer
// API's path: on Vertex's host that is none.
func (x *exchange) url() string {
	path := x.Path
	if x.Provider == "aiplatform.googleapis.com" && x.ResponseOnly {
		path = strings.Replace(path, "/v1beta/models/", "/v1beta1/projects/p/locations/global/publishers/google/models/", 1)
	}
	return redactions.Replace("https://" + x.Host + path)
}

// requestBody is the recorded body. Where a muted caller had asked for a stream's usage, the library asks in its place,
// and what was recorded is the answer to that: its usage has to be found, and hidden. The same goes for the streams of
// which only the answer was recorded.
func (x *exchange) requestBody(how replay) string {
	if !how.mute || !x.Stream || !strings.Contains(x.Path, "/chat/completions") {
		return x.RequestBody
	}
	if x.ResponseOnly && x.RequestBody == "" {
		return `{"model": "recorded", "messages": [], "stream": true}`
	}
	body, _ := parse(x.RequestBody).(object)
	if at(body, "stream_options") == nil {
		return x.RequestBody
	}
	delete(body, "stream_options")
	muted, err := json.Marshal(body)
	if err != nil {
		return x.RequestBody
	}
	return string(muted)
}

// ownedByHTTP are headers that net/http sees to itself.
var ownedByHTTP = []string{"content-length", "host", "connection", "transfer-encoding"}

func (x *exchange) request(how replay) (*http.Request, error) {
	u, err := url.Parse(x.url())
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(x.Method, u.String(), strings.NewReader(x.requestBody(how)))
	if err != nil {
		return nil, err
	}
	for k, v := range x.RequestHeaders {
		// A stream is not asked for its usage if the caller names an encoding, so most replays remove that header.
		if !slices.Contains(ownedByHTTP, k) && (how.leave || k != "accept-encoding") {
			req.Header.Set(k, v)
		}
	}
	return req, nil
}

// checkRequest compares what the provider got with what the caller sent: the same, except for the question for a stream's
// usage.
func checkRequest(how replay, sent string, req *http.Request, base *recordedBase) (string, string) {
	got := base.request
	switch {
	case got.Method != req.Method || got.URL.String() != req.URL.String():
		return "request changed", fmt.Sprintf("%s %s", got.Method, got.URL)
	case !reflect.DeepEqual(got.Header, req.Header):
		return "request's header changed", fmt.Sprintf("%v became %v", req.Header, got.Header)
	case base.body == sent:
		return "", ""
	case how.leave || !strings.HasSuffix(req.URL.Path, "/completions"):
		return "request's body changed", fmt.Sprintf("%.200q became %.200q", sent, base.body)
	}
	before, _ := parse(sent).(object)
	after, _ := parse(base.body).(object)
	if before == nil || after == nil || at(after, "stream_options")["include_usage"] != true {
		return "request's body changed", fmt.Sprintf("%.200q became %.200q", sent, base.body)
	}
	options := at(after, "stream_options")
	delete(options, "include_usage")
	if len(options) == 0 && before["stream_options"] == nil {
		delete(after, "stream_options")
		delete(before, "stream_options")
	}
	if !reflect.DeepEqual(before, after) {
		return "request's body changed", fmt.Sprintf("%.200q became %.200q", sent, base.body)
	}
	return "", ""
}

// ---- the answer

// notOnTheWire are headers that the recordings' bodies no longer fit: they are decoded, and whole.
var notOnTheWire = []string{"content-encoding", "content-length", "transfer-encoding", "x-was-content-encoding"}

func (x *exchange) header() http.Header {
	h := http.Header{}
	for k, v := range x.ResponseHeaders {
		if !slices.Contains(notOnTheWire, k) {
			h.Set(k, v)
		}
	}
	return h
}

// recordedBase answers as the record does.
type recordedBase struct {
	x       *exchange
	sizes   func() int
	request *http.Request
	body    string
}

func (b *recordedBase) RoundTrip(req *http.Request) (*http.Response, error) {
	b.request = req
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		b.body = string(body)
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", b.x.Status, http.StatusText(b.x.Status)), StatusCode: b.x.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1,
		Header: b.x.header(), Request: req,
		Body: io.NopCloser(&chopped{r: strings.NewReader(b.x.ResponseBody), sizes: b.sizes}),
	}, nil
}

// sizes are those of reads: one byte, or anything up to some thousands, small ones as often as large ones.
func sizes(single bool, random *rand.Rand) func() int {
	if single {
		return func() int { return 1 }
	}
	return func() int { return 1 + random.IntN(1<<random.IntN(14)) }
}

// checkResponse holds what the caller got against the record. To the answers of calls that it recognised the library
// adds x-should-retry: false, which keeps SDKs from sending them again.
func checkResponse(x *exchange, resp *http.Response, recognised bool) (string, string) {
	if resp.StatusCode != x.Status {
		return "status changed", resp.Status
	}
	got, want := resp.Header.Clone(), x.header()
	if recognised && got.Get("X-Should-Retry") == "false" {
		got.Del("X-Should-Retry")
		want.Del("X-Should-Retry")
	}
	if !reflect.DeepEqual(got, want) {
		return "header changed", fmt.Sprintf("%v, want %v", got, want)
	}
	return "", ""
}

// checkBody compares what the caller read with the record: the same, except for the one event with which the provider
// answered a question that was not the caller's.
func checkBody(x *exchange, how replay, sent, got string) (string, string) {
	if got == x.ResponseBody {
		return "", ""
	}
	request, _ := parse(sent).(object)
	_, asked := at(request, "stream_options")["include_usage"]
	if how.leave || asked || request["stream"] != true {
		return "body changed", difference(x.ResponseBody, got)
	}
	hidden := 0
	rest := got
	for _, event := range rawEvents(x.ResponseBody) {
		after, same := strings.CutPrefix(rest, event)
		if same {
			rest = after
			continue
		}
		if !isUsageOnly(event) {
			return "body changed", "without " + event
		}
		hidden++
	}
	if rest != "" || hidden != 1 {
		return "body changed", fmt.Sprintf("%d events are hidden, and %.100q is left over", hidden, rest)
	}
	return "", ""
}

// rawEvents cuts a stream after each of its blank lines.
func rawEvents(body string) (events []string) {
	begin, line := 0, 0
	for i := range len(body) {
		if body[i] != '\n' {
			continue
		}
		if strings.TrimRight(body[line:i], "\r") == "" {
			events = append(events, body[begin:i+1])
			begin = i + 1
		}
		line = i + 1
	}
	return append(events, body[begin:])
}

// isUsageOnly reports whether an event is there only for its usage: choices: [] and a usage other than null.
func isUsageOnly(event string) bool {
	documents := documentsOf(event)
	if len(documents) != 1 {
		return false
	}
	choices, ok := documents[0]["choices"].([]any)
	return ok && len(choices) == 0 && documents[0]["usage"] != nil
}

func difference(want, got string) string {
	n := 0
	for n < len(want) && n < len(got) && want[n] == got[n] {
		n++
	}
	return fmt.Sprintf("at byte %d of %d (%d read): %.80q, want %.80q", n, len(want), len(got), got[n:], want[n:])
}

// ---- the row

// checkRow holds the rows of an exchange against the oracle's verdict.
func checkRow(x *exchange, want verdict, rows []ledger.Row) (string, string) {
	rows = slices.DeleteFunc(rows, func(r ledger.Row) bool { return r.Outcome == policy.Storage }) // of a context cache
	switch {
	case len(rows) > 1:
		return "several rows", fmt.Sprintf("%d", len(rows))
	case len(rows) == 0 && want.call == mustCall:
		return "no row", "it is a call"
	case len(rows) == 0:
		return "", ""
	}
	row := &rows[0]
	measured := row.UsageSource == ledger.Measured
	detail := fmt.Sprintf("%s of %s: %+v (%s, unpriced: %q), want %+v", row.Provider, row.Operation, row.Usage, row.UsageSource, row.Unpriced, want.usage)
	switch want.call {
	case anyCall:
		return "", ""
	case noCall:
		if measured {
			return "usage of what is no call", detail
		}
		return "", ""
	}
	if _, ok := exceptions[x.Source]; ok {
		return "", ""
	}
	switch {
	case want.call == mayCall && row.Operation == "unknown" && !measured:
		return "", "" // it says itself that it does not understand the call
	case !want.has && measured:
		return "usage made up", detail
	case want.has && !measured && !(want.doubtful && row.UsageSource == ledger.Unknown && row.Unpriced != ""):
		return "usage missed", detail
	case want.has && row.Usage != want.usage:
		return "usage differs", detail
	}
	return checkOutcome(x, want, row)
}

// checkOutcome holds a row's outcome against what came: never billed for an error, never free for an answer.
func checkOutcome(x *exchange, want verdict, row *ledger.Row) (string, string) {
	detail := fmt.Sprintf("%s %s %s %q", row.Outcome, row.Evidence, row.Reason, row.ErrorCode)
	switch {
	case row.Status != x.Status:
		return "row's status", fmt.Sprintf("%d", row.Status)
	case x.Status < 200 || x.Status > 299:
		if row.Outcome != policy.Rejected && row.Outcome != policy.Ambiguous {
			return "outcome of a rejection", detail
		}
	case want.failed:
		if row.Outcome != policy.Partial || row.ErrorCode == "" {
			return "outcome of an error within 2xx", detail
		}
	case want.has && row.Outcome != policy.Billed:
		return "outcome of an answer", detail
	}
	return "", ""
}

// ---- the table

// tally is the table of all audits.
type tally struct{ audits []*audit }

func (t *tally) add(a *audit) { t.audits = append(t.audits, a) }

func (t *tally) String() string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "provider\texchanges\tcalls\twith usage\twith rows\tasked for usage\thidden\tequal\tdiffering\twhy")
	sum := &audit{provider: "all", reasons: map[string]int{}}
	for _, a := range t.audits {
		a.write(w)
		sum.exchanges, sum.calls, sum.shown = sum.exchanges+a.exchanges, sum.calls+a.calls, sum.shown+a.shown
		sum.rows, sum.equal, sum.asked, sum.hidden = sum.rows+a.rows, sum.equal+a.equal, sum.asked+a.asked, sum.hidden+a.hidden
		for reason, n := range a.reasons {
			sum.reasons[reason] += n
		}
	}
	sum.write(w)
	w.Flush()
	return b.String()
}

func (a *audit) write(w io.Writer) {
	var why []string
	for _, reason := range slices.Sorted(maps.Keys(a.reasons)) {
		why = append(why, fmt.Sprintf("%s: %d", reason, a.reasons[reason]))
	}
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n",
		a.provider, a.exchanges, a.calls, a.shown, a.rows, a.asked, a.hidden, a.equal, a.calls-a.equal, strings.Join(why, ", "))
}
