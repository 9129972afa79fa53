package wire

import "encoding/json"

// A Problem is an error of the program's own, such as a limit, that a client is to understand as if the provider had
// answered with it.
type Problem struct {
	Status  int    // the HTTP status of the answer
	Code    string // what kind of problem it is: "skinflint_ambiguous"
	Message string
}

// A ProblemWriter is a [Dialect] whose errors have a shape of their own. For any other, use [OpenAIProblem].
type ProblemWriter interface {
	// Problem returns a JSON body that the SDKs of the provider understand. If the provider's errors have a numeric code,
	// it is the status, because some SDKs use it instead of the status line.
	Problem(c *Call, p Problem) []byte
}

// OpenAIProblem returns an error body in OpenAI's shape, which many providers share.
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

// encoded returns v as JSON. It is for what consists of strings and numbers, whose encoding cannot fail.
func encoded(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}
