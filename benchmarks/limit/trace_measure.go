package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware/limit"
)

// How a trace is replayed.
const (
	traceShare    = 80              // the limit, in percent of the mean demand
	traceDeadline = 5 * time.Minute // how long a call may take until it is taken up; then it is dropped
	traceHeaders  = 200 * time.Millisecond
	tracePerToken = 20 * time.Millisecond // of output
	longestPause  = 8 * time.Second       // between two attempts, unless the provider asks for more
)

// A tracedRow is what came of a trace, with one client at a provider that counts in one way.
type tracedRow struct {
	counting counting
	client   tracedClient

	calls, rejected, dropped int   // rejected are attempts
	served, most             int64 // tokens
	perMinute                int64 // the limit
	waits                    []time.Duration
}

// share429 returns the rejected attempts over the calls.
func (r *tracedRow) share429() float64 { return float64(r.rejected) / float64(r.calls) }

// throughput returns the tokens that were taken up, over what the limit admits.
func (r *tracedRow) throughput() float64 { return float64(r.served) / float64(r.most) }

// wait returns a percentile of the time until calls were taken up that were.
func (r *tracedRow) wait(percent int) time.Duration {
	if len(r.waits) == 0 {
		return 0
	}
	return r.waits[(len(r.waits)-1)*percent/100]
}

