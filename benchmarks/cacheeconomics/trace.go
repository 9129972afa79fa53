package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// block is how many tokens a block of a trace has. The last block of a prompt may have fewer.
const block = 512

// request is one call of a trace.
type request struct {
	at     time.Duration // since the trace began
	tokens int64         // of the prompt
	output int64         // tokens of the answer
	blocks []uint64      // one id for each block of the prompt; it stands for all of the prompt up to the block's end

	full     int // how many blocks have all their tokens: a cached prefix may end after each of these
	repeated int // how many of the full ones, from the first, an earlier request had as well
}

// trace is the requests of a trace in the order of their times.
type trace struct {
	name     string
	requests []request
}

// newTrace works out what is full and what is repeated.
func newTrace(name string, requests []request) *trace {
	seen := make(map[uint64]struct{})
	for i := range requests {
		r := &requests[i]
		r.full = min(len(r.blocks), int(r.tokens/block))
		for r.repeated < r.full {
			if _, ok := seen[r.blocks[r.repeated]]; !ok {
				break
			}
			r.repeated++
		}
		for _, id := range r.blocks[:r.full] {
			seen[id] = struct{}{}
		}
	}
	return &trace{name, requests}
}

// half returns the time of the middle of the trace.
func (t *trace) half() time.Duration { return t.requests[len(t.requests)-1].at / 2 }

// readTrace reads a trace in the form of Mooncake's: gzipped lines of JSON with the members timestamp (milliseconds),
// input_length, output_length (tokens) and hash_ids (one for each block of 512 tokens).
func readTrace(name, path string) (*trace, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var requests []request
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Timestamp int64    `json:"timestamp"`
			Input     int64    `json:"input_length"`
			Output    int64    `json:"output_length"`
			Hashes    []uint64 `json:"hash_ids"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(requests)+1, err)
		}
		requests = append(requests, request{
			at: time.Duration(line.Timestamp) * time.Millisecond, tokens: line.Input, output: line.Output, blocks: line.Hashes,
		})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(requests) == 0 {
		return nil, fmt.Errorf("%s: no requests", path)
	}
	return newTrace(name, requests), nil
}
