package llmtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"strings"
	"time"
)

// A prompt is a request's prompt, block by block, in the order in which the provider reads it: tools, system instructions,
// messages. It is read only under [Config.PromptCaches].
//
// A block counts by its meaning: white space, the order of members and markers for a cache do not change it, and a string is
// the same as a block of that text. The number of its tokens is a quarter of the bytes of its JSON then.
type prompt struct {
	blocks   []promptBlock
	markers  []marker // in the order of the prompt
	key      string   // prompt_cache_key
	explicit bool     // OpenAI: nothing is written but at the markers
	implicit time.Duration
	rules    *promptRules // nil: the model's prompts are not written at a price

	digest hash.Hash
	bytes  int64
}

// A promptBlock is the end of a block.
type promptBlock struct {
	prefix  string // identifies the prompt up to here
	tokens  int64  // of the prompt up to here
	ends    bool   // it is the last of a message that is not the model's
	markers bool   // it may have a marker
}

// A marker marks a block up to which the prompt is to be written.
type marker struct {
	block int // its index
	ttl   time.Duration
}

// promptRules are the rules of a provider's prompt cache.
type promptRules struct {
	member   string // of a block, which marks it
	least    int64  // tokens that a prefix must have
	ttls     map[string]time.Duration
	standard time.Duration // without a ttl
}

var (
	openAIPrompts    = promptRules{"prompt_cache_breakpoint", 1024, map[string]time.Duration{"30m": 30 * time.Minute, "12h": 12 * time.Hour}, 30 * time.Minute}
	anthropicPrompts = promptRules{"cache_control", 1024, map[string]time.Duration{"5m": 5 * time.Minute, "1h": time.Hour}, 5 * time.Minute}
	anthropicShort   = promptRules{"cache_control", 512, anthropicPrompts.ttls, anthropicPrompts.standard}
)

// mostMarkers is how many markers a request may have.
const mostMarkers = 4

// count returns the number of tokens of the prompt.
func (p *prompt) count() int64 { return max(1, p.bytes/4) }

// call identifies the content of the prompt.
func (p *prompt) call() string { return hex.EncodeToString(p.digest.Sum(nil)) }

// newPrompt returns a prompt without blocks.
func newPrompt(rules *promptRules) *prompt { return &prompt{rules: rules, digest: sha256.New()} }

// add adds a block, given the part of the prompt that it is in.
func (p *prompt) add(part string, block any, markable bool) {
	text := append([]byte(part), encode(block)...)
	p.digest.Write(text)
	p.digest.Write([]byte{0})
	p.bytes += int64(len(text))
	p.blocks = append(p.blocks, promptBlock{prefix: p.call(), tokens: p.bytes / 4, markers: markable})
}

// addContent adds the blocks of a content: a list, or a string, which is a block of the given type.
func (p *prompt) addContent(part, kind string, content any, markable bool) *flaw {
	switch content := content.(type) {
	case nil:
	case string:
		p.add(part, map[string]any{"type": kind, "text": content}, markable)
	case []any:
		for i, block := range content {
			if f := p.addBlock(fmt.Sprintf("%s[%d]", part, i), part, block, markable); f != nil {
				return f
			}
		}
	default:
		p.add(part, content, false)
	}
	return nil
}

// addBlock adds one block of a list, with its marker. at is where it stands.
func (p *prompt) addBlock(at, part string, block any, markable bool) *flaw {
	fields, ok := block.(map[string]any)
	if !ok || p.rules == nil {
		p.add(part, block, markable)
		return nil
	}
	mark, marked := fields[p.rules.member]
	if marked {
		fields = maps.Clone(fields)
		delete(fields, p.rules.member)
	}
	kind, _ := fields["type"].(string)
	text, hasText := fields["text"].(string)
	markable = markable && kind != "thinking" && kind != "redacted_thinking" && kind != "output_text" && kind != "refusal" && (!hasText || text != "")
	p.add(part, fields, markable)
	if mark == nil {
		return nil
	}
	at += "." + p.rules.member
	if !markable {
		return unknownParameter(at)
	}
	return p.mark(at, mark)
}

