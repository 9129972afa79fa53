package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tidwall/sjson"

	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
	"github.com/skinflint-go/skinflint/transport"
)

// These are the keys of the ways that the program looks up.
const (
	memcpy   = "memcpy"
	ours     = "ours"
	oursRead = "ours-read"
)

// place says where a way puts the member.
type place int

const (
	nowhere  place = iota // it does not edit
	front                 // before the other members, whose bytes stay unchanged
	back                  // after the other members, whose bytes stay unchanged
	anywhere              // it writes the whole document again
)

// A way is one row of the tables. open returns a function that edits the body and writes the edited document to a sink, as
// often as it is called.
type way struct {
	key, name, does string
	place           place
	slow            bool // it takes about a hundred times as long as copying
	open            func(body []byte) (func(*sink) error, error)
}

// ways returns the ways to measure. The other libraries get the body as a slice, and what they return counts as sent. Skinflint
// gets a request, as in a client, and what it writes to a writer counts as sent. net/http usually copies a body once more
// when it sends it, whichever library edited the body. Skinflint edits during that copy, so it has a second row with the
// copy.
func ways() []way {
	return []way{
		{key: memcpy, name: "memcpy, into a reused buffer", does: "nothing", place: nowhere, open: copyReused},
		{key: "memcpy-new", name: "memcpy, into a new slice", does: "nothing", place: nowhere, open: copyNew},
		{key: ours, name: "skinflint", does: "edits the bytes; checks structure", place: front,
			open: func(body []byte) (func(*sink) error, error) { return splice(body, writeTo) }},
		{key: oursRead, name: "skinflint, with net/http's own copy", does: "the same, and reads it in pieces of 32 KB", place: front,
			open: func(body []byte) (func(*sink) error, error) { return splice(body, read) }},
		{key: "sjson", name: "sjson", does: "edits the bytes; checks nothing", place: back, open: withSJSON},
		{key: "json-raw", name: "encoding/json, map of raw", does: "reads and writes; checks all", place: anywhere, slow: true,
			open: throughMap[json.RawMessage](json.RawMessage(chat.Value))},
		{key: "json-any", name: "encoding/json, map of any", does: "reads and writes; checks all", place: anywhere, slow: true,
			open: throughMap[any]("flex")},
	}
}

// copyReused copies the body into the same buffer each time.
func copyReused(body []byte) (func(*sink) error, error) {
	buf := make([]byte, len(body))
	return func(s *sink) error {
		copy(buf, body)
		_, err := s.Write(buf)
		return err
	}, nil
}

// copyNew copies the body into a new slice each time.
func copyNew(body []byte) (func(*sink) error, error) {
	return func(s *sink) error {
		_, err := s.Write(bytes.Clone(body))
		return err
	}, nil
}

// withSJSON uses github.com/tidwall/sjson.
func withSJSON(body []byte) (func(*sink) error, error) {
	return func(s *sink) error {
		edited, err := sjson.SetBytes(body, chat.Name, "flex")
		if err != nil {
			return err
		}
		_, err = s.Write(edited)
		return err
	}, nil
}

// throughMap decodes the body into a map and encodes it again, the simplest code for the task.
func throughMap[T any](value T) func(body []byte) (func(*sink) error, error) {
	return func(body []byte) (func(*sink) error, error) {
		return func(s *sink) error {
			var object map[string]T
			if err := json.Unmarshal(body, &object); err != nil {
				return err
			}
			object[chat.Name] = value
			edited, err := json.Marshal(object)
			if err != nil {
				return err
			}
			_, err = s.Write(edited)
			return err
		}, nil
	}
}

// paths are what the OpenAI dialect looks for in a chat completion.
var paths = transport.MustPaths("model", "stream", "service_tier", "stream_options", "max_tokens", "max_completion_tokens", "n")

var errSkipped = errors.New("the body was not edited")

// splice does what the stack does with the body of a call that it sends once. The request is made before: it costs the same
// without the stack.
func splice(body []byte, send func(*http.Request, *sink) error) (func(*sink) error, error) {
	reader := bytes.NewReader(body)
	req, err := http.NewRequest(http.MethodPost, "https://api.openai.com/v1/chat/completions", reader)
	if err != nil {
		return nil, err
	}
	out := new(http.Request)
	edits := []transport.Edit{{Path: chat.Name, Value: chat.Value}}
	return func(s *sink) error {
		reader.Reset(body) // Load has closed it
		*out = *req
		var b transport.Body
		if err := b.Load(req, paths); err != nil {
			return err
		}
		if b.Skipped() != "" {
			return fmt.Errorf("%w: %s", errSkipped, b.Skipped())
		}
		if err := b.Attach(out, false, edits...); err != nil {
			return err
		}
		if err := send(out, s); err != nil {
			return err
		}
		return out.Body.Close()
	}, nil
}

// writeTo lets the body write itself if it can, as net/http does for HTTP/1 and a body of unknown length.
func writeTo(out *http.Request, s *sink) error {
	_, err := io.CopyBuffer(s, out.Body, s.buf[:])
	return err
}

// read reads the body as net/http does for HTTP/1 and a body of known length, and nearly so for HTTP/2: in pieces of 32 KB
// and without io.WriterTo, because it must not send more than that length. It then checks that there is no more.
func read(out *http.Request, s *sink) error {
	if out.ContentLength <= 0 {
		return errors.New("the edited body has no length")
	}
	if _, err := io.CopyBuffer(s, io.LimitReader(out.Body, out.ContentLength), s.buf[:]); err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, out.Body); n != 0 || err != nil {
		return fmt.Errorf("the edited body goes on for %d bytes after its length: %w", n, err)
	}
	return nil
}

// A sink receives a document. It counts the bytes, and keeps them if keep is true.
type sink struct {
	size int
	keep bool
	kept []byte
	buf  [32 << 10]byte
}

func (s *sink) Write(p []byte) (int, error) {
	s.size += len(p)
	if s.keep {
		s.kept = append(s.kept, p...)
	}
	return len(p), nil
}
