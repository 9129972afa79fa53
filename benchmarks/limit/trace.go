package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// A tracedCall is a call of a recorded trace.
type tracedCall struct {
	at             time.Duration // after the first one
	prompt, output int64         // tokens
}

// traceLayout is the layout of the times of a trace.
const traceLayout = "2006-01-02 15:04:05.9999999"

// openTrace reads a trace from a file.
func openTrace(path string) ([]tracedCall, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	calls, err := readTrace(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return calls, nil
}

// readTrace reads a trace in the form of Azure's: lines of a time, the tokens of the prompt and those of the answer, the
// oldest first, after a line that names them. An error names the line.
func readTrace(from io.Reader) (calls []tracedCall, err error) {
	lines := csv.NewReader(from)
	lines.FieldsPerRecord = 3
	var first time.Time
	for n := 1; ; n++ {
		line, err := lines.Read()
		switch {
		case errors.Is(err, io.EOF):
			if len(calls) == 0 {
				return nil, errors.New("it has no calls")
			}
			return calls, nil
		case err != nil:
			return nil, err // it names the line
		case n == 1:
			continue
		}
		at, err := time.Parse(traceLayout, line[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is no time", n, line[0])
		}
		var c tracedCall
		for i, to := range [...]*int64{&c.prompt, &c.output} {
			if *to, err = strconv.ParseInt(line[1+i], 10, 64); err != nil || *to < 0 || *to > 1e9 {
				return nil, fmt.Errorf("line %d: %q is no count of tokens", n, line[1+i])
			}
		}
		if len(calls) == 0 {
			first = at
		}
		c.at = at.Sub(first)
		if len(calls) > 0 && c.at < calls[len(calls)-1].at {
			return nil, fmt.Errorf("line %d: it is older than the line before", n)
		}
		calls = append(calls, c)
	}
}
