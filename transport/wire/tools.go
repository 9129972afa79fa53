package wire

import (
	"encoding/json"
	"slices"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// readTools reads a request's list of tools into c.Tools. A tool whose name is in free costs nothing, the answer counts the
// uses of one in counted, and any other is charged for. A tool's name is the value of its member kind:
//
//	"tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]
//
// If kind is "", it is the name of the one member that the tool has:
//
//	"tools": [{"functionDeclarations": [...]}, {"googleSearch": {}}]
func readTools(c *Call, body *transport.Fields, kind string, free, counted []string) {
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
			addTool(c, name, free, counted)
			continue
		}
		for name := range tool {
			addTool(c, name, free, counted)
		}
	}
}

// addTool notes that the request offers a tool to the model.
func addTool(c *Call, tool string, free, counted []string) {
	switch {
	case slices.Contains(free, tool):
	case slices.Contains(counted, tool):
		c.Tools = max(c.Tools, CountedTools)
	default:
		c.Tools = PaidTools
	}
}
