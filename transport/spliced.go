package transport

import "io"

// spliced is an edited document that is made while it is read, from an original that is read along with it.
type spliced struct {
	src      io.ReadCloser
	segments splice
	at       int // in src
	text     int // how much of the segment's text has been read
	err      error
}

// Read reads the document. It does not wait for the original once it has anything to give.
func (s *spliced) Read(p []byte) (n int, err error) {
	for n < len(p) && s.err == nil {
		if len(s.segments) == 0 {
			s.err = s.expectEnd()
			break
		}
		seg := &s.segments[0]
		if s.text < len(seg.text) {
			got := copy(p[n:], seg.text[s.text:])
			s.text += got
			n += got
			continue
		}
		if s.at >= seg.to {
			s.segments, s.text = s.segments[1:], 0
			continue
		}
		// What stands before the segment has been edited away.
		room, skip := p[n:], s.at < seg.from
		until := seg.to
		if skip {
			until = seg.from
		}
		got, err := s.src.Read(room[:min(len(room), until-s.at)])
		s.at += got
		if !skip {
			n += got
		}
		switch {
		case err == io.EOF && (s.at < until || len(s.segments) > 1 && s.at < s.end()):
			s.err = errBodyLength
		case err != nil && err != io.EOF:
			s.err = err
		case s.at < until && n > 0:
			return n, nil
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, s.err
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

// expectEnd returns io.EOF if the original has ended, too.
func (s *spliced) expectEnd() error {
	var b [1]byte
	for range 100 {
		n, err := s.src.Read(b[:])
		switch {
		case n > 0:
			return errBodyLength
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// Close closes the original.
func (s *spliced) Close() error { return s.src.Close() }
