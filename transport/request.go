package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const (
	// SmallBody is the longest body that a [Body] keeps where the request cannot give it twice.
	SmallBody = 64 << 10
	// MaxBody is the longest body that a [Body] keeps at all.
	MaxBody = 64 << 20
)

// Why a body is not edited, as [Body.Skipped] says it.
const (
	SkippedEncoding = "content-encoding"
	SkippedSigned   = "signed request"
	SkippedInvalid  = "not a valid JSON object"
	SkippedOnce     = "long body without GetBody"
	SkippedLarge    = "body too large"
)

var errBodyLength = errors.New("transport: request body is not as long as its Content-Length says")

// A Body is a request's body, read once and looked through once, to be sent as often as needed. The zero Body is
// empty. It is safe for concurrent use after [Body.Load].
type Body struct {
	data    []byte
	fields  Fields
	room    [4]member // for fields
	skipped string
	known   bool          // the request said how long its body is
	once    io.ReadCloser // a body that was not kept
}

// Load reads the body of req and finds the members at paths in it; req itself is left as it is, but its body is
// closed. A body that cannot be kept is taken over instead, to be sent once, unedited: one over [SmallBody] without
// GetBody, one over [MaxBody]. An error is one of reading the body, which is then closed.
func (b *Body) Load(req *http.Request, paths *Paths) error {
	*b = Body{known: req.ContentLength > 0}
	if req.Body == nil || req.Body == http.NoBody {
		b.skipped = SkippedInvalid
		return nil
	}
	switch {
	case req.ContentLength > MaxBody:
		b.once, b.skipped = req.Body, SkippedLarge
		return nil
	case req.ContentLength > SmallBody && req.GetBody == nil:
		b.once, b.skipped = req.Body, SkippedOnce
		return nil
	case b.known:
		if err := b.readKnown(req.Body, int(req.ContentLength)); err != nil {
			req.Body.Close()
			return err
		}
	default:
		most := int64(SmallBody)
		if req.GetBody != nil {
			most = MaxBody
		}
		data, err := io.ReadAll(io.LimitReader(req.Body, most+1))
		if err != nil {
			req.Body.Close()
			return err
		}
		if int64(len(data)) > most {
			b.once, b.skipped = joined{io.MultiReader(bytes.NewReader(data), req.Body), req.Body}, SkippedOnce
			return nil
		}
		b.data = data
	}
	if err := req.Body.Close(); err != nil {
		return err
	}
	b.look(req.Header, paths)
	return nil
}

type joined struct {
	io.Reader
	io.Closer
}

func (b *Body) readKnown(r io.Reader, size int) error {
	data := make([]byte, size+1) // one more, so that a body that is longer than it says is noticed
	n, err := io.ReadFull(r, data)
	switch {
	case err == nil, n < size && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return errBodyLength
	case n < size || !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	b.data = data[:size:size]
	return nil
}

var scanners = sync.Pool{New: func() any { return new(Scanner) }}

// look finds the members at paths, if the body may be edited at all.
func (b *Body) look(h http.Header, paths *Paths) {
	if encoding := headerValue(h, "Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		b.skipped = SkippedEncoding
		return
	}
	s := scanners.Get().(*Scanner)
	defer scanners.Put(s)
	fields, err := s.Scan(b.data, paths)
	if err != nil {
		b.skipped = SkippedInvalid
		return
	}
	b.fields = *fields
	b.fields.members = append(b.room[:0], fields.members...)
	s.Fields = Fields{members: fields.members[:0]}
	if strings.HasPrefix(headerValue(h, "Authorization"), "AWS4-HMAC-SHA256") {
		b.skipped = SkippedSigned // it may be read, but not changed
	}
}

// headerValue returns the first value of a header, whose key may stand in h in any case: some SDKs write theirs in
// lower case, past [http.Header.Set].
func headerValue(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	for k, v := range h {
		if len(k) == len(key) && len(v) > 0 && strings.EqualFold(k, key) {
			return v[0]
		}
	}
	return ""
}

// Fields returns what was found in the body; it is empty where the body was not read or is no JSON object.
func (b *Body) Fields() *Fields { return &b.fields }

// Skipped says why [Body.Attach] makes no edits; "" if it makes them.
func (b *Body) Skipped() string { return b.skipped }

// Replayable reports whether the body can be attached more than once.
func (b *Body) Replayable() bool { return b.once == nil }

// Size returns how many bytes the unedited body has, or -1 if that is not known.
func (b *Body) Size() int64 {
	if b.once != nil {
		return -1
	}
	return int64(len(b.data))
}

// Close closes a body that was taken over and never attached.
func (b *Body) Close() error {
	if b.once != nil {
		return b.once.Close()
	}
	return nil
}

// Attach makes req carry the body with the edits made, or as it is where [Body.Skipped] says so: its Body, GetBody,
// ContentLength, TransferEncoding and any literal Content-Length header then agree. req must be the sender's own copy;
// its Header map is replaced, not written to, where it has to change. A body whose length the caller did not give is
// still sent without one.
func (b *Body) Attach(req *http.Request, edits ...Edit) error {
	if b.once != nil {
		req.Body = b.once
		return nil
	}
	data := b.data
	if b.skipped == "" && len(edits) > 0 {
		edited, err := b.fields.Splice(edits...)
		if err != nil {
			return err
		}
		data = edited
		if b.known {
			req.TransferEncoding = nil
			fixContentLength(req, len(data))
		}
	}
	if len(data) == 0 {
		if req.Body != nil {
			req.Body = http.NoBody // what was there has been read and closed
		}
		return nil
	}
	if b.known {
		req.ContentLength = int64(len(data))
	}
	// net/http sends headers and a body in one write only if it knows the reader's type.
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	req.Body = io.NopCloser(bytes.NewReader(data))
	return nil
}

func fixContentLength(req *http.Request, size int) {
	const key = "Content-Length"
	if headerValue(req.Header, key) == "" {
		return
	}
	h := req.Header.Clone()
	for k := range h {
		if strings.EqualFold(k, key) {
			h[k] = []string{strconv.Itoa(size)}
		}
	}
	req.Header = h
}

// Bytes returns the unedited body, for reading only; nil if it was not kept.
func (b *Body) Bytes() []byte { return b.data }
