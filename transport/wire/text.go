package wire

import (
	"cmp"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// textOf returns the text of a JSON string, or a number as it is written; false for anything else.
func textOf(raw []byte) (string, bool) {
	if s, ok := jsontext.Unquote(raw); ok {
		return s, true
	}
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw), true
	}
	return "", false
}

// quoted returns a name as a JSON string. The names of common tiers cost no allocation.
func quoted(name string) string {
	switch name {
	case "flex":
		return `"flex"`
	case "default":
		return `"default"`
	case "standard":
		return `"standard"`
	case "priority":
		return `"priority"`
	}
	b, _ := json.Marshal(name) // a string can always be encoded
	return string(b)
}

// keep sets *to to the text at a path, if there is one. A text that is in *to already costs no allocation: each event of a
// stream repeats the id and the model.
func keep(to *string, doc *transport.Fields, path transport.Path) {
	if raw, ok := doc.Get(path); ok && differs(raw, *to) {
		if text, ok := jsontext.Unquote(raw); ok {
			*to = printable(text)
		}
	}
}

// keepName is keep for a name that is used often, such as a model's: see nameAt.
func keepName(to *string, doc *transport.Fields, path transport.Path) {
	if raw, ok := doc.Get(path); ok && differs(raw, *to) {
		*to = cmp.Or(nameAt(doc, path), *to)
	}
}

// differs reports whether raw is a JSON string other than "", and other than the text.
func differs(raw []byte, text string) bool {
	return len(raw) > 2 && raw[0] == '"' && string(raw[1:len(raw)-1]) != text
}

// present reports whether a member is there with a value other than null or "".
func present(body *transport.Fields, path transport.Path) bool {
	raw, there := body.Look(path)
	return there && string(raw) != "null" && string(raw) != `""`
}

// isTrue reports whether the value at a path is true.
func isTrue(body *transport.Fields, path transport.Path) bool {
	raw, _ := body.Get(path)
	return string(raw) == "true"
}

// modelOf returns the model that a body names, or otherwise if it names none.
func modelOf(body *transport.Fields, otherwise string) string {
	if model := nameAt(body, atModel); model != "" {
		return model
	}
	return otherwise
}

// nameAt returns the name at a path, fit for a row; "" if there is none. A name that is used often costs no allocation.
func nameAt(doc *transport.Fields, path transport.Path) string {
	raw, _ := doc.Get(path)
	if len(raw) > 2 && raw[0] == '"' && jsontext.Plain(raw[1:len(raw)-1]) {
		return printable(intern(raw[1 : len(raw)-1]))
	}
	text, _ := jsontext.Unquote(raw)
	return printable(text)
}

// maxName is how much of a model's name, or of an id, goes into a row, in bytes.
const maxName = 128

// printable returns s if it can stand in a row or a log as it is. Otherwise it returns the first 128 bytes, with what
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

// identifier returns s if it looks like an error code, and "" if it looks like text: a text could quote the prompt.
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

// lastSegment returns what follows the last slash.
func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
