package transport

// maxElements is how many elements are located. The elements of a longer array are not known, which bounds the memory.
const maxElements = 2048

// A Range is the half-open range from From to To, without To: of bytes of a document, or of elements of an array.
type Range struct{ From, To int }

// elements are the positions of the elements of one array.
type elements struct {
	ranges []Range
	member uint8 // the array's index in Fields.members, plus 1
	known  bool  // the array is complete, and was not too long
	long   bool  // it has more than maxElements
}

// begin forgets the array that was there before: of duplicates, the last counts.
func (e *elements) begin(member int) {
	*e = elements{ranges: e.ranges[:0], member: uint8(member)}
}

// start notes that an element starts at an offset, and end that it ends before one.
func (e *elements) start(offset int) {
	if e.long = e.long || len(e.ranges) == maxElements; !e.long {
		e.ranges = append(e.ranges, Range{From: offset})
	}
}

func (e *elements) end(offset int) {
	if !e.long {
		e.ranges[len(e.ranges)-1].To = offset
	}
}

// cut returns which bytes to remove for these elements, with the commas that would be left over. Of [1, 2, 3] the first
// element is cut as "1, ", any other with the comma before it, and all of them as "1, 2, 3".
func (e *elements) cut(r Range) (from, to int) {
	if r.From == 0 && r.To < len(e.ranges) {
		return e.ranges[0].From, e.ranges[r.To].From
	}
	from, to = e.ranges[r.From].From, e.ranges[r.To-1].To
	if r.From > 0 {
		from = e.ranges[r.From-1].To
	}
	return from, to
}

// Elements returns the byte ranges of the elements of the array chosen by [Paths.WithElements], and whether they are known.
// They are if the document has the member, its last occurrence is an array, and the array has at most 2,048 elements. White
// space and commas are not part of an element. The slice is shared: it is valid as long as the Fields are, and must not be
// written to.
func (f *Fields) Elements() (offsets []Range, known bool) {
	if f == nil || !f.elements.known {
		return nil, false
	}
	return f.elements.ranges, true
}
