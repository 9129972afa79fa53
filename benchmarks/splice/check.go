package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// A runner is a way on a body.
type runner struct {
	way
	original []byte
	make     func(*sink) error
	sink     sink
	size     int // of the document that it makes
	calls    int
}

// open opens a way on a body, and checks the document that it makes.
func open(w way, original []byte) (*runner, error) {
	r := &runner{way: w, original: original}
	var err error
	if r.make, err = w.open(original); err != nil {
		return nil, err
	}
	return r, r.rehearse()
}

// call makes the document once. Looking at every byte of it would take longer than to make it; its size is compared with
// the one that was looked at.
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

// rehearse makes the document once, untimed, and looks at every byte of it.
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

var errDocument = errors.New("the document is not the one that was asked for")

// checkDocument checks that a document is the original, and has the member too where its way puts it.
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

// compare checks a document whose bytes may differ, as what it means to encoding/json.
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

// check looks at everyone's document once more, after all the calls, and says what was right.
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
	// That ours means the same to encoding/json as it does to us is worth a look of its own.
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
	r.checked = append(r.checked, fmt.Sprintf("%s: %d documents hold %s, and else what they held", t.name, calls, chat.Member))
	return nil
}
