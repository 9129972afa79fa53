package middleware_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
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

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// A speech is one way in which a provider answers a call. In its answer, "USAGE" (with its quotes) stands for the count of
// input tokens, and TEXT for any amount of text.
type speech struct {
	name        string
	url         string
	body        string // of the request, which bounds what it can cost
	contentType string
	answer      string
	cost        string // of 10 tokens in and 20 out
}

const (
	jsonType  = "application/json"
	eventType = "text/event-stream"
)

var speeches = []speech{
	{"chat, JSON", openaiURL, `{"model":"gpt-5","max_tokens":100}`, jsonType,
		`{"id":"c","model":"gpt-5","service_tier":"default","choices":[{"message":{"content":"TEXT"}}],"usage":{"prompt_tokens":"USAGE","completion_tokens":20,"total_tokens":30}}`, "0.0002125"},
	{"chat, SSE", openaiURL, `{"model":"gpt-5","max_tokens":100,"stream":true,"stream_options":{"include_usage":true}}`, eventType,
		`data: {"id":"c","model":"gpt-5","choices":[{"delta":{"content":"TEXT"}}],"usage":null}` + "\n\n" +
			`data: {"id":"c","model":"gpt-5","service_tier":"default","choices":[],"usage":{"prompt_tokens":"USAGE","completion_tokens":20,"total_tokens":30}}` + "\n\ndata: [DONE]\n\n", "0.0002125"},
	{"responses, JSON", responsesURL, `{"model":"gpt-5","max_output_tokens":100}`, jsonType,
		`{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","output":[{"text":"TEXT"}],"usage":{"input_tokens":"USAGE","output_tokens":20,"total_tokens":30}}`, "0.0002125"},
	{"responses, SSE", responsesURL, `{"model":"gpt-5","max_output_tokens":100,"stream":true}`, eventType,
		event("created", `{"id":"r","status":"in_progress","usage":null}`) +
			event("completed", `{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","output":[{"text":"TEXT"}],"usage":{"input_tokens":"USAGE","output_tokens":20,"total_tokens":30}}`), "0.0002125"},
	{"Gemini, JSON", geminiURL, `{"generationConfig":{"maxOutputTokens":100}}`, jsonType, geminiPiece, "0.000053"},
	{"Gemini, SSE", geminiStreamURL + "?alt=sse", `{"generationConfig":{"maxOutputTokens":100}}`, eventType,
		"data: " + geminiFirst + "\r\n\r\ndata: " + geminiPiece + "\r\n\r\n", "0.000053"},
	{"Gemini, array", geminiStreamURL, `{"generationConfig":{"maxOutputTokens":100}}`, jsonType,
		"[" + geminiFirst + "\n,\r\n" + geminiPiece + "\n]\n", "0.000053"},
	{"Gemini, an object for an array", geminiStreamURL, `{"generationConfig":{"maxOutputTokens":100}}`, jsonType, geminiPiece, "0.000053"},
	{"Anthropic, JSON", anthropicURL, `{"model":"claude-sonnet-4-5","max_tokens":100}`, jsonType,
		`{"type":"message","id":"m","model":"claude-sonnet-4-5","content":[{"text":"TEXT"}],"usage":{"input_tokens":"USAGE","output_tokens":20,"service_tier":"standard"}}`, "0.00033"},
	{"Anthropic, SSE", anthropicURL, `{"model":"claude-sonnet-4-5","max_tokens":100,"stream":true}`, eventType,
		"event: message_start\n" + `data: {"type":"message_start","message":{"id":"m","model":"claude-sonnet-4-5","usage":{"input_tokens":"USAGE","output_tokens":1,"service_tier":"standard"}}}` + "\n\n" +
			"event: content_block_delta\n" + `data: {"type":"content_block_delta","delta":{"text":"TEXT"}}` + "\n\n" +
			"event: message_delta\n" + `data: {"type":"message_delta","delta":{},"usage":{"output_tokens":20}}` + "\n\n" +
			"event: message_stop\n" + `data: {"type":"message_stop"}` + "\n\n", "0.00033"},
}

