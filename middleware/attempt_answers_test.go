package middleware_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Answers that are not what their headers say reach the caller, and their rows say why they have no price.
func TestMisleadingAnswers(t *testing.T) {
	for _, test := range []struct {
		name, contentType, encoding, body string
		outcome                           policy.Outcome
		unpriced                          string
	}{
		{"a page", "text/html", "", "<html>", policy.Billed, "the answer does not say what was used"},
		{"a page that says it is JSON", "application/json", "", "<html>", policy.Billed, "the answer does not say what was used"},
		{"half a document", "application/json", "", `{"usage":{"prompt_tokens":1`, policy.Partial, "the answer does not say what was used"},
		{"compressed", "application/json", "br", "\x01\x02", policy.Billed, "in an encoding that is not read: br"},
		{"no usage", "application/json", "", `{"model":"gpt-5"}`, policy.Billed, "the answer does not say what was used"},
		{"absurd usage", "application/json", "", `{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":-1,"completion_tokens":1}}`, policy.Billed, "usage.prompt_tokens is no count"},
		{"unknown model", "application/json", "", `{"model":"mystery","service_tier":"default","usage":{"prompt_tokens":1,"completion_tokens":1}}`, policy.Billed, "mystery"},
		{"unknown tier", "application/json", "", `{"model":"gpt-5","service_tier":"scale","usage":{"prompt_tokens":1,"completion_tokens":1}}`, policy.Billed, "scale"},
		{"an error in a 200", "application/json", "", `{"error":{"code":"oops"}}`, policy.Partial, "the answer does not say what was used"},
		{"nothing", "application/json", "", "", policy.Partial, "the answer does not say what was used"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				io.Copy(io.Discard, req.Body)
				h := http.Header{"Content-Type": {test.contentType}}
				if test.encoding != "" {
					h.Set("Content-Encoding", test.encoding)
				}
				return &http.Response{StatusCode: 200, Header: h, Body: io.NopCloser(iotest.OneByteReader(strings.NewReader(test.body))), Request: req}, nil
			})
			stack, err := middleware.New(middleware.WithBase(base))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := stack.Client().Post("https://api.openai.com/v1/chat/completions", "application/json", strings.NewReader(chatBody))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(got) != test.body || err != nil {
				t.Errorf("the caller got %q, %v", got, err)
			}
			rows := stack.Rows()
			if len(rows) != 1 || rows[0].Outcome != test.outcome || !strings.Contains(rows[0].Unpriced, test.unpriced) || rows[0].Cost.Known {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// Answers without a body keep their status, headers and body.
func TestAnswersWithoutBody(t *testing.T) {
	for _, test := range []struct {
		method string
		status int
		want   policy.Outcome
	}{
		{http.MethodPost, 101, policy.Ambiguous}, {http.MethodPost, 204, policy.Partial}, {http.MethodPost, 304, policy.Rejected},
		{http.MethodPost, 205, policy.Partial}, {http.MethodHead, 200, ""}, {http.MethodOptions, 204, ""},
	} {
		header := http.Header{"Content-Type": {jsonType}, "Content-Length": {"12345"}, "x-lower": {"1"}, "Etag": {`"x"`}}
		answer := &http.Response{StatusCode: test.status, Header: header.Clone(), ContentLength: 12345, Body: http.NoBody}
		stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			io.Copy(io.Discard, req.Body)
			req.Body.Close()
			return answer, nil
		}), policy.Policy{Tier: policy.Flex, Fallback: policy.Standard})
		resp, err := stack.RoundTrip(httptest.NewRequest(test.method, openaiURL, strings.NewReader(`{"model":"gpt-5","max_tokens":10,"stream":true}`)))
		if err != nil {
			t.Fatal(err)
		}
		if forbidden := resp.Header.Get("X-Should-Retry") == "false"; forbidden != (test.method == http.MethodPost && test.status != 101) {
			t.Errorf("%s %d: x-should-retry: false is %v", test.method, test.status, forbidden)
		}
		resp.Header.Del("X-Should-Retry")
		if resp != answer || resp.Body != http.NoBody || resp.ContentLength != 12345 || fmt.Sprint(resp.Header) != fmt.Sprint(header) {
			t.Errorf("%s %d: %+v", test.method, test.status, resp)
		}
		rows := stack.Rows()
		if test.want == "" {
			if len(rows) != 0 {
				t.Errorf("%s: %+v", test.method, rows)
			}
			continue
		}
		if len(rows) != 1 || rows[0].Outcome != test.want {
			t.Fatalf("%d: %+v", test.status, rows)
		}
		if test.want != policy.Rejected {
			checkCost(t, rows[0])
		}
	}
}

