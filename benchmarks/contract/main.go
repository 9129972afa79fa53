// Contract runs RoundTrippers through the contract that transport/transporttest tests: ours, and peers that also retry
// beneath a client. The peers are configured so that the last answer reaches the caller, as their documentation says.
//
//	go run ./benchmarks/contract       # a table
//	go run ./benchmarks/contract -json # one object
//
// Each item runs in a process of its own, because a RoundTripper that breaks the contract may end it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

func main() {
	if name := os.Getenv(childEnv); name != "" {
		child(name)
	}
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	if err := run(os.Stdout, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, asJSON bool) error {
	results, err := judgeAll(subjects())
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(out, results)
	}
	return writeTable(out, results)
}

// judgeAll judges the subjects, two at a time.
func judgeAll(subjects []subject) ([]*result, error) {
	items, err := list()
	if err != nil {
		return nil, err
	}
	results := make([]*result, len(subjects))
	errs := make([]error, len(subjects))
	slots := make(chan struct{}, 2)
	var judging sync.WaitGroup
	for i, s := range subjects {
		judging.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i], errs[i] = judge(s, items)
		})
	}
	judging.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", subjects[i].name, err)
		}
	}
	return results, nil
}

func writeJSON(out io.Writer, results []*result) error {
	type entry struct {
		Passed int      `json:"passed"`
		Items  int      `json:"items"`
		Failed []string `json:"failed"`
	}
	object := make(map[string]entry)
	for _, r := range results {
		e := entry{len(r.items) - len(r.failed), len(r.items), []string{}}
		for _, name := range r.failed {
			number, _, _ := strings.Cut(name, "_")
			e.Failed = append(e.Failed, number)
		}
		object[r.name] = e
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(object)
}

// writeTable prints a table that can be read as it is, and be pasted into Markdown.
func writeTable(out io.Writer, results []*result) error {
	width := len("RoundTripper")
	for _, r := range results {
		width = max(width, len(r.name))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| %-*s | passed | failed |\n|:%s|-------:|:-------|\n", width, "RoundTripper", strings.Repeat("-", width+1))
	for _, r := range results {
		var failed []string
		for _, name := range r.failed {
			words := strings.ReplaceAll(name, "_", " ")
			if r.crashed[name] {
				words += " (ends the program)"
			}
			failed = append(failed, words)
		}
		fmt.Fprintf(&b, "| %-*s | %6s | %s |\n", width, r.name, fmt.Sprintf("%d/%d", len(r.items)-len(r.failed), len(r.items)), strings.Join(failed, ", "))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
