package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/transport"
)

// A jsonNode is a value as encoding/json reads it, with its members in order.
type jsonNode struct {
	kind  byte // { [ " and, for a number or a literal, 0
	text  string
	names []string
	items []*jsonNode
}

func parseNode(raw []byte) *jsonNode {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	n, err := nodeOf(dec)
	if err != nil {
		panic(err)
	}
	return n
}

func nodeOf(dec *json.Decoder) (*jsonNode, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		n := &jsonNode{kind: byte(v)}
		for dec.More() {
			if v == '{' {
				name, err := dec.Token()
				if err != nil {
					return nil, err
				}
				n.names = append(n.names, name.(string))
			}
			item, err := nodeOf(dec)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		_, err = dec.Token()
		return n, err
	case string:
		return &jsonNode{kind: '"', text: v}, nil
	case json.Number:
		return &jsonNode{text: v.String()}, nil
	default:
		return &jsonNode{text: fmt.Sprint(v)}, nil
	}
}

// A referenceElement is what the slow reference says about an element.
type referenceElement struct {
	kind   ElementKind
	role   string
	normal string // equal for elements that mean the same, and only for those
	bytes  transport.Range
}

// A reference reads prefixes slowly, with encoding/json.
type reference struct {
	format prefixFormat
	shape  *PrefixShape
}

// errReference is that nothing of a prefix can be cached.
type errReference string

func (r *reference) fail(why string) { panic(errReference(why)) }

// read returns the elements of a valid document in the order of a Prefix, or why there are none.
func (r *reference) read(body []byte) (elements []referenceElement, err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case errReference:
			err = errors.New(string(v))
		default:
			panic(v)
		}
	}()
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, _ := dec.Token(); t != json.Delim('{') {
		r.fail("no object")
	}
	seen := map[string]bool{}
	for dec.More() {
		token, _ := dec.Token()
		name := r.googleName(token.(string), false)
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			panic(err)
		}
		to := int(dec.InputOffset())
		at := transport.Range{From: to - len(raw), To: to}
		part := r.shape.part([]byte(name))
		if part == unread || part == aMarker {
			continue
		}
		if seen[name] {
			r.fail("twice")
		}
		seen[name] = true
		elements = append(elements, r.part(part, raw, at)...)
	}
	started := false
	for i := range elements {
		e := &elements[i]
		switch {
		case e.kind != TurnElement:
		case r.format == chatFormat && (e.role == "system" || e.role == "developer") && !started:
			e.kind = SystemElement
		case r.format == chatFormat && (e.role == "system" || e.role == "developer") && r.shape.textOnly:
			r.fail("late system message")
		default:
			started = true
		}
		if e.kind == SystemElement && e.role != "developer" {
			e.role = ""
		}
		e.normal = fmt.Sprint(e.kind, " ", e.role, " ", e.normal)
	}
	slices.SortStableFunc(elements, func(a, b referenceElement) int { return int(a.kind) - int(b.kind) })
	return elements, nil
}

func (r *reference) part(part valueKind, raw []byte, at transport.Range) []referenceElement {
	n := parseNode(raw)
	google := r.format == googleFormat
	switch {
	case part == aTools && n.kind == '[':
		return []referenceElement{{kind: ToolsElement, normal: r.normal(n, "tools", false), bytes: at}}
	case part == aToolConfig && (n.kind == '{' || n.kind == '"' && !google):
		return []referenceElement{{kind: ToolConfigElement, normal: r.normal(n, "value", false), bytes: at}}
	case part == aSystem && n.kind == '{' && google:
		return []referenceElement{{kind: SystemElement, normal: r.normal(n, "system", false), bytes: at}}
	case part == aSystem && (n.kind == '"' && !google || n.kind == '[' && r.format == messagesFormat):
		return []referenceElement{{kind: SystemElement, normal: "{content=" + r.normal(n, "content", false) + "}", bytes: at}}
	case part == aTurns && n.kind == '{' && google:
		return []referenceElement{r.turn(n, at)}
	case part == aTurns && n.kind == '"' && r.format == responsesFormat:
		return []referenceElement{{kind: TurnElement, role: "user", normal: "{content=" + r.normal(n, "content", false) + "}", bytes: at}}
	case part == aTurns && n.kind == '[':
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.Token()
		var turns []referenceElement
		for dec.More() {
			var one json.RawMessage
			if err := dec.Decode(&one); err != nil {
				panic(err)
			}
			to := at.From + int(dec.InputOffset())
			turns = append(turns, r.turn(parseNode(one), transport.Range{From: to - len(one), To: to}))
		}
		return turns
	}
	r.fail("wrong type")
	return nil
}

