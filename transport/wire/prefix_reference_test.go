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
	r.settle(elements)
	slices.SortStableFunc(elements, func(a, b referenceElement) int { return int(a.kind) - int(b.kind) })
	return elements, nil
}

// settle decides which messages are the head.
func (r *reference) settle(elements []referenceElement) {
	started := false
	for i := range elements {
		e := &elements[i]
		system := r.format == chatFormat && e.kind == TurnElement && (e.role == "system" || e.role == "developer")
		switch {
		case system && !started:
			e.kind = SystemElement
		case system && r.shape.textOnly:
			r.fail("late system message")
		case e.kind == TurnElement:
			started = true
		}
		if e.kind == SystemElement && e.role != "developer" {
			e.role = ""
		}
		e.normal = fmt.Sprint(e.kind, " ", e.role, " ", e.normal)
	}
}

func (r *reference) part(part valueKind, raw []byte, at transport.Range) []referenceElement {
	n := parseNode(raw)
	switch part {
	case aTurns:
		return r.turns(n, raw, at)
	case aSystem:
		return r.system(n, at)
	case aTools:
		if n.kind == '[' {
			return []referenceElement{{kind: ToolsElement, normal: r.normal(n, "tools", false), bytes: at}}
		}
	case aToolConfig:
		if n.kind == '{' || n.kind == '"' && r.format != googleFormat {
			return []referenceElement{{kind: ToolConfigElement, normal: r.normal(n, "value", false), bytes: at}}
		}
	}
	r.fail("wrong type")
	return nil
}

func (r *reference) system(n *jsonNode, at transport.Range) []referenceElement {
	e := referenceElement{kind: SystemElement, bytes: at}
	switch {
	case n.kind == '{' && r.format == googleFormat:
		e.normal = r.normal(n, "system", false)
	case n.kind == '"' && r.format != googleFormat, n.kind == '[' && r.format == messagesFormat:
		e.normal = "{content=" + r.normal(n, "content", false) + "}"
	default:
		r.fail("wrong type")
	}
	return []referenceElement{e}
}

func (r *reference) turns(n *jsonNode, raw []byte, at transport.Range) (turns []referenceElement) {
	switch {
	case n.kind == '{' && r.format == googleFormat:
		return []referenceElement{r.turn(n, at)}
	case n.kind == '"' && r.format == responsesFormat:
		return []referenceElement{{kind: TurnElement, role: "user", normal: "{content=" + r.normal(n, "content", false) + "}", bytes: at}}
	case n.kind != '[':
		r.fail("wrong type")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.Token()
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
	if place == "content" {
		if text, ok := r.content(n); ok {
			return text
		}
	}
	switch n.kind {
	case '"':
		return fmt.Sprintf("%+q", n.text)
	case '[':
		inner := "value"
		if place == "tools" {
			inner = "tool"
		}
		return r.list(n, inner, own)
	case '{':
		return r.object(n, place, own)
	}
	return n.text
}

func (r *reference) list(n *jsonNode, place string, own bool) string {
	items := make([]string, len(n.items))
	for i := range n.items {
		items[i] = r.normal(n.items[i], place, own)
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (r *reference) content(n *jsonNode) (string, bool) {
	google := r.format == googleFormat
	switch {
	case n.kind == '{' && google:
		return "[" + r.normal(n, "block", false) + "]", true
	case n.kind == '"' && !google:
		return "[{text=" + r.normal(n, "value", false) + "}]", true
	case n.kind == '[':
		return r.list(n, "block", false), true
	case google:
		r.fail("parts")
	}
	return "", false
}

func (r *reference) object(n *jsonNode, place string, own bool) string {
	seen := map[string]bool{}
	var members []string
	for i, name := range n.names {
		name = r.googleName(name, own)
		if r.format != googleFormat && slices.Contains([]string{"turn", "block", "tool"}, place) &&
			(name == "cache_control" || name == "prompt_cache_breakpoint") {
			continue
		}
		if seen[name] {
			r.fail("twice")
		}
		seen[name] = true
		if r.isContent(place, name) {
			members = append(members, "content="+r.normal(n.items[i], "content", false))
		} else if text := r.memberOf(n.items[i], place, name, own); text != "" {
			members = append(members, text)
		}
	}
	slices.Sort(members)
	if place == "block" && r.format != googleFormat {
		typed := slices.Contains(members, "(typed)")
		if members = slices.DeleteFunc(members, func(text string) bool { return text == "(typed)" }); typed && !seen["text"] {
			members = append(members, "(typed)")
		}
		if seen["text"] && !seen["type"] {
			members = append(members, "(untyped)")
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// memberOf writes a member of an object; "" if it does not count.
func (r *reference) memberOf(item *jsonNode, place, name string, own bool) string {
	where, text := place+" "+name, item.kind == '"'
	switch {
	case where == "turn role" || where == "system role":
		if !text {
			r.fail("role")
		}
		return ""
	case where == "turn type" && r.format == responsesFormat && text && item.text == "message":
		return ""
	case where == "block type" && r.format != googleFormat && text && item.text == textTypes[r.format]:
		return "(typed)"
	case name == "parts" || name == "content":
		name = "literal " + name
	}
	quoted := fmt.Sprintf("%+q", name)
	return quoted[1:len(quoted)-1] + "=" + r.normal(item, "value", own || slices.Contains(ownValues, name))
}

// ownValues are the members of Google's API within which names belong to the program.
var ownValues = []string{"args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "partMetadata"}

// isContent reports whether a member is the content of an object.
func (r *reference) isContent(place, name string) bool {
	if place == "block" {
		return r.format == messagesFormat && name == "content"
	}
	return (place == "turn" || place == "system") && name == map[bool]string{true: "parts", false: "content"}[r.format == googleFormat]
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
	checkSpelling(t, name, &p, body, random)
	return p, normals, true
}

// checkSpelling reads a body in another spelling.
func checkSpelling(t *testing.T, name string, p *Prefix, body []byte, random *rand.Rand) {
	t.Helper()
	shape, out := prefixShapes[name], new(bytes.Buffer)
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