// mark adds a marker of the last block.
func (p *prompt) mark(at string, value any) *flaw {
	fields, ok := value.(map[string]any)
	if !ok {
		return wrongType(at)
	}
	key, want := "mode", "explicit"
	if p.rules.member == "cache_control" {
		key, want = "type", "ephemeral"
	}
	if fields[key] != want {
		return &flaw{param: at + "." + key, code: "invalid_value", message: fmt.Sprintf("Invalid value: '%v'. Supported values are: '%s'.", fields[key], want)}
	}
	ttl, f := p.ttl(at, fields["ttl"])
	p.markers = append(p.markers, marker{len(p.blocks) - 1, ttl})
	return f
}

// ttl returns a time to live. nil is the request's own, 0.
func (p *prompt) ttl(at string, value any) (time.Duration, *flaw) {
	if value == nil {
		return 0, nil
	}
	name, _ := value.(string)
	d, ok := p.rules.ttls[name]
	if !ok {
		return 0, &flaw{param: at + ".ttl", code: "invalid_value", message: fmt.Sprintf("Invalid value for '%s.ttl': '%v'.", at, value)}
	}
	return d, nil
}

// decoded returns a raw value with its numbers as they are written.
func decoded(raw json.RawMessage) (v any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	_ = d.Decode(&v) // it is part of a document that was decoded
	return v
}

// addList adds the elements of a list as blocks: tools.
func (p *prompt) addList(part string, raw json.RawMessage, markable bool) *flaw {
	list, _ := decoded(raw).([]any)
	for i, tool := range list {
		if f := p.addBlock(fmt.Sprintf("%s[%d]", part, i), part, tool, markable); f != nil {
			return f
		}
	}
	return nil
}

// addMessages adds a list of messages, or the items of a response's input. kind is the type of a block of text. Blocks of the
// model's own may have markers only if it says so.
func (p *prompt) addMessages(part, kind string, raw json.RawMessage, modelToo bool) *flaw {
	list, ok := decoded(raw).([]any)
	if !ok {
		list = []any{map[string]any{"role": "user", "content": decoded(raw)}}
	}
	for i, one := range list {
		m, ok := one.(map[string]any)
		if !ok {
			p.add(part, one, false)
			continue
		}
		m = maps.Clone(m)
		at := fmt.Sprintf("%s[%d]", part, i)
		role, _ := m["role"].(string)
		model := role == "assistant" || m["type"] == "function_call" || m["type"] == "custom_tool_call" || m["type"] == "reasoning"
		head := len(p.blocks)
		for _, key := range []string{"content", "output"} {
			content, ok := m[key]
			delete(m, key)
			if m["type"] == "message" {
				delete(m, "type") // it may be left out
			}
			if !ok {
				continue
			}
			// What else the message says comes before its content.
			name := fmt.Sprintf("%s %s %s", part, encode(m), key)
			if f := p.addContent(name, kind, content, modelToo || !model); f != nil {
				f.param = strings.Replace(f.param, name, at+"."+key, 1)
				f.message = strings.Replace(f.message, name, at+"."+key, 1)
				return f
			}
		}
		if len(p.blocks) == head {
			p.add(part, m, false)
		}
		p.blocks[len(p.blocks)-1].ends = !model
	}
	return nil
}

// readOpenAIPrompt reads the prompt of a request to OpenAI, whose system instructions and messages are in the members of these
// names, and what it asks of the cache.
func readOpenAIPrompt(x *exchange, fields map[string]json.RawMessage, list, kind string) *flaw {
	if !x.cfg.PromptCaches {
		return nil
	}
	var rules *promptRules
	if pricesWrites(x.params.model) {
		rules = &openAIPrompts
	}
	p := newPrompt(rules)
	x.params.prompted = p
	f := p.readOptions(fields)
	if f == nil {
		f = p.addList("tools", fields["tools"], false)
	}
	if f == nil && present(fields["instructions"]) {
		f = p.addContent("instructions", kind, decoded(fields["instructions"]), false)
	}
	if f == nil {
		f = p.addMessages(list, kind, fields[list], false)
	}
	if f == nil && rules == nil && bytes.Contains(fields[list], []byte(`"prompt_cache_breakpoint"`)) {
		f = unknownParameter("prompt_cache_breakpoint")
	}
	x.params.call = p.call()
	return first(f, p.checkMarkers("prompt_cache_breakpoint"))
}

