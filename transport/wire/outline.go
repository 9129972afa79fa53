package wire

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// An Outline lists the members of a request whose effect on its cost is known. Most add only their bytes, of which each is at
// most one token of input. A member that is not listed may cost anything: the call then has no bound of its cost.
//
// An Outline is written as the names of members, separated by white space:
//
//	model max_tokens metadata*
//	messages{role name content{type=text text ...} ...}
//	speed=standard previous_response_id? input#
//
//	name         a string, a number, a boolean or null
//	name*        any value
//	name=a|b     one of these strings, or null
//	name{a b}    an object with these members, or a value as of name
//	name?        refers to input that is not in the request, unless its value is null or false
//	name#        as name; each element of its array is one input, for which a model's limit holds
//	name:typed   as name, but only in an object whose member type has a listed value
//	...          other members of this object are input of an unknown size
//
// Everywhere an array of such values may stand for the value. A member that is not listed, in an object without "...", may
// change the cost in any way: the call then has no bound.
//
// An Outline is immutable and safe for concurrent use.
type Outline struct {
	members map[string]*Outline // of an object; nil: an object is not listed
	values  []string            // the strings that are listed; nil: all
	any     bool                // any value is
	refers  bool
	counted bool
	typed   bool
	open    bool // other members are input of an unknown size
}

// NewOutline returns the outline that text describes, or an error that says where it is wrong.
func NewOutline(text string) (*Outline, error) {
	p := outlineParser{rest: text}
	o := p.members()
	if p.err == nil && p.rest != "" {
		p.fail("want a name")
	}
	if p.err != nil {
		return nil, p.err
	}
	return o, nil
}

// MustOutline is [NewOutline] for an outline written in the source. It panics where NewOutline returns an error.
func MustOutline(text string) *Outline {
	o, err := NewOutline(text)
	if err != nil {
		panic(err)
	}
	return o
}

// with returns the outline with further members of its object. o must have members.
func (o *Outline) with(text string) *Outline {
	more := *o
	more.members = MustOutline(text).members
	for name, member := range o.members {
		if more.members[name] == nil {
			more.members[name] = member
		}
	}
	return &more
}

// maxNesting is how deep an outline may nest.
const maxNesting = 16

// An outlineParser parses the text of an outline.
type outlineParser struct {
	rest  string
	depth int
	err   error
}

func (p *outlineParser) fail(why string) {
	if p.err == nil {
		where := "its end"
		if p.rest != "" {
			where = fmt.Sprintf("%.20q", p.rest)
		}
		p.err = fmt.Errorf("wire: outline: %s at %s", why, where)
	}
	p.rest = ""
}

// members parses the members of an object.
func (p *outlineParser) members() *Outline {
	o := &Outline{members: map[string]*Outline{}}
	if p.depth++; p.depth > maxNesting {
		p.fail("it nests too deep")
	}
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\n")
		if rest, ok := strings.CutPrefix(p.rest, "..."); ok {
			o.open, p.rest = true, rest
			continue
		}
		name := p.word("")
		if name == "" {
			p.depth--
			return o
		}
		if o.members[name] != nil {
			p.fail(name + " is listed twice")
		}
		o.members[name] = p.member()
	}
}