// It makes no difference into which pieces the network cuts an answer, or what white space precedes it.
func TestAnswersInPieces(t *testing.T) {
	for _, s := range samples {
		for _, lead := range []string{"", "\n", "\r\n  \t "} {
			if lead != "" && s.contentType == eventType {
				continue // a stream of events has its own rules, which have their own tests
			}
			t.Run(fmt.Sprintf("%s, %q", s.name, lead), func(t *testing.T) {
				answer := lead + s.right()
				for size := 1; size <= len(answer); size++ {
					r := s.play(t, inPieces(answer, size), nil)
					if r.row.Outcome != policy.Billed || r.row.Cost.String() != s.cost {
						t.Fatalf("pieces of %d: %+v", size, r.row)
					}
				}
			})
		}
	}
}

// A caller that closes the body after its last event has had the whole answer, into whichever pieces it was cut.
func TestClosingAfterTheLastEvent(t *testing.T) {
	for _, s := range samples {
		answer := s.right()
		for size := 1; size <= len(answer); size++ {
			stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				req.Body.Close()
				// The answer is not ended: the connection stays open.
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {s.contentType}},
					Body: io.NopCloser(io.MultiReader(inPieces(answer, size), iotest.ErrReader(errors.New("read beyond the end"))))}, nil
			}), policy.Policy{LeaveStreams: true})
			resp, err := stack.RoundTrip(httptest.NewRequest(http.MethodPost, s.url, strings.NewReader(s.body)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(resp.Body, make([]byte, len(answer))); err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if row := stack.Rows()[0]; row.Outcome != policy.Billed || row.Cost.String() != s.cost {
				t.Errorf("%s, pieces of %d: %s, cost %v, unpriced %q", s.name, size, row.Outcome, row.Cost, row.Unpriced)
				break
			}
		}
	}
}

// If an answer is cut, the caller gets what came and the error. The row says no more than is known.
func TestCutAnswers(t *testing.T) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			answer := s.right()
			for at := range len(answer) {
				for _, err := range []error{nil, io.ErrUnexpectedEOF} {
					body := io.Reader(strings.NewReader(answer[:at]))
					if err != nil {
						body = io.MultiReader(body, iotest.ErrReader(err))
					}
					r := s.play(t, body, nil)
					if int(r.read) != at || r.err != err {
						t.Fatalf("cut at %d: read %d, %v", at, r.read, r.err)
					}
					complete := r.row.Cost.Known && r.row.Cost.String() == s.cost
					if !complete && r.row.Outcome != policy.Partial || !covers(r.row, s.cost) || t.Failed() {
						t.Fatalf("cut at %d (%v): %s, cost %v of %s, exposure %v, unpriced %q", at, err, r.row.Outcome, r.row.Cost, s.cost, r.row.Exposure, r.row.Unpriced)
					}
				}
			}
		})
	}
}

// A body that is silent for hours between bytes is read as it comes.
func TestSlowAnswers(t *testing.T) {
	for _, s := range samples {
		synctest.Test(t, func(t *testing.T) {
			answer := s.right()
			r, w := io.Pipe()
			go func() {
				for i := range len(answer) {
					time.Sleep(time.Hour)
					io.WriteString(w, answer[i:i+1])
				}
				w.Close()
			}()
			start := time.Now()
			got := s.play(t, r, nil)
			if took := time.Since(start); took != time.Duration(len(answer))*time.Hour || got.row.Cost.String() != s.cost {
				t.Errorf("%s: took %v, %+v", s.name, took, got.row)
			}
		})
	}
}

// Answers that are long in one place (a line, a string, an array, white space) take as much memory as short ones, and
// what follows the long place is read.
func TestLongAnswers(t *testing.T) {
	size := longSize(100 << 20)
	for _, s := range samples {
		for _, long := range []struct{ name, text string }{
			{"text", "x"}, {"escapes", `\"`}, {"brackets in a string", `]}[{`}, {"marks in a string", `\"usage\":`},
		} {
			if long.text != "x" && s.contentType != eventType && s.name != "Gemini, array" {
				continue // one of each kind is enough
			}
			t.Run(s.name+", "+long.name, func(t *testing.T) {
				peak, r := s.measure(t, within(s.counting("10"), long.text, size), nil)
				if r.read < size || r.row.Cost.String() != s.cost || r.row.Outcome != policy.Billed {
					t.Errorf("%d bytes, %+v", r.read, r.row)
				}
				if peak > maxPeak {
					t.Errorf("the heap grew by %d bytes", peak)
				}
			})
		}
	}
}

