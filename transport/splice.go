package transport

import "fmt"

// An Edit changes one member of a JSON object: it gives the member Value, or takes the member away. Where the object
// has the member several times, one is left; where it has none, one is added.
type Edit struct {
	Path   string // a path of one name, which the Fields were asked to find
	Value  string // raw JSON
	Remove bool
}

// A segment of an edited document is literal text, or a range of the original.
type segment struct {
	from, to int
	text     string
}

// A splice is an edited document as its segments, in order.
type splice []segment

func (s splice) text(text string) splice { return append(s, segment{text: text}) }

func (s splice) original(from, to int) splice {
	if from < to {
		return append(s, segment{from: from, to: to})
	}
	return s
}

func (s splice) size() (n int) {
	for i := range s {
		n += s[i].to - s[i].from + len(s[i].text)
	}
	return n
}

// appendTo appends the edited document to dst, given the original.
func (s splice) appendTo(dst, src []byte) []byte {
	for i := range s {
		dst = append(dst, s[i].text...)
		dst = append(dst, src[s[i].from:s[i].to]...)
	}
	return dst
}

// Splice returns the document with the edits made, in a new slice: every byte that no edit concerns stays as it is.
// The Fields must come from [Scanner.Scan]; an edit of a path that was not watched, or that has several names, is an
// error.
func (f *Fields) Splice(edits ...Edit) ([]byte, error) {
	if f == nil || f.src == nil {
		return nil, errNotObject
	}
	var room [16]segment
	s, err := f.splice(room[:0], len(f.src), edits)
	if err != nil {
		return nil, err
	}
	return s.appendTo(make([]byte, 0, s.size()), f.src), nil
}

// splice works out the segments of the edited document, for an original of the given size.
func (f *Fields) splice(s splice, size int, edits []Edit) (splice, error) {
	left := f.count
	for i, e := range edits {
		if err := f.checkEdit(e); err != nil {
			return nil, err
		}
		if _, first := editOf(edits, e.Path); first != i {
			return nil, fmt.Errorf("transport: %q is edited twice", e.Path)
		}
		left -= f.goes(e)
	}
	// New members come first, where no byte of another has to be looked at.
	s = s.original(0, f.open+1)
	added := false
	for _, e := range edits {
		if e.Remove || f.Has(PathOf(e.Path)) {
			continue
		}
		if added {
			s = s.text(",")
		}
		s = s.text(`"`).text(e.Path).text(`":`).text(e.Value)
		added = true
	}
	if added && left > 0 {
		s = s.text(",")
	}
	at, kept, leading := f.open+1, uint64(0), int32(0)
	for i := range f.members {
		m := &f.members[i]
		e, n := editOf(edits, f.paths.full[m.path])
		if e == nil {
			continue
		}
		if !e.Remove && kept&(1<<n) == 0 {
			kept |= 1 << n
			s = s.original(at, int(m.value)).text(e.Value)
			at = int(m.end)
			continue
		}
		// A member goes together with the comma before it. One with only gone members before it goes together
		// with the comma after it.
		from, to := m.comma, m.end
		if m.ord == leading {
			leading++
			from = m.key
			if m.next >= 0 {
				to = m.next
			}
		}
		s = s.original(at, int(from))
		at = int(to)
	}
	return s.original(at, size), nil
}

func (f *Fields) checkEdit(e Edit) error {
	for i, path := range f.paths.full {
		if path == e.Path && len(f.paths.names[i]) == 1 && plain([]byte(path)) {
			if !e.Remove && e.Value == "" {
				return fmt.Errorf("transport: edit of %q has no value", e.Path)
			}
			return nil
		}
	}
	return fmt.Errorf("transport: edit of %q, which was not looked for", e.Path)
}

// goes returns how many members e takes away.
func (f *Fields) goes(e Edit) (n int) {
	for i := range f.members {
		if f.paths.full[f.members[i].path] == e.Path {
			n++
		}
	}
	if !e.Remove && n > 0 {
		n--
	}
	return n
}

// editOf returns the first edit of path and its number.
func editOf(edits []Edit, path string) (*Edit, int) {
	for i := range edits {
		if edits[i].Path == path {
			return &edits[i], i
		}
	}
	return nil, 0
}
