package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
)

// order puts the lines of the output in the order of the input. It copies them one by one from where they are, so that it
// needs 24 bytes of memory for each. Answers to lines that are not in the input come last.
func (o *output) order(x *index) error {
	type place struct {
		line    uint32 // of the input
		at, end int64
	}
	var places []place
	var at int64
	err := o.read(func(_ int, text []byte) error {
		id, _, _, err := decodeAnswer(text)
		if err != nil {
			return err
		}
		p := place{line: math.MaxUint32, at: at, end: at + int64(len(text)) + 1}
		if e := x.find(id); e != nil && e.line > 0 {
			p.line = e.line
		}
		places = append(places, p)
		at = p.end
		return nil
	})
	byLine := func(a, b place) int { return cmp.Compare(a.line, b.line) }
	if err != nil || slices.IsSortedFunc(places, byLine) {
		return err
	}
	if at != o.size {
		return fmt.Errorf("-ordered: %s was changed by another program, and stays as it is", o.path)
	}
	slices.SortStableFunc(places, byLine)
	return o.replace(func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		for _, p := range places {
			if _, err := io.Copy(out, io.NewSectionReader(o.file, p.at, p.end-p.at)); err != nil {
				return err
			}
		}
		return out.Flush()
	})
}

// drop removes the lines for which f is true.
func (o *output) drop(f func(a answer) bool) error {
	return o.replace(func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		err := o.read(func(_ int, text []byte) error {
			_, _, a, err := decodeAnswer(text)
			if err != nil || f(a) {
				return err
			}
			out.Write(text)
			return out.WriteByte('\n')
		})
		if err != nil {
			return err
		}
		return out.Flush()
	})
}