// readOptions reads what a request to OpenAI says about the cache as a whole.
func (p *prompt) readOptions(fields map[string]json.RawMessage) *flaw {
	raw := fields["prompt_cache_options"]
	f := scan(fields, []target{{"prompt_cache_key", &p.key}})
	switch {
	case !present(raw) && p.rules == nil, f != nil:
		return f
	case p.rules == nil:
		return unknownParameter("prompt_cache_options")
	}
	p.implicit = p.rules.standard
	if !present(raw) {
		return nil
	}
	options, ok := decoded(raw).(map[string]any)
	switch {
	case !ok:
		return wrongType("prompt_cache_options")
	case present(fields["prompt_cache_retention"]):
		return &flaw{param: "prompt_cache_retention", message: "'prompt_cache_retention' cannot be used together with 'prompt_cache_options'."}
	}
	switch mode := options["mode"]; mode {
	case nil, "implicit":
	case "explicit":
		p.explicit = true
	default:
		return &flaw{param: "prompt_cache_options.mode", code: "invalid_value", message: fmt.Sprintf("Invalid value for 'prompt_cache_options.mode': '%v'.", mode)}
	}
	ttl, f := p.ttl("prompt_cache_options", options["ttl"])
	if ttl > 0 {
		p.implicit = ttl
	}
	return f
}

// pricesWrites reports whether a model of OpenAI's writes prompts to the cache at a price: GPT-5.6 and later.
func pricesWrites(model string) bool {
	var major, minor int
	n, _ := fmt.Sscanf(model, "gpt-%d.%d", &major, &minor)
	return n > 0 && (major > 5 || major == 5 && minor >= 6)
}

// readAnthropicPrompt reads the prompt of a message.
func readAnthropicPrompt(x *exchange, fields map[string]json.RawMessage) *flaw {
	if !x.cfg.PromptCaches {
		return nil
	}
	rules := &anthropicPrompts
	if m := x.params.model; strings.HasPrefix(m, "claude-opus-5") || strings.HasPrefix(m, "claude-fable-5") {
		rules = &anthropicShort
	}
	p := newPrompt(rules)
	p.explicit, p.implicit = true, rules.standard
	x.params.prompted = p
	f := p.addList("tools", fields["tools"], true)
	if f == nil {
		f = p.addContent("system", "text", decoded(fields["system"]), true)
	}
	if f == nil {
		f = p.addMessages("messages", "text", fields["messages"], true)
	}
	if raw := fields["cache_control"]; f == nil && present(raw) {
		f = p.markLast(decoded(raw))
	}
	x.params.call = p.call()
	return first(f, p.checkMarkers("cache_control"))
}

// markLast marks the last block that may have a marker.
func (p *prompt) markLast(value any) *flaw {
	f := p.mark("cache_control", value)
	if f != nil {
		return f
	}
	last := &p.markers[len(p.markers)-1]
	for last.block >= 0 && !p.blocks[last.block].markers {
		last.block--
	}
	if last.block < 0 || len(p.markers) > 1 && p.markers[len(p.markers)-2].block == last.block {
		p.markers = p.markers[:len(p.markers)-1] // there is none, or it is marked already
	}
	return nil
}

// checkMarkers checks how many markers there are, and Anthropic's order of them.
func (p *prompt) checkMarkers(member string) *flaw {
	if len(p.markers) > mostMarkers {
		return &flaw{param: member, message: fmt.Sprintf("A maximum of %d blocks with %s may be provided. Found %d.", mostMarkers, member, len(p.markers))}
	}
	if member != "cache_control" {
		return nil
	}
	for i, m := range p.markers {
		if i > 0 && m.ttl == time.Hour && p.markers[i-1].ttl != time.Hour {
			return &flaw{param: member, message: "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. " +
				"Note that blocks are processed in the following order: `tools`, `system`, `messages`."}
		}
	}
	return nil
}