// longSize is the length of a long answer. The race detector takes ten times as long for each byte.
func longSize(size int64) int64 {
	if raceEnabled {
		return size / 16
	}
	return size
}

// maxPeak is how much the heap may grow during a long answer: what is kept of it, and garbage that is not collected
// yet.
const maxPeak = 12 << 20

// Bodies that are no answer at all take bounded memory, and get no price.
func TestHostileAnswers(t *testing.T) {
	size := longSize(4 << 20)
	for _, s := range []*sample{sampleNamed("chat, JSON"), sampleNamed("chat, SSE"), sampleNamed("responses, SSE"), sampleNamed("Gemini, array"), sampleNamed("Anthropic, SSE")} {
		event := ""
		if s.contentType == eventType {
			event = "data: "
		}
		for _, bad := range []struct {
			name             string
			head, text, tail string
		}{
			{"a page", "<!doctype html><html>", "<p>502 Bad Gateway</p>\n", "</html>"},
			{"nothing but brackets", event, "[", ""},
			{"objects a million deep", event, `{"a":`, ""},
			{"the usage a million deep", event, `{"usage":{"prompt_tokens":`, ""},
			{"the response a million deep", event + `{"type":"response.completed",`, `"response":{`, ""},
			{"closing brackets", event, "]}", ""},
			{"white space", "", " ", ""},
			{"blank lines", "", "\r\n", ""},
			{"a name without end", event + `{"`, "x", `":1}`},
			{"a number without end", event + `{"usage":{"prompt_tokens":`, "1", "}}"},
			{"one member over and over", event + "{", `"model":"x","usage":{"prompt_tokens":-1},`, `"a":1}`},
			{"a long member over and over", event + "{", `"id":"` + strings.Repeat("x", 900) + `",`, `"a":1}`},
			{"comments", "", ": ping\n\n", ""},
			{"a comment without end", ": ", "x", ""},
			{"event names", "", "event: error\n", ""},
			{"empty events", "", "data:\n\n", ""},
			{"one event of many lines", "", "data: x\n", "\n"},
			{"events of one bracket", "", "data: {\n\n", ""},
			{"carriage returns", "data: {", "\r", ""},
			{"zeros", "", "\x00", ""},
			{"byte order marks", "", "\xEF\xBB\xBF", ""},
			{"documents side by side", "", "{}\n", ""},
			{"empty elements", "[", "{},", "{}]"},
		} {
			t.Run(s.name+", "+bad.name, func(t *testing.T) {
				peak, r := s.measure(t, around(bad.head, bad.text, size, bad.tail), nil)
				if r.row.Cost.Known || r.read < size/2 || r.err != nil {
					t.Errorf("read %d, %v, %+v", r.read, r.err, r.row)
				}
				if peak > maxPeak {
					t.Errorf("the heap grew by %d bytes", peak)
				}
			})
		}
	}
}

// A row holds no control characters, even if the headers and the answer do: they could harm a terminal or a log.
func TestControlCharacters(t *testing.T) {
	const evil = "a\x00b\r\nX: y\x1b[31m\x7f\u009b31m\u0085é\xff\xc2"
	header := http.Header{}
	for _, key := range []string{
		"X-Request-Id", "Request-Id", "Apim-Request-Id", "X-Gemini-Service-Tier", "Azureai-Processed-Tier", "Retry-After", "Retry-After-Ms",
		"X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests", "Date", "Anthropic-Ratelimit-Tokens-Reset", "X-" + evil,
	} {
		header[key] = []string{evil, strings.Repeat(evil, 1000)}
	}
	text, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	escaped := strings.Trim(string(text), `"`)
	found := map[string]string{} // the members of rows, with an example of each
	for _, s := range samples {
		for _, status := range []int{200, 400, 429} {
			answer := s.right()
			if status != 200 {
				answer = `{"error":{"code":"EVIL","type":"EVIL","status":"EVIL","message":"EVIL","param":"EVIL"}}`
			}
			for _, name := range []string{`"id":"c"`, `"id":"r"`, `"id":"m"`, `"responseId":"r"`} {
				key, _, _ := strings.Cut(name, ":")
				answer = strings.ReplaceAll(answer, name, key+`:"EVIL"`)
			}
			answer = strings.NewReplacer("EVIL", escaped, "default", escaped, "standard", escaped, `"gpt-5"`, `"`+escaped+`"`,
				"gemini-2.5-flash", escaped, "claude-sonnet-4-5", escaped).Replace(answer)
			for _, contentType := range []string{s.contentType, s.contentType + "; " + evil, evil} {
				stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
					req.Body.Close()
					h := header.Clone()
					h["Content-Type"] = []string{contentType}
					return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(answer)), Request: req}, nil
				}), policy.Policy{MaxAttempts: 1})
				if got, err := do(t, t.Context(), stack, http.MethodPost, s.url, strings.Replace(s.body, "{", `{"service_tier":"`+escaped+`",`, 1)); err != nil || got != answer {
					t.Errorf("%s, %d: the caller got %q, %v", s.name, status, got, err)
				}
				for _, row := range stack.Rows() {
					findControls(t, row, found)
				}
			}
		}
	}
	for key, example := range found {
		t.Errorf("%s is %q", key, example)
	}
}

