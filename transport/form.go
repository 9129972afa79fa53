package transport

import (
	"encoding/json"
	"errors"
	"io"
	"math/bits"
	"mime/multipart"
	"slices"
)

// A field of a form that is longer than maxField bytes is ignored, as are all fields after the first maxFields.
const (
	maxField  = 1 << 10
	maxFields = 255
)

// formFields finds the fields of a multipart form whose names are paths. It returns a text as a JSON string, and a number,
// true or false as it is. An error comes from reading the form; whether the form is valid is for the server to decide.
func formFields(body io.Reader, boundary string, paths *Paths) (Fields, error) {
	source := &rememberingReader{Reader: body}
	form := multipart.NewReader(source, boundary)
	f := Fields{paths: paths, open: -1}
	for range maxFields {
		part, err := form.NextPart()
		if err != nil {
			break
		}
		if part.FileName() == "" {
			f.addField(part.FormName(), part)
		}
	}
	return f, source.err
}

// A rememberingReader keeps the error of its Reader, which a parser may hide behind its own.
type rememberingReader struct {
	io.Reader
	err error
}

func (r *rememberingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// addField adds a field if it is watched.
func (f *Fields) addField(name string, value io.Reader) {
	if f.paths == nil {
		return
	}
	hit := f.paths.match(f.paths.all&^f.paths.leads[0], 0, []byte(name))
	if hit == 0 {
		return
	}
	raw, err := io.ReadAll(io.LimitReader(value, maxField+1))
	if err != nil || len(raw) > maxField {
		return
	}
	if !json.Valid(raw) || !slices.Contains([]byte("0123456789-tf"), raw[0]) {
		raw, _ = json.Marshal(string(raw)) // a string can always be written
	}
	m := member{path: uint8(bits.TrailingZeros64(hit)), next: -1, from: int32(len(f.copied))}
	f.copied = append(f.copied, raw...)
	m.to = int32(len(f.copied))
	f.members = append(f.members, m)
	f.slots[m.path], f.seen = uint8(len(f.members)), f.seen|1<<m.path
}
