package transport

import (
	"fmt"

	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// An Edit changes one member of a JSON object, or bytes anywhere in it. It does one of four things: it sets the member to a
// Value, removes the member, cuts elements out of the array that is its value, or replaces bytes by a Value. If the object has
// the member several times, one is left. If it does not have the member, a Value is added.
type Edit struct {
	Path   string // one of the paths of the Fields; of a single name, except for a Cut; "" with Bytes
	Value  string // raw JSON
	Remove bool   // remove the member

	// Cut removes these elements of the array, counted from 0. It must be the array of [Paths.WithElements], and its
	// elements must be known: see [Fields.Elements]. The array may become empty. Of duplicates of a member of the
	// document's own object the last is cut and the others are removed; duplicates further down are an error. The zero
	// Range is not a cut.
	Cut Range

	// Bytes replaces these bytes of the document by the Value, which may be empty. An empty Range inserts the Value there.
	// They must be within the document's own object, behind its first byte and before its last, and no other edit may change
	// them. Values that are inserted at the same place come in the order of the edits. That the edited document is still valid
	// is up to the caller. The zero Range replaces nothing.
	Bytes Range
}

// A segment of an edited document is literal text, and then a range of the original.
type segment struct {
	from, to int
	text     string
}

// A splice is an edited document as its segments, in order. {"service_tier":"flex","model":"m"}, made of {"model":"m"},
// is the original's first byte, then the text "service_tier":"flex", with the comma, and then the rest of the original.
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

// Splice returns the document with the edits made, in a new slice. All bytes outside of the edited members stay as they
// are. The Fields must come from [Find], and the document must be an object. It is an error if an edit has a path that is
// not among the paths of the Fields, or one of several names without a Cut, or if two edits change the same member or bytes.
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
	if f.open < 0 || f.paths == nil {
		return nil, errNotObject
	}
	left, bytes := f.count, false
	for i, e := range edits {
		if e.replaces() {
			if err := f.checkBytes(&e, size); err != nil {
				return nil, err
			}
			bytes = true
			continue
		}
		if err := f.checkEdit(e); err != nil {
			return nil, err
		}
		if _, first := editOf(edits, e.Path); first != i {
			return nil, fmt.Errorf("transport: %q is edited twice", e.Path)
		}
		left -= f.removedBy(e)
	}
	s = s.original(0, f.open+1)
	s = f.spliceNew(s, edits, left > 0)
	if s = f.spliceMembers(s, size, edits); bytes {
		return spliceBytes(s, edits)
	}
	return s, nil
}

// spliceMembers changes the members that the document has, and goes on to its end.
func (f *Fields) spliceMembers(s splice, size int, edits []Edit) splice {
	at, kept, leading := f.open+1, uint64(0), int32(0)
	for i := range f.members {
		m := &f.members[i]
		e, n := editOf(edits, f.paths.full[m.path])
		if e == nil {
			continue
		}
		if f.keeps(e, i, kept&(1<<n) != 0) {
			kept |= 1 << n
			if e.cuts() {
				from, to := f.elements.cut(e.Cut)
				s, at = s.original(at, from), to
			} else {
				s, at = s.original(at, int(m.value)).text(e.Value), int(m.end)
			}
			continue
		}
		// A member is removed with the comma before it. If all members before it are removed, too, it is the comma
		// behind it: of {"a":1,"b":2}, a is removed as "a":1, and b as ,"b":2.
		from, to := m.comma, m.end
		if m.ord == leading {
			leading++
			from = m.key
			if m.next >= 0 {
				to = m.next
			}
		}
		s, at = s.original(at, int(from)), int(to)
	}
	return s.original(at, size)
}

// spliceNew adds the members that the document does not have. They come first in the object: there, only the comma after
// them depends on the other members.
func (f *Fields) spliceNew(s splice, edits []Edit, others bool) splice {
	added := false
	for _, e := range edits {
		if e.Remove || e.cuts() || e.replaces() || f.Has(PathOf(e.Path)) {
			continue
		}
		if added {
			s = s.text(",")
		}
		s = s.text(`"`).text(e.Path).text(`":`).text(e.Value)
		added = true
	}
	if added && others {
		s = s.text(",")
	}
	return s
}

// cuts reports whether the edit takes elements out of an array.
func (e *Edit) cuts() bool { return e.Cut != Range{} }

// keeps reports whether a member stays, given its number and whether another one of the path does.
func (f *Fields) keeps(e *Edit, member int, another bool) bool {
	if e.cuts() {
		return member+1 == int(f.elements.member)
	}
	return !e.Remove && !another
}

func (f *Fields) checkEdit(e Edit) error {
	for i, path := range f.paths.full {
		if path != e.Path {
			continue
		}
		switch {
		case e.cuts():
			return f.checkCut(e, i)
		case len(f.paths.names[i]) > 1 || !jsontext.Plain([]byte(path)):
			return fmt.Errorf("transport: edit of %q, which is not a member of the document's own object", e.Path)
		case !e.Remove && e.Value == "":
			return fmt.Errorf("transport: edit of %q has no value", e.Path)
		}
		return nil
	}
	return fmt.Errorf("transport: edit of %q, which was not looked for", e.Path)
}

// checkCut checks an edit that cuts elements, given the number of its path.
func (f *Fields) checkCut(e Edit, path int) error {
	n := len(f.elements.ranges)
	switch {
	case e.Remove || e.Value != "":
		return fmt.Errorf("transport: edit of %q cuts elements and does something else", e.Path)
	case f.paths.array != path+1 || !f.elements.known:
		return fmt.Errorf("transport: edit of %q cuts elements, which are not known", e.Path)
	case e.Cut.From < 0 || e.Cut.From >= e.Cut.To || e.Cut.To > n:
		return fmt.Errorf("transport: edit of %q cuts elements %d to %d of %d", e.Path, e.Cut.From, e.Cut.To, n)
	case len(f.paths.names[path]) > 1 && f.removedBy(e) > 0:
		return fmt.Errorf("transport: edit of %q, which the document has several times", e.Path)
	}
	return nil
}

// removedBy returns how many members e removes.
func (f *Fields) removedBy(e Edit) (n int) {
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
