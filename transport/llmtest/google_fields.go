package llmtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// protoFields parses a JSON object of Google's. Its keys may be in camelCase or snake_case,
// and protoFields returns them in camelCase. If allowed is not nil, a key that is not in it
// is a flaw.
func protoFields(body []byte, allowed []string) (fields map[string]json.RawMessage, f *flaw) {
	var raw map[string]json.RawMessage
	if json.Unmarshal(body, &raw) != nil || raw == nil {
		return nil, &flaw{message: "Invalid JSON payload received. Could not parse it as an object."}
	}
	keys := make([]string, 0, len(raw))
	for key := range raw {
		keys = append(keys, key)
	}
	slices.Sort(keys) // so that of several flaws always the same one is reported
	fields = make(map[string]json.RawMessage, len(raw))
	for _, key := range keys {
		name := camel(key)
		if allowed != nil && !slices.Contains(allowed, name) {
			f = first(f, unknownName(key))
		}
		fields[name] = raw[key]
	}
	return fields, f
}

// camel converts snake_case to camelCase.
func camel(key string) string {
	head, rest, ok := strings.Cut(key, "_")
	for ok {
		var part string
		part, rest, ok = strings.Cut(rest, "_")
		r, n := utf8.DecodeRuneInString(part)
		if n > 0 {
			head += string(unicode.ToUpper(r)) + part[n:]
		}
	}
	return head
}

// scanProto is scan with Google's flaws.
func scanProto(fields map[string]json.RawMessage, targets []target) (f *flaw) {
	for _, t := range targets {
		raw := fields[t.key]
		if present(raw) && json.Unmarshal(raw, t.to) != nil {
			f = first(f, badValue(t.key))
		}
	}
	return f
}

// unknownName is the flaw of a key that the request's type does not have.
func unknownName(key string) *flaw {
	return &flaw{message: fmt.Sprintf("Invalid JSON payload received. Unknown name %q: Cannot find field.", key)}
}

// badValue is the flaw of a key whose value has the wrong type.
func badValue(key string) *flaw {
	return &flaw{param: key, message: "Invalid value at '" + key + "'"}
}

// unspecified is the flaw of a request of the given type without a required field.
func unspecified(kind, field string) *flaw {
	return &flaw{param: field, message: "* " + kind + "." + field + ": " + field + " is not specified\n"}
}

// extraTokens estimates the tokens of the prompt that are not in the contents.
func extraTokens(fields map[string]json.RawMessage) int64 {
	return int64(len(fields["systemInstruction"])+len(fields["tools"])) / 4
}
