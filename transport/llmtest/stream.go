package llmtest

import (
	"slices"
	"time"
)

// answer is the successful response to a request.
type answer struct {
	body   []byte
	stream *stream // instead of body
}

// stream is a response in pieces.
type stream struct {
	contentType string
	frames      [][]byte // with their line ends
	// failure returns what follows the first n frames if the stream fails there.
	failure func(n int) [][]byte

	// Frame number held and those after it are not sent before until, and only if alive
	// still returns true then. A nil alive holds nothing back.
	held  int
	until time.Time
	alive func() bool
}

// eventStream is the content type of OpenAI's server-sent events.
const eventStream = "text/event-stream; charset=utf-8"

// sseEvent frames data as a server-sent event, with a name if it is not "":
//
//	event: message_stop
//	data: {"type":"message_stop"}
//	(an empty line)
func sseEvent(name string, data []byte, crlf bool) []byte {
	end := "\n"
	if crlf {
		end = "\r\n"
	}
	if name != "" {
		name = "event: " + name + end
	}
	return slices.Concat([]byte(name), []byte("data: "), data, []byte(end+end))
}
