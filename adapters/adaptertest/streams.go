package adaptertest

import (
	"context"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// streamCases are about streams only.
func streamCases() []testCase {
	onePermit := policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}
	return []testCase{
		{name: "stream/read", setup: Setup{Policy: onePermit}, modes: streamOnly, test: streamRead},
		{name: "stream/usage", needs: []Ability{StreamUsage}, modes: streamOnly, test: streamUsage},
		{name: "stream/closed", setup: Setup{Config: llmtest.Config{ChunkDelay: time.Second}, Policy: onePermit},
			needs: []Ability{CloseStream}, modes: streamOnly, test: streamClosed},
		{name: "stream/late", setup: Setup{Config: llmtest.Config{ChunkDelay: time.Minute}}, modes: streamOnly, test: streamLate},
	}
}

// streamRead reads two streams to their end. Each gives its permit back.
func streamRead(w *World) {
	for range 2 {
		w.must(w.Context(), "Who is next?")
	}
	w.Balance()
}

// streamUsage gets the usage that the program asks for itself. The stack asks for it otherwise, and hides the answer.
func streamUsage(w *World) {
	w.must(w.Context(), "Who counts?")
	answer, err := w.Client.StreamUsage(w.Context(), w.adapter.model(), "Who counts, too?")
	if err != nil {
		w.Fatal(err)
	}
	w.usage(answer, w.meter(2)[1])
	for _, r := range w.Server.Requests() {
		w.usageAskedFor(r)
	}
	w.Balance()
}

// streamClosed closes a stream after its first event, which gives its permit back.
func streamClosed(w *World) {
	stream, err := w.Client.Open(w.Context(), w.adapter.model(), "Who leaves?")
	if err != nil {
		w.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		w.Error(err)
	}
	w.Wire(1, 1)
	if row := w.rows(1)[0]; row.Outcome != policy.Partial || !row.Exposure.Known {
		w.Errorf("row: %+v", row)
	}
	if _, err := w.Client.Ask(w.Context(), w.adapter.model(), "Who is next?"); err != nil {
		w.Error(err)
	}
}

// streamLate has a deadline pass in the middle of a stream. Nothing is sent again, and the row says how it ended.
func streamLate(w *World) {
	ctx, call := policy.Track(w.Context())
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	began := time.Now()
	answer, err := w.ask(ctx, "Who is late?")
	w.ended(err, w.adapter.LateStream, context.DeadlineExceeded)
	if answer.Text == "" && w.adapter.LateStream == (Ending{}) {
		w.Error("the program got none of the text")
	}
	w.Wire(1, 1)
	if row := w.rows(1)[0]; row.Outcome != policy.Partial || call.Err() == nil || time.Since(began) != 5*time.Minute {
		w.Errorf("after %v: tracked %v; row: %+v", time.Since(began), call.Err(), row)
	}
}
