package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// SmallBody is the longest body that a [Body] keeps in memory. A longer one is left where it is, and read through again
// for each attempt, if the request can give it again.
const SmallBody = 64 << 10

// Why a body is not edited, as [Body.Skipped] says it.
const (
	SkippedEncoding = "content-encoding"
	SkippedSigned   = "signed request"
	SkippedInvalid  = "not a valid JSON object"
	SkippedType     = "content-type is not JSON"
	SkippedForm     = "multipart form"
	SkippedOnce     = "long body without GetBody"
)

var errBodyLength = errors.New("transport: request body is not as long as its Content-Length says")

// A Body is a request's body, looked through once, to be sent as often as needed. However long it is, it takes no more
// memory than [SmallBody]. The zero Body is empty. It is safe for concurrent use after [Body.Load].
type Body struct {
	data    []byte                        // the body, if it is kept
	again   func() (io.ReadCloser, error) // else the request's GetBody
	once    io.ReadCloser                 // or the body itself, which can then be sent once
	size    int
	known   bool // the request said how long its body is
	near    bool // the type of what again returns says that it is in memory
	skipped string
	noted   *Noted
	read    bool // to its end, by Load
	fields  Fields
	room    [4]member // for fields
	lending lending   // of what again gives
}

// Load looks through the body of req for the members at paths; req itself is left as it is, but its body is closed. Where
// the body is a multipart form, its fields stand for members, and it is not edited. A body that the request can give
// again is not kept, if it is longer than [SmallBody] or its type says that it is in memory. One that is longer, and that
// the request cannot give again, is taken over, to be sent once, unedited. An error is one of reading the body, which is
// then closed.
func (b *Body) Load(req *http.Request, paths *Paths) error {
	noted := Note(req.Header)
	return b.LoadNoted(req, &noted, paths)
}

// LoadNoted is [Body.Load] where the headers have been looked over already. What is read of the body is written to also,
// too; [Body.Read] says whether that was all of it.
func (b *Body) LoadNoted(req *http.Request, noted *Noted, paths *Paths, also ...io.Writer) error {
	*b = Body{known: req.ContentLength > 0, size: -1, noted: noted, skipped: noted.skipped}
	if req.Body == nil || req.Body == http.NoBody {
		b.size, b.skipped = 0, SkippedInvalid
		return nil
	}
	if req.GetBody == nil && req.ContentLength > SmallBody {
		b.once, b.skipped = req.Body, SkippedOnce
		return nil
	}
	s := lookers.Get().(*looker)
	s.also = also
	defer func() {
		s.src, s.also = nil, nil // or the pool would keep a prompt alive
		lookers.Put(s)
	}()
	_, b.near = req.Body.(io.WriterTo)
	var err error
	switch {
	case b.known && req.GetBody != nil && (b.near || req.ContentLength > SmallBody):
		b.size = int(req.ContentLength)
		b.giveAgain(req)
		err = b.lookAt(req.Body, s, paths)
	case b.known:
		err = b.readKnown(req.Body, int(req.ContentLength))
	default:
		err = b.readUnknown(req, s, paths)
	}
	switch {
	case err != nil:
		req.Body.Close()
		return err
	case b.once != nil:
		return nil
	case b.data != nil:
		b.size = len(b.data)
		s.pass(b.data)
		b.lookAtData(s, paths)
		b.read = true
	}
	if noted.boundary != "" {
		if err := b.lookAtForm(noted.boundary, paths); err != nil {
			req.Body.Close()
			return err
		}
	}
	if b.skipped == "" {
		b.skipped = noted.fixed
	}
	return req.Body.Close()
}

// Pass takes over the body of req unread, to be sent once as it is.
func (b *Body) Pass(req *http.Request) { *b = Body{once: req.Body, size: -1} }

var lookers = sync.Pool{New: func() any { return new(looker) }}

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

