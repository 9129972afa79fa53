package cachedcontent

import (
	"encoding/json"
	"errors"
	"time"
)

// A Content is what a context cache holds, and for how long. A cache never changes: only its expiry can be set again, by
// [Client.Update].
//
// Exactly one of TTL and ExpireTime must be set. The provider would take an hour if neither were: that is a price
// on which the program has not decided.
type Content struct {
	// Model is the model that can use the cache, such as "gemini-2.5-flash". A resource name, such as
	// "models/gemini-2.5-flash", works too. A call with another model is rejected by the provider.
	Model string

	System     []Part          // the system instruction; nil: none
	Turns      []Turn          // the beginning of the conversation; nil: none
	Tools      json.RawMessage // a JSON array of tools, as the API has it; nil: none. See [FunctionTools]
	ToolConfig json.RawMessage // a JSON object, as the API has it; nil: none. See [ToolMode]

	// DisplayName is a label for people, of at most 128 characters. It is not part of the hash.
	DisplayName string

	// TTL is how long the cache lives from its creation. Storage is charged for all of it unless the cache is deleted.
	TTL time.Duration
	// ExpireTime is when the cache ends.
	ExpireTime time.Time

	// KMSKey is the resource name of a key of Cloud KMS that encrypts the cache; "": Google's. Vertex AI only.
	KMSKey string
}

// A Turn is one turn of a conversation.
type Turn struct {
	Role  string // "user" or "model"; "" means "user"
	Parts []Part // at least one
}

// A Part is one part of a turn or of a system instruction. Exactly one of Text, Data, FileURI and Raw must be set.
type Part struct {
	Text string

	// Data is sent within the request, so it counts for [MaxBody]. Longer data is uploaded first: see [Client.Upload].
	Data []byte
	// FileURI is the URI of an uploaded file ([File].URI) or, on Vertex AI, of an object in Cloud Storage: "gs://...".
	FileURI string
	// MIMEType is the type of Data or of the file, such as "application/pdf". Data must have one.
	MIMEType string

	// Raw is any other part, as a JSON object in the API's format: a function call, for instance.
	Raw json.RawMessage
}

// Text returns a part that is text.
func Text(text string) Part { return Part{Text: text} }

// Data returns a part that is data of a MIME type.
func Data(mimeType string, data []byte) Part { return Part{Data: data, MIMEType: mimeType} }

// FileURI returns a part that is a file. mimeType may be "" for a file of the Files API.
func FileURI(mimeType, uri string) Part { return Part{FileURI: uri, MIMEType: mimeType} }

// User returns a turn of the user.
func User(parts ...Part) Turn { return Turn{Role: "user", Parts: parts} }

// Model returns a turn of the model.
func Model(parts ...Part) Turn { return Turn{Role: "model", Parts: parts} }

// A Function is a function that the model may call.
type Function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"` // a schema in the API's format; nil: no parameters
}

// FunctionTools returns the Tools of a [Content] that declare functions. It fails if one has no name, or parameters that
// are not JSON.
func FunctionTools(functions ...Function) (json.RawMessage, error) {
	for _, f := range functions {
		switch {
		case f.Name == "":
			return nil, errors.New("cachedcontent: Function.Name: it is empty")
		case len(f.Parameters) > 0 && !isObject(f.Parameters):
			return nil, errors.New("cachedcontent: Function.Parameters: it is not a JSON object")
		}
	}
	type tool struct {
		Functions []Function `json:"functionDeclarations"`
	}
	return encode([]tool{{functions}})
}

// ToolMode returns a ToolConfig of a [Content]: the mode of function calls ("AUTO", "ANY", "NONE", "VALIDATED"), and the
// functions that the model may call in the mode "ANY"; none means all.
func ToolMode(mode string, allowed ...string) json.RawMessage {
	type calling struct {
		Mode    string   `json:"mode"`
		Allowed []string `json:"allowedFunctionNames,omitempty"`
	}
	type config struct {
		Calling calling `json:"functionCallingConfig"`
	}
	body, _ := encode(config{calling{mode, allowed}}) // strings always encode
	return body
}
