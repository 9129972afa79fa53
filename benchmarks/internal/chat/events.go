package chat

import (
	"bytes"
	"math/rand/v2"
	"strconv"
)

// The usage in a stream's last event. Reasoning is a part of the output.
const (
	StreamInput  = 437
	StreamOutput = 20_064
)

// UsageEvent is that event. OpenAI sends it only to clients that ask for it.
const UsageEvent = `data: ` + chunkHead + `"choices":[],"usage":{"prompt_tokens":437,"completion_tokens":20064,"total_tokens":20501,` +
	`"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},` +
	`"completion_tokens_details":{"reasoning_tokens":64,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},` +
	`"obfuscation":""}`

const (
	chunkHead = `{"id":"chatcmpl-Bq3vKx0Zc8d1","object":"chat.completion.chunk","created":1790000000,"model":"gpt-5-2025-08-07",` +
		`"service_tier":"flex","system_fingerprint":null,`
	lastWord = "data: [DONE]"
)

// A Stream is an answer of server-sent events.
type Stream struct {
	Events [][]byte // each with the blank line that ends it, in All's memory
	All    []byte
	Usage  int // which of Events says what was used
}

// NewStream returns a stream of n events of some 270 bytes, each with a word of the answer, and then the events with the
// finish reason, the usage, and [DONE]. The lines end as given.
func NewStream(n int, newline string) *Stream {
	rng := rand.New(rand.NewPCG(2, 2))
	const filler = "xK9fQ2mZ"
	var all bytes.Buffer
	all.Grow((n + 3) * 280)
	ends := make([]int, 0, n+3)
	end := func() {
		all.WriteString(newline + newline)
		ends = append(ends, all.Len())
	}
	s := &Stream{Usage: n + 1}
	for range n {
		word := words[rng.IntN(len(words))]
		all.WriteString(`data: ` + chunkHead + `"choices":[{"index":0,"delta":{"content":`)
		all.WriteString(strconv.Quote(" " + word))
		// OpenAI sends this padding to hide a token's length from an observer of the network.
		all.WriteString(`},"finish_reason":null}],"usage":null,"obfuscation":"` + filler[min(len(filler), len(word)):] + `"}`)
		end()
	}
	all.WriteString(`data: ` + chunkHead + `"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null,"obfuscation":""}`)
	end()
	all.WriteString(UsageEvent)
	end()
	all.WriteString(lastWord)
	end()
	s.All = all.Bytes()
	from := 0
	for _, to := range ends {
		s.Events = append(s.Events, s.All[from:to])
		from = to
	}
	return s
}

// WithoutUsage returns the stream as a client gets it that did not ask for the usage.
func (s *Stream) WithoutUsage() []byte {
	var b bytes.Buffer
	for i, e := range s.Events {
		if i != s.Usage {
			b.Write(e)
		}
	}
	return b.Bytes()
}
