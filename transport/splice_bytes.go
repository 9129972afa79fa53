package transport

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// replaces reports whether the edit replaces bytes.
func (e *Edit) replaces() bool { return e.Bytes != Range{} }

var errBytesAndMore = errors.New("transport: edit of bytes does something else")

// checkBytes checks an edit that replaces bytes of a document of the given size.
func (f *Fields) checkBytes(e *Edit, size int) error {
	switch {
	case e.Path != "" || e.Remove || e.cuts():
		return errBytesAndMore
	case e.Bytes.From <= f.open || e.Bytes.From > e.Bytes.To || e.Bytes.To >= size:
		return fmt.Errorf("transport: edit of bytes %d to %d, which are not within the object", e.Bytes.From, e.Bytes.To)
	}
	return nil
}

// spliceBytes makes the edits that replace bytes, given the segments of all others.
func spliceBytes(s splice, edits []Edit) (splice, error) {
	edits = slices.DeleteFunc(slices.Clone(edits), func(e Edit) bool { return !e.replaces() })
	slices.SortStableFunc(edits, func(a, b Edit) int {
		return cmp.Or(cmp.Compare(a.Bytes.From, b.Bytes.From), cmp.Compare(a.Bytes.To, b.Bytes.To))
	})
	out := make(splice, 0, len(s)+len(edits))
	for _, seg := range s {
		for len(edits) > 0 && seg.from <= edits[0].Bytes.From && edits[0].Bytes.To <= seg.to {
			e := edits[0]
			out = out.text(seg.text).original(seg.from, e.Bytes.From)
			seg.text, seg.from = e.Value, e.Bytes.To
			edits = edits[1:]
		}
		out = out.text(seg.text).original(seg.from, seg.to)
	}
	if len(edits) > 0 {
		return nil, fmt.Errorf("transport: edit of bytes %d to %d, which another edit changes", edits[0].Bytes.From, edits[0].Bytes.To)
	}
	return out, nil
}
