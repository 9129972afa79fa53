package main

import (
	"flag"
	"fmt"
	"io"
	"time"
)

// Settings are what the command line says.
type settings struct {
	json    bool
	verbose bool
	workers int
	calls   int           // that each worker makes at once
	rpm     int           // requests per minute
	length  time.Duration // of the first part
	hang    time.Duration // of Redis
}

// parse reads the command line. It has reported the error that it returns.
func parse(args []string, stderr io.Writer) (set settings, err error) {
	f := flag.NewFlagSet("fleet", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&set.json, "json", false, "print one JSON object")
	f.BoolVar(&set.verbose, "v", false, "show the workers' logs")
	f.IntVar(&set.workers, "workers", 4, "how many `processes` share the limit and the budget")
	f.IntVar(&set.calls, "calls", 8, "how many `calls` each of them makes at once")
	f.IntVar(&set.rpm, "rpm", 1200, "the limit: `requests` per minute")
	f.DurationVar(&set.length, "for", 20*time.Second, "how long the first part lasts, which the limit bounds")
	f.DurationVar(&set.hang, "hang", 5*time.Second, "how long Redis hangs within it")
	if err := f.Parse(args); err != nil {
		return set, err
	}
	if err := set.check(f.Args()); err != nil {
		fmt.Fprintln(stderr, "fleet:", err)
		return set, err
	}
	return set, nil
}

func (set *settings) check(rest []string) error {
	perSecond := float64(set.rpm) / 60
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q: there are only flags", rest[0])
	case set.workers < 2 || set.workers > 50:
		return fmt.Errorf("-workers %d: want 2 to 50", set.workers)
	case set.calls < 1 || set.calls > 1000:
		return fmt.Errorf("-calls %d: want 1 to 1000", set.calls)
	case set.rpm < 60*set.workers || set.rpm > 60_000:
		return fmt.Errorf("-rpm %d: want %d, which is one a second for each worker, to 60000", set.rpm, 60*set.workers)
	case float64((set.workers-1)*set.calls) < 1.5*perSecond*latency.Seconds():
		return fmt.Errorf("-calls %d: with %d workers, and one of them killed, that is too few to reach -rpm %d, because each takes the provider %v",
			set.calls, set.workers, set.rpm, latency)
	case set.length < 5*time.Second || set.length > 10*time.Minute:
		return fmt.Errorf("-for %v: want 5s to 10m", set.length)
	case set.hang < time.Second || set.hang > set.length/2:
		return fmt.Errorf("-hang %v: want 1s to half of -for", set.hang)
	}
	return nil
}
