package wire_test

import (
	"net/http"
	"net/url"
	"testing"
	"unsafe"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A bareDialect recognises everything, with a shape that says as little as it was given, and counts the documents read.
type bareDialect struct {
	shape *wire.Shape
	docs  *int
}

func (d bareDialect) Recognise(string, *url.URL) (wire.Call, bool) {
	return wire.Call{Shape: d.shape}, true
}
func (d bareDialect) Request(*wire.Call, http.Header, *transport.Fields)         {}
func (d bareDialect) Edit(*wire.Call, *transport.Fields, wire.Want, *wire.Edits) {}
func (d bareDialect) Headers(*wire.Call, http.Header, *wire.Answer)              {}
func (d bareDialect) Answer(_ *wire.Call, _ *transport.Fields, a *wire.Answer)   { *d.docs++ }
func (d bareDialect) Rejection(*wire.Call, *wire.Response) (none wire.Rejection) { return none }

// read has a Reader read an answer.
func read(d wire.Dialect, c *wire.Call, contentType, body string) (*wire.Reader, bool) {
	var r wire.Reader
	r.Begin(d, c, &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {contentType}}})
	for p := []byte(body); len(p) > 0; {
		n, _ := r.Observe(p)
		p = p[max(1, n):]
	}
	r.Observe(nil)
	return &r, r.End(transport.EndEOF)
}

// If a dialect leaves anything out of a call, nothing panics, and it counts as not known.
func TestZeroCall(t *testing.T) {
	const stream = "data: {\"a\":1}\n\ndata: {\"b\":2}\n\ndata: {\"usage\":null}\n\ndata: {\"usage\":3}\n\ndata: [DONE]\n\n"
	for _, test := range []struct {
		name        string
		shape       *wire.Shape
		contentType string
		body        string
		docs        int
	}{
		{"no shape, a document", nil, "application/json", `{"usage":1}`, 1},
		{"no shape, a stream", nil, "text/event-stream", stream, 0},
		{"no marks", &wire.Shape{AnswerPaths: transport.MustPaths("usage")}, "text/event-stream", stream, 4},
		{"marks", &wire.Shape{AnswerPaths: transport.MustPaths("usage"), Marks: [][]byte{[]byte(`"usage"`)}}, "text/event-stream", stream, 2},
		{"no document at all", nil, "text/html", "<html>", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			docs := 0
			router, err := wire.NewRouter(wire.RouterConfig{Dialects: []wire.Dialect{bareDialect{test.shape, &docs}}})
			if err != nil {
				t.Fatal(err)
			}
			d, call, ok := router.Recognise(http.MethodPost, &url.URL{Scheme: "https", Host: "a.example", Path: "/"})
			if !ok || call.Shape == nil {
				t.Fatal("no shape")
			}
			if call.Kind != wire.Billable || call.Tools != wire.UnknownTools || call.Choices != 0 || call.MaxOutput != 0 || call.NoOutput || call.Tiers != nil {
				t.Errorf("%+v", call)
			}
			r, _ := read(d, &call, test.contentType, test.body)
			if docs != test.docs || r.Answer.HasUsage {
				t.Errorf("read %d documents, want %d; %+v", docs, test.docs, r.Answer)
			}
		})
	}
}

// This package's own dialects survive a Call that a Router did not make.
func TestCallWithoutShape(t *testing.T) {
	for _, which := range fuzzed {
		d, _, ok := recognise(t, http.MethodPost, which)
		if !ok {
			t.Fatal(which)
		}
		var c wire.Call
		var e wire.Edits
		var a wire.Answer
		body := fields(t, transport.MustPaths("model", "service_tier"), `{"model":"m","service_tier":"flex"}`)
		d.Request(&c, nil, body)
		d.Edit(&c, body, wire.Want{Tier: policy.Flex, Usage: true, Cache: "cachedContents/x"}, &e)
		d.Headers(&c, nil, &a)
		d.Answer(&c, body, &a)
		if r := d.Rejection(&c, &wire.Response{Status: http.StatusInternalServerError}); r.Outcome == "" {
			t.Errorf("%s: %+v", which, r)
		}
	}
}

// A Call is copied for each request: what is the same for all requests belongs in its Shape.
func TestCallIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(wire.Call{}); size > 120 {
		t.Errorf("a Call has %d bytes", size)
	}
}