// findControls adds the members of a row that hold control characters or are too long.
func findControls(t *testing.T, row ledger.Row, found map[string]string) {
	t.Helper()
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	for key, value := range members {
		if s, ok := value.(string); ok && (strings.ContainsFunc(s, unicode.IsControl) || len(s) > 512) {
			found[key] = s
		}
	}
}

// gzipped returns a text in gzip.
func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// encoded returns the header of an answer in an encoding.
func encoded(encoding string) http.Header { return http.Header{"Content-Encoding": {encoding}} }

// A caller that asked for gzip gets it byte for byte, and the row is that of the same answer without compression.
func TestCompressedAnswers(t *testing.T) {
	for _, s := range samples {
		for _, encoding := range []string{"gzip", "GZIP", " x-gzip "} {
			answer := gzipped(t, s.right())
			for _, size := range []int{1, 7, len(answer)} {
				r := s.play(t, inPieces(string(answer), size), encoded(encoding))
				if r.row.Outcome != policy.Billed || r.row.Cost.String() != s.cost || int(r.read) != len(answer) {
					t.Errorf("%s, %q in pieces of %d: %+v", s.name, encoding, size, r.row)
				}
			}
		}
		for _, answer := range [][]byte{
			slices.Concat(gzipped(t, s.right()[:9]), gzipped(t, ""), gzipped(t, s.right()[9:])), // three members of one file
			gzipped(t, s.right()+strings.Repeat("\n", 1<<20)),
		} {
			if r := s.play(t, bytes.NewReader(answer), encoded("gzip")); r.row.Outcome != policy.Billed || r.row.Cost.String() != s.cost {
				t.Errorf("%s: %+v", s.name, r.row)
			}
		}
	}
}

// A compressed answer that is cut, or is not what its header says, reaches the caller. The part that can be
// read counts.
func TestBrokenCompressedAnswers(t *testing.T) {
	for _, s := range samples {
		whole := gzipped(t, s.right())
		for at := range len(whole) {
			for _, err := range []error{nil, io.ErrUnexpectedEOF} {
				body := io.Reader(bytes.NewReader(whole[:at]))
				if err != nil {
					body = io.MultiReader(body, iotest.ErrReader(err))
				}
				if r := s.play(t, body, encoded("gzip")); int(r.read) != at || r.err != err || !covers(r.row, s.cost) {
					t.Fatalf("%s, cut at %d: read %d, %v; %s, cost %v of %s, exposure %v", s.name, at, r.read, r.err, r.row.Outcome, r.row.Cost, s.cost, r.row.Exposure)
				}
			}
		}
		flipped := bytes.Clone(whole)
		flipped[len(flipped)-8]++ // the checksum
		for _, test := range []struct {
			name, encoding, body, why string
		}{
			{"not compressed", "gzip", s.right(), "does not have the encoding"},
			{"nothing", "gzip", "", "does not have the encoding"},
			{"a page", "gzip", "<html>", "does not have the encoding"},
			{"br", "br", "\x8b\x03\x80abc\x03", "not read: br"},
			{"zstd", "zstd", "\x28\xb5\x2f\xfd", "not read: zstd"},
			{"twice", "gzip, gzip", string(gzipped(t, string(whole))), "not read: unknown"},
			{"a header of control bytes", "g\x00z\r\nip", string(whole), "not read: unknown"},
			{"a wrong checksum", "gzip", string(flipped), ""},
		} {
			r := s.play(t, strings.NewReader(test.body), encoded(test.encoding))
			if !strings.Contains(r.row.Unpriced, test.why) || r.row.Outcome != policy.Billed {
				t.Errorf("%s, %s: %s, unpriced %q, want %q", s.name, test.name, r.row.Outcome, r.row.Unpriced, test.why)
			}
		}
	}
}

