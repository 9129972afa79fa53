package llmtest

import (
	"bytes"
	"encoding/json"
)

// params are what a request asks for, in whichever format it was made.
type params struct {
	provider, operation string
	model               string
	tier                string // that was asked for
	servedTier          string // that serves the request; "" if there is no such tier
	stream              bool
	streamOptions       bool // stream_options are present
	includeUsage        bool
	noObfuscation       bool
	maxTokens           int64           // limit on the completion; 0: none
	content             json.RawMessage // the value of "messages", "contents" or "input"
	call                string          // fingerprint of content
	prompted            *prompt         // the prompt block by block; nil if it is not read so
	extraTokens         int64           // tokens of the prompt that are not in content
	cache               string
	cached              int64 // tokens of the cache
	ownContext          bool  // has fields that a request with a cache must not have
	readOnly            bool  // nothing is generated
	noThinking          bool  // thinking was turned off
	thinking            bool  // thinking was turned on
	unlimited           bool  // does not count against the rate limit
	discard             bool  // the body is not kept in the log
}

// prompt estimates the tokens of the prompt, those of the cache included.
func (p *params) prompt() int64 {
	if p.prompted != nil {
		return p.prompted.count()
	}
	return max(1, int64(len(p.content)/4)) + p.extraTokens + p.cached
}

// setContent sets the content of the request and its fingerprint.
func (p *params) setContent(raw json.RawMessage) {
	if p.content = raw; present(raw) {
		p.call = fingerprint(raw)
	}
}

// cutShort reports whether g ended because of the limit on its length.
func (p *params) cutShort(g Generation) bool { return p.maxTokens > 0 && g.Completion >= p.maxTokens }

// boundOutput sets a limit on the completion, which the request has under key. The lowest
// limit holds.
func (p *params) boundOutput(key string, n *int64) *flaw {
	if n == nil {
		return nil
	}
	if *n < 1 {
		return &flaw{param: key, message: "Invalid '" + key + "': it must be at least 1."}
	}
	if p.maxTokens == 0 || *n < p.maxTokens {
		p.maxTokens = *n
	}
	return nil
}

// require checks what every request must have: a model, and under key a value whose first
// byte is one of starts.
func (p *params) require(key string, starts ...byte) *flaw {
	switch {
	case p.model == "":
		return missing("model")
	case !present(p.content):
		return missing(key)
	case bytes.IndexByte(starts, p.content[0]) < 0:
		return wrongType(key)
	}
	return nil
}
