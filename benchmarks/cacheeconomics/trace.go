package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// block is how many tokens a block of a trace has. The last block of a prompt may have fewer.
const block = 512

// longest is how long a trace may be, so that it can be stretched.
const longest = 10 * 365 * 24 * time.Hour

// request is one call of a trace.
type request struct {
	at     time.Duration // since the trace began
	tokens int64         // of the prompt
	output int64         // tokens of the answer
	blocks []uint64      // one id for each block of the prompt; it stands for all of the prompt up to the block's end

	full     int // how many blocks have all their tokens: a cached prefix may end after each of these
	repeated int // how many of the full ones, from the first, an earlier request had as well
	branch   int // how many of the full ones are before the last place at which prompts parted, this one or earlier ones; 0: none
}

// trace is the requests of a trace in the order of their times.
type trace struct {
	name     string
	requests []request
}

// A continuation is the block that came after another, and whether others did as well.
type continuation struct {
	next   uint64
	others bool
}

// newTrace works out what is full, what is repeated and where prompts part.
func newTrace(name string, requests []request) *trace {
	seen := make(map[uint64]continuation)
	for i := range requests {
		r := &requests[i]
		r.full = min(len(r.blocks), int(r.tokens/block))
		r.repeated, r.branch = 0, 0
		for d, id := range r.blocks[:r.full] {
			was, known := seen[id]
			if known && d == r.repeated {
				r.repeated++
			}
			if d+1 < r.full {
				next := r.blocks[d+1]
				if known && was.next != 0 && was.next != next {
					was.others = true
				}
				if was.others {
					r.branch = d + 1
				}
				was.next = next
			}
			seen[id] = was
		}
	}
	return &trace{name, requests}
}

// half returns the time of the middle of the trace.
func (t *trace) half() time.Duration { return t.requests[len(t.requests)-1].at / 2 }

// readTrace reads a trace in the form of Mooncake's: lines of JSON, gzipped or not, with the members timestamp (milliseconds),
// input_length, output_length (tokens) and hash_ids (one for each block of 512 tokens). Lines may be in any order. Ids may be any
// integers, and may stand for a block alone or for the whole prompt up to its end.
func readTrace(name, path string) (*trace, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	requests, err := readRequests(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return newTrace(name, requests), nil
}

func readRequests(file io.Reader) ([]request, error) {
	in, err := unzipped(file)
	if err != nil {
		return nil, err
	}
	var requests []request
	names := make(map[place]uint64)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			r, err := readRequest(line, names)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			requests = append(requests, r)
		}
		if err == io.EOF {
			break
		}
	}
	if len(requests) == 0 {
		return nil, errors.New("no requests")
	}
	slices.SortStableFunc(requests, func(a, b request) int { return cmp.Compare(a.at, b.at) })
	first := requests[0].at
	for i := range requests {
		if requests[i].at -= first; requests[i].at > longest {
			return nil, fmt.Errorf("timestamp: the trace is longer than %v", longest)
		}
	}
	return requests, nil
}

// unzipped returns the lines of a file that may be gzipped.
func unzipped(file io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(file, 1<<16)
	if magic, _ := in.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return in, nil
	}
	zipped, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(zipped, 1<<16), nil
}

// A place is a block after all the blocks before it.
type place struct {
	before uint64 // name of the block before; 0: none
	id     json.Number
}

// readRequest reads a line. It gives the places of its blocks names: 1, 2 and so on, as they come.
func readRequest(line []byte, names map[place]uint64) (request, error) {
	var member struct {
		Timestamp *float64      `json:"timestamp"`
		Input     *int64        `json:"input_length"`
		Output    int64         `json:"output_length"`
		Hashes    []json.Number `json:"hash_ids"`
	}
	if err := json.Unmarshal(line, &member); err != nil {
		return request{}, err
	}
	const latest = 4e12 // the milliseconds of the year 2096; much more would overflow a time.Duration
	switch {
	case member.Timestamp == nil || *member.Timestamp < 0 || *member.Timestamp > latest:
		return request{}, errors.New("timestamp: want milliseconds")
	case member.Input == nil || *member.Input < 0 || *member.Input > 1e9:
		return request{}, errors.New("input_length: want a number of tokens")
	case member.Output < 0 || member.Output > 1e9:
		return request{}, errors.New("output_length: want a number of tokens")
	}
	blocks := make([]uint64, len(member.Hashes))
	var before uint64
	for i, id := range member.Hashes {
		if strings.ContainsAny(id.String(), ".eE") {
			return request{}, fmt.Errorf("hash_ids: %s is not an integer", id)
		}
		at := place{before, id}
		name, ok := names[at]
		if !ok {
			name = uint64(len(names)) + 1
			names[at] = name
		}
		blocks[i], before = name, name
	}
	at := time.Duration(*member.Timestamp * float64(time.Millisecond))
	return request{at: at, tokens: *member.Input, output: member.Output, blocks: blocks}, nil
}
