package llmtest

import (
	"bytes"
	"encoding/json"
)

// ask is what a request asks for.
type ask struct {
	provider, operation string
	model, tier         string
	served              string // the tier that serves, "" if there is none such
	stream              bool
	streamOptions       bool
	includeUsage        bool
	plain               bool // no obfuscation
	maxTokens           int64
	messages            json.RawMessage // or "contents", or "input"
	call                string
	extra               int64 // tokens of the prompt beyond those of messages
	cache               string
	cached              int64 // tokens of the cache
	context             bool  // brings what must not come beside a cache
	mute                bool  // nothing is written, only read
	still               bool  // told not to think
	thinks              bool  // told to think
	unlimited           bool  // not under the rate limit
}

// prompt estimates the tokens of the prompt, and counts those of the cache.
func (a *ask) prompt() int64 {
	return max(1, int64(len(a.messages)/4)) + a.extra + a.cached
}

// about sets what the request is about, and with it the fingerprint.
func (a *ask) about(raw json.RawMessage) {
	if a.messages = raw; present(raw) {
		a.call = fingerprint(raw)
	}
}

// finish returns the reason that g came to its end.
func (a *ask) finish(g Generation) string {
	if a.cutShort(g) {
		return "length"
	}
	return "stop"
}

// cutShort says whether the limit on its length ended g.
func (a *ask) cutShort(g Generation) bool { return g.Completion == a.maxTokens }

// readChat reads a chat request. Where it is malformed, what could be read is
// there beside the flaw. Keys are matched exactly, which encoding/json does for a
// map only.
func (a *ask) readChat(body []byte) (f *flaw) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return notJSON()
	}
	var messages json.RawMessage
	var total, visible *int64
	f = scan(fields, []target{
		{"model", &a.model},
		{"messages", &messages},
		{"service_tier", &a.tier},
		{"stream", &a.stream},
		{"max_tokens", &visible},
		{"max_completion_tokens", &total},
	})
	f = first(f, a.readOptions(fields))
	a.about(messages)
	f = first(f, a.limit("max_tokens", visible))
	f = first(f, a.limit("max_completion_tokens", total))
	return first(f, a.check("messages", '['))
}

// readOptions reads stream_options.
func (a *ask) readOptions(fields map[string]json.RawMessage) *flaw {
	var options struct {
		IncludeUsage       bool  `json:"include_usage"`
		IncludeObfuscation *bool `json:"include_obfuscation"`
	}
	f := scan(fields, []target{{"stream_options", &options}})
	a.streamOptions = present(fields["stream_options"])
	a.includeUsage = options.IncludeUsage
	a.plain = options.IncludeObfuscation != nil && !*options.IncludeObfuscation
	return f
}

// first returns the first flaw of two.
func first(f, g *flaw) *flaw {
	if f != nil {
		return f
	}
	return g
}

// target is where the value of a key goes.
type target struct {
	key string
	to  any
}

// scan fills the targets it can, and returns the first that it cannot.
func scan(fields map[string]json.RawMessage, targets []target) (f *flaw) {
	for _, t := range targets {
		raw := fields[t.key]
		if present(raw) && json.Unmarshal(raw, t.to) != nil && f == nil {
			f = wrongType(t.key)
		}
	}
	return f
}

// present says whether a key is there with a value that is not null.
func present(raw json.RawMessage) bool {
	return len(raw) > 0 && !bytes.Equal(raw, []byte("null"))
}

// limit notes a bound on the completion; the lowest holds.
func (a *ask) limit(key string, n *int64) *flaw {
	if n == nil {
		return nil
	}
	if *n < 1 {
		return &flaw{param: key, message: "Invalid '" + key + "': it must be at least 1."}
	}
	if a.maxTokens == 0 || *n < a.maxTokens {
		a.maxTokens = *n
	}
	return nil
}

// check looks for what every request must have: a model, and under key a value
// that starts with one of starts.
func (a *ask) check(key string, starts ...byte) *flaw {
	switch {
	case a.model == "":
		return missing("model")
	case !present(a.messages):
		return missing(key)
	case bytes.IndexByte(starts, a.messages[0]) < 0:
		return wrongType(key)
	}
	return nil
}
