package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
)

// smallBody is the longest body that is kept in memory, in bytes. A longer one is opened again by GetBody for each attempt,
// if the request has a GetBody.
const smallBody = 64 << 10

// maxMember is the longest value that is copied from a body that is not kept, in bytes.
const maxMember = 4 << 10

// A Body is a request's body, read once, to be sent as often as needed. It takes at most 64 KB of memory, however long the
// body is. The zero Body is empty. It is safe for concurrent use after [Body.Load] or [Body.Pass].
type Body struct {
	headers   Headers
	inspected bool // the headers were inspected, and Load has not used that yet

	// One of three holds the body.
	data  []byte        // the body, if it is kept
	again reopener      // with a getBody: the body can be opened again
	once  io.ReadCloser // the body itself, which can be sent once

	size     int  // in bytes, without edits; -1 if it is not known
	known    bool // the request said how long its body is
	inMemory bool // the type of what again opens says that it is in memory
	written  bool // the writers of Load or Pass saw all of it
	skipped  string
	fields   Fields
	room     [4]member // for fields
	copied   [64]byte  // for their values
}

// Inspect reads the headers of a request, and returns what it found, valid as long as the Body is. It is for a caller that
// needs the result before [Body.Load]: Load then does not inspect the same headers again. They must not change between the
// two calls.
func (b *Body) Inspect(h http.Header) *Headers {
	b.headers.inspect(h)
	b.inspected = true
	return &b.headers
}

// Load reads the body of req, finds the members at paths, and closes the body; req itself does not change. In a multipart
// form it finds the fields of these names instead, and does not edit it.
//
// With a GetBody, a body is not kept if it is longer than 64 KB, or its type says that it is in memory. Without one, a body
// longer than 64 KB is taken over unread, to be sent once, unedited. An error comes from reading the body, which is then
// closed.
//
// The unedited body is also written to each of the writers, once, while it is read, whatever its type. What the writers
// return is ignored. They get nothing of a body that is taken over, and only a part of one whose reading failed: see
// [Body.Written].
func (b *Body) Load(req *http.Request, paths *Paths, also ...io.Writer) error {
	if !b.inspected || !b.headers.isOf(req.Header) {
		b.headers.inspect(req.Header)
	}
	*b = Body{headers: b.headers, known: req.ContentLength > 0, size: -1, skipped: b.headers.skipped}
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		b.size, b.skipped, b.written = 0, SkippedInvalid, true
		return nil
	case req.GetBody == nil && req.ContentLength > smallBody:
		b.once, b.skipped = req.Body, SkippedOnce
		return nil
	}
	s := bodyScanners.Get().(*bodyScanner)
	s.also = append(s.also[:0], also...)
	err := b.load(req, s, paths)
	s.src = nil // or the pool would keep a prompt alive
	clear(s.also)
	bodyScanners.Put(s)
	switch {
	case err != nil:
		req.Body.Close()
		return err
	case b.once != nil:
		return nil
	case b.skipped == "":
		b.skipped = b.headers.fixed
	}
	return req.Body.Close()
}

// load reads the body in the way that suits it.
func (b *Body) load(req *http.Request, s *bodyScanner, paths *Paths) (err error) {
	_, b.inMemory = req.Body.(io.WriterTo)
	switch {
	case b.known && req.GetBody != nil && (b.inMemory || req.ContentLength > smallBody):
		b.size = int(req.ContentLength)
		b.again.getBody, b.again.own = req.GetBody, req.Body
		return b.scanReader(req.Body, s, paths)
	case b.known:
		err = b.readKnown(req.Body, int(req.ContentLength))
	default:
		var rest io.Reader
		if rest, err = b.readUnknown(req); rest != nil {
			return b.scanReader(rest, s, paths)
		}
	}
	if err != nil || b.once != nil {
		return err
	}
	return b.scanData(s, paths)
}

// readKnown keeps a body that is size bytes long.
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

// readUnknown keeps a body of unknown length. If it is longer than smallBody, readUnknown returns it, to be read to its end,
// or takes it over if there is no GetBody.
func (b *Body) readUnknown(req *http.Request) (long io.Reader, err error) {
	data, err := io.ReadAll(io.LimitReader(req.Body, smallBody+1))
	if err != nil || len(data) <= smallBody {
		b.data = data
		return nil, err
	}
	all := joinedBody{io.MultiReader(bytes.NewReader(data), req.Body), req.Body}
	if req.GetBody == nil {
		b.once, b.skipped = all, SkippedOnce
		return nil, nil
	}
	b.again.getBody, b.again.own = req.GetBody, req.Body
	return all, nil
}

type joinedBody struct {
	io.Reader
	io.Closer
}

// scanData finds the members at paths in a body that is kept.
func (b *Body) scanData(s *bodyScanner, paths *Paths) (err error) {
	b.size, b.written = len(b.data), true
	s.also.Write(b.data)
	if b.headers.boundary != "" {
		b.fields, err = formFields(bytes.NewReader(b.data), b.headers.boundary, paths)
		return err
	}
	if b.skipped != "" {
		return nil
	}
	if s.scan(b.data, paths) != nil || s.open < 0 {
		b.skipped = SkippedInvalid
		return nil
	}
	b.takeFields(s)
	return nil
}

