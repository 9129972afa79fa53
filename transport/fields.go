package transport

import (
	"errors"
	"math"

	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

var errNotObject = errors.New("transport: JSON is not an object")

// maxMembers is how often watched members may occur in a document. It bounds the memory that a hostile document can take.
const maxMembers = 255

// maxDocument is how long a document may be in bytes: the offsets of a member are 32 bits wide.
const maxDocument = math.MaxInt32

// A member is one occurrence of a watched path. All offsets count from the document's first byte. Of the second member of
//
//	{"a":1, "model" : "m" ,"b":2}
//
// they are those of the quote before model (key), of "m" (value, end), of the comma before the key, and of the quote
// before b (next).
type member struct {
	key        int32 // of the key's opening quote
	value, end int32 // of the value's first byte, and one past its last
	comma      int32 // of the comma before the key; -1 for the object's first member
	next       int32 // of the key after this one; -1 for the object's last member
	ord        int32 // how many members of the object stand before it
	from, to   int32 // of the value in Fields.copied, where copies are kept
	path       uint8
}

// Fields are the watched members that one JSON document has: see [Find], [Body.Fields] and [DocumentHandler]. The nil
// Fields has none. Its methods may be called concurrently.
type Fields struct {
	paths    *Paths
	src      []byte // the document, where the caller keeps it; else values are copies
	copied   []byte
	members  []member
	open     int // offset of the top-level object's brace; -1 if there is none, or the document is not valid
	count    int // members of the top-level object, watched or not
	unknown  string
	elements elements

	slots [maxPaths]uint8 // by path: the index of its last complete member, plus 1
	seen  uint64          // the paths of members
}

// Unknown returns the name of the unknown field that [Paths.WithUnknown] describes; "" if the document has none.
func (f *Fields) Unknown() string { return f.unknown }

// Get returns the raw value at a path, and whether there is one. Of duplicates it returns the last, which is the one
// that most servers act on. A path that was not among those that the document was searched for has no value. The bytes
// are shared: they are valid as long as the Fields are, and must not be written to.
func (f *Fields) Get(p Path) ([]byte, bool) {
	raw, _ := f.Look(p)
	return raw, raw != nil
}

// Has reports whether the document has a member at a path, even if its value was too long to be kept.
func (f *Fields) Has(p Path) bool {
	_, there := f.Look(p)
	return there
}

// Look is [Fields.Get], and also reports whether the document has the member at all: its value is nil if it was too long
// to be kept.
func (f *Fields) Look(p Path) (raw []byte, there bool) {
	if f == nil || f.paths == nil || int(p) >= len(f.paths.slots) || f.paths.slots[p] == 0 {
		return nil, false
	}
	path := f.paths.slots[p] - 1
	at := f.slots[path&(maxPaths-1)]
	if at == 0 {
		return nil, f.seen&(1<<path) != 0
	}
	m := &f.members[at-1]
	if f.src != nil {
		return f.src[m.value:m.end:m.end], true
	}
	return f.copied[m.from:m.to:m.to], true
}

// Text returns the value at a path as a string, unquoted; "" if there is none or it is not a string.
func (f *Fields) Text(p Path) string {
	raw, _ := f.Look(p)
	s, _ := jsontext.Unquote(raw)
	return s
}
