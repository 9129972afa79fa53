package wire_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// ExampleReadHolding reads what a request for a context cache asks for.
func ExampleReadHolding() {
	body := []byte(`{"model":"models/gemini-2.5-pro","ttl":"5400s","contents":[]}`)
	fields, err := transport.Find(body, wire.HoldingPaths())
	if err != nil {
		panic(err)
	}
	var call wire.Call
	held := wire.ReadHolding(&call, fields)
	fmt.Println(call.Model, held.TTL)
	// Output: gemini-2.5-pro 1h30m0s
}

func TestReadHolding(t *testing.T) {
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for body, want := range map[string]wire.Holding{
		`{}`:                                     {},
		`{"ttl":null,"expireTime":null}`:         {},
		`{"ttl":"3600s"}`:                        {TTL: time.Hour},
		`{"ttl":"0.000000001s"}`:                 {TTL: 1},
		`{"ttl":"1\u0030s"}`:                     {TTL: 10 * time.Second},
		`{"ttl":"10s","ttl":"20s"}`:              {TTL: 20 * time.Second},
		`{"expireTime":"2026-12-01T12:00:00Z"}`:  {Until: noon},
		`{"expire_time":"2026-12-01T12:00:00Z"}`: {Until: noon},
		`{"expireTime":"2026-12-01T12:00:00Z","expire_time":"2025-12-01T12:00:00Z","ttl":"1s"}`: {Until: noon, TTL: time.Second},
	} {
		var call wire.Call
		if got := readHolding(t, &call, body); got.TTL != want.TTL || !got.Until.Equal(want.Until) || got.Problem != "" || call.Model != "" {
			t.Errorf("%s: %+v, want %+v", body, got, want)
		}
	}
	for _, body := range []string{
		`{"ttl":"3600"}`, `{"ttl":3600}`, `{"ttl":""}`, `{"ttl":"1h"}`, `{"ttl":"1e3s"}`, `{"ttl":"-1s"}`, `{"ttl":"0s"}`, `{"ttl":"s"}`, `{"ttl":{}}`,
		`{"ttl":"99999999999999999999s"}`, `{"expireTime":1}`, `{"expireTime":""}`, `{"expireTime":"soon"}`, `{"expire_time":"2026-12-01"}`, `{"expireTime":[]}`,
	} {
		if got := readHolding(t, new(wire.Call), body); got.Problem == "" {
			t.Errorf("%s: %+v", body, got)
		}
	}
	call := wire.Call{Model: "known"}
	if readHolding(t, &call, `{"model":"models/other"}`); call.Model != "known" {
		t.Errorf("%q", call.Model)
	}
	full := wire.Call{}
	if readHolding(t, &full, `{"model":"projects/p/locations/global/publishers/google/models/gemini-2.5-pro"}`); full.Model != "gemini-2.5-pro" {
		t.Errorf("%q", full.Model)
	}
}

func readHolding(t *testing.T, c *wire.Call, body string) *wire.Holding {
	t.Helper()
	fields, err := transport.Find([]byte(body), wire.HoldingPaths())
	if err != nil {
		t.Fatal(body, err)
	}
	return wire.ReadHolding(c, fields)
}

// What is read is never negative.
func FuzzReadHolding(f *testing.F) {
	f.Add([]byte(`{"model":"models/m","ttl":"1.5s","expireTime":"2026-12-01T12:00:00Z"}`))
	f.Add([]byte(`{"ttl":"9223372036.854775807s","expire_time":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := transport.Find(body, wire.HoldingPaths())
		if err != nil {
			return
		}
		var call wire.Call
		h := wire.ReadHolding(&call, fields)
		if h.TTL < 0 || h.Problem == "" && h.TTL == 0 && fields.Has(transport.PathOf("ttl")) && fields.Text(transport.PathOf("ttl")) != "" {
			t.Errorf("%s: %+v", body, h)
		}
		if len(call.Model) > 128*4 {
			t.Errorf("%d bytes of model", len(call.Model))
		}
	})
}