const (
	geminiStreamURL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent"
	anthropicURL    = "https://api.anthropic.com/v1/messages"
	// Every piece tells the usage up to then.
	geminiFirst = `{"responseId":"r","modelVersion":"gemini-2.5-flash","candidates":[{"content":{"parts":[{"text":"TEXT"}]}}],` +
		`"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":1,"totalTokenCount":11,"serviceTier":"standard"}}`
	geminiPiece = `{"responseId":"r","modelVersion":"gemini-2.5-flash","candidates":[{"content":{"parts":[{"text":"TEXT"}]},"finishReason":"STOP"}],` +
		`"usageMetadata":{"promptTokenCount":"USAGE","candidatesTokenCount":20,"totalTokenCount":30,"serviceTier":"standard"}}`
)

func speechOf(name string) *speech {
	return &speeches[slices.IndexFunc(speeches, func(s speech) bool { return s.name == name })]
}

// counting returns the answer with that JSON in place of its input tokens' count.
func (s *speech) counting(count string) string { return strings.Replace(s.answer, `"USAGE"`, count, 1) }

// right is the answer as it should be.
func (s *speech) right() string { return strings.ReplaceAll(s.counting("10"), "TEXT", "hello") }

// A rendering is what came of a call: its row, and whether the caller read what was sent.
type rendering struct {
	row  ledger.Row
	err  error // of reading the answer
	sent uint32
	got  uint32 // sums of the bytes
	read int64
}

