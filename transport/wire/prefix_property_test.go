package wire

import (
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A bodyMaker makes bodies of few words, so that elements are often equal, or differ in one respect.
type bodyMaker struct {
	*rand.Rand
	format prefixFormat
}

func (m *bodyMaker) one(of ...string) string { return of[m.IntN(len(of))] }

func (m *bodyMaker) list(most int, item func() string) string {
	var items []string
	for range m.IntN(most + 1) {
		items = append(items, item())
	}
	return strings.Join(items, ",")
}

// object returns an object of some of the members, in any order.
func (m *bodyMaker) object(members ...string) string {
	var some []string
	for _, i := range m.Perm(len(members)) {
		if m.IntN(5) > 0 {
			some = append(some, members[i])
		}
	}
	if m.IntN(60) == 0 && len(some) > 0 {
		some = append(some, some[0])
	}
	return "{" + strings.Join(some, ",") + "}"
}

func (m *bodyMaker) text() string {
	long := strings.Repeat("word ", 100)
	return m.one(`"a"`, `"a"`, `"b"`, `""`, `"a\nb"`, `"\u00e9"`, `"é"`, `"\ud83d\ude00 😀"`, `"type"`, `"text"`, `"1"`, `"null"`, `"a\u0000b"`,
		`"`+long+`"`, `"`+long+`2"`, `"`+strings.Repeat("лучи ", 500)+`"`, `"ab`+strings.Repeat(`\u043b`, 1500)+`"`)
}

func (m *bodyMaker) value(depth int) string {
	if depth == 0 || m.IntN(3) == 0 {
		return m.one(m.text(), "1", "1.0", "-0", "1e5", "true", "false", "null", "[]", "{}", "[[]]", "[{}]", `[""]`, `{"":""}`)
	}
	if m.IntN(3) == 0 {
		return "[" + m.list(3, func() string { return m.value(depth - 1) }) + "]"
	}
	name := func() string {
		return m.one(`"a"`, `"b"`, `"text"`, `"parts"`, `"content"`, `"mime_type"`, `"mimeType"`, `"cache_control"`, `"args"`, `"role"`)
	}
	var members []string
	for range m.IntN(4) {
		members = append(members, name()+":"+m.value(depth-1))
	}
	if m.IntN(30) == 0 {
		for i := range 30 {
			members = append(members, fmt.Sprintf(`"k%d":%d`, i, m.IntN(2)))
		}
	}
	return m.object(members...)
}

func (m *bodyMaker) block() string {
	if m.format == googleFormat {
		return m.object(m.one(
			`"text":`+m.text(),
			m.one(`"inline_data"`, `"inlineData"`)+`:{"mime_type":"image/png","data":"AAAA"}`,
			`"functionCall":{"name":"f",`+m.one(`"args"`, `"args"`, `"other"`)+`:`+m.value(2)+`}`,
			`"function_response":{"name":"f","response":`+m.value(2)+`}`,
		), m.one(`"thought":true`, `"thought":false`, `"thought_signature":"x"`, `"thoughtSignature":"x"`))
	}
	kind := `"type":` + m.one(`"text"`, `"text"`, `"input_text"`, `"image"`, `"tool_use"`, `"tool_result"`, `1`)
	return m.object(kind, m.one(`"text":`+m.text(), `"text":`+m.text(), `"source":`+m.value(1), `"content":`+m.content()),
		m.one(`"cache_control":{"type":"ephemeral"}`, `"prompt_cache_breakpoint":{"mode":"explicit"}`, `"x":1`))
}

func (m *bodyMaker) content() string {
	switch m.IntN(5) {
	case 0, 1:
		if m.format != googleFormat {
			return m.text()
		}
		return m.block()
	case 2:
		if m.IntN(10) == 0 {
			return m.one("null", "1", m.text())
		}
	}
	if m.IntN(4) == 0 {
		return "[" + m.list(2, m.block) + "]"
	}
	return "[" + m.block() + "]"
}

func (m *bodyMaker) turn() string {
	if m.IntN(300) == 0 {
		return m.one("null", `"x"`, "[]")
	}
	roles := []string{`"user"`, `"user"`, `"assistant"`, `"model"`, `"system"`, `"developer"`, `"tool"`, `"function"`, `"x"`}
	if m.IntN(300) == 0 {
		roles = []string{"null", "1"}
	}
	role := `"role":` + m.one(roles...)
	if m.format == googleFormat {
		return m.object(role, `"parts":`+m.content())
	}
	return m.object(role, `"content":`+m.content(), m.one(`"type":"message"`, `"type":"function_call"`, `"name":"n"`, `"cache_control":null`, `"parts":[]`))
}

func (m *bodyMaker) tool() string {
	return m.object(m.one(`"function_declarations"`, `"functionDeclarations"`)+`:[{"name":"f","parameters":`+m.value(2)+`}]`,
		`"google_search":{}`, m.one(`"cache_control":{}`, `"x":1`))
}

func (m *bodyMaker) body() string {
	rest := m.one(`"model":"m"`, `"generationConfig":{"a":[{"contents":"]"}]}`, `"stream":true`, `"n":1`)
	tools := `"tools":[` + m.list(2, m.tool) + `]`
	turns := "[" + m.list(4, m.turn) + "]"
	switch m.format {
	case googleFormat:
		if m.IntN(10) == 0 {
			turns = m.turn()
		}
		return m.object(`"contents":`+turns, tools, m.one(`"system_instruction":`, `"systemInstruction":`)+m.turn(),
			m.one(`"toolConfig":`, `"tool_config":`)+`{"function_calling_config":{"mode":"ANY"}}`, rest)
	case responsesFormat:
		return m.object(`"input":`+m.one(turns, m.text()), tools, `"instructions":`+m.text(), rest)
	case messagesFormat:
		return m.object(`"messages":`+turns, tools, `"system":`+m.content(), `"cache_control":{}`, rest)
	}
	return m.object(`"messages":`+turns, tools, `"tool_choice":`+m.one(`"auto"`, "{}"), rest)
}

// TestPrefixEqualities compares all elements of many bodies: they have the same digest if and only if the reference takes them
// for the same.
func TestPrefixEqualities(t *testing.T) {
	for name, shape := range prefixShapes {
		t.Run(name, func(t *testing.T) {
			m := &bodyMaker{rand.New(rand.NewPCG(7, uint64(shape.format))), shape.format}
			digests, normals := map[string]string{}, map[string]string{}
			elements, repeated := 0, 0
			for i := range 600 {
				p, normal, ok := checkPrefix(t, name, []byte(m.body()), uint64(i))
				if !ok {
					continue
				}
				for i, e := range p.Elements {
					digest := hex.EncodeToString(e.Digest[:])
					elements++
					if was, there := digests[normal[i]]; there && was != digest {
						t.Fatalf("the same element has two digests: %s", normal[i])
					} else if there {
						repeated++
					}
					if was, there := normals[digest]; there && was != normal[i] {
						t.Fatalf("two elements have the same digest:\n%s\n%s", was, normal[i])
					}
					digests[normal[i]], normals[digest] = digest, normal[i]
				}
			}
			if elements < 400 || repeated < 40 || len(digests) < 200 {
				t.Errorf("%d elements, %d of them repeated, %d different: too few to show anything", elements, repeated, len(digests))
			}
		})
	}
}

// TestPrefixSplits reads a body of each format cut at every byte, and byte by byte.
func TestPrefixSplits(t *testing.T) {
	for name, shape := range prefixShapes {
		m := &bodyMaker{rand.New(rand.NewPCG(3, uint64(shape.format))), shape.format}
		for range 20 {
			body := m.body()
			if len(body) > 3000 {
				continue
			}
			want := prefixOf(t, shape, body)
			for cut := range len(body) {
				r := NewPrefixReader(shape)
				r.Write([]byte(body[:cut]))
				r.Write([]byte(body[cut:]))
				if got := r.Prefix(); !samePrefix(got, &want) {
					t.Fatalf("%s cut at %d:\n%+v, want\n%+v\n%s", name, cut, got, want, body)
				}
				r.Release()
			}
		}
	}
}

func FuzzPrefix(f *testing.F) {
	names := slices.Sorted(maps.Keys(prefixShapes))
	for i, name := range names {
		m := &bodyMaker{rand.New(rand.NewPCG(1, uint64(i))), prefixShapes[name].format}
		for range 10 {
			f.Add(m.body(), i, uint64(1))
		}
	}
	f.Add(`{"contents":[{"parts":[{"text":"\ud800"}]}]}`, 1, uint64(0))
	f.Add("{\"contents\":[{\"parts\":[{\"text\":\"\xff\"}]}]}", 1, uint64(0))
	f.Fuzz(func(t *testing.T, body string, format int, seed uint64) {
		name := names[uint(format)%uint(len(names))]
		p, normals, ok := checkPrefix(t, name, []byte(body), seed)
		if !ok {
			return
		}
		for i := range normals {
			for j := range i {
				if (normals[i] == normals[j]) != (p.Elements[i].Digest == p.Elements[j].Digest) {
					t.Fatalf("elements %d and %d of %s: %s, %s", i, j, body, normals[i], normals[j])
				}
			}
		}
	})
}
