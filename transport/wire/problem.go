package wire

import (
	"encoding/json"
	"net/http"
)

// A Problem is an error that is not the provider's, to be told in the provider's words.
type Problem struct {
	Status  int
	Code    string // "skinflint_ambiguous"
	Message string
}

// A ProblemWriter is a [Dialect] whose errors have a shape of their own. Where a dialect is none, OpenAI's shape is used.
type ProblemWriter interface {
	// Problem returns the JSON body by which the SDKs of the provider understand p. Where the body has a code, it is
	// the status: some SDKs believe it rather than the status line.
	Problem(c *Call, p Problem) []byte
}

// OpenAIProblem returns an error body in OpenAI's shape, which many share.
func OpenAIProblem(p Problem) []byte {
	var body struct {
		Error struct {
			Message string  `json:"message"`
			Type    string  `json:"type"`
			Param   *string `json:"param"`
			Code    int     `json:"code"`
		} `json:"error"`
	}
	body.Error.Message, body.Error.Type, body.Error.Code = p.Message, p.Code, p.Status
	return encoded(body)
}

// Problem words it as Google's APIs do. The SDKs take the code in the body for the status (googleapi.CheckResponse).
func (geminiDialect) Problem(c *Call, p Problem) []byte { return googleProblem(p) }

// Problem words it as Google's APIs do.
func (vertexDialect) Problem(c *Call, p Problem) []byte { return googleProblem(p) }

func googleProblem(p Problem) []byte {
	type detail struct {
		Type   string `json:"@type"`
		Reason string `json:"reason"`
		Domain string `json:"domain"`
	}
	var body struct {
		Error struct {
			Code    int      `json:"code"`
			Message string   `json:"message"`
			Status  string   `json:"status"`
			Details []detail `json:"details"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message = p.Status, p.Message
	body.Error.Details = []detail{{"type.googleapis.com/google.rpc.ErrorInfo", p.Code, "skinflint"}}
	switch p.Status {
	case http.StatusBadRequest:
		body.Error.Status = "INVALID_ARGUMENT"
	case http.StatusTooManyRequests:
		body.Error.Status = "RESOURCE_EXHAUSTED"
	default:
		body.Error.Status = "FAILED_PRECONDITION"
	}
	return encoded(body)
}

// Problem words it as Anthropic's API does.
func (anthropicMessages) Problem(c *Call, p Problem) []byte {
	var body struct {
		Type  string `json:"type"`
		Error struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body.Type, body.Error.Type, body.Error.Message = "error", p.Code, p.Message
	return encoded(body)
}

// Problem words it as the provider's other calls have it.
func (u unknown) Problem(c *Call, p Problem) []byte {
	if w, ok := u.Dialect.(ProblemWriter); ok {
		return w.Problem(c, p)
	}
	return OpenAIProblem(p)
}

// encoded returns what is made of strings and numbers, whose encoding cannot fail.
func encoded(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}
