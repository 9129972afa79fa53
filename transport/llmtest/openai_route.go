package llmtest

import (
	"net/http"
	"strings"
)

// routeOpenAI returns the face for OpenAI's paths, or nil.
func routeOpenAI(r *http.Request, path string) face {
	if r.Method == http.MethodPost {
		switch {
		case strings.HasSuffix(path, "/chat/completions"):
			return openAIChat{}
		case strings.HasSuffix(path, "/responses"):
			return openAIResponses{}
		case strings.HasSuffix(path, "/embeddings"):
			return openAIEmbeddings{}
		}
	}
	if f, ok := routeStored(r.Method, path); ok {
		return f
	}
	return nil
}

// routeStored returns the face for GET .../responses/ID and POST .../responses/ID/cancel.
func routeStored(method, path string) (f openAIStored, ok bool) {
	switch method {
	case http.MethodGet:
	case http.MethodPost:
		if path, f.cancel = strings.CutSuffix(path, "/cancel"); !f.cancel {
			return f, false
		}
	default:
		return f, false
	}
	var rest string
	rest, f.id = cutLast(path)
	return f, f.id != "" && strings.HasSuffix(rest, "/responses")
}