// measureTrace replays a trace with each client at each provider, each in a bubble of its own.
func measureTrace(t *testing.T, calls []tracedCall) (rows []*tracedRow, err error) {
	for _, how := range countings {
		var demand int64
		for _, c := range calls {
			demand += how.cost(c)
		}
		length := calls[len(calls)-1].at + time.Second
		perMinute := int64(float64(demand) / length.Minutes() * traceShare / 100)
		for _, client := range tracedClients {
			r := &tracedRow{counting: how, client: client, calls: len(calls), perMinute: perMinute, most: mostServed(how, perMinute, calls)}
			if err := bench.InBubble(t, func(t *testing.T) error { r.replay(t.Context(), calls, length); return nil }); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", how.key, client.key, err)
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// replay sends each call at its time.
func (r *tracedRow) replay(ctx context.Context, calls []tracedCall, length time.Duration) {
	s := &replay{row: r, provider: newTracedProvider(r.counting, r.perMinute, length), holder: r.client.open(r.perMinute), estimator: newEstimator(r.counting)}
	var all sync.WaitGroup
	all.Go(s.provider.share)
	start := time.Now()
	for _, c := range calls {
		time.Sleep(c.at - time.Since(start))
		all.Go(func() { s.call(ctx, c) })
	}
	all.Wait()
	r.served = s.provider.served
	slices.Sort(r.waits)
}

// A replay is a trace that is sent.
type replay struct {
	mu        sync.Mutex
	row       *tracedRow
	provider  *tracedProvider
	holder    holder
	estimator *estimator
}

// call sends a call until it is taken up, or dropped: because the client refuses it, or its deadline is over. A rejected
// attempt is repeated when the provider asks for it, or after a pause that doubles.
func (s *replay) call(ctx context.Context, c tracedCall) {
	start := time.Now()
	deadline := start.Add(traceDeadline)
	e, raw := s.estimator.estimate(c)
	for pause := time.Second / 2; ; pause = min(2*pause, longestPause) {
		done, learn, err := s.holder.admit(ctx, e, deadline)
		if err != nil {
			s.note(func(r *tracedRow) { r.dropped++ })
			return
		}
		taken, answer := s.provider.take(c)
		wait := time.Since(start)
		time.Sleep(traceHeaders)
		learn(answer)
		if taken {
			s.note(func(r *tracedRow) { r.waits = append(r.waits, wait) })
			time.Sleep(time.Duration(c.output) * tracePerToken)
			s.provider.end(c)
			s.estimator.learn(c, raw)
			done(s.counted(c))
			return
		}
		done(limit.Tokens{})
		s.note(func(r *tracedRow) { r.rejected++ })
		next := max(answer.RetryAfter, time.Duration(float64(pause)*(0.5+rand.Float64()/2)))
		if time.Now().Add(next).After(deadline) {
			s.note(func(r *tracedRow) { r.dropped++ })
			return
		}
		time.Sleep(next)
	}
}

// counted returns what a call counted for.
func (s *replay) counted(c tracedCall) limit.Tokens {
	if s.provider.reserves {
		return limit.Tokens{Input: c.prompt, Output: traceOutput}
	}
	return limit.Tokens{Input: c.prompt, Output: c.output}
}

// note changes the row.
func (s *replay) note(change func(*tracedRow)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.row)
}

// runTrace replays the trace of a file and prints what came of it.
func runTrace(t *testing.T, out io.Writer, path string, asJSON bool) error {
	calls, err := openTrace(path)
	if err != nil {
		return err
	}
	rows, err := measureTrace(t, calls)
	switch {
	case err != nil:
		return err
	case asJSON:
		return bench.WriteJSON(out, traceObject(rows))
	}
	_, err = io.WriteString(out, traceTable(calls, rows))
	return err
}

// traceObject returns the figures. Those of the top level are the worst of ours, with the limit configured, at a provider that
// no other program uses.
func traceObject(rows []*tracedRow) map[string]any {
	object := map[string]any{}
	worst, least, dropped := 0.0, 1.0, 0
	for _, r := range rows {
		object[r.counting.key+"_"+r.client.key] = map[string]any{
			"calls": r.calls, "limit_per_minute": r.perMinute, "429s": r.rejected, "429_share": bench.Round(r.share429()),
			"throughput": bench.Round(r.throughput()), "dropped": r.dropped, "wait_p50_s": bench.Round(r.wait(50).Seconds()), "wait_p99_s": bench.Round(r.wait(99).Seconds()),
		}
		if r.client.key == "ours" && r.counting.others == 0 {
			worst, least, dropped = max(worst, r.share429()), min(least, r.throughput()), max(dropped, r.dropped)
		}
	}
	object["trace_429_share"], object["trace_throughput"], object["trace_dropped"] = bench.Round(worst), bench.Round(least), dropped
	object["trace_deadline_s"] = traceDeadline.Seconds()
	return object
}

// traceTable returns a table that is readable as text and as Markdown.
func traceTable(calls []tracedCall, rows []*tracedRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "a recorded trace of %d calls in %v, in virtual time\n", len(calls), calls[len(calls)-1].at.Round(time.Second))
	fmt.Fprintf(&b, "The provider's limit is %d %% of the mean demand. A call that is not taken up after %v is dropped.\n", traceShare, traceDeadline)
	b.WriteString("Throughput is of what a queue with that limit and that deadline gets through, without a burst. Prompts are estimated at 0.8 to 1.4 of the truth.\n")
	for _, how := range countings {
		fmt.Fprintf(&b, "\na provider that counts %s\n\n", how.name)
		lines := [][]string{{"client", "429s", "of the calls", "throughput", "dropped", "of the calls", "wait p50", "p99"}, {":-", "-:", "-:", "-:", "-:", "-:", "-:", "-:"}}
		for _, r := range rows {
			if r.counting.key != how.key {
				continue
			}
			lines = append(lines, []string{
				r.client.name, fmt.Sprint(r.rejected), fmt.Sprintf("%.2f %%", 100*r.share429()), fmt.Sprintf("%.1f %%", 100*r.throughput()),
				fmt.Sprint(r.dropped), fmt.Sprintf("%.1f %%", 100*float64(r.dropped)/float64(r.calls)),
				r.wait(50).Round(100 * time.Millisecond).String(), r.wait(99).Round(100 * time.Millisecond).String(),
			})
		}
		bench.Align(&b, lines)
	}
	return b.String()
}
