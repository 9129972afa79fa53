package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestHTTP2 sends a request over HTTP/2, and one over HTTP/1.1, which the backend must not answer.
func TestHTTP2(t *testing.T) {
	b, err := http2()
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	send := func(rt http.RoundTripper) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.root+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	if resp := send(b.base()); resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK || b.verifier.seen.Load() != 1 {
		t.Errorf("HTTP/2: %s %s, %d bodies seen", resp.Proto, resp.Status, b.verifier.seen.Load())
	}
	old := b.base().(*http.Transport)
	old.Protocols = new(http.Protocols)
	old.Protocols.SetHTTP1(true)
	old.TLSClientConfig.NextProtos = nil
	if resp := send(old); resp.ProtoMajor != 1 || resp.StatusCode != http.StatusHTTPVersionNotSupported || b.verifier.seen.Load() != 1 {
		t.Errorf("HTTP/1.1: %s %s, %d bodies seen, want 505 and one body", resp.Proto, resp.Status, b.verifier.seen.Load())
	}
}
