package middleware_test

import (
	"errors"
	"io"
	"math/rand/v2"
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
	"github.com/skinflint-go/skinflint/transport"
)

// A row does not depend on the sizes of the reads, whether the answer is complete or cut.

// atNoon runs f in a bubble whose time does not go on.
func atNoon(t *testing.T, f func(*testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(moment(t, noon)))
		f(t)
	})
}

// atSizes reads in pieces of random sizes.
func atSizes(seed uint64) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader {
		return &chopped{r: r, sizes: sizes(false, rand.New(rand.NewPCG(seed, 1)))}
	}
}

// readings are ways to read a body.
var readings = map[string]func(io.Reader) io.Reader{
	"byte by byte": iotest.OneByteReader, "by halves": iotest.HalfReader, "at random": atSizes(1), "at random again": atSizes(2),
}

// nameless returns a row without what differs from one call to the next.
func nameless(row ledger.Row) ledger.Row {
	row.Call, row.Parent = "", ""
	return row
}

// readRow sends a request to a base that answers with the body, which arrives and is read as the reader says, and returns the
// row and what the caller got.
func readRow(t *testing.T, method, url string, request string, h http.Header, status int, body io.Reader, reader func(io.Reader) io.Reader, p policy.Policy) (*ledger.Row, string) {
	t.Helper()
	p.MaxAttempts = 1
	stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			io.Copy(io.Discard, req.Body)
			req.Body.Close()
		}
		return &http.Response{StatusCode: status, Header: h.Clone(), ContentLength: -1, Body: io.NopCloser(reader(body)), Request: req, ProtoMajor: 1}, nil
	})))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, url, strings.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stack.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := io.ReadAll(reader(resp.Body))
	resp.Body.Close()
	rows := stack.Rows()
	if len(rows) == 0 {
		return nil, string(got)
	}
	row := nameless(rows[len(rows)-1])
	return &row, string(got)
}

// cutAt is a body that is lost after so many bytes.
func cutAt(body string, n int) io.Reader {
	return io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(errors.New("connection reset")))
}

func TestReadsOfRecordedTraffic(t *testing.T) { atNoon(t, testReadsOfRecordedTraffic) }

func testReadsOfRecordedTraffic(t *testing.T) {
	compared := 0
	for _, exchanges := range readTraffic(t) {
		for _, x := range exchanges {
			if x.Status < 200 || x.Status > 299 {
				continue
			}
			random := rand.New(rand.NewPCG(uint64(x.index), 7))
			request := x.requestBody(replay{mute: true})
			for _, cut := range []int{len(x.ResponseBody), random.IntN(len(x.ResponseBody) + 1)} {
				body := func() io.Reader {
					if cut == len(x.ResponseBody) {
						return strings.NewReader(x.ResponseBody)
					}
					return cutAt(x.ResponseBody, cut)
				}
				want, wantBody := readRow(t, x.Method, x.url(), request, x.header(), x.Status, body(), whole, policy.Policy{})
				for name, reader := range map[string]func(io.Reader) io.Reader{
					"byte by byte": iotest.OneByteReader, "at random": atSizes(uint64(x.index)),
				} {
					got, gotBody := readRow(t, x.Method, x.url(), request, x.header(), x.Status, body(), reader, policy.Policy{})
					compared++
					if !reflect.DeepEqual(got, want) || gotBody != wantBody {
						t.Fatalf("record %d (%s%s), cut at %d of %d, %s:\n%+v\n%+v\n%s", x.index, x.Host, x.Path, cut, len(x.ResponseBody), name, got, want,
							difference(wantBody, gotBody))
					}
				}
			}
		}
	}
	t.Logf("%d readings have the rows of whole reads", compared)
}

func TestReadsOfSamples(t *testing.T) { atNoon(t, testReadsOfSamples) }

func testReadsOfSamples(t *testing.T) {
	for _, s := range samples {
		answer := s.right()
		for _, cut := range []int{len(answer), len(answer) - 1, len(answer) * 3 / 4, len(answer) / 2, 1, 0} {
			h := http.Header{"Content-Type": {s.contentType}}
			want, _ := readRow(t, http.MethodPost, s.url, s.body, h, 200, cutAt(answer, cut), whole, policy.Policy{})
			for name, reader := range readings {
				if got, _ := readRow(t, http.MethodPost, s.url, s.body, h, 200, cutAt(answer, cut), reader, policy.Policy{}); !reflect.DeepEqual(got, want) {
					t.Errorf("%s, cut at %d of %d, %s:\n%+v\n%+v", s.name, cut, len(answer), name, got, want)
				}
			}
		}
	}
}

// What is read of an answer, and hidden from the caller, does not depend on its Content-Type either.
func TestReadsOfAnyContentType(t *testing.T) {
	const events = `data: {"id":"c","model":"gpt-5","service_tier":"default","choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":null}]}` + "\n\n" +
		`data: {"id":"c","model":"gpt-5","service_tier":"default","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" +
		`data: {"id":"c","model":"gpt-5","service_tier":"default","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}` + "\n\n" +
		"data: [DONE]\n\n"
	for lead, shown := range map[string]string{
		"": "", "\xEF\xBB\xBF": "\xEF\xBB\xBF", "\r\n\n ": "\r\n\n ", ": keep-alive\n\n": ": keep-alive\n\n",
		"event: ping\n\n": "event: ping\n\n", "event: chunk\n": "event: chunk\n", "id: 1\n": "id: 1\n", "retry: 5\n\n": "retry: 5\n\n", "data:\n\n": "data:\n\n",
	} {
		for _, contentType := range []string{"text/event-stream", jsonType, "application/json; charset=utf-8", "text/json", "text/plain; charset=utf-8", "application/octet-stream", "text/html", ""} {
			h := http.Header{}
			if contentType != "" {
				h.Set("Content-Type", contentType)
			}
			for name, reader := range map[string]func(io.Reader) io.Reader{"whole": whole, "byte by byte": iotest.OneByteReader, "at random": atSizes(3)} {
				row, got := readRow(t, http.MethodPost, openaiURL, streamBody, h, 200, strings.NewReader(lead+events), reader, policy.Policy{})
				if row.UsageSource != ledger.Measured || row.Outcome != policy.Billed || row.Cost.String() != "0.0000625" {
					t.Errorf("%q under %q, %s: %+v", lead, contentType, name, row)
				}
				if strings.Contains(got, `"usage"`) || !strings.HasPrefix(got, shown) || !strings.Contains(got, `"stop"`) || !strings.HasSuffix(got, "data: [DONE]\n\n") {
					t.Errorf("%q under %q, %s: the caller got %q", lead, contentType, name, got)
				}
			}
		}
	}
	// So does a document that comes where a stream was asked for.
	for _, contentType := range []string{jsonType, "text/json", "text/plain", "text/event-stream", ""} {
		h := http.Header{"Content-Type": {contentType}}
		for name, reader := range readings {
			row, got := readRow(t, http.MethodPost, openaiURL, streamBody, h, 200, strings.NewReader(served), reader, policy.Policy{})
			if row.UsageSource != ledger.Measured || row.Cost.String() != "0.0002125" || got != served {
				t.Errorf("a document under %q, %s: %+v, %q", contentType, name, row, got)
			}
		}
	}
}
