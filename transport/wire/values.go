package wire

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// maxCount is more tokens than any answer has. It leaves room to add a few counts without overflow.
const maxCount = 1 << 40

// count reads a JSON number that is a plain count.
func count(raw []byte) (int64, bool) {
	if len(raw) == 0 || len(raw) > 13 {
		return 0, false
	}
	var n int64
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n <= maxCount
}

// A countReader reads counts of a document, and remembers the first that is none.
type countReader struct {
	doc     *transport.Fields
	problem string
}

func (r *countReader) get(path transport.Path) (n int64, ok bool) {
	raw, there := r.doc.Look(path)
	switch {
	case raw == nil && there:
		r.wrong(path.String() + " is too long")
		return 0, false
	case raw == nil || string(raw) == "null":
		return 0, false
	}
	if n, ok = count(raw); !ok {
		r.wrong(path.String() + " is no count")
	}
	return n, ok
}

// first returns the first count that is there.
func (r *countReader) first(paths ...transport.Path) int64 {
	for _, path := range paths {
		if n, ok := r.get(path); ok {
			return n
		}
	}
	return 0
}

// wrong notes what is wrong, unless something was before.
func (r *countReader) wrong(problem string) {
	if r.problem == "" {
		r.problem = problem
	}
}

// checkTotal notes if a total, where there is one, is not the sum of its parts.
func (r *countReader) checkTotal(path transport.Path, sum int64) {
	if total, ok := r.get(path); ok && total != sum {
		r.wrong(path.String() + " is not the sum of its parts")
	}
}

// cost reads what the provider says that it charged, in US dollars.
func cost(doc *transport.Fields, path transport.Path, a *Answer) {
	if raw, ok := doc.Get(path); ok && len(raw) > 0 && raw[0] >= '0' && raw[0] <= '9' {
		if p, err := price.RoundUSD(string(raw)); err == nil {
			a.Reported, a.HasReported = p, true
		}
	}
}

// tick is xAI's unit of money: a tenth of a nanodollar.
const tick = 100

// ticks reads what xAI says that it charged.
func ticks(doc *transport.Fields, path transport.Path, a *Answer) {
	if raw, ok := doc.Get(path); ok {
		if n, ok := count(raw); ok {
			a.Reported, a.HasReported = price.Pico(n*tick), true
		}
	}
}

// Text returns a JSON string's text, or a number as it is written; false for anything else.
func Text(raw []byte) (string, bool) {
	if s, ok := jsontext.Unquote(raw); ok {
		return s, true
	}
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw), true
	}
	return "", false
}

// keep keeps the text at a path, if there is one. What is kept already, or is like another text, costs no allocation.
func keep(to *string, doc *transport.Fields, path transport.Path, like string) {
	raw, ok := doc.Get(path)
	if !ok || len(raw) < 3 || raw[0] != '"' {
		return
	}
	switch text := raw[1 : len(raw)-1]; {
	case string(text) == *to:
	case string(text) == like:
		*to = like
	default:
		if text, ok := jsontext.Unquote(raw); ok {
			*to = printable(text)
		}
	}
}

// present reports whether a member is there with a value other than null, or "".
func present(body *transport.Fields, path transport.Path) bool {
	raw, there := body.Look(path)
	return there && string(raw) != "null" && string(raw) != `""`
}

// readTools reads a request's list of tools, of which some are free and others are counted by the answer: by the member
// that names a tool's kind, or where that is "" by the member that a tool consists of.
func (c *Call) readTools(body *transport.Fields, kind string, free, counted []string) {
	raw, there := body.Look(atTools)
	if !there {
		return
	}
	var tools []map[string]json.RawMessage
	if raw == nil || json.Unmarshal(raw, &tools) != nil {
		if c.Tools = MaybeTools; string(raw) == "null" {
			c.Tools = NoTools
		}
		return
	}
	for _, tool := range tools {
		if kind != "" {
			name, _ := jsontext.Unquote(tool[kind])
			c.offer(name, free, counted)
			continue
		}
		for name := range tool {
			c.offer(name, free, counted)
		}
	}
}

// offer notes that the request offers a tool.
func (c *Call) offer(tool string, free, counted []string) {
	switch {
	case slices.Contains(free, tool):
	case slices.Contains(counted, tool):
		c.Tools = max(c.Tools, CountedTools)
	default:
		c.Tools = PaidTools
	}
}

// member returns the raw value of an object's member.
func member(object []byte, paths *transport.Paths, path string) ([]byte, bool) {
	fields, err := transport.Find(object, paths)
	if err != nil {
		return nil, false
	}
	return fields.Get(transport.PathOf(path))
}

// maxName is how much of a model's name, or of an id, goes into a row.
const maxName = 128

// printable returns s if it can stand in a row or a log as it is, else what is left of it: at most 128 bytes, with what
// cannot be printed replaced.
func printable(s string) string {
	if len(s) > maxName {
		s = s[:maxName]
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return strings.Map(func(r rune) rune {
				if !unicode.IsPrint(r) || r == utf8.RuneError {
					return '?'
				}
				return r
			}, s)
		}
	}
	return s
}

// identifier returns s if it looks like an error code rather than text: a text could quote the prompt.
func identifier(s string) string {
	if len(s) > 64 {
		return ""
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.', c == ':':
		default:
			return ""
		}
	}
	return s
}
