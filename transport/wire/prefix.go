package wire

import (
	"crypto/sha256"
	"iter"

	"github.com/skinflint-go/skinflint/transport"
)

// A Prefix is the context of a request: its elements in the order in which the provider reads them. First comes the head,
// which is tools, tool config and system instructions, and then the turns. A [PrefixReader] reads it.
//
// It holds no text. Of each element it has a digest, by which equal elements of different requests are found, and where the
// element stands in the body.
type Prefix struct {
	// Elements are the head, and then the turns. If there is a Problem, they may be incomplete.
	Elements []Element
	// Problem says why nothing of the prefix can be cached or taken out; "" if it can. It names members, and quotes nothing
	// of their values.
	Problem string
	// Size is the sum of the elements' sizes.
	Size int64
	// Marked says that the caller uses the provider's prompt cache itself: an element has a marker, or the request as a whole
	// has cache_control or prompt_cache_options.
	Marked bool

	heads    int  // how many elements are the head
	textOnly bool // see PrefixShape
	single   bool // the turns are no array, so none of them can be cut out
}

// An ElementKind says what an element is.
type ElementKind uint8

// The kinds of elements, in the order of a [Prefix].
const (
	ToolsElement      ElementKind = iota // all tools
	ToolConfigElement                    // which tools may or must be used
	SystemElement                        // a system instruction; a chat may have several
	TurnElement                          // one turn of the conversation
)

// A Role says whose turn it is.
type Role uint8

const (
	NoRole       Role = iota // of an element that is no turn, or a turn that names none
	User                     // the user's
	Model                    // the model's: "model" or "assistant"
	SystemRole               // a system instruction among the turns: "system"
	Developer                // the same: "developer"
	ToolRole                 // the result of a tool: "tool"
	FunctionRole             // the same: "function"
	OtherRole                // any other
)

// An Element is one part of a [Prefix]. All offsets count from the first byte of the body.
type Element struct {
	// Digest identifies the element. Two elements have the same digest only if they mean the same to the provider.
	// White space, escapes in strings and the order of an object's members do not count. The order of an array and the
	// literal of a number do: 1 and 1.0 are different. The caller's own cache markers do not count.
	//
	// In the bodies of Google's own API, the two names of a field are the same (inline_data and inlineData), except within
	// what belongs to the program: arguments, results and schemas. A turn that names no role is the user's, and a system
	// instruction has no role. In a chat, a string as content is the same as one block of that text, and the turns have
	// the digests that Google's own API gives to the same text.
	Digest [sha256.Size]byte

	Kind ElementKind
	Role Role

	Media      bool // it has inline data, images, audio, or references to files
	ToolCall   bool // the model calls a tool of the program in it
	ToolResult bool // it is, or has, the result of such a call
	Marked     bool // it has a cache marker of the caller's: cache_control or prompt_cache_breakpoint

	// Bytes is where the value stands: the member's value, or the element of the array of turns.
	Bytes transport.Range
	// Size is how many bytes of text the element has: strings, names and numbers without escapes, and without media. It is
	// for an estimate of tokens.
	Size int64
	// Block is the last block of the content, or the last tool. A cache marker of ours goes there.
	Block Block

	// For reports, three hashes of 64 bits. They are not safe against collisions, and differ between processes.

	// Set is the same for tools in another order; 0 if the element is no list of tools.
	Set uint64
	// Masked is the hash of the text in which all digits are replaced by one; 0 for tools and their config.
	Masked uint64
	// Rest is the same hash of the text after the first line; 0 if there is only one line.
	Rest uint64

	other bool // in a chat: it has more than a role, and blocks of text
}

// A Block is one part of an element's content. The zero Block is none.
type Block struct {
	// Bytes is where the block stands.
	Bytes transport.Range
	// Type is the block's type, if it is one that this package knows: "text", "image", "tool_result". It is "" for any other
	// and in Google's own API, where blocks have no type.
	Type string
	// String says that the block is a mere string, which would have to become a block before it can be marked.
	String bool
}

// Turns returns the elements after the head.
func (p *Prefix) Turns() []Element { return p.Elements[p.heads:] }

// Head returns the elements before the first turn.
func (p *Prefix) Head() []Element { return p.Elements[:p.heads] }

// Cuts returns the turns before which a cache may end, in ascending order. Each is the first that the request still has; it
// is 0 if the cache holds only the head. These are the rules:
//   - the last turn of the user stays, and all after it;
//   - the first turn that stays is the user's, and not the result of a tool;
//   - the call of a tool is not parted from its result;
//   - something is in the cache;
//   - on Google's compatible APIs there are only texts in the cache, no tools, and one system message at most. How these APIs
//     translate anything else is not documented.
//
// A Prefix with a Problem has none.
func (p *Prefix) Cuts() iter.Seq[int] {
	return func(yield func(int) bool) {
		if p.Problem != "" || p.textOnly && !p.textHead() {
			return
		}
		called := false // a tool was called, and its result has not come
		for i := range p.Turns() {
			t := &p.Turns()[i]
			if i > 0 && !p.goesOn(i) {
				return
			}
			if !called && i+p.heads > 0 && t.begins() && !yield(i) {
				return
			}
			called = t.ToolCall || called && !t.ToolResult
		}
	}
}

// goesOn reports whether the turn before i can be in a cache.
func (p *Prefix) goesOn(i int) bool { return !p.single && (!p.textOnly || p.Turns()[i-1].plain()) }

// begins reports whether a request may begin with the turn.
func (e *Element) begins() bool { return e.Role == User && !e.ToolResult }

// CanCut reports whether n is one of [Prefix.Cuts].
func (p *Prefix) CanCut(n int) bool {
	for cut := range p.Cuts() {
		if cut == n {
			return true
		}
	}
	return false
}

// LastCut returns the last of [Prefix.Cuts], and whether there is any.
func (p *Prefix) LastCut() (n int, ok bool) {
	for cut := range p.Cuts() {
		n, ok = cut, true
	}
	return n, ok
}

// textHead reports whether the head is text alone, in one element at most.
func (p *Prefix) textHead() bool {
	head := p.Head()
	return len(head) == 0 || len(head) == 1 && head[0].Kind == SystemElement && head[0].Role == NoRole && !head[0].Media && !head[0].other
}

// plain reports whether a turn is text alone.
func (e *Element) plain() bool {
	return !e.Media && !e.ToolCall && !e.ToolResult && !e.other && (e.Role == User || e.Role == Model)
}