// readUnknown keeps a body of unknown length. If it turns out to be long, it is looked through to its end if the request
// can give it again, and else taken over.
func (b *Body) readUnknown(req *http.Request, s *looker, paths *Paths) error {
	data, err := io.ReadAll(io.LimitReader(req.Body, SmallBody+1))
	if err != nil || len(data) <= SmallBody {
		b.data = data
		return err
	}
	all := joined{io.MultiReader(bytes.NewReader(data), req.Body), req.Body}
	if req.GetBody == nil {
		b.once, b.skipped = all, SkippedOnce
		return nil
	}
	b.giveAgain(req)
	return b.lookAt(all, s, paths)
}

// giveAgain leaves the body with the request, which gives it again.
func (b *Body) giveAgain(req *http.Request) {
	b.again, b.lending.own = req.GetBody, req.Body
}

// reopen has the request give its body.
func (b *Body) reopen() (io.ReadCloser, error) { return b.lending.give(b.again, lentTime) }

type joined struct {
	io.Reader
	io.Closer
}

// lookAtData finds the members at paths in a body that is kept.
func (b *Body) lookAtData(s *looker, paths *Paths) {
	if b.skipped != "" {
		return
	}
	fields, err := s.Scan(b.data, paths)
	if err != nil {
		b.skipped = SkippedInvalid
		return
	}
	b.fields = *fields
	b.fields.members = append(b.room[:0], fields.members...)
}

// maxMember is the longest value that is copied of a body that is not kept.
const maxMember = 4 << 10