// A few megabytes that expand to gigabytes take bounded memory and time, and the row says why there is no price.
func TestDecompressionBombs(t *testing.T) {
	const unpacked = 10 << 30
	for _, s := range []*sample{sampleNamed("chat, JSON"), sampleNamed("Gemini, array"), sampleNamed("Anthropic, SSE")} {
		for _, bomb := range []struct{ name, text string }{
			{"zeros", "\x00"}, {"spaces", " "}, {"brackets", "["}, {"blank lines", "\n"}, {"events", "data: {}\n\n"}, {"elements", "{},"},
		} {
			part := string(gzipped(t, strings.Repeat(bomb.text, 10<<20/len(bomb.text))))
			head := ""
			if bomb.text == "{}," {
				head = string(gzipped(t, "["))
			}
			for name, size := range map[string]int64{"too long to keep": unpacked / (10 << 20) * int64(len(part)), "short enough": 3 << 20} {
				t.Run(s.name+", "+bomb.name+", "+name, func(t *testing.T) {
					peak, r := s.measure(t, around(head, part, size, ""), encoded("gzip"))
					if r.row.Cost.Known || !strings.Contains(r.row.Unpriced, "compressed") {
						t.Errorf("%+v", r.row)
					}
					if peak > 2*maxPeak {
						t.Errorf("the heap grew by %d bytes", peak)
					}
				})
			}
		}
	}
}

