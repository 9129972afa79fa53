package llmtest

import (
	"bytes"
	"encoding/json"
)

// ask is what a chat request asks for.
type ask struct {
	model, tier   string
	stream        bool
	streamOptions bool
	includeUsage  bool
	plain         bool // no obfuscation
	maxTokens     int64
	messages      json.RawMessage
	call          string
}

// prompt estimates the tokens of the messages.
func (a *ask) prompt() int64 { return max(1, int64(len(a.messages)/4)) }

// served returns the tier that serves the one asked for, or "" for a tier that
// does not exist.
func (a *ask) served() string {
	switch a.tier {
	case "", "auto", "default", "scale":
		return "default"
	case "flex":
		return "flex"
	case "priority", "fast":
		return "priority"
	}
	return ""
}

// finish returns the reason that g came to its end.
func (a *ask) finish(g Generation) string {
	if g.Completion == a.maxTokens {
		return "length"
	}
	return "stop"
}

// parseAsk reads a request body. Where it is malformed, what could be read is
// returned beside the error. Keys are matched exactly, which encoding/json does
// for a map only.
func parseAsk(body []byte) (a ask, e *apiError) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return a, notJSON()
	}
	var total, visible *int64
	var options struct {
		IncludeUsage       bool  `json:"include_usage"`
		IncludeObfuscation *bool `json:"include_obfuscation"`
	}
	e = scan(fields, []target{
		{"model", &a.model},
		{"messages", &a.messages},
		{"service_tier", &a.tier},
		{"stream", &a.stream},
		{"stream_options", &options},
		{"max_tokens", &visible},
		{"max_completion_tokens", &total},
	})
	a.streamOptions = present(fields["stream_options"])
	a.includeUsage = options.IncludeUsage
	a.plain = options.IncludeObfuscation != nil && !*options.IncludeObfuscation
	if present(a.messages) {
		a.call = fingerprint(a.messages)
	}
	if e == nil {
		e = a.limit("max_tokens", visible)
	}
	if e == nil {
		e = a.limit("max_completion_tokens", total)
	}
	if e == nil {
		e = a.check()
	}
	return a, e
}

// target is where the value of a key goes.
type target struct {
	key string
	to  any
}

// scan fills the targets it can, and returns the first that it cannot.
func scan(fields map[string]json.RawMessage, targets []target) (e *apiError) {
	for _, t := range targets {
		raw := fields[t.key]
		if present(raw) && json.Unmarshal(raw, t.to) != nil && e == nil {
			e = wrongType(t.key)
		}
	}
	return e
}

// present says whether a key is there with a value that is not null.
func present(raw json.RawMessage) bool {
	return len(raw) > 0 && !bytes.Equal(raw, []byte("null"))
}

// limit notes a bound on the completion; the lowest holds.
func (a *ask) limit(key string, n *int64) *apiError {
	if n == nil {
		return nil
	}
	if *n < 1 {
		return invalid(key, "Invalid '"+key+"': it must be at least 1.")
	}
	if a.maxTokens == 0 || *n < a.maxTokens {
		a.maxTokens = *n
	}
	return nil
}

// check looks for what every request must have.
func (a *ask) check() *apiError {
	switch {
	case a.model == "":
		return missing("model")
	case !present(a.messages):
		return missing("messages")
	case a.messages[0] != '[':
		return wrongType("messages")
	}
	return nil
}
