package transport

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// Attach makes req carry the body with the edits made, or unedited if [Body.Skipped] gives a reason. Body, GetBody,
// ContentLength, TransferEncoding and any literal Content-Length header of req then agree. req must be the sender's own
// copy. If its Header has to change, the map is replaced, not written to. A body of unknown length is still sent without
// one. An error comes from opening the body again, or from an invalid edit.
//
// apart says that the headers and the body will be written separately in any case: req is expected to go over HTTP/2, or
// net/http will not see the type of its body. It saves a copy and changes nothing else. Else net/http sends the headers and a
// body that is in memory in one write, so a body of at most 64 KB is edited in memory. Any other body that can be opened again
// is edited while it is read. One that is opened again by rewinding it would have to be closed before it can be attached once
// more; if it has at most 64 KB, it is edited in memory, too.
func (b *Body) Attach(req *http.Request, apart bool, edits ...Edit) (err error) {
	if b.once != nil {
		req.Body = b.once
		return nil
	}
	switch {
	case b.skipped == "" && len(edits) > 0:
		return b.attachEdited(req, apart, edits)
	case b.again.getBody != nil:
		req.GetBody = b.again.reopen
		req.Body, err = b.again.reopen()
		return err
	}
	b.attachData(req, b.data)
	return nil
}

// attachEdited makes req carry the body with edits made.
func (b *Body) attachEdited(req *http.Request, apart bool, edits []Edit) (err error) {
	if b.known {
		req.TransferEncoding = nil
	}
	var body io.ReadCloser
	if b.again.getBody != nil {
		if body, err = b.again.reopen(); err != nil {
			return err
		}
		if b.size > smallBody || apart && !isRewound(body) {
			return b.stream(req, body, edits)
		}
	}
	data, err := b.edited(body, edits)
	if err != nil {
		return err
	}
	if b.known {
		b.fixContentLength(req, len(data))
	}
	b.attachData(req, data)
	return nil
}

// attachData makes req carry a body that is in memory.
func (b *Body) attachData(req *http.Request, data []byte) {
	if len(data) == 0 {
		if req.Body != nil {
			req.Body = http.NoBody // what was there has been read and closed
		}
		return
	}
	if b.known {
		req.ContentLength = int64(len(data))
	}
	// net/http sends headers and a body in one write only if it knows the reader's type.
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	req.Body = io.NopCloser(bytes.NewReader(data))
}

// stream makes req carry the body, with the edits made while it is read. It takes over a reader of the body.
func (b *Body) stream(req *http.Request, body io.ReadCloser, edits []Edit) error {
	segments, err := b.fields.splice(make(splice, 0, 4+4*len(edits)), b.size, edits)
	if err != nil {
		body.Close()
		return err
	}
	if b.known {
		req.ContentLength = int64(segments.size())
		b.fixContentLength(req, segments.size())
	}
	req.GetBody = func() (io.ReadCloser, error) {
		body, err := b.again.reopen()
		if err != nil {
			return nil, err
		}
		return &spliced{src: body, segments: segments}, nil
	}
	req.Body = &spliced{src: body, segments: segments}
	return nil
}

// edited returns the body with the edits made. It reads and closes the reader of a body that is not kept.
func (b *Body) edited(body io.ReadCloser, edits []Edit) ([]byte, error) {
	if body != nil {
		defer body.Close()
	}
	w := splicers.Get().(*splicer)
	defer splicers.Put(w)
	s, err := b.fields.splice(w.splice[:0], b.size, edits)
	if err != nil {
		return nil, err
	}
	w.splice = s
	if body == nil {
		return w.of(b.data), nil
	}
	w.size, w.parts, w.out = b.size, nil, nil
	if _, err := copyThrough(w, body); err != nil {
		return nil, err
	}
	return w.result()
}

var splicers = sync.Pool{New: func() any { return new(splicer) }}

// A splicer makes the edited document from the original that is written to it, often in one piece.
type splicer struct {
	splice splice
	size   int // of the original
	parts  []byte
	out    []byte
}

func (w *splicer) Write(p []byte) (int, error) {
	if len(p) == w.size && w.out == nil && w.parts == nil {
		w.out = w.of(p)
	} else {
		w.parts = append(w.parts, p...)
	}
	return len(p), nil
}

func (w *splicer) of(original []byte) []byte {
	return w.splice.appendTo(make([]byte, 0, w.splice.size()), original)
}

// result returns the edited document, and forgets it.
func (w *splicer) result() (out []byte, err error) {
	switch {
	case w.out != nil && w.parts == nil:
		out = w.out
	case w.out == nil && len(w.parts) == w.size:
		out = w.of(w.parts)
	default:
		err = errBodyLength
	}
	w.parts, w.out = nil, nil
	return out, err
}

// fixContentLength corrects a Content-Length that stands among the headers, in any case, as some SDKs write it.
func (b *Body) fixContentLength(req *http.Request, size int) {
	if b.headers.isOf(req.Header) && !b.headers.length {
		return
	}
	cloned := false
	for k := range req.Header {
		if !isKey(k, "Content-Length") {
			continue
		}
		if !cloned {
			req.Header, cloned = req.Header.Clone(), true
		}
		req.Header[k] = []string{strconv.Itoa(size)}
	}
}
