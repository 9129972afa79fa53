package middleware_test

import (
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

const (
	jsonType  = "application/json"
	eventType = "text/event-stream"
)

const (
	geminiStreamURL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent"
	anthropicURL    = "https://api.anthropic.com/v1/messages"
	// Every piece reports the usage so far.
	geminiFirst = `{"responseId":"r","modelVersion":"gemini-2.5-flash","candidates":[{"content":{"parts":[{"text":"TEXT"}]}}],` +
		`"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":1,"totalTokenCount":11,"serviceTier":"standard"}}`
	geminiPiece = `{"responseId":"r","modelVersion":"gemini-2.5-flash","candidates":[{"content":{"parts":[{"text":"TEXT"}]},"finishReason":"STOP"}],` +
		`"usageMetadata":{"promptTokenCount":"USAGE","candidatesTokenCount":20,"totalTokenCount":30,"serviceTier":"standard"}}`
)

// A sample is one form in which a provider answers a call. In its answer, "USAGE" (with its quotes) stands for the
// count of input tokens, and TEXT for any amount of text.
type sample struct {
	name        string
	url         string
	body        string // of the request, which bounds what it can cost
	contentType string
	answer      string
	cost        string // of 10 tokens in and 20 out
}

var samples = []sample{
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

// sampleNamed returns the sample of that name.
func sampleNamed(name string) *sample {
	return &samples[slices.IndexFunc(samples, func(s sample) bool { return s.name == name })]
}

// counting returns the answer with that JSON as the count of its input tokens.
func (s *sample) counting(count string) string { return strings.Replace(s.answer, `"USAGE"`, count, 1) }

// right returns the answer as it should be.
func (s *sample) right() string { return strings.ReplaceAll(s.counting("10"), "TEXT", "hello") }

// A sampleResult is the result of a sample's call: its row, and what the caller read.
type sampleResult struct {
	row  ledger.Row
	err  error // of reading the answer
	sent uint32
	got  uint32 // sums of the bytes
	read int64
}

// play makes the sample's call, which is answered with the body, and reads the answer to its end. It checks that all
// bytes reach the caller, and that there is one row, which says what is known of the cost.
func (s *sample) play(t *testing.T, body io.Reader, header http.Header) sampleResult {
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
	r := sampleResult{}
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
	checkCost(t, r.row)
	return r
}

// measure does what play does, and also returns how much the heap grew at most.
func (s *sample) measure(t *testing.T, body io.Reader, header http.Header) (peak uint64, r sampleResult) {
	t.Helper()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	gauge := &gauge{Reader: body}
	r = s.play(t, gauge, header)
	return gauge.peak - min(gauge.peak, before.HeapAlloc), r
}

// A gauge measures the heap while its Reader is read.
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

// checkCost checks that a row says what the call has cost, or why that is not known and the most that it can be. The
// cost of an answer is never nothing.
func checkCost(t *testing.T, row ledger.Row) {
	t.Helper()
	switch {
	case row.Cost.Known == (row.Unpriced != ""):
		t.Errorf("cost %v, but unpriced %q", row.Cost, row.Unpriced)
	case row.Cost.Known && row.UsageSource == ledger.Estimated && row.Outcome == policy.Partial && row.Exposure.Known:
		// The usage until it was cut, and what may have been used after that.
	case row.Cost.Known && (row.Cost.Pico <= 0 || row.UsageSource != ledger.Measured):
		t.Errorf("cost %v by usage that is %s", row.Cost, row.UsageSource)
	case !row.Cost.Known && row.UsageSource == ledger.None:
		t.Errorf("unpriced (%s), although nothing was used", row.Unpriced)
	case !row.Cost.Known && (!row.Exposure.Known || row.Exposure.Pico <= 0):
		t.Errorf("unpriced (%s), and the exposure is %v", row.Unpriced, row.Exposure)
	}
}

// covers reports whether cost and exposure of a row are together at least what the call has cost. Budgets rely on that.
func covers(row ledger.Row, cost string) bool {
	return row.Cost.Pico+row.Exposure.Pico >= price.MustUSD(cost)
}

// A fill is a reader of a text that is repeated without end.
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

// within returns the answer with so many bytes of the text in place of its last TEXT.
func within(answer, text string, size int64) io.Reader {
	at := strings.LastIndex(answer, "TEXT")
	return around(strings.ReplaceAll(answer[:at], "TEXT", ""), text, size, answer[at+len("TEXT"):])
}

// around returns so many bytes of a text between two others, without holding them in memory.
func around(head, text string, size int64, tail string) io.Reader {
	filler := &fill{text: strings.Repeat(text, max(1, 4096/len(text)))}
	return io.MultiReader(strings.NewReader(head), io.LimitReader(filler, size/int64(len(text))*int64(len(text))), strings.NewReader(tail))
}

// chopped reads in pieces of the given sizes.
type chopped struct {
	r     io.Reader
	sizes func() int
}

func (c *chopped) Read(p []byte) (int, error) {
	return c.r.Read(p[:min(len(p), c.sizes())])
}

// inPieces reads a text in pieces of a size.
func inPieces(text string, size int) io.Reader {
	return &chopped{r: strings.NewReader(text), sizes: func() int { return size }}
}

// trickle returns a body that gives a byte every 300 ms until it is closed.
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

// event returns a server-sent event of a response.
func event(kind, response string) string {
	return fmt.Sprintf("event: response.%s\ndata: {\"type\":\"response.%s\",\"sequence_number\":1,\"response\":%s}\n\n", kind, kind, response)
}
