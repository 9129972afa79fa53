package wire

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/transport"
)

// Prompt caches whose writes cost money: what a request says about them itself, and the edits that ask for writes.
//
// What is known of OpenAI, for GPT-5.6 and later (sources: OpenAI's OpenAPI description of 2026-08-21; the references of
// openai-go and of Microsoft's SDK, 2026-11):
//   - In the mode "implicit", which is the default, every prompt of 1,024 tokens or more is written at a price, up to its
//     newest message. In the mode "explicit" only the blocks with a breakpoint are written, and nothing without one.
//   - A breakpoint is in a block of input: of the system, of the user, or of a tool's result. Blocks of the model's own
//     output, tools, and "instructions" cannot have one.
//   - A request writes at four breakpoints at most. Each has a time to live of its own, or that of the request.
//   - prompt_cache_retention is for earlier models. It is rejected together with prompt_cache_options.
//
// It is not documented whether a request in the mode "explicit" reads what earlier ones wrote where it has no breakpoint of its
// own. So a request that is to read a prefix should have a breakpoint at its end, which costs nothing while the prefix is kept.
//
// What is known of Anthropic (source: its page on prompt caching, 2026): only what a request marks with cache_control is written
// or read. There are four markers at most, and those for an hour come before those for five minutes, in the order of the
// prompt: tools, system, messages.

// A PromptCache says what of a request is to be written to a provider's prompt cache, where a write costs money. The zero
// PromptCache leaves that to the request and to the provider.
type PromptCache struct {
	// Writes are where to write up to, in the order of the prompt: tools, system, messages. There are four at most.
	Writes []WriteTo
	// None says that nothing is to be written, also not by a provider that writes unless it is asked not to. It has no effect
	// if there are Writes.
	None bool
	// Key is a key by which the provider routes requests with the same prefix to the same cache; "" is none. It has an
	// effect at OpenAI only.
	Key string
}

// Wants reports whether anything is wanted.
func (p *PromptCache) Wants() bool { return len(p.Writes) > 0 || p.None || p.Key != "" }

// A WriteTo is a place up to which a prompt is to be written to a cache.
type WriteTo struct {
	// At is where the last block that is written stands in the request's body, or the string that is to become that block.
	At transport.Range
	// Is says what stands there.
	Is WriteSpot
	// TTL is the time to live: one of [Shape.Writes], or zero for the shortest of them.
	TTL time.Duration
}

// A WriteSpot is a kind of place that a prompt can be written up to.
type WriteSpot uint8

const (
	WriteBlock WriteSpot = iota // a block of content: an object with at least one member
	WriteText                   // a string that is the content of a message or a tool's result, or a system instruction
	WriteInput                  // a string that is the whole input of a response
	WriteTool                   // a tool: an object. Only Anthropic writes up to one
)

// CacheAsked is what a request itself says about a prompt cache, as a set of bits. What it says is never changed.
type CacheAsked uint8

const (
	AsksOptions   CacheAsked = 1 << iota // prompt_cache_options, or the top-level cache_control of Anthropic's
	AsksRetention                        // prompt_cache_retention
	AsksKey                              // prompt_cache_key
	// AsksBlocks says that blocks of the content, or tools, have markers: prompt_cache_breakpoint or cache_control. No
	// [Dialect] looks at the content. Whoever does sets it.
	AsksBlocks
)

// Has reports whether the request says any of these things.
func (a CacheAsked) Has(any CacheAsked) bool { return a&any != 0 }

// unasked returns why no write is asked for, and none declined: the request says something about it; "" if it does not.
func (a CacheAsked) unasked() string {
	switch {
	case a.Has(AsksOptions):
		return "the request has its own settings"
	case a.Has(AsksRetention):
		return "the request sets prompt_cache_retention"
	case a.Has(AsksBlocks):
		return "the request has its own breakpoints"
	}
	return ""
}

const (
	atMostWrites = 4
	explicitMode = `{"mode":"explicit"}`
)

// readPromptCache reads what a request of OpenAI's API says about the prompt cache. Members that an operation does not look for
// are not there.
func readPromptCache(c *Call, body *transport.Fields) {
	if present(body, atPromptCacheKey) {
		c.CacheAsked |= AsksKey
	}
	if present(body, atPromptCacheRetention) {
		c.CacheAsked |= AsksRetention
	}
	raw, there := body.Look(atPromptCacheOptions)
	if !there || string(raw) == "null" {
		return
	}
	c.CacheAsked |= AsksOptions
	if ttl, ok := cacheTTL.in(raw); ok && string(ttl) != "null" {
		c.ttl = string(ttl)
	} else if raw == nil {
		c.ttl = unknownTTL
	}
}

var cacheTTL = memberPathOf("ttl")

// unknownTTL is the time to live of a request whose options are too long to be read.
const unknownTTL = `"unknown"`

