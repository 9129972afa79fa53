package wire

import (
	"bytes"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// readTools reads a request's list of tools into c.Tools. A tool whose name is in free costs nothing, the answer counts the
// uses of one in counted, and any other is charged for. A name in free that ends in an underscore is the beginning of others,
// which go on with a date. A tool's name is the value of its member kind:
//
//	"tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]
//
// If kind is "", it is the name of the one member that the tool has:
//
//	"tools": [{"functionDeclarations": [...]}, {"googleSearch": {}}]
func readTools(c *Call, body *transport.Fields, kind string, free, counted []string) {
	readToolsAt(c, body, atTools, kind, free, counted)
}

// readToolsAt reads the list of tools at a path.
func readToolsAt(c *Call, body *transport.Fields, at transport.Path, kind string, free, counted []string) {
	raw, there := body.Look(at)
	if !there {
		return
	}
	if raw == nil || raw[0] != '[' {
		if c.Tools = MaybeTools; string(raw) == "null" {
			c.Tools = NoTools
		}
		return
	}
	eachElement(raw, func(tool []byte) {
		if len(tool) == 0 || tool[0] != '{' {
			c.Tools = PaidTools // a tool by its name, or something that a provider may take for one
			return
		}
		var name []byte
		own := false
		eachMember(tool, func(key, value []byte) {
			switch {
			case kind == "" && string(value) == "null":
			case kind == "":
				addTool(c, key, free, counted)
			case sameText(key, kind):
				name = value
			case sameText(key, "function"), sameText(key, "name"):
				own = true
			}
		})
		switch {
		case kind == "":
		case name == nil && !own:
			c.Tools = PaidTools
		default:
			addTool(c, name, free, counted)
		}
	})
}

// foreign reports whether an answer is the result of a call that another process made, so that only the answer can say what
// that asked for.
func foreign(c *Call, a *Answer) bool { return c.Kind == Poll && a.Background && !c.Background }

// foreignTools returns the tools that the answer of a foreign call says it had; absent is what they are if it says nothing.
func foreignTools(doc *transport.Fields, at transport.Path, free, counted []string, absent Tools) Tools {
	c := Call{Tools: NoTools}
	if !doc.Has(at) {
		c.Tools = absent
	}
	readToolsAt(&c, doc, at, "type", free, counted)
	return c.Tools
}

const maybeTools = "it may also have used tools, which are charged for"

// readClientTools is readTools for a provider that also has tools of its own that run at the client: those in client cost
// nothing but their tokens. It reports whether there may be any, for which the provider adds a text to the request.
func readClientTools(c *Call, body *transport.Fields, free, client, counted []string) bool {
	if readTools(c, body, "type", free, counted); c.Tools != PaidTools {
		return false
	}
	c.Tools = NoTools
	readTools(c, body, "type", append(client[:len(client):len(client)], free...), counted)
	return true
}

// addTool notes that the request offers a tool to the model. Its name is a JSON string; nil if it has none.
func addTool(c *Call, tool []byte, free, counted []string) {
	named := func(name string) bool {
		return sameText(tool, name) || strings.HasSuffix(name, "_") && bytes.HasPrefix(tool, []byte(`"`+name))
	}
	switch {
	case slices.ContainsFunc(free, named):
	case slices.ContainsFunc(counted, named):
		c.Tools = max(c.Tools, CountedTools)
	default:
		c.Tools = PaidTools
	}
}

// sameText reports whether raw is a JSON string with the text. Nil is "".
func sameText(raw []byte, text string) bool {
	if len(raw) == 0 {
		return text == ""
	}
	if raw[0] == '"' && !bytes.ContainsRune(raw, '\\') {
		return string(raw[1:len(raw)-1]) == text
	}
	unquoted, ok := jsontext.Unquote(raw)
	return ok && unquoted == text
}
