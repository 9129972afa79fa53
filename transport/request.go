package transport

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
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
	*b = Body{known: req.ContentLength > 0, size: -1}
	if req.Body == nil || req.Body == http.NoBody {
		b.size, b.skipped = 0, SkippedInvalid
		return nil
	}
	if req.GetBody == nil && req.ContentLength > SmallBody {
		b.once, b.skipped = req.Body, SkippedOnce
		return nil
	}
	fixed, boundary := b.lookAtHeader(req.Header)
	s := lookers.Get().(*looker)
	defer func() {
		s.src = nil // or the pool would keep a prompt alive
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
		b.lookAtData(s, paths)
	}
	if boundary != "" {
		if err := b.lookAtForm(boundary, paths); err != nil {
			req.Body.Close()
			return err
		}
	}
	if b.skipped == "" {
		b.skipped = fixed
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
type looker struct{ Scanner }

func (l *looker) Write(p []byte) (int, error) {
	l.Scanner.Write(p)
	return len(p), nil
}

// lookAtHeader notes what the headers say about the body, and returns why it may be read but not changed, and the boundary
// of a multipart form. Keys may stand in any case: some SDKs write theirs in lower case, past [http.Header.Set].
func (b *Body) lookAtHeader(h http.Header) (fixed, boundary string) {
	for k, v := range h {
		if len(v) == 0 {
			continue
		}
		switch {
		case isKey(k, "Content-Encoding"):
			if v[0] != "" && !strings.EqualFold(v[0], "identity") {
				b.skipped = SkippedEncoding
			}
		case isKey(k, "Content-Type"):
			if v[0] == "application/json" {
				continue // as nearly always
			}
			switch media, params, _ := mime.ParseMediaType(v[0]); {
			case len(v[0]) >= len("multipart/") && strings.EqualFold(v[0][:len("multipart/")], "multipart/"):
				boundary = params["boundary"]
				b.skipped = cmp.Or(b.skipped, SkippedForm)
			case media != "" && media != "application/json" && !strings.HasSuffix(media, "+json"):
				fixed = cmp.Or(fixed, SkippedType)
			}
		case isKey(k, "Authorization"):
			if strings.HasPrefix(v[0], "AWS4-HMAC-SHA256") {
				fixed = SkippedSigned
			}
		case isKey(k, "Content-Digest"), isKey(k, "Repr-Digest"), isKey(k, "Digest"), isKey(k, "Content-Md5"),
			isKey(k, "Signature-Input"):
			fixed = SkippedSigned
		}
	}
	if b.skipped == SkippedEncoding {
		boundary = ""
	}
	return fixed, boundary
}

// Fields returns what was found in the body; it is empty where the body was not read or is no JSON object.
func (b *Body) Fields() *Fields { return &b.fields }

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
		if b.again != nil && b.size > SmallBody {
			return b.stream(req, edits)
		}
		if data, err = b.edited(edits); err != nil {
			return err
		}
		if b.known {
			fixContentLength(req, len(data))
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
		fixContentLength(req, segments.size())
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
	return b.read(w)
}

// read has the request give its body once more, and returns it as w makes it.
func (b *Body) read(w *splicer) ([]byte, error) {
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
func fixContentLength(req *http.Request, size int) {
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
