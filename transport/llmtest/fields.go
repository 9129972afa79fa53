package llmtest

import "encoding/json"

// flaw is what is wrong with a request. Where the provider is OpenAI, code and param are
// sent as they are.
type flaw struct {
	param, code, message string
}

// first returns the first flaw of two.
func first(f, g *flaw) *flaw {
	if f != nil {
		return f
	}
	return g
}

// target says where the value of a field goes.
type target struct {
	key string
	to  any
}

// scan decodes each present field into its target. It returns the first field that has
// the wrong type, and decodes the others all the same. Keys are matched exactly, which
// encoding/json does only for maps.
func scan(fields map[string]json.RawMessage, targets []target) (f *flaw) {
	for _, t := range targets {
		raw := fields[t.key]
		if present(raw) && json.Unmarshal(raw, t.to) != nil && f == nil {
			f = wrongType(t.key)
		}
	}
	return f
}

func notJSON() *flaw {
	return &flaw{message: "We could not parse the JSON body of your request."}
}

func missing(param string) *flaw {
	return &flaw{param: param, code: "missing_required_parameter", message: "Missing required parameter: '" + param + "'."}
}

func unknownParameter(param string) *flaw {
	return &flaw{param: param, code: "unknown_parameter", message: "Unknown parameter: '" + param + "'."}
}

func wrongType(param string) *flaw {
	return &flaw{param: param, code: "invalid_type", message: "Invalid type for '" + param + "'."}
}