func (r *reference) turn(n *jsonNode, at transport.Range) referenceElement {
	if n.kind != '{' {
		r.fail("a turn is no object")
	}
	e := referenceElement{kind: TurnElement, bytes: at, normal: r.normal(n, "turn", false)}
	for i, name := range n.names {
		if name == "role" {
			e.role = n.items[i].text
		}
	}
	if r.format == googleFormat && e.role == "" && !slices.Contains(n.names, "role") {
		e.role = "user"
	}
	// The model has a name of its own in each API.
	switch {
	case r.format != googleFormat && e.role == "assistant":
		e.role = "model"
	case r.format != googleFormat && e.role == "model":
		e.role = "other model"
	}
	return e
}

// normal writes a value so that it is the same for what means the same. place is where the value stands.
func (r *reference) normal(n *jsonNode, place string, own bool) string {
	google := r.format == googleFormat
	if place == "content" {
		switch {
		case n.kind == '{' && google:
			return "[" + r.normal(n, "block", false) + "]"
		case n.kind == '"' && !google:
			return "[{text=" + r.normal(n, "value", false) + "}]"
		case n.kind == '[':
			items := make([]string, len(n.items))
			for i := range n.items {
				items[i] = r.normal(n.items[i], "block", false)
			}
			return "[" + strings.Join(items, ",") + "]"
		case google:
			r.fail("parts")
		}
	}
	switch n.kind {
	case '"':
		return fmt.Sprintf("%+q", n.text)
	case '[':
		items := make([]string, len(n.items))
		for i := range n.items {
			inner := "value"
			if place == "tools" {
				inner = "tool"
			}
			items[i] = r.normal(n.items[i], inner, own)
		}
		return "[" + strings.Join(items, ",") + "]"
	case '{':
		return r.object(n, place, own)
	}
	return n.text
}

func (r *reference) object(n *jsonNode, place string, own bool) string {
	google := r.format == googleFormat
	seen := map[string]bool{}
	var members []string
	var text, typed, untyped bool
	untyped = true
	for i, name := range n.names {
		name = r.googleName(name, own)
		item := n.items[i]
		marker := name == "cache_control" || name == "prompt_cache_breakpoint"
		if marker && !google && (place == "turn" || place == "block" || place == "tool") {
			continue
		}
		if seen[name] {
			r.fail("twice")
		}
		seen[name] = true
		inner := own
		if google {
			switch name {
			case "args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "partMetadata":
				inner = true
			}
		}
		turn := place == "turn" || place == "system"
		switch {
		case turn && name == "role":
			if item.kind != '"' {
				r.fail("role")
			}
			continue
		case turn && (google && name == "parts" || !google && name == "content"),
			place == "block" && r.format == messagesFormat && name == "content":
			members = append(members, "content="+r.normal(item, "content", false))
			continue
		case place == "turn" && r.format == responsesFormat && name == "type" && item.kind == '"' && item.text == "message":
			continue
		case place == "block" && !google && name == "text":
			text = true
		case place == "block" && !google && name == "type":
			untyped = false
			if item.kind == '"' && item.text == textTypes[r.format] {
				typed = true
				continue
			}
		}
		if name == "parts" || name == "content" {
			name = "literal " + name
		}
		members = append(members, fmt.Sprintf("%+q", name)[1:len(fmt.Sprintf("%+q", name))-1]+"="+r.normal(item, "value", inner))
	}
	slices.Sort(members)
	if place == "block" && !google {
		if typed && !text {
			members = append(members, "(typed)")
		}
		if text && untyped {
			members = append(members, "(untyped)")
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (r *reference) googleName(name string, own bool) string {
	if camel, ok := googleNames[name]; ok && r.format == googleFormat && !own {
		return string(camel)
	}
	return name
}

var prefixShapes = map[string]*PrefixShape{
	"generate": generatePrefix, "chat": chatPrefix, "google chat": googleChatPrefix, "responses": responsesPrefix, "messages": messagesPrefix,
}

// exact reports whether a document has only characters that encoding/json reads as they are written.
func exact(body []byte) bool {
	if !utf8.Valid(body) || !json.Valid(body) {
		return false
	}
	for rest := body; ; {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 {
			return true
		}
		n, _ := readEscape(rest[i:])
		if n < 0 {
			return false
		}
		rest = rest[i+n:]
	}
}

// scramble writes a value in another way that means the same.
func scramble(random *rand.Rand, out *bytes.Buffer, n *jsonNode) {
	space := func() { out.WriteString([]string{"", "", " ", "\n\t"}[random.IntN(4)]) }
	space()
	switch n.kind {
	case '"':
		scrambleText(random, out, n.text)
	case '[':
		out.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				out.WriteByte(',')
			}
			scramble(random, out, item)
		}
		space()
		out.WriteByte(']')
	case '{':
		out.WriteByte('{')
		for i, at := range random.Perm(len(n.items)) {
			if i > 0 {
				out.WriteByte(',')
			}
			space()
			scrambleText(random, out, n.names[at])
			space()
			out.WriteByte(':')
			scramble(random, out, n.items[at])
		}
		space()
		out.WriteByte('}')
	default:
		if n.text == "<nil>" {
			out.WriteString("null")
		} else {
			out.WriteString(n.text)
		}
	}
	space()
}

func scrambleText(random *rand.Rand, out *bytes.Buffer, text string) {
	out.WriteByte('"')
	for _, c := range text {
		simple := strings.IndexRune("\"\\/\b\f\n\r\t", c)
		switch {
		case simple >= 0 && random.IntN(2) == 0:
			out.WriteByte('\\')
			out.WriteByte("\"\\/bfnrt"[simple])
		case c < ' ' || c == '"' || c == '\\' || random.IntN(5) == 0:
			for _, unit := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(out, []string{"\\u%04x", "\\u%04X"}[random.IntN(2)], unit)
			}
		default:
			out.WriteRune(c)
		}
	}
	out.WriteByte('"')
}

