package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// A runner runs one way on one body.
type runner struct {
	way
	original []byte
	make     func(*sink) error
	sink     sink
	size     int // of the edited document
	calls    int
}

// open opens a way on a body, and checks the document that it writes.
func open(w way, original []byte) (*runner, error) {
	r := &runner{way: w, original: original}
	var err error
	if r.make, err = w.open(original); err != nil {
		return nil, err
	}
	return r, r.rehearse()
}

// call edits the document once. Comparing every byte would take longer than editing, so only the size is compared.
func (r *runner) call() error {
	r.sink.size = 0
	if err := r.make(&r.sink); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	if r.sink.size != r.size {
		return fmt.Errorf("%s: %d bytes, want %d", r.name, r.sink.size, r.size)
	}
	r.calls++
	return nil
}

// rehearse edits the document once, without measuring, and compares every byte.
func (r *runner) rehearse() error {
	r.sink.keep, r.sink.size = true, 0
	err := r.make(&r.sink)
	made := r.sink.kept
	r.sink.keep, r.sink.kept = false, nil
	if err != nil {
		return err
	}
	r.size = len(made)
	return checkDocument(made, r.original, r.place)
}

var errDocument = errors.New("the edited document is wrong")

// checkDocument checks that a document is the original with the member in its place.
func checkDocument(made, original []byte, where place) error {
	last := len(original) - 1 // the object's brace
	var parts [][]byte
	switch where {
	case nowhere:
		parts = [][]byte{original}
	case front:
		parts = [][]byte{original[:1], []byte(chat.Member + ","), original[1:]}
	case back:
		parts = [][]byte{original[:last], []byte("," + chat.Member), original[last:]}
	default:
		return compare(made, original)
	}
	for _, part := range parts {
		rest, ok := bytes.CutPrefix(made, part)
		if !ok {
			return errDocument
		}
		made = rest
	}
	if len(made) > 0 {
		return errDocument
	}
	return nil
}

// compare compares what a document and the original mean to encoding/json. Their bytes may differ.
func compare(made, original []byte) error {
	var got, want map[string]any
	if err := errors.Join(json.Unmarshal(made, &got), json.Unmarshal(original, &want)); err != nil {
		return err
	}
	want[chat.Name] = "flex"
	if !reflect.DeepEqual(got, want) {
		return errDocument
	}
	return nil
}

// check compares every way's document once more after all calls, and adds a line that says what was right.
func (r *report) check(t *table, runners ...[]*runner) error {
	calls := 0
	for _, group := range runners {
		for _, runner := range group {
			size := runner.size
			if err := runner.rehearse(); err != nil || runner.size != size {
				return fmt.Errorf("%s, %s, after %d calls: %w", t.name, runner.name, runner.calls, errors.Join(err, errDocument))
			}
			if runner.place != nowhere {
				calls += runner.calls
			}
		}
	}
	// encoding/json must read our document as we do.
	for _, runner := range runners[0] {
		if runner.key != ours {
			continue
		}
		runner.sink.keep = true
		err := runner.make(&runner.sink)
		made := runner.sink.kept
		runner.sink.keep, runner.sink.kept = false, nil
		if err := errors.Join(err, compare(made, t.data)); err != nil {
			return fmt.Errorf("%s, %s: %w", t.name, runner.name, err)
		}
	}
	r.checked = append(r.checked, fmt.Sprintf("%s: %d documents have %s and are otherwise unchanged", t.name, calls, chat.Member))
	return nil
}