// play sends the speech's call over a base that answers with the body, reads the answer to its end, and checks that every
// byte of it came through and that there is one honest row.
func (s *speech) play(t *testing.T, body io.Reader, header http.Header) rendering {
	t.Helper()
	sum, got := crc32.NewIEEE(), crc32.NewIEEE()
	h := http.Header{"Content-Type": {s.contentType}}
	maps.Copy(h, header)
	stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		return &http.Response{StatusCode: 200, Header: h, ContentLength: -1, Body: io.NopCloser(io.TeeReader(body, sum)), Request: req}, nil
	}), policy.Policy{LeaveStreams: true})
	req, err := http.NewRequest(http.MethodPost, s.url, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	if header.Get("Content-Encoding") != "" {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	resp, err := stack.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	r := rendering{}
	r.read, r.err = io.Copy(struct{ io.Writer }{got}, struct{ io.Reader }{resp.Body})
	resp.Body.Close()
	r.sent, r.got = sum.Sum32(), got.Sum32()
	if r.sent != r.got {
		t.Errorf("the caller read other bytes than were sent: %d of them", r.read)
	}
	rows := stack.Rows()
	if len(rows) != 1 {
		t.Fatalf("%d rows: %+v", len(rows), rows)
	}
	r.row = rows[0]
	checkHonest(t, r.row)
	return r
}

// checkHonest: a row of something that was served says what it cost, or why nobody can say and how much it is at most. It
// never says that it was nothing.
func checkHonest(t *testing.T, row ledger.Row) {
	t.Helper()
	switch {
	case row.Cost.Known == (row.Unpriced != ""):
		t.Errorf("cost %v, but unpriced %q", row.Cost, row.Unpriced)
	case row.Cost.Known && row.UsageSource == ledger.Estimated && row.Outcome == policy.Partial && row.Exposure.Known:
		// What had been used when it broke off, and what may have come after that.
	case row.Cost.Known && (row.Cost.Pico <= 0 || row.UsageSource != ledger.Measured):
		t.Errorf("cost %v by usage that is %s", row.Cost, row.UsageSource)
	case !row.Cost.Known && row.UsageSource == ledger.None:
		t.Errorf("unpriced (%s), and yet nothing was used", row.Unpriced)
	case !row.Cost.Known && (!row.Exposure.Known || row.Exposure.Pico <= 0):
		t.Errorf("unpriced (%s), and the exposure is %v", row.Unpriced, row.Exposure)
	}
}

// covers reports whether what a row says that the call cost, and what it says it may have cost beside that, is no less than
// it did cost. This is what a budget relies on.
func covers(row ledger.Row, cost string) bool {
	return row.Cost.Pico+row.Exposure.Pico >= price.MustUSD(cost)
}

// The speeches are right to begin with, or nothing that follows means anything.
func TestSpeeches(t *testing.T) {
	for _, s := range speeches {
		r := s.play(t, strings.NewReader(s.right()), nil)
		if r.err != nil || r.row.Outcome != policy.Billed || r.row.Cost.String() != s.cost || r.row.Usage.Input != 10 || r.row.Usage.Output != 20 {
			t.Errorf("%s: %v, %+v", s.name, r.err, r.row)
		}
	}
}

// Counts that are none: negative, broken, huge, or of another type. What cannot be trusted has no price.
func TestBadUsage(t *testing.T) {
	for _, s := range speeches {
		for _, count := range []string{
			"-1", "-10", "10.5", "1e1", "1E+30", "0.0", "-0", "1e-400", "99999999999999", "1099511627777", "18446744073709551626",
			strings.Repeat("9", 5000), `"10"`, `""`, `"\u0031\u0030"`, "true", "[]", "[10]", "{}", `{"n":10}`, "null",
		} {
			t.Run(fmt.Sprintf("%s, %.30s", s.name, count), func(t *testing.T) {
				r := s.play(t, iotest.HalfReader(strings.NewReader(strings.ReplaceAll(s.counting(count), "TEXT", ""))), nil)
				if r.row.Cost.Known || r.row.Outcome != policy.Billed {
					t.Errorf("%+v", r.row)
				}
			})
		}
	}
}

// Counts that are only sometimes there must not be passed over where they make no sense: less would be charged for.
func TestBadUsageDetails(t *testing.T) {
	for _, test := range []struct{ speech, before, detail string }{
		{"chat, JSON", `"completion_tokens"`, `"prompt_tokens_details":{"cached_tokens":COUNT},`},
		{"chat, SSE", `"completion_tokens"`, `"prompt_tokens_details":{"audio_tokens":COUNT},`},
		{"chat, SSE", `"completion_tokens"`, `"completion_tokens_details":{"reasoning_tokens":COUNT},`},
		{"responses, JSON", `"output_tokens"`, `"input_tokens_details":{"cached_tokens":COUNT},`},
		{"responses, SSE", `"output_tokens"`, `"input_tokens_details":{"cache_write_tokens":COUNT},`},
		{"Gemini, JSON", `"candidatesTokenCount"`, `"thoughtsTokenCount":COUNT,`},
		{"Gemini, array", `"candidatesTokenCount":20`, `"cachedContentTokenCount":COUNT,`},
		{"Gemini, SSE", `"candidatesTokenCount":20`, `"promptTokensDetails":[{"modality":"AUDIO","tokenCount":COUNT}],`},
		{"Anthropic, JSON", `"output_tokens"`, `"cache_creation_input_tokens":COUNT,`},
		{"Anthropic, SSE", `"output_tokens":1`, `"cache_read_input_tokens":COUNT,`},
	} {
		s := speechOf(test.speech)
		for _, count := range []string{"-1", "1.5", "1e1", "99999999999999", `"1"`, "[]", strings.Repeat("9", 5000)} {
			t.Run(fmt.Sprintf("%s, %s %.20s", test.speech, test.detail, count), func(t *testing.T) {
				detail := strings.Replace(test.detail, "COUNT", count, 1)
				r := s.play(t, strings.NewReader(strings.Replace(s.right(), test.before, detail+test.before, 1)), nil)
				if r.row.Cost.Known || r.row.Outcome != policy.Billed {
					t.Errorf("%s, cost %v", r.row.Outcome, r.row.Cost)
				}
			})
		}
	}
}

// The largest count that is believed has a price, or none: never one that has run over.
func TestLargestUsage(t *testing.T) {
	for _, s := range speeches {
		answer := strings.ReplaceAll(s.counting("1099511627776"), `:30`, ":1099511627796")
		r := s.play(t, strings.NewReader(answer), nil)
		if r.row.Cost.Known && r.row.Cost.Pico < price.MustUSD("10000") {
			t.Errorf("%s: a trillion tokens cost %v", s.name, r.row.Cost)
		}
	}
}

// A fill is a text over and over.
type fill struct {
	text string
	at   int
}

func (f *fill) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c := copy(p[n:], f.text[f.at:])
		n += c
		f.at = (f.at + c) % len(f.text)
	}
	return n, nil
}

// within is an answer with so much of the text in place of its last TEXT, made while it is read.
func within(answer, text string, size int64) io.Reader {
	at := strings.LastIndex(answer, "TEXT")
	return around(strings.ReplaceAll(answer[:at], "TEXT", ""), text, size, answer[at+len("TEXT"):])
}

