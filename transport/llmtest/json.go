package llmtest

import (
	"bytes"
	"encoding/json"
)

// encode returns the JSON of v.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only types of this package come here, and they always marshal
	}
	return b
}

// indented returns JSON with line breaks and an indent of two spaces, as Google and some
// endpoints of OpenAI send it.
func indented(b []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		panic(err) // it comes from encode
	}
	return out.Bytes()
}

// present reports whether a field is present and not null.
func present(raw json.RawMessage) bool {
	return len(raw) > 0 && !bytes.Equal(raw, []byte("null"))
}
