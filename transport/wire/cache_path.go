package wire

import "strings"

// CachePath returns where the context caches of a call's model are, given the path of the call's own URL, and the model as the
// creation of a cache names it. It returns false if the operation has no context caches, or the path is not one that is known,
// as one of Vertex AI that names no project. The path may be escaped; what comes before the API's own path stays as it is.
//
//	/v1beta/models/gemini-2.5-pro:generateContent      /v1beta/cachedContents                    models/gemini-2.5-pro
//	/v1beta/openai/chat/completions                    /v1beta/cachedContents                    models/gemini-2.5-pro
//	/v1/projects/P/locations/L/publishers/google/...   /v1/projects/P/locations/L/cachedContents projects/P/locations/L/publishers/google/models/gemini-2.5-pro
func (c *Call) CachePath(path string) (caches, model string, ok bool) {
	name := lastSegment(c.Model)
	if c.Shape == nil || !c.Caches || name == "" {
		return "", "", false
	}
	path = strings.TrimRight(path, "/")
	if c.parent != "" {
		parent := parentOf(path)
		at := strings.LastIndex(path, "/"+parent)
		return path[:max(at, 0)] + "/" + parent + "cachedContents", c.parent + "publishers/google/models/" + name, parent != ""
	}
	if c.Provider == vertex.name || strings.Contains(path, "/publishers/google/models/") {
		return "", "", false
	}
	at := strings.LastIndex(path, "/models/")
	if rest, chat := strings.CutSuffix(path, "/chat/completions"); chat {
		at = len(strings.TrimSuffix(rest, "/openai"))
	}
	if at < 0 {
		return "", "", false
	}
	return path[:at] + "/cachedContents", "models/" + name, true
}

// CacheParent returns what the names of a call's context caches begin with on Vertex AI, "projects/P/locations/L/"; "" for any
// other call.
func (c *Call) CacheParent() string { return c.parent }
