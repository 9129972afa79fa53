package wire

import (
	"net/http"
	"strings"
)

// operations are those of OpenAI's API.
var operations = []*operation{
	chatOperation, completionsOperation, embeddingsOperation, responsesOperation, compactOperation, transcriptionOperation, imagesOperation,
}

// endpoints are the ends of the paths that are POSTed to.
var endpoints = []struct {
	path string
	op   *operation
}{
	{"/chat/completions", chatOperation},
	{"/responses", responsesOperation},
	{"/responses/compact", compactOperation},
	{"/embeddings", embeddingsOperation},
	{"/completions", completionsOperation},
	{"/audio/transcriptions", transcriptionOperation},
	{"/audio/translations", transcriptionOperation},
	{"/images/generations", imagesOperation},
	{"/images/edits", imagesOperation},
	{"/images/variations", imagesOperation},
}

// operationOf returns the operation of a request, and whether it asks for the result of an earlier one; nil if there is
// none.
func operationOf(method, path string) (op *operation, poll bool) {
	switch method {
	case http.MethodPost:
		for _, e := range endpoints {
			if strings.HasSuffix(path, e.path) {
				return e.op, false
			}
		}
	case http.MethodGet:
		const resource = "/responses/"
		if at := strings.LastIndex(path, resource); at >= 0 && len(path) > at+len(resource) && !strings.Contains(path[at+len(resource):], "/") {
			return responsesOperation, true
		}
	}
	return nil, false
}
