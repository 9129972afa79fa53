package transport

import (
	"cmp"
	"io"
)

// A spliced is an edited document that is made while it is read. It walks through the segments: the text of one, then its
// range of the original, which it reads just in time. With the segments of
//
//	original:  {"model":"m"}
//	segments:  original 0 to 1 | text "service_tier":"flex", | original 1 to 13
//	document:  {"service_tier":"flex","model":"m"}
//
// it never holds more of the document than one Read returns. An original of another length than the segments were made for
// is an error, so that what was sent of it does not look complete.
type spliced struct {
	src      io.ReadCloser
	segments splice
	at       int // how many bytes of src have been read
	text     int // how many bytes of the first segment's text have been read
	err      error
}

// Read reads the document. It does not wait for the original if it can return something without it.
func (s *spliced) Read(p []byte) (n int, err error) {
	for n < len(p) && s.err == nil {
		var seg segment
		if len(s.segments) > 0 {
			seg = s.segments[0]
		}
		switch {
		case s.text < len(seg.text): // the text of a segment comes before its range
			got := copy(p[n:], seg.text[s.text:])
			s.text += got
			n += got
		case len(s.segments) > 0 && s.at >= seg.to:
			s.segments, s.text = s.segments[1:], 0
		case n > 0: // the next byte needs the original, which may have to be waited for
			return n, nil
		case len(s.segments) == 0:
			return 0, s.expectEnd()
		default:
			n = s.readOriginal(p, seg)
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, s.err
}

// readOriginal reads on in the original for a segment, and returns how many bytes of p are part of the document. Bytes of
// the original before the segment's range have been edited away: they are read into p and not counted.
func (s *spliced) readOriginal(p []byte, seg segment) (n int) {
	until, skip := seg.to, s.at < seg.from
	if skip {
		until = seg.from
	}
	got, err := s.src.Read(p[:min(len(p), until-s.at)])
	s.at += got
	if !skip {
		n = got
	}
	switch {
	case err == io.EOF && (s.at < until || len(s.segments) > 1 && s.at < s.end()):
		s.err = errBodyLength
	case err != nil && err != io.EOF:
		s.err = err
	}
	return n
}

// WriteTo writes the document. It does not copy the original if that implements io.WriterTo.
func (s *spliced) WriteTo(w io.Writer) (int64, error) {
	if s.err != nil {
		return 0, past(s.err)
	}
	to := &splicedWriter{s: s, w: w}
	_, err := copyThrough(to, s.src)
	if err == nil {
		err = to.texts()
	}
	if err == nil && len(s.segments) > 0 {
		err = errBodyLength
	}
	s.err = cmp.Or(err, io.EOF)
	return to.n, err
}

// past returns the error of a WriteTo after err: none if the document has been read to its end.
func past(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// A splicedWriter takes the original, and writes the document to w. It is the write side of spliced.Read.
type splicedWriter struct {
	s *spliced
	w io.Writer
	n int64
}

func (t *splicedWriter) Write(p []byte) (int, error) {
	s := t.s
	for rest := p; len(rest) > 0; {
		if err := t.texts(); err != nil {
			return 0, err
		}
		if len(s.segments) == 0 {
			return 0, errBodyLength
		}
		seg := &s.segments[0]
		skip := min(max(0, seg.from-s.at), len(rest))
		s.at += skip
		rest = rest[skip:]
		part := rest[:min(len(rest), seg.to-s.at)]
		s.at += len(part)
		rest = rest[len(part):]
		if err := t.write(part); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// texts writes the texts that come before the next byte of the original, and drops the segments that are done.
func (t *splicedWriter) texts() error {
	s := t.s
	for len(s.segments) > 0 {
		seg := &s.segments[0]
		if text := seg.text[s.text:]; text != "" {
			s.text = len(seg.text)
			if n, err := io.WriteString(t.w, text); err != nil || n < len(text) {
				return cmp.Or(err, io.ErrShortWrite)
			}
			t.n += int64(len(text))
		}
		if s.at < seg.to {
			return nil
		}
		s.segments, s.text = s.segments[1:], 0
	}
	return nil
}

func (t *splicedWriter) write(p []byte) error {
	n, err := t.w.Write(p)
	t.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// end returns where the last range of the original ends.
func (s *spliced) end() int {
	for i := len(s.segments) - 1; i >= 0; i-- {
		if s.segments[i].to > 0 {
			return s.segments[i].to
		}
	}
	return 0
}

// expectEnd returns io.EOF if the original has ended as well. A reader may return no bytes and no error a few times before
// it says so.
func (s *spliced) expectEnd() error {
	var b [1]byte
	s.err = io.ErrNoProgress
	for range 100 {
		n, err := s.src.Read(b[:])
		if n > 0 {
			err = errBodyLength
		}
		if err != nil {
			s.err = err
			break
		}
	}
	return s.err
}

// Close closes the original.
func (s *spliced) Close() error { return s.src.Close() }
