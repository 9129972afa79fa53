package wire

import "strings"

// CachePath returns where the context caches of a call's model are, given the path of the call's own URL, and the model as the
// creation of a cache names it. It returns false if the operation has no context caches, or the path is not one that is known.
//
//	/v1beta/models/gemini-2.5-pro:generateContent      /v1beta/cachedContents                    models/gemini-2.5-pro
//	/v1beta/openai/chat/completions                    /v1beta/cachedContents                    models/gemini-2.5-pro
//	/v1/projects/P/locations/L/publishers/google/...   /v1/projects/P/locations/L/cachedContents projects/P/locations/L/publishers/google/models/gemini-2.5-pro
func (c *Call) CachePath(path string) (caches, model string, ok bool) {
	name := lastSegment(c.Model)
	if c.Shape == nil || !c.Caches || name == "" {
		return "", "", false
	}
	if c.parent != "" {
		before, _, ok := strings.Cut(path, c.parent)
		return before + c.parent + "cachedContents", c.parent + "publishers/google/models/" + name, ok
	}
	at := strings.Index(path, "/models/")
	if at < 0 {
		rest, chat := strings.CutSuffix(path, "/chat/completions")
		if !chat {
			return "", "", false
		}
		at = len(strings.TrimSuffix(rest, "/openai"))
	}
	return path[:at] + "/cachedContents", "models/" + name, true
}

// CacheParent returns what the names of a call's context caches begin with on Vertex AI, "projects/P/locations/L/"; "" for any
// other call.
func (c *Call) CacheParent() string { return c.parent }
