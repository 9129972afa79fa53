package llmtest

import "strings"

// responseStream returns a stream of the events of r after the given one. Those of a
// background response come when it is done.
func responseStream(x *exchange, r *savedResponse, after int) *stream {
	events := r.events()
	s := &stream{
		contentType: eventStream,
		failure:     func(n int) [][]byte { return responseFailure(x, r, n) },
	}
	from := min(max(after+1, 0), len(events))
	for _, e := range events[from:] {
		s.frames = append(s.frames, x.event(e.name, e.data))
	}
	if r.background {
		// response.created and response.queued come at once.
		s.held, s.until = max(2-from, 0), r.done
		s.alive = func() bool {
			now, ok := x.responses.lookUp(r.g.ID)
			return !ok || !now.cancelled
		}
	}
	return s
}

// responseFailure returns the two events that end a stream that fails. They have no usage.
func responseFailure(x *exchange, r *savedResponse, n int) [][]byte {
	e := overloaded()
	failed := r.body("failed")
	failed.Error = e.value
	return [][]byte{
		x.event("error", encode(errorEvent{"error", e.value, n})),
		x.event("response.failed", encode(statusEvent{"response.failed", n + 1, failed})),
	}
}

// event is one server-sent event.
type event struct {
	name string
	data []byte
}

// The events of a stream. The order of the fields is OpenAI's.
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
	argumentsDelta struct {
		Type        string `json:"type"`
		Delta       string `json:"delta"`
		Item        string `json:"item_id"`
		Obfuscation string `json:"obfuscation,omitempty"`
		Index       int    `json:"output_index"`
		Number      int    `json:"sequence_number"`
	}
	argumentsDone struct {
		Type      string `json:"type"`
		Arguments string `json:"arguments"`
		Item      string `json:"item_id"`
		Index     int    `json:"output_index"`
		Number    int    `json:"sequence_number"`
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

// events returns the events of a response, from its creation to its end. As at OpenAI, the
// first ones have the tier that was asked for, and only the last one has the tier that served
// the request, and the usage.
func (r *savedResponse) events() (events []event) {
	add := func(name string, body func(n int) any) {
		events = append(events, event{name, encode(body(len(events)))})
	}
	status := func(name, status string) {
		add(name, func(n int) any { return statusEvent{name, n, r.body(status)} })
	}
	if r.background {
		status("response.created", "queued")
		status("response.queued", "queued")
	} else {
		status("response.created", "in_progress")
	}
	status("response.in_progress", "in_progress")
	index := 0
	if r.g.Reasoning > 0 {
		for _, name := range []string{"response.output_item.added", "response.output_item.done"} {
			add(name, func(n int) any { return itemEvent{name, r.thinking(), index, n} })
		}
		index++
	}
	if len(r.pieces) > 0 {
		r.messageEvents(index, add)
		index++
	}
	for i := range r.calls {
		r.callEvents(i, index+i, add)
	}
	end := r.status(r.done)
	status("response."+end, end)
	return events
}

// messageEvents adds the events of the item with the text.
func (r *savedResponse) messageEvents(index int, add func(string, func(n int) any)) {
	id := r.message("").ID
	add("response.output_item.added", func(n int) any {
		return itemEvent{"response.output_item.added", r.message("in_progress"), index, n}
	})
	add("response.content_part.added", func(n int) any {
		return partEvent{"response.content_part.added", 0, id, index, newOutputText(""), n}
	})
	for i, piece := range r.pieces {
		add("response.output_text.delta", func(n int) any {
			return deltaEvent{
				Type: "response.output_text.delta", Delta: piece, Item: id, Logprobs: []string{},
				Obfuscation: r.obfuscation(i), Index: index, Number: n,
			}
		})
	}
	text := strings.Join(r.pieces, "")
	add("response.output_text.done", func(n int) any {
		return doneEvent{"response.output_text.done", 0, id, []string{}, index, n, text}
	})
	add("response.content_part.done", func(n int) any {
		return partEvent{"response.content_part.done", 0, id, index, newOutputText(text), n}
	})
	add("response.output_item.done", func(n int) any {
		return itemEvent{"response.output_item.done", r.message(r.status(r.done)), index, n}
	})
}

// callEvents adds the events of the i-th tool call.
func (r *savedResponse) callEvents(i, index int, add func(string, func(n int) any)) {
	whole := r.call(i)
	begun := whole
	begun.Status, begun.Arguments = "in_progress", ""
	add("response.output_item.added", func(n int) any { return itemEvent{"response.output_item.added", begun, index, n} })
	for j, piece := range split(whole.Arguments, r.chunks) {
		add("response.function_call_arguments.delta", func(n int) any {
			return argumentsDelta{"response.function_call_arguments.delta", piece, whole.ID, r.obfuscation(j), index, n}
		})
	}
	add("response.function_call_arguments.done", func(n int) any {
		return argumentsDone{"response.function_call_arguments.done", whole.Arguments, whole.ID, index, n}
	})
	add("response.output_item.done", func(n int) any { return itemEvent{"response.output_item.done", whole, index, n} })
}

// obfuscation returns the padding of the i-th delta.
func (r *savedResponse) obfuscation(i int) string {
	if r.noObfuscation {
		return ""
	}
	return padding(fold(r.g.Call), uint64(i))
}
