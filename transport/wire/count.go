package wire

import "github.com/skinflint-go/skinflint/transport"

// maxCount is more tokens than any answer has. A sum of several counts cannot overflow.
const maxCount = 1 << 40

// count reads a JSON number that is a plain count: digits only, so neither -1 nor 1.5 nor 1e3.
func count(raw []byte) (int64, bool) {
	if len(raw) == 0 || len(raw) > 13 {
		return 0, false
	}
	var n int64
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n <= maxCount
}

// countAt returns the largest of the counts at the paths; 0, which is not known, if there is none, or if one of the members is
// anything else than a plain count above 0 or null.
func countAt(body *transport.Fields, paths ...transport.Path) (most int64) {
	for _, path := range paths {
		raw, there := body.Look(path)
		if !there || string(raw) == "null" {
			continue
		}
		n, ok := count(raw)
		if !ok || n == 0 {
			return 0
		}
		most = max(most, n)
	}
	return most
}

// choicesAt returns how many answers a request asks for, by the members at the paths: 1 if there are none, and 0 if one of
// them is no plain count.
func choicesAt(body *transport.Fields, paths ...transport.Path) int64 {
	most := int64(1)
	for _, path := range paths {
		raw, ok := body.Get(path)
		if !ok || string(raw) == "null" {
			continue
		}
		n, ok := count(raw)
		if !ok {
			return 0
		}
		most = max(most, n)
	}
	return most
}

// A countReader reads the counts of a document and keeps the first problem: a count that is none, a sum that is wrong.
type countReader struct {
	doc     *transport.Fields
	problem string
}

// get returns the count at a path, and whether there is one.
func (r *countReader) get(path transport.Path) (n int64, ok bool) {
	raw, there := r.doc.Look(path)
	switch {
	case raw == nil && there:
		r.wrong(path.String() + " is too long")
		return 0, false
	case raw == nil || string(raw) == "null":
		return 0, false
	}
	if n, ok = count(raw); !ok {
		r.wrong(path.String() + " is no count")
	}
	return n, ok
}

// wrong keeps a problem, if it is the first.
func (r *countReader) wrong(problem string) {
	if r.problem == "" {
		r.problem = problem
	}
}