// lookAt finds the members at paths in a body that is not kept, and copies their values.
func (b *Body) lookAt(body io.Reader, s *looker, paths *Paths) error {
	if b.skipped != "" {
		return nil
	}
	s.Reset(paths, maxMember)
	n, err := copyThrough(s, body)
	if b.size < 0 {
		b.size = int(n)
	}
	if err == nil && n != int64(b.size) {
		err = errBodyLength
	}
	if err != nil {
		return err
	}
	if s.Close() != nil || s.open < 0 {
		b.skipped = SkippedInvalid
		return nil
	}
	b.read = true
	b.fields = s.Fields
	b.fields.members = append(b.room[:0], s.members...)
	b.fields.copied = bytes.Clone(s.copied)
	return nil
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copyThrough is io.Copy with a buffer that is used again.
func copyThrough(w io.Writer, r io.Reader) (int64, error) {
	if whole, ok := r.(io.WriterTo); ok {
		return whole.WriteTo(w)
	}
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	return io.CopyBuffer(w, r, buf[:])
}

// A looker is a Scanner that takes invalid documents to their end.
type looker struct {
	Scanner
	also []io.Writer
}

func (l *looker) pass(p []byte) {
	for _, w := range l.also {
		w.Write(p)
	}
}

func (l *looker) Write(p []byte) (int, error) {
	l.pass(p)
	l.Scanner.Write(p)
	return len(p), nil
}

// Fields returns what was found in the body; it is empty where the body was not read or is no JSON object.
func (b *Body) Fields() *Fields { return &b.fields }

// Read reports whether [Body.Load] has read the body to its end.
func (b *Body) Read() bool { return b.read }

// Skipped says why [Body.Attach] makes no edits; "" if it makes them.
func (b *Body) Skipped() string { return b.skipped }

// Replayable reports whether the body can be attached more than once.
func (b *Body) Replayable() bool { return b.once == nil }

// Size returns how many bytes the unedited body has, or -1 if that is not known.
func (b *Body) Size() int64 { return int64(b.size) }

// InMemory reports whether the body can be looked at again at once, as far as its type tells.
func (b *Body) InMemory() bool { return b.once == nil && (b.again == nil || b.near) }

// Contains reports whether one of the texts stands in the unedited body. Of a body that can be sent only once it cannot
// be known, so it may.
func (b *Body) Contains(texts ...[]byte) bool {
	f := finder{texts: texts}
	switch {
	case b.once != nil:
		return true
	case b.again == nil:
		f.Write(b.data)
		return f.found
	}
	if b.lending.await(0) != nil || b.Copy(&f) != nil {
		return true
	}
	return f.found
}

// Copy writes the unedited body to w. A body that can be sent only once is an error.
func (b *Body) Copy(w io.Writer) error {
	if b.once != nil {
		return errOnce
	}
	if b.again == nil {
		_, err := w.Write(b.data)
		return err
	}
	body, err := b.reopen()
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = copyThrough(w, body)
	return err
}

var errOnce = errors.New("transport: the request's body can be read only once")

// A finder looks for texts in what is written to it, across the seams.
type finder struct {
	texts [][]byte
	tail  []byte
	found bool
}

func (f *finder) Write(p []byte) (int, error) {
	longest := 0
	for _, text := range f.texts {
		longest = max(longest, len(text))
		seam := append(f.tail, p[:min(len(p), len(text))]...)
		f.found = f.found || bytes.Contains(p, text) || bytes.Contains(seam, text)
	}
	f.tail = append(f.tail, p[max(0, len(p)-longest):]...)
	f.tail = f.tail[max(0, len(f.tail)-longest):]
	return len(p), nil
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
func (b *Body) Attach(req *http.Request, edits ...Edit) (err error) {
	return b.attach(req, SmallBody, edits)
}

// AttachParts is [Body.Attach] without a copy of the body where edits are made: it is spliced while it is read. Over
// HTTP/1 net/http sends such a body in a write of its own, and over HTTP/2 any.
func (b *Body) AttachParts(req *http.Request, edits ...Edit) (err error) {
	return b.attach(req, 0, edits)
}

// attach is Attach with the longest body to be spliced at once.
func (b *Body) attach(req *http.Request, whole int, edits []Edit) (err error) {
	if b.once != nil {
		req.Body = b.once
		return nil
	}
	data := b.data
	switch {
	case b.skipped == "" && len(edits) > 0:
		if b.known {
			req.TransferEncoding = nil
		}
		if b.again != nil && b.size > whole {
			return b.stream(req, edits)
		}
		if data, err = b.edited(edits); err != nil {
			return err
		}
		if b.known {
			b.fixContentLength(req, len(data))
		}
	case b.again != nil:
		req.GetBody = b.reopen
		req.Body, err = b.reopen()
		return err
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

// stream has req carry the body with the edits made while it is read.
func (b *Body) stream(req *http.Request, edits []Edit) error {
	segments, err := b.fields.splice(make(splice, 0, 4+4*len(edits)), b.size, edits)
	if err != nil {
		return err
	}
	if b.known {
		req.ContentLength = int64(segments.size())
		b.fixContentLength(req, segments.size())
	}
	req.GetBody = func() (io.ReadCloser, error) {
		body, err := b.reopen()
		if err != nil {
			return nil, err
		}
		return &spliced{src: body, segments: segments}, nil
	}
	req.Body, err = req.GetBody()
	return err
}

// edited returns the body with the edits made.
func (b *Body) edited(edits []Edit) ([]byte, error) {
	w := splicers.Get().(*splicer)
	defer splicers.Put(w)
	s, err := b.fields.splice(w.splice[:0], b.size, edits)
	if err != nil {
		return nil, err
	}
	w.splice = s
	if b.again == nil {
		return w.of(b.data), nil
	}
	return b.reread(w)
}

// reread has the request give its body once more, and returns it as w makes it.
func (b *Body) reread(w *splicer) ([]byte, error) {
	body, err := b.reopen()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	w.size, w.parts, w.out = b.size, nil, nil
	if _, err := copyThrough(w, body); err != nil {
		return nil, err
	}
	return w.result()
}

var splicers = sync.Pool{New: func() any { return new(splicer) }}

// A splicer makes the edited document out of the original that is written to it, which is often whole at once.
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

// result returns the edited document, and lets go of it.
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
	if b.noted.Of(req.Header) && !b.noted.length {
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
