package wire

import (
	"bytes"
	"sync"

	"github.com/skinflint-go/skinflint/transport"
)

// This file is all that the dialects need of the JSON scanner. The document of an answer is scanned by the Reader; what is
// scanned here stands within it (objects that a path does not lead into, elements of a list), or is an error's body.

var scannerPool = sync.Pool{New: func() any { return new(transport.Scanner) }}

// unquote returns the text of a JSON string; false if raw is none.
func unquote(raw []byte) (string, bool) { return transport.Unquote(raw) }

// scanStart scans the beginning of a document, which may be cut off or broken: what was read before that is good enough.
func scanStart(doc []byte, paths *transport.Paths, limit int) *transport.Fields {
	var s transport.Scanner
	s.Reset(paths, limit)
	s.Write(doc)
	return &s.Fields
}

// scanObjects calls f for each object of a list, such as [{"modality": "TEXT", "tokenCount": 5}], with those of its
// members that paths has, and with an error if it is no valid JSON. Values longer than limit are not kept.
func scanObjects(list []byte, paths *transport.Paths, limit int, f func(object *transport.Fields, err error)) {
	s := scannerPool.Get().(*transport.Scanner)
	defer scannerPool.Put(s)
	for {
		open := bytes.IndexByte(list, '{')
		if open < 0 {
			return
		}
		s.Reset(paths, limit)
		list = list[open+s.Next(list[open:]):]
		f(&s.Fields, s.Err())
	}
}

// A memberPath is a path of one name, with the paths to scan an object for it.
type memberPath struct {
	name  string
	path  transport.Path
	paths *transport.Paths
}

// memberPathOf returns the path of a name.
func memberPathOf(name string) memberPath {
	return memberPath{name, transport.PathOf(name), transport.MustPaths(name)}
}

// in returns the raw value of the member of a raw object.
func (m *memberPath) in(object []byte) ([]byte, bool) {
	var s transport.Scanner
	fields, err := s.Scan(object, m.paths)
	if err != nil {
		return nil, false
	}
	return fields.Get(m.path)
}

// setIn returns a raw object with the member set to a raw value; false if it is no object.
func (m *memberPath) setIn(object []byte, value string) (string, bool) {
	var s transport.Scanner
	fields, err := s.Scan(object, m.paths)
	if err != nil {
		return "", false
	}
	merged, err := fields.Splice(transport.Edit{Path: m.name, Value: value})
	return string(merged), err == nil
}