// takeFields copies what the scanner has found.
func (b *Body) takeFields(s *bodyScanner) {
	b.fields = s.Fields
	b.fields.members = append(b.room[:0], s.members...)
	b.fields.copied = append(b.copied[:0], s.copied...)
	b.fields.elements.ranges = append([]Range(nil), s.elements.ranges...)
}

// scanReader finds the members at paths in a body that is not kept, and copies their values.
func (b *Body) scanReader(body io.Reader, s *bodyScanner, paths *Paths) error {
	switch {
	case b.headers.boundary != "":
		return b.scanForm(s, paths)
	case b.skipped == "":
		s.reset(paths, maxMember)
	case len(s.also) == 0:
		return nil
	default:
		s.reset(nil, 0)
		s.fail(errNotObject) // the scanner has nothing to do: only the writers see the body
	}
	n, err := copyThrough(s, body)
	if b.size < 0 {
		b.size = int(n)
	}
	switch {
	case err != nil:
		return err
	case n != int64(b.size):
		return errBodyLength
	}
	b.written = true
	switch {
	case b.skipped != "":
	case s.close() != nil || s.open < 0:
		b.skipped = SkippedInvalid
	default:
		b.takeFields(s)
	}
	return nil
}

// scanForm finds the fields of a form that is not kept. The parser may stop before the end of it, but the writers need all.
func (b *Body) scanForm(s *bodyScanner, paths *Paths) error {
	body, err := b.again.reopen()
	if err != nil {
		return err
	}
	defer body.Close()
	if len(s.also) == 0 {
		b.fields, err = formFields(body, b.headers.boundary, paths)
		return err
	}
	seen := io.TeeReader(body, s.also)
	if b.fields, err = formFields(seen, b.headers.boundary, paths); err == nil {
		_, err = copyThrough(io.Discard, seen)
		b.written = err == nil
	}
	return err
}

var bodyScanners = sync.Pool{New: func() any { return new(bodyScanner) }}

// A bodyScanner is a scanner that also writes the document to other writers. It reads invalid documents to their end.
type bodyScanner struct {
	scanner
	also writers
}

func (s *bodyScanner) Write(p []byte) (int, error) {
	s.also.Write(p)
	s.scanner.Write(p)
	return len(p), nil
}

// Pass takes over the body of req unread, to be sent once as it is. If the request has a GetBody, the body is first written
// to each of the writers: see [Body.Written]. An error says that GetBody rewinds the body, and could not rewind it once
// more to be sent; the body is then closed.
func (b *Body) Pass(req *http.Request, also ...io.Writer) error {
	*b = Body{headers: b.headers, once: req.Body, size: -1}
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		b.written = true
		return nil
	case len(also) == 0 || req.GetBody == nil:
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil // it can still be sent
	}
	_, err = copyThrough(append(writers(nil), also...), body)
	b.written = err == nil
	if !sameBody(body, req.Body) {
		body.Close()
		return nil
	}
	if _, err = req.GetBody(); err != nil {
		req.Body.Close()
	}
	return err
}

// Fields returns the members found in the body. There are none if the body was not read, or is neither a JSON object nor a
// form.
func (b *Body) Fields() *Fields { return &b.fields }

// Written reports whether the writers given to [Body.Load] or [Body.Pass] saw the whole body. It is true for an empty body.
func (b *Body) Written() bool { return b.written }

// Skipped says why [Body.Attach] makes no edits; "" if it makes them.
func (b *Body) Skipped() string { return b.skipped }

// Replayable reports whether the body can be attached more than once.
func (b *Body) Replayable() bool { return b.once == nil }

// Size returns how many bytes the unedited body has, or -1 if that is not known.
func (b *Body) Size() int64 { return int64(b.size) }

// InMemory reports whether the body can be read again without waiting. The type of the body decides.
func (b *Body) InMemory() bool { return b.once == nil && (b.again.getBody == nil || b.inMemory) }

// Contains reports whether one of the texts stands in the unedited body. It also reports true if that is not known: the
// body can be sent only once, or cannot be read again while it is being sent.
func (b *Body) Contains(texts ...[]byte) bool {
	f := finder{texts: texts}
	return !b.Copy(&f) || f.found
}

// Copy writes the unedited body to w, and reports whether that was all of it. It writes nothing of a body that can be sent
// only once, and nothing while a body is being sent that cannot be read at the same time.
func (b *Body) Copy(w io.Writer) bool {
	switch {
	case b.once != nil:
		return false
	case b.again.getBody == nil:
		_, err := w.Write(b.data)
		return err == nil
	}
	return b.again.await(0) == nil && b.copyTo(w) == nil
}

// copyTo opens the body again, and writes it to w.
func (b *Body) copyTo(w io.Writer) error {
	body, err := b.again.reopen()
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = copyThrough(w, body)
	return err
}

// Close closes a body that was taken over. It is for one that was never attached.
func (b *Body) Close() error {
	if b.once != nil {
		return b.once.Close()
	}
	return nil
}