// editPromptCache asks OpenAI for writes, or for none:
//
//	"prompt_cache_options": {"mode": "explicit"}
//	{"type": "text", "text": "..."}  ->  {"prompt_cache_breakpoint": {"mode": "explicit"}, "type": "text", "text": "..."}
//	"content": "..."                 ->  "content": [{"type": "text", "text": "...", "prompt_cache_breakpoint": {"mode": "explicit"}}]
func editPromptCache(c *Call, w *PromptCache, e *Edits) {
	if !w.Wants() {
		return
	}
	if why := c.unwritable(); why != "" {
		e.leaveOut(why)
		return
	}
	if w.Key != "" && !c.CacheAsked.Has(AsksKey) {
		e.Body = append(e.Body, transport.Edit{Path: "prompt_cache_key", Value: quoted(w.Key)})
		e.PromptCache = true
	}
	if len(w.Writes) == 0 && !w.None {
		return
	}
	why := c.CacheAsked.unasked()
	if why == "" {
		why = c.checkWrites(w.Writes)
	}
	if why != "" {
		e.leaveOut(why)
		return
	}
	e.Body = append(e.Body, transport.Edit{Path: "prompt_cache_options", Value: explicitMode})
	e.PromptCache = true
	text := "text"
	if c.Operation == Responses {
		text = "input_text"
	}
	for _, write := range w.Writes {
		breakpoint := explicitMode
		if write.TTL > c.Writes[0] { // the shortest is the default
			breakpoint = `{"mode":"explicit","ttl":"` + ttlName(write.TTL) + `"}`
		}
		e.mark(write, text, `"prompt_cache_breakpoint":`+breakpoint)
	}
}

// editCacheControl asks Anthropic for writes. Without, it writes nothing:
//
//	{"type": "text", "text": "..."}  ->  {"cache_control": {"type": "ephemeral"}, "type": "text", "text": "..."}
func editCacheControl(c *Call, w *PromptCache, e *Edits) {
	if len(w.Writes) == 0 {
		return
	}
	why := c.unwritable()
	if why == "" {
		why = c.CacheAsked.unasked()
	}
	if why == "" {
		why = c.checkWrites(w.Writes)
	}
	if why != "" {
		e.leaveOut(why)
		return
	}
	e.PromptCache = true
	for _, write := range w.Writes {
		control := `"cache_control":{"type":"ephemeral"}`
		if write.TTL > c.Writes[0] {
			control = `"cache_control":{"type":"ephemeral","ttl":"` + ttlName(write.TTL) + `"}`
		}
		e.mark(write, "text", control)
	}
}

// unwritable returns why no write of the call can be asked for at all; "" if it can.
func (c *Call) unwritable() string {
	switch {
	case c.Shape.Writes == nil:
		return c.Provider + " " + c.Operation + " has no such settings"
	case c.Foreign:
		return "the host is not known to be the provider's own"
	}
	return ""
}

// checkWrites returns why the writes cannot be asked for; "" if they can.
func (c *Call) checkWrites(writes []WriteTo) string {
	if len(writes) > atMostWrites {
		return strconv.Itoa(len(writes)) + " places, at most 4"
	}
	for i, w := range writes {
		if why := c.checkWrite(&w); why != "" {
			return why
		}
		if i > 0 && c.Operation == Messages && w.TTL > writes[i-1].TTL && w.TTL > c.Writes[0] {
			return "a longer time to live behind a shorter one"
		}
		for _, other := range writes[:i] {
			if w.At.From < other.At.To && other.At.From < w.At.To {
				return "the same place twice"
			}
		}
	}
	return ""
}

// checkWrite returns why a write cannot be asked for; "" if it can.
func (c *Call) checkWrite(w *WriteTo) string {
	switch {
	case w.Is > WriteTool:
		return "an unknown kind of place"
	case w.Is == WriteInput && c.Operation != Responses:
		return "the input is not that of a response"
	case w.Is == WriteTool && c.Operation != Messages:
		return c.Provider + " does not write up to a tool"
	case w.At.From <= 0 || w.At.To-w.At.From < w.Is.least():
		return "a place that is none in the body"
	case w.TTL != 0 && !slices.Contains(c.Writes, w.TTL):
		return "a time to live of " + w.TTL.String()
	}
	return ""
}

// least returns how many bytes such a place has at least.
func (s WriteSpot) least() int {
	if s == WriteText || s == WriteInput {
		return len(`""`)
	}
	return len(`{"a":0}`)
}

// LongWrites reports whether one of the writes has a longer time to live than the shortest of the operation. Its price is
// higher.
func (c *Call) LongWrites(writes []WriteTo) bool {
	return slices.ContainsFunc(writes, func(w WriteTo) bool { return c.Shape != nil && len(c.Writes) > 0 && w.TTL > c.Writes[0] })
}

// ttlName returns how the providers write a time to live: 5m, 30m, 1h, 12h.
func ttlName(d time.Duration) string {
	if d%time.Hour == 0 {
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/time.Minute)) + "m"
}

// mark puts a member into a block, or makes a block with it of a string. text is the type of such a block.
func (e *Edits) mark(w WriteTo, text, member string) {
	if w.TTL > e.WriteTTL {
		e.WriteTTL = w.TTL
	}
	if w.Is == WriteBlock || w.Is == WriteTool {
		at := w.At.From + 1
		e.Body = append(e.Body, transport.Edit{Bytes: transport.Range{From: at, To: at}, Value: member + ","})
		return
	}
	before, after := `[{"type":"`+text+`","text":`, ","+member+"}]"
	if w.Is == WriteInput {
		before, after = `[{"role":"user","content":`+before, after+"}]"
	}
	e.Body = append(e.Body,
		transport.Edit{Bytes: transport.Range{From: w.At.From, To: w.At.From}, Value: before},
		transport.Edit{Bytes: transport.Range{From: w.At.To, To: w.At.To}, Value: after},
	)
}

// leaveOut notes what was wanted of a prompt cache and is not asked for.
func (e *Edits) leaveOut(why string) { e.LeftOut = "prompt cache: " + why }

// namesPromptCache reports whether a squeezed text names a member that asks for writes.
func namesPromptCache(text string) bool {
	return strings.Contains(text, "promptcache") || strings.Contains(text, "cachecontrol")
}
