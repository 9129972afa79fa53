package llmtest

import (
	"net/http"
	"strconv"
	"strings"
)

// startingAfter is the number of the last event that the client has, or -1.
func startingAfter(r *http.Request) int {
	if n, err := strconv.Atoi(r.URL.Query().Get("starting_after")); err == nil {
		return n
	}
	return -1
}

// responseStream has the events of a that come after the given one. Those of a
// response in the background wait for it.
func (x *exchange) responseStream(a *storedAnswer, after int) *stream {
	events := a.events()
	s := &stream{
		contentType: eventStream,
		failure:     func(n int) [][]byte { return x.overload(a, n) },
	}
	from := min(max(after+1, 0), len(events))
	for _, e := range events[from:] {
		s.frames = append(s.frames, x.event(e.name, e.data))
	}
	if a.background {
		// created and queued come at once.
		s.held, s.until = max(2-from, 0), a.done
		s.alive = func() bool {
			now, ok := x.s.recall(a.g.ID)
			return !ok || !now.cancelled
		}
	}
	return s
}

// overload is how a stream ends that goes wrong: there are two events, and no
// usage.
func (x *exchange) overload(a *storedAnswer, n int) [][]byte {
	e := overloaded()
	failed := a.body("failed")
	failed.Error = e.words
	return [][]byte{
		x.event("error", encode(errorEvent{"error", e.words, n})),
		x.event("response.failed", encode(statusEvent{"response.failed", n + 1, failed})),
	}
}

type event struct {
	name string
	data []byte
}

// The shapes of the events, their keys in the order of the wire.
type (
	errorEvent struct {
		Type   string `json:"type"`
		Error  any    `json:"error"`
		Number int    `json:"sequence_number"`
	}
	statusEvent struct {
		Type     string       `json:"type"`
		Number   int          `json:"sequence_number"`
		Response responseBody `json:"response"`
	}
	itemEvent struct {
		Type   string `json:"type"`
		Item   any    `json:"item"`
		Index  int    `json:"output_index"`
		Number int    `json:"sequence_number"`
	}
	partEvent struct {
		Type    string     `json:"type"`
		Content int        `json:"content_index"`
		Item    string     `json:"item_id"`
		Index   int        `json:"output_index"`
		Part    outputText `json:"part"`
		Number  int        `json:"sequence_number"`
	}
	deltaEvent struct {
		Type        string   `json:"type"`
		Content     int      `json:"content_index"`
		Delta       string   `json:"delta"`
		Item        string   `json:"item_id"`
		Logprobs    []string `json:"logprobs"`
		Obfuscation string   `json:"obfuscation,omitempty"`
		Index       int      `json:"output_index"`
		Number      int      `json:"sequence_number"`
	}
	doneEvent struct {
		Type     string   `json:"type"`
		Content  int      `json:"content_index"`
		Item     string   `json:"item_id"`
		Logprobs []string `json:"logprobs"`
		Index    int      `json:"output_index"`
		Number   int      `json:"sequence_number"`
		Text     string   `json:"text"`
	}
)

// events returns the events of a response, from its creation to its end. Those of
// its beginning show the tier that was asked for, as the real ones do, and only
// the last one the tier that served, and the usage.
func (a *storedAnswer) events() (events []event) {
	add := func(name string, shape func(n int) any) {
		events = append(events, event{name, encode(shape(len(events)))})
	}
	status := func(name, status string) {
		add(name, func(n int) any { return statusEvent{name, n, a.body(status)} })
	}
	if a.background {
		status("response.created", "queued")
		status("response.queued", "queued")
	} else {
		status("response.created", "in_progress")
	}
	status("response.in_progress", "in_progress")
	index := 0
	if a.g.Reasoning > 0 {
		for _, name := range []string{"response.output_item.added", "response.output_item.done"} {
			add(name, func(n int) any { return itemEvent{name, a.thinking(), index, n} })
		}
		index++
	}
	id := a.message("").ID
	add("response.output_item.added", func(n int) any {
		return itemEvent{"response.output_item.added", a.message("in_progress"), index, n}
	})
	add("response.content_part.added", func(n int) any {
		return partEvent{"response.content_part.added", 0, id, index, newOutputText(""), n}
	})
	for i, piece := range a.pieces {
		add("response.output_text.delta", func(n int) any {
			e := deltaEvent{Type: "response.output_text.delta", Delta: piece, Item: id, Logprobs: []string{}, Index: index, Number: n}
			if !a.plain {
				e.Obfuscation = padding(fold(a.g.Call), uint64(i))
			}
			return e
		})
	}
	text := strings.Join(a.pieces, "")
	add("response.output_text.done", func(n int) any {
		return doneEvent{"response.output_text.done", 0, id, []string{}, index, n, text}
	})
	add("response.content_part.done", func(n int) any {
		return partEvent{"response.content_part.done", 0, id, index, newOutputText(text), n}
	})
	end := a.status(a.done)
	add("response.output_item.done", func(n int) any {
		return itemEvent{"response.output_item.done", a.message(end), index, n}
	})
	status("response."+end, end)
	return events
}
