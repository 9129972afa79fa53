package wire

import (
	"strconv"
	"strings"
)

// cacheName returns the name of a context cache as the call has to write it: "cachedContents/ID", and on Vertex AI
// "projects/P/locations/L/cachedContents/ID", which may be given in full or not. If it is no name, e gets the problem.
func cacheName(c *Call, name string, e *Edits) (string, bool) {
	id, short := strings.CutPrefix(name, "cachedContents/")
	short = short && id != ""
	switch {
	case c.parent == "" && short, c.parent != "" && strings.HasPrefix(name, "projects/"):
		return name, true
	case c.parent != "" && short:
		return c.parent + name, true
	}
	want := "cachedContents/ID"
	if c.parent != "" {
		want = c.parent + want
	}
	e.Problem = "the context cache is called " + strconv.Quote(printable(name)) + ", which should be " + want
	return "", false
}