// checkPrefix compares what the reader says about a body with what the reference says, and with what the reader says about the
// same body in pieces and in another spelling. It returns the elements' normal forms, and reports whether there is a prefix.
func checkPrefix(t *testing.T, name string, body []byte, seed uint64) (p Prefix, normals []string, ok bool) {
	t.Helper()
	shape := prefixShapes[name]
	p = prefixOf(t, shape, string(body))
	random := rand.New(rand.NewPCG(seed, 1))
	for _, most := range []int{1, 3, 1 + random.IntN(200)} {
		if q := prefixInPieces(shape, body, random, most); !samePrefix(&p, &q) {
			t.Fatalf("%s: in pieces of up to %d bytes:\n%+v\nin one:\n%+v\n%s", name, most, q, p, body)
		}
	}
	if !exact(body) {
		return p, nil, false
	}
	ref := &reference{format: shape.format, shape: shape}
	want, err := ref.read(body)
	if strings.Contains(p.Problem, "too") || strings.Contains(p.Problem, "more than") {
		return p, nil, false
	}
	if (err != nil) != (p.Problem != "") {
		t.Fatalf("%s: problem %q, want %v: %s", name, p.Problem, err, body)
	}
	if err != nil {
		return p, nil, false
	}
	if len(want) != len(p.Elements) {
		t.Fatalf("%s: %d elements, want %d: %s", name, len(p.Elements), len(want), body)
	}
	for i := range want {
		if got := &p.Elements[i]; got.Kind != want[i].kind || got.Bytes != want[i].bytes {
			t.Fatalf("%s: element %d is %+v, want %+v: %s", name, i, got, want[i], body)
		}
		normals = append(normals, want[i].normal)
	}
	out := new(bytes.Buffer)
	scramble(random, out, parseNode(body))
	q := prefixOf(t, shape, out.String())
	if len(q.Elements) != len(p.Elements) || q.Size != p.Size || q.Problem != "" {
		t.Fatalf("%s: %+v of %s\n%+v of %s", name, q, out, p, body)
	}
	for i := range q.Elements {
		if q.Elements[i].Digest != p.Elements[i].Digest {
			t.Fatalf("%s: another spelling of element %d has another digest:\n%s\n%s", name, i, body, out)
		}
	}
	return p, normals, true
}

// prefixInPieces reads the prefix of a body that comes in pieces of random sizes.
func prefixInPieces(shape *PrefixShape, body []byte, random *rand.Rand, most int) Prefix {
	r := NewPrefixReader(shape)
	defer r.Release()
	for p := body; len(p) > 0; {
		n := min(len(p), 1+random.IntN(most))
		piece := bytes.Clone(p[:n])
		r.Write(piece)
		clear(piece) // it must not be kept
		p = p[n:]
	}
	q := *r.Prefix()
	q.Elements = slices.Clone(q.Elements)
	return q
}

func samePrefix(p, q *Prefix) bool {
	return p.Problem == q.Problem && p.Size == q.Size && p.Marked == q.Marked && slices.Equal(p.Elements, q.Elements)
}