// A compressed rejection means the same as one that is not compressed, and reaches the caller as it came.
func TestCompressedRejections(t *testing.T) {
	for _, test := range []struct {
		name, url, body, answer string
		want                    policy.Reason
	}{
		{"capacity", openaiURL, chatBody, `{"error":{"code":"resource_unavailable","message":"no room"}}`, policy.Capacity},
		{"quota", openaiURL, chatBody, `{"error":{"code":"insufficient_quota","message":"no money"}}`, policy.Quota},
		{"Gemini's quota", geminiURL, `{}`, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"spending cap"}}`, policy.Quota},
	} {
		for _, encoding := range []string{"", "gzip"} {
			body := []byte(test.answer)
			if encoding != "" {
				body = gzipped(t, test.answer)
			}
			stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				req.Body.Close()
				h := http.Header{"Content-Type": {jsonType}}
				if encoding != "" {
					h.Set("Content-Encoding", encoding)
				}
				return &http.Response{StatusCode: 429, Header: h, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
			}), policy.Policy{MaxAttempts: 1, Tier: policy.Flex})
			req := httptest.NewRequest(http.MethodPost, test.url, strings.NewReader(test.body))
			req.Header.Set("Accept-Encoding", "gzip")
			resp, err := stack.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(resp.Body); !bytes.Equal(got, body) || err != nil {
				t.Errorf("%s, %q: the caller got %q, %v", test.name, encoding, got, err)
			}
			if row := stack.Rows()[0]; row.Reason != test.want || row.Outcome != policy.Rejected {
				t.Errorf("%s, encoding %q: %s, %s, want %s", test.name, encoding, row.Outcome, row.Reason, test.want)
			}
		}
	}
}

// A stream that the server compresses unasked reaches the caller at once: no event in it can be hidden.
func TestCompressedStreamIsNotHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			req.Body.Close()
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {eventType}, "Content-Encoding": {"gzip"}}, Body: r, Request: req}, nil
		}), policy.Policy{})
		go func() {
			z := gzip.NewWriter(w)
			io.WriteString(z, "data: {}\n\n")
			z.Flush()
			time.Sleep(time.Hour)
			w.Close()
		}()
		resp, err := stack.RoundTrip(httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(streamBody)))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if n, err := resp.Body.Read(make([]byte, 10)); n == 0 || err != nil || time.Since(start) > time.Second {
			t.Errorf("%d bytes, %v after %v", n, err, time.Since(start))
		}
		resp.Body.Close()
		time.Sleep(2 * time.Hour)
	})
}

// A failed call is answered within a second, whatever its body does. The caller gets the beginning of the body, can
// read on, and can close it.
func TestErrorBodies(t *testing.T) {
	const quota = `{"error":{"code":"insufficient_quota"}}`
	for _, test := range []struct {
		name   string
		body   func() io.ReadCloser
		begins string
		whole  bool // so that what it says can be relied on
	}{
		{"silent", func() io.ReadCloser { r, _ := io.Pipe(); return r }, "", false},
		{"trickled without end", func() io.ReadCloser { return trickle(&fill{text: "x"}) }, "xxxxx", false},
		{"trickled JSON", func() io.ReadCloser { return trickle(strings.NewReader(quota)) }, quota, false},
		{"fast without end", func() io.ReadCloser { return io.NopCloser(&fill{text: "x"}) }, strings.Repeat("x", 1<<20), false},
		{"a message without end", func() io.ReadCloser { return io.NopCloser(around(`{"error":{"message":"`, "x", 1<<40, "")) }, `{"error":{"message":"xxx`, false},
		{"white space without end", func() io.ReadCloser { return io.NopCloser(around(quota, " ", 1<<40, "")) }, quota + strings.Repeat(" ", 1<<20), true},
		{"garbage after it", func() io.ReadCloser { return io.NopCloser(around(quota, "x", 1<<40, "")) }, quota + "xxx", false},
		{"a million deep", func() io.ReadCloser { return io.NopCloser(around("", `{"error":`, 20<<20, "")) }, `{"error":{"error":`, false},
		{"a page", func() io.ReadCloser { return io.NopCloser(strings.NewReader("<html>")) }, "<html>", true},
		{"broken", func() io.ReadCloser {
			return io.NopCloser(io.MultiReader(strings.NewReader(quota[:9]), iotest.ErrReader(io.ErrUnexpectedEOF)))
		}, quota[:9], false},
		{"empty reads", func() io.ReadCloser { return io.NopCloser(&halting{strings.NewReader(quota), false}) }, quota, true},
		{"nothing", func() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }, "", true},
	} {
		for _, s := range []*sample{sampleNamed("chat, JSON"), sampleNamed("responses, SSE"), sampleNamed("Gemini, JSON"), sampleNamed("Anthropic, SSE")} {
			for _, status := range []int{429, 500, 302, 999} {
				t.Run(fmt.Sprint(test.name, ", ", s.name, ", ", status), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { badError(t, s, status, test.body(), test.begins, test.whole) })
				})
			}
		}
	}
}

// A halting reader returns no bytes every other time.
type halting struct {
	io.Reader
	odd bool
}

func (h *halting) Read(p []byte) (int, error) {
	if h.odd = !h.odd; h.odd {
		return 0, nil
	}
	return h.Reader.Read(p)
}

// badError makes a call that is answered with the status and the body.
func badError(t *testing.T, s *sample, status int, body io.ReadCloser, begins string, whole bool) {
	sent := 0
	stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		sent++
		req.Body.Close()
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {jsonType}}, Body: body, Request: req}, nil
	}), policy.Policy{MaxAttempts: 1})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	resp, err := stack.RoundTrip(httptest.NewRequest(http.MethodPost, s.url, strings.NewReader(s.body)))
	if err != nil || resp.StatusCode != status || time.Since(start) > time.Second {
		t.Fatalf("%v after %v", err, time.Since(start))
	}
	got := make([]byte, len(begins))
	if n, err := io.ReadFull(resp.Body, got); err != nil || string(got) != begins {
		t.Errorf("the caller read %.40q (%d of %d bytes), %v", got, n, len(begins), err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20+uint64(len(begins)) {
		t.Errorf("%d bytes allocated", allocated)
	}
	rows := stack.Rows()
	if len(rows) != 1 || sent != 1 || rows[0].Status != status {
		t.Fatalf("sent %d times, rows %+v", sent, rows)
	}
	switch row := rows[0]; {
	case row.Outcome == policy.Rejected && (!whole || row.Cost != ledger.Known(0) || row.Evidence == ""):
		t.Errorf("an incomplete rejection counts as one, or it has a cost: %+v", row)
	case row.Outcome != policy.Rejected && (row.Outcome != policy.Ambiguous || row.Cost.Known || row.Unpriced == "" || !row.Exposure.Known):
		t.Errorf("%+v", row)
	}
	time.Sleep(time.Second) // so that writers see that the body is closed
}
