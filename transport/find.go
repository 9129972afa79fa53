package transport

import (
	"iter"
	"slices"
	"sync"
)

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// release gives a scanner back to the pool, without the document that it has read.
func release(s *scanner) {
	s.src = nil
	scanners.Put(s)
}

// Find finds the members at paths in a whole document, whose bytes the Fields share. It checks the document, except for the
// contents of its strings. An error says what is wrong with it; the Fields then have what was found before, so that an
// error body that was cut off can still be read. A document that is not an object has no members.
func Find(doc []byte, paths *Paths) (*Fields, error) {
	s := scanners.Get().(*scanner)
	defer release(s)
	err := s.scan(doc, paths)
	f := s.Fields
	f.members = slices.Clone(f.members)
	f.elements.ranges = slices.Clone(f.elements.ranges)
	f.copied = nil
	return &f, err
}

// Objects iterates over the objects that are elements of a JSON array, and finds the members at paths in each; other
// elements are left out. An object alone counts as an array of one. The Fields are valid until the next iteration. An
// error, with the Fields of the element that it is in, ends the iteration.
func Objects(array []byte, paths *Paths) iter.Seq2[*Fields, error] {
	return func(yield func(*Fields, error) bool) {
		s := scanners.Get().(*scanner)
		defer release(s)
		i, c := nextToken(array, 0)
		if c == '[' {
			i, c = nextToken(array, i+1)
		} else if c != '{' {
			return
		}
		for c != 0 && c != ']' {
			s.reset(paths, 0)
			s.src = array[i:]
			i += s.next(array[i:])
			if s.err == nil && !s.complete() {
				s.fail(errTruncated)
			}
			if s.err != nil {
				yield(&s.Fields, s.err)
				return
			}
			if s.open >= 0 && !yield(&s.Fields, nil) {
				return
			}
			if i, c = nextToken(array, i); c == ',' {
				i, c = nextToken(array, i+1)
			}
		}
	}
}
