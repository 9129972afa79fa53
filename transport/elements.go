package transport

// maxElements is how many elements are located. Those of a longer array are not known, so that it takes no memory.
const maxElements = 2048

// A Range is what stands from From on and before To: bytes of a document, or elements of an array.
type Range struct{ From, To int }

// elements are where the elements of one array stand.
type elements struct {
	ranges []Range
	member uint8 // the array's number in Fields.members, and 1
	known  bool  // the array is all there, and was not too long
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

// cut returns which bytes have to go for these elements to go, with the commas that then would part nothing. Of [1, 2, 3]
// the first element is cut as "1, ", any other with the comma before it, and all of them as "1, 2, 3".
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

// Elements returns where in the document the elements of the array stand that [Paths.WithElements] named, and whether
// that is known: the document must have the member, once or several times, the last of them must be an array, and it must
// have no more than 2,048 elements. White space and commas are not part of an element. The slice is shared: it is
// valid as long as the Fields are, and must not be written to.
func (f *Fields) Elements() (offsets []Range, known bool) {
	if f == nil || !f.elements.known {
		return nil, false
	}
	return f.elements.ranges, true
}
