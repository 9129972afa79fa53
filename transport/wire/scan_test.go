package wire_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
)

// scan returns the members of a JSON object, as a [transport.Body] finds them; false if doc is none.
func scan(doc []byte, paths *transport.Paths) (*transport.Fields, bool) {
	if !json.Valid(doc) || bytes.TrimSpace(doc)[0] != '{' {
		return nil, false
	}
	req := &http.Request{Method: http.MethodPost, Body: io.NopCloser(bytes.NewReader(doc)), ContentLength: int64(len(doc))}
	var body transport.Body
	if err := body.Load(req, paths); err != nil {
		return nil, false
	}
	return body.Fields(), true
}

// fields is scan of what has to be an object.
func fields(t *testing.T, paths *transport.Paths, doc string) *transport.Fields {
	t.Helper()
	f, ok := scan([]byte(doc), paths)
	if !ok {
		t.Fatalf("no JSON object: %s", doc)
	}
	return f
}
