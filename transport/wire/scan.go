package wire

import "github.com/skinflint-go/skinflint/transport"

// A memberPath is a path of one name, with the paths by which an object is searched for it. It is for objects that a path
// of the document does not lead into.
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
	fields, err := transport.Find(object, m.paths)
	if err != nil {
		return nil, false
	}
	return fields.Get(m.path)
}

// setIn returns a raw object with the member set to a raw value; false if it is no object.
func (m *memberPath) setIn(object []byte, value string) (string, bool) {
	fields, err := transport.Find(object, m.paths)
	if err != nil {
		return "", false
	}
	merged, err := fields.Splice(transport.Edit{Path: m.name, Value: value})
	return string(merged), err == nil
}