// around is so much of a text between two others.
func around(head, text string, size int64, tail string) io.Reader {
	filler := &fill{text: strings.Repeat(text, max(1, 4096/len(text)))}
	return io.MultiReader(strings.NewReader(head), io.LimitReader(filler, size/int64(len(text))*int64(len(text))), strings.NewReader(tail))
}

// Answers that are long in one place: a line, a string, an array, white space. They take as much memory as short ones, and
// what comes after the long place is still read.
func TestLongAnswers(t *testing.T) {
	size := long(100 << 20)
	for _, s := range speeches {
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

// long is how long an answer is that is to be long. The race detector takes ten times as long for each byte.
func long(size int64) int64 {
	if raceEnabled {
		return size / 16
	}
	return size
}

// measure is play, and says how much the heap grew meanwhile at most.
func (s *speech) measure(t *testing.T, body io.Reader, header http.Header) (peak uint64, r rendering) {
	t.Helper()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	gauge := &gauge{Reader: body}
	r = s.play(t, gauge, header)
	return gauge.peak - min(gauge.peak, before.HeapAlloc), r
}

// A gauge notes how large the heap is while its Reader is read.
type gauge struct {
	io.Reader
	next, read int
	peak       uint64
}

func (g *gauge) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	if g.read += n; g.read >= g.next || err != nil {
		g.next = g.read + 1<<20
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		g.peak = max(g.peak, stats.HeapAlloc)
	}
	return n, err
}

// maxPeak is as much as the heap may grow by a long answer: what little is kept, and the garbage that is not yet collected.
const maxPeak = 12 << 20

// Bodies that have nothing to do with an answer, or break off in one: bounded, and honest.
func TestHostileAnswers(t *testing.T) {
	size := long(4 << 20)
	for _, s := range []*speech{speechOf("chat, JSON"), speechOf("chat, SSE"), speechOf("responses, SSE"), speechOf("Gemini, array"), speechOf("Anthropic, SSE")} {
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

// How the network cuts an answer into pieces, and what white space leads it, changes nothing: not what the row says, and
// not if the caller stops reading once it has the last byte.
func TestPiecesDoNotMatter(t *testing.T) {
	for _, s := range speeches {
		for _, lead := range []string{"", "\n", "\r\n  \t "} {
			if lead != "" && s.contentType == eventType {
				continue // a stream of events has its own rules, which have their own tests
			}
			t.Run(fmt.Sprintf("%s, %q", s.name, lead), func(t *testing.T) {
				answer := lead + s.right()
				for size := 1; size <= len(answer); size++ {
					r := s.play(t, &piecewise{answer, size}, nil)
					if r.row.Outcome != policy.Billed || r.row.Cost.String() != s.cost {
						t.Fatalf("pieces of %d: %+v", size, r.row)
					}
				}
			})
		}
	}
}

// piecewise is a text in pieces of a size.
type piecewise struct {
	rest string
	size int
}

func (p *piecewise) Read(b []byte) (int, error) {
	if p.rest == "" {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// A caller that has the last event and closes the body has had the whole answer, wherever the network cut it.
func TestClosingAfterTheLastEvent(t *testing.T) {
	for _, s := range speeches {
		answer := s.right()
		for size := 1; size <= len(answer); size++ {
			stack := stackOver(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				req.Body.Close()
				// It does not say that it has ended: the connection stays open.
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {s.contentType}},
					Body: io.NopCloser(io.MultiReader(&piecewise{answer, size}, iotest.ErrReader(errors.New("read beyond the end"))))}, nil
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

// An answer that is cut, with or without a length that says so: what came is the caller's, with the error, and a row does
// not say more than it knows.
func TestCutAnswers(t *testing.T) {
	for _, s := range speeches {
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

// A body that trickles, silent for hours between bytes, is read as it comes: the caller waits for the server, not for us.
func TestTrickledAnswers(t *testing.T) {
	for _, s := range speeches {
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

// What failed is answered within a second, whatever its body does: the caller gets the beginning, reads on for as long as
// there is something, and can close it.
func TestBadErrorBodies(t *testing.T) {
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
		{"rubbish behind it", func() io.ReadCloser { return io.NopCloser(around(quota, "x", 1<<40, "")) }, quota + "xxx", false},
		{"a million deep", func() io.ReadCloser { return io.NopCloser(around("", `{"error":`, 20<<20, "")) }, `{"error":{"error":`, false},
		{"a page", func() io.ReadCloser { return io.NopCloser(strings.NewReader("<html>")) }, "<html>", true},
		{"broken", func() io.ReadCloser {
			return io.NopCloser(io.MultiReader(strings.NewReader(quota[:9]), iotest.ErrReader(io.ErrUnexpectedEOF)))
		}, quota[:9], false},
		{"empty reads", func() io.ReadCloser { return io.NopCloser(&halting{strings.NewReader(quota), false}) }, quota, true},
		{"nothing", func() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }, "", true},
	} {
		for _, s := range []*speech{speechOf("chat, JSON"), speechOf("responses, SSE"), speechOf("Gemini, JSON"), speechOf("Anthropic, SSE")} {
			for _, status := range []int{429, 500, 302, 999} {
				t.Run(fmt.Sprint(test.name, ", ", s.name, ", ", status), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { badError(t, s, status, test.body(), test.begins, test.whole) })
				})
			}
		}
	}
}

// halting reads nothing every other time.
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

// trickle gives a byte every 300 ms, until it is closed.
func trickle(from io.Reader) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		for {
			time.Sleep(300 * time.Millisecond)
			if _, err := io.CopyN(w, from, 1); err != nil {
				w.CloseWithError(err)
				return
			}
		}
	}()
	return r
}

func badError(t *testing.T, s *speech, status int, body io.ReadCloser, begins string, whole bool) {
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
		t.Errorf("not all of the refusal came, or it cost something: %+v", row)
	case row.Outcome != policy.Rejected && (row.Outcome != policy.Ambiguous || row.Cost.Known || row.Unpriced == "" || !row.Exposure.Known):
		t.Errorf("%+v", row)
	}
	time.Sleep(time.Second) // for those who write to a body that is closed
}

// Headers are the provider's to write, and control characters in them a terminal's or a log's to fear: none gets into a row.
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
	found := map[string]string{} // which members of rows, and for example what
	for _, s := range speeches {
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

// findControls adds the members of a row that hold control characters, or are longer than they may be.
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

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encoded(encoding string) http.Header { return http.Header{"Content-Encoding": {encoding}} }

// The caller asked for gzip, and so gets it, byte for byte; the row says what it would have said without.
func TestPackedAnswers(t *testing.T) {
	for _, s := range speeches {
		for _, encoding := range []string{"gzip", "GZIP", " x-gzip "} {
			answer := zipped(t, s.right())
			for _, size := range []int{1, 7, len(answer)} {
				r := s.play(t, &piecewise{string(answer), size}, encoded(encoding))
				if r.row.Outcome != policy.Billed || r.row.Cost.String() != s.cost || int(r.read) != len(answer) {
					t.Errorf("%s, %q in pieces of %d: %+v", s.name, encoding, size, r.row)
				}
			}
		}
		for _, answer := range [][]byte{
			slices.Concat(zipped(t, s.right()[:9]), zipped(t, ""), zipped(t, s.right()[9:])), // members, which are one file
			zipped(t, s.right()+strings.Repeat("\n", 1<<20)),
		} {
			if r := s.play(t, bytes.NewReader(answer), encoded("gzip")); r.row.Outcome != policy.Billed || r.row.Cost.String() != s.cost {
				t.Errorf("%s: %+v", s.name, r.row)
			}
		}
	}
}

// What is packed and cut, or is not what its header says, is the caller's all the same; what it says is believed as far as
// it goes, and no further.
func TestPackedAnswersThatAreBroken(t *testing.T) {
	for _, s := range speeches {
		whole := zipped(t, s.right())
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
			{"not packed", "gzip", s.right(), "does not have the encoding"},
			{"nothing", "gzip", "", "does not have the encoding"},
			{"a page", "gzip", "<html>", "does not have the encoding"},
			{"br", "br", "\x8b\x03\x80abc\x03", "not read: br"},
			{"zstd", "zstd", "\x28\xb5\x2f\xfd", "not read: zstd"},
			{"twice", "gzip, gzip", string(zipped(t, string(whole))), "not read: unknown"},
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

// Ten gigabytes in a few megabytes, and as much as there may be in less: memory and time are bounded, and the row says why
// it has no price.
func TestBombs(t *testing.T) {
	const unpacked = 10 << 30
	for _, s := range []*speech{speechOf("chat, JSON"), speechOf("Gemini, array"), speechOf("Anthropic, SSE")} {
		for _, bomb := range []struct{ name, text string }{
			{"zeros", "\x00"}, {"spaces", " "}, {"brackets", "["}, {"blank lines", "\n"}, {"events", "data: {}\n\n"}, {"elements", "{},"},
		} {
			part := string(zipped(t, strings.Repeat(bomb.text, 10<<20/len(bomb.text))))
			head := ""
			if bomb.text == "{}," {
				head = string(zipped(t, "["))
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

// A refusal that came packed, as the caller asked, says the same as one that did not: whether to wait, and whether it is
// free. The caller gets it as it came.
func TestPackedRefusals(t *testing.T) {
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
				body = zipped(t, test.answer)
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

// A server that packs a stream although nobody asked: what it said is passed on when it comes, not held back to hide
// something in it that cannot be found.
func TestPackedStreamIsNotHeldBack(t *testing.T) {
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

// Asking for an encoding oneself, in whatever case, leaves a stream as it was asked for: what is packed cannot be hidden.
func TestAcceptEncodingInAnyCase(t *testing.T) {
	for _, key := range []string{"Accept-Encoding", "accept-encoding", "ACCEPT-ENCODING"} {
		base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, eventType, "data: [DONE]\n\n")}}
		req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(streamBody))
		req.Header[key] = []string{"gzip"}
		resp, err := stackOver(t, base, policy.Policy{}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if base.bodies[0] != streamBody || fmt.Sprint(base.headers[0][key]) != "[gzip]" {
			t.Errorf("%s: sent %q, header %v", key, base.bodies, base.headers[0])
		}
	}
}

// Answers that have no body, or are not ours to read, pass as they are: the same body, status and headers.
func TestAnswersWithoutABody(t *testing.T) {
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
			checkHonest(t, rows[0])
		}
	}
}

// Headers that stand in other cases than net/http writes them are the same headers.
func TestHeadersInAnyCase(t *testing.T) {
	for _, name := range []func(string) string{strings.ToLower, strings.ToUpper, http.CanonicalHeaderKey} {
		base := &script{answers: []func(*http.Request) (*http.Response, error){
			says(429, jsonType, `{"error":{"code":"slow_down"}}`), says(200, jsonType, served),
		}}
		stack := stackOver(t, base, policy.Policy{Tier: policy.Flex, BackoffBase: 1, BackoffMax: 1})
		req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
		req.Header = http.Header{
			name("Content-Length"): {fmt.Sprint(len(chatBody))}, name("Idempotency-Key"): {"k"}, name("X-Idempotency-Key"): {"k"},
			name("X-Stainless-Retry-Count"): {"2"}, name("Authorization"): {"Bearer sk"}, name("X-Own"): {"1"},
		}
		before := req.Header.Clone()
		resp, err := stack.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		if fmt.Sprint(req.Header) != fmt.Sprint(before) {
			t.Errorf("the caller's header was changed: %v", req.Header)
		}
		for i, sent := range base.headers {
			length, body := sent[name("Content-Length")], base.bodies[i]
			if len(sent) != 4 || len(length) != 1 || length[0] != fmt.Sprint(len(body)) || !strings.Contains(body, "flex") || sent[name("X-Own")] == nil {
				t.Errorf("sent %v with %q", sent, body)
			}
		}
		if rows := stack.Rows(); len(rows) != 2 || rows[0].SDKRetry != 2 {
			t.Errorf("%+v", rows)
		}
	}
	// Content-Encoding in lower case: the body is not JSON, whatever it looks like.
	base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, jsonType, served)}}
	stack := stackOver(t, base, policy.Policy{Tier: policy.Flex})
	req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
	req.Header["content-encoding"] = []string{"br"}
	if _, err := stack.RoundTrip(req); err != nil || base.bodies[0] != chatBody {
		t.Errorf("%v, sent %q", err, base.bodies)
	}
}