// word cuts the text before the next white space, or byte with a meaning.
func (p *outlineParser) word(also string) string {
	end := strings.IndexAny(p.rest, " \t\n*=?#{}:"+also)
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

// member parses what follows the name of a member.
func (p *outlineParser) member() *Outline {
	o := new(Outline)
	if rest, ok := strings.CutPrefix(p.rest, ":typed"); ok {
		o.typed, p.rest = true, rest
	}
	if p.rest == "" {
		return o
	}
	mark := p.rest[0]
	switch mark {
	case '*', '?', '#', '=', '{':
		p.rest = p.rest[1:]
	}
	switch mark {
	case '*':
		o.any = true
	case '?':
		o.any, o.refers = true, true
	case '#':
		o.counted = true
	case '=':
		for o.values = append(o.values, p.word("|")); strings.HasPrefix(p.rest, "|"); {
			p.rest = p.rest[1:]
			o.values = append(o.values, p.word("|"))
		}
	case '{':
		inner := p.members()
		inner.typed = o.typed
		if o = inner; !strings.HasPrefix(p.rest, "}") {
			p.fail("want }")
		} else if p.rest = p.rest[1:]; strings.HasPrefix(p.rest, "#") {
			o.counted, p.rest = true, p.rest[1:]
		}
	}
	return o
}

// An Extent is what an [Outline] says of a request.
type Extent struct {
	// Unlisted is the first member that is not listed, so that the cost has no bound: "input.speed"; "" if there is none.
	Unlisted string
	// Unsized is the first member that stands for input of an unknown size: "messages.content.image_url"; "" if there is
	// none.
	Unsized string
	// Inputs is how many elements were counted. Without an array of them, it is 0.
	Inputs int64
}

// Compare compares a request's body with the outline. It reports false for a body that is no JSON object, or that cannot be
// read (again). The nil Outline lists nothing, and also reports false.
func (o *Outline) Compare(body *transport.Body) (Extent, bool) {
	switch body.Skipped() {
	case transport.SkippedEncoding, transport.SkippedInvalid, transport.SkippedForm, transport.SkippedOnce:
		return Extent{}, false
	}
	if o == nil {
		return Extent{}, false
	}
	r := newOutlineReader(o)
	ok := body.Copy(r)
	return r.extent, ok
}

// An outlineReader compares a request with an outline. The request is written to it, in pieces of any size; it must be a
// valid JSON object.
type outlineReader struct {
	extent Extent
	open   []outlineFrame

	state outlineState
	skip  int    // how many containers deep within a value that is not compared
	slash bool   // the string's last byte was a backslash that escapes the next
	key   bool   // the string is a key
	kept  []byte // a key, or a string that is compared
	keep  bool
	seen  map[string]bool // the listed members of the request itself so far
	next  *Outline        // of the value that comes next; nil if it is not listed
	name  string          // of the member that it belongs to
}

type outlineState uint8

const (
	outlineToken outlineState = iota
	outlineString
	outlineScalar
)

// An outlineFrame is an object or an array that is read.
type outlineFrame struct {
	of     *Outline
	name   string
	object bool
	typed  bool   // it has a listed type
	needs  string // the first member that needs one
}

// maxListed is longer than any listed name or value.
const maxListed = 64

func newOutlineReader(o *Outline) *outlineReader {
	return &outlineReader{next: o}
}

// Write reads the next piece.
func (r *outlineReader) Write(p []byte) (int, error) {
	for i := 0; i < len(p); {
		switch r.state {
		case outlineString:
			i = r.readString(p, i)
		case outlineScalar:
			i = r.readScalar(p, i)
		default:
			r.readToken(p[i])
			i++
		}
	}
	return len(p), nil
}

// readString reads the string that goes on at p[i].
func (r *outlineReader) readString(p []byte, i int) int {
	for i < len(p) {
		end := i
		if !r.slash {
			if end = bytes.IndexAny(p[i:], `"\`); end < 0 {
				r.keepBytes(p[i:])
				return len(p)
			}
			end += i
		}
		r.keepBytes(p[i : end+1])
		i = end + 1
		switch {
		case r.slash:
			r.slash = false
		case p[end] == '\\':
			r.slash = true
		default:
			r.endString()
			return i
		}
	}
	return i
}

func (r *outlineReader) keepBytes(p []byte) {
	if r.keep && len(r.kept) <= 2*maxListed {
		r.kept = append(r.kept, p[:min(len(p), 2*maxListed)]...)
	}
}

// endString ends a key or a value.
func (r *outlineReader) endString() {
	r.state = outlineToken
	if !r.keep {
		return
	}
	text, ok := jsontext.Unquote(r.kept) // not ok: it was too long to be kept, or is not valid
	r.keep = false
	if r.key {
		r.key = false
		r.enter(text)
		return
	}
	listed := ok && text == ""
	for _, value := range r.next.values {
		listed = listed || ok && value == text
	}
	switch {
	case !listed:
		r.unlisted()
	case r.name == "type" && text != "":
		r.top().typed = true
	}
}

// readScalar reads a number or a literal to its end. What it is matters only at its first byte.
func (r *outlineReader) readScalar(p []byte, i int) int {
	for ; i < len(p); i++ {
		switch p[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t':
			r.state = outlineToken
			return i
		}
	}
	return i
}

func (r *outlineReader) top() *outlineFrame { return &r.open[len(r.open)-1] }

// readToken reads a byte outside of strings and scalars.
func (r *outlineReader) readToken(c byte) {
	switch c {
	case ' ', '\n', '\r', '\t', ':':
	case ',':
		if r.skip == 0 && len(r.open) > 0 {
			r.next, r.key = r.top().of, r.top().object
		}
	case '}', ']':
		r.leave()
	case '{', '[':
		r.startContainer(c == '{')
	case '"':
		r.startString()
	default:
		r.startScalar(c)
	}
}

// startContainer begins an object or an array.
func (r *outlineReader) startContainer(object bool) {
	if r.skip > 0 {
		r.skip++
		return
	}
	r.startValue()
	switch o := r.next; {
	case o == nil, o.any:
		if o != nil && o.refers {
			r.unsized()
		}
		r.skip = 1
	case object && o.members == nil, len(r.open) == maxNesting*2:
		r.unlisted()
		r.skip = 1
	default:
		r.open = append(r.open, outlineFrame{of: o, name: r.name, object: object})
		r.key = object
	}
}

// leave ends an object or an array.
func (r *outlineReader) leave() {
	switch {
	case r.skip > 0:
		r.skip--
	case len(r.open) > 0:
		f := *r.top()
		if f.needs != "" && !f.typed {
			r.report(&f, f.needs)
		}
		r.open = r.open[:len(r.open)-1]
		r.name = f.name
	}
	r.key = false
}

// startString begins a key or a string.
func (r *outlineReader) startString() {
	r.state, r.slash = outlineString, false
	if r.skip > 0 {
		r.keep = false
		return
	}
	if !r.key {
		r.startValue()
		if r.next != nil && r.next.refers {
			r.unsized()
		}
	}
	if r.keep = r.key || r.next != nil && r.next.values != nil; r.keep {
		r.kept = append(r.kept[:0], '"')
	}
}

// startScalar begins a number, true, false or null.
func (r *outlineReader) startScalar(c byte) {
	r.state = outlineScalar
	if r.skip > 0 {
		return
	}
	r.startValue()
	switch {
	case c == 'n' || r.next == nil:
		if r.name == "type" && len(r.open) > 0 {
			r.top().typed = false
		}
	case r.next.refers && c != 'f':
		r.unsized()
	case r.next.values != nil:
		r.unlisted()
	}
}

// startValue counts a value in an array whose elements are counted.
func (r *outlineReader) startValue() {
	if len(r.open) > 0 && !r.top().object && r.top().of.counted {
		r.extent.Inputs++
	}
}

// enter notes the member whose value comes next. Which of several members of one name counts is up to the provider.
func (r *outlineReader) enter(name string) {
	f := r.top()
	r.name, r.next = name, f.of.members[name]
	if len(r.open) == 1 && r.next != nil {
		if r.seen[name] {
			r.report(f, name)
		}
		if r.seen == nil {
			r.seen = make(map[string]bool)
		}
		r.seen[name] = true
	}
	switch {
	case r.next == nil:
		r.unlisted()
	case r.next.typed && f.needs == "":
		f.needs = name
	}
}

// unlisted reports that the current member is not listed.
func (r *outlineReader) unlisted() {
	f := r.top()
	if !f.object {
		f = r.enclosing()
	}
	r.report(f, r.name)
}

// enclosing returns the innermost object.
func (r *outlineReader) enclosing() *outlineFrame {
	for i := len(r.open) - 1; i > 0; i-- {
		if r.open[i].object {
			return &r.open[i]
		}
	}
	return &r.open[0]
}

// unsized reports that the current member stands for input of an unknown size.
func (r *outlineReader) unsized() {
	if r.extent.Unsized == "" {
		r.extent.Unsized = r.path(r.name)
	}
}

// report notes a member of an object that is not listed.
func (r *outlineReader) report(f *outlineFrame, name string) {
	to := &r.extent.Unlisted
	if f.of.open {
		to = &r.extent.Unsized
	}
	if *to == "" {
		*to = r.path(name)
	}
}

// path returns the path of a member of the innermost object. A name that does not look like one is left out: it could be
// text of the prompt, or a key.
func (r *outlineReader) path(name string) string {
	var names []string
	for i := 1; i < len(r.open); i++ {
		if r.open[i].object && r.open[i].name != "" {
			names = append(names, r.open[i].name)
		}
	}
	if !memberName(name) {
		name = "(a member)"
	}
	return strings.Join(append(names, name), ".")
}

// memberName reports whether a name looks like that of a setting: letters and underscores, of which there are few.
func memberName(name string) bool {
	notOne := func(c rune) bool { return c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') }
	return name != "" && len(name) <= 32 && !strings.ContainsFunc(name, notOne)
}

// checkHarmless returns an error for the text of an outline that is not valid, or lists a member of OpenAI's API.
func checkHarmless(text string) error {
	o, err := NewOutline(text)
	if err != nil {
		return err
	}
	for _, op := range operations {
		if op.shape.Harmless == nil {
			continue
		}
		for name := range o.members {
			if op.shape.Harmless.members[name] != nil {
				return fmt.Errorf("%q is a member of OpenAI's API already", name)
			}
		}
	}
	return nil
}
