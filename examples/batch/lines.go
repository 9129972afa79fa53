package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxLine is the length of the longest line that is read, in bytes. It has room for a request with some images.
const maxLine = 64 << 20

// A line is a line of a file.
type line struct {
	number int    // from 1; empty lines count
	text   []byte // until the next one is read
	err    error  // why the text is not there, or cannot be one
}

// A lineReader reads a file line by line. Lines may end in CRLF, the last one also without an end. A byte order mark and
// empty lines are left out.
type lineReader struct {
	in     *bufio.Reader
	most   int // bytes in a line
	number int
	buf    []byte
}

func newLineReader(in io.Reader, most int) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10), most: most}
}

// next returns the next line that is not empty, or io.EOF.
func (r *lineReader) next() (line, error) {
	for {
		tooLong, err := r.read()
		if err != nil {
			return line{}, err
		}
		text := bytes.TrimRight(r.buf, "\r\n")
		if r.number == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		if len(bytes.TrimSpace(text)) == 0 && !tooLong {
			continue
		}
		l := line{number: r.number, text: text}
		switch at := invalidUTF8(text); {
		case tooLong || len(text) > r.most:
			l.text, l.err = nil, fmt.Errorf("it is longer than %d bytes", r.most)
		case at >= 0:
			l.text, l.err = nil, fmt.Errorf("byte %d is not UTF-8: save the file as UTF-8", at+1)
		}
		return l, nil
	}
}

// read reads a line into buf, with its end. Of a line that is too long, it keeps no more than the beginning.
func (r *lineReader) read() (tooLong bool, err error) {
	r.buf = r.buf[:0]
	for began := false; ; began = true {
		part, err := r.in.ReadSlice('\n')
		if err == io.EOF && len(part) == 0 && !began {
			return false, io.EOF
		}
		if len(r.buf)+len(part) > r.most+len("\xef\xbb\xbf\r\n") {
			tooLong = true
		} else {
			r.buf = append(r.buf, part...)
		}
		switch {
		case err == nil || err == io.EOF:
			r.number++
			return tooLong, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return false, err
		}
	}
}

// invalidUTF8 returns where a text is not UTF-8; -1 if it is.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
}
