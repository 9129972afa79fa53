package wire

import (
	"bytes"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// An apiError is what an error's body says. The zero apiError is of a body that is no provider's error: the page of a proxy,
// for instance.
type apiError struct{ code, kind, param, message, status string }

var errorPaths = transport.MustPaths("error", "error.code", "error.type", "error.param", "error.message", "error.status",
	"code", "type", "message", "detail", "errors", "error_code", "error_msg", "base_resp.status_code", "base_resp.status_msg")

// readError reads an error's body in one of the shapes that providers use:
//
//	{"error": {"code": ..., "type": ..., "param": ..., "message": ..., "status": ...}}
//	[{"error": {...}}]                                 Google's OpenAI-compatible API
//	{"code": "invalid-argument", "error": "text"}      xAI
//	{"message": "text", "type": ..., "code": ...}      Mistral, whose message may be an object
//	{"detail": [{"loc": ["body", "stream_options"], "msg": ...}]}  FastAPI
//	{"error_code": 17, "error_msg": "text"}            Baidu
//	{"base_resp": {"status_code": 1008, "status_msg": "text"}}     MiniMax
func readError(body []byte) apiError {
	body = bytes.TrimSpace(body)
	if len(body) > 1 && body[0] == '[' {
		body = bytes.TrimSpace(body[1 : len(body)-1])
	}
	fields, _ := transport.Find(body, errorPaths) // a body that was cut off, or is broken, still says what it began with
	text := func(path transport.Path) string {
		raw, _ := fields.Get(path)
		text, _ := textOf(raw)
		return text
	}
	// A message is an object, or a list, where a host passes on the error of another, or says what is wrong with each member.
	message := func(path transport.Path) string {
		if raw, _ := fields.Get(path); len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
			return string(raw)
		}
		return text(path)
	}
	e := apiError{code: text(atErrorCode), kind: text(atErrorType), param: text(atErrorParam), message: message(atErrorMessage), status: text(atErrorStatus)}
	if e == (apiError{}) {
		e = apiError{code: text(atCode), kind: text(atType), message: message(atError) + message(atMessage) + message(atDetail) + message(atErrors)}
	}
	if e == (apiError{}) {
		e = apiError{code: text(atErrorCodeFlat) + text(atBaseStatusCode), message: text(atErrorMsg) + text(atBaseStatusMsg)}
	}
	return e
}

// rejectsUsage reports whether the error is about stream_options.include_usage. The parameter is named in param, or, by
// hosts whose errors have no param, in the message.
func (e *apiError) rejectsUsage() bool {
	return strings.HasPrefix(e.param, "stream_options") || namesUsage(squeezed([]byte(e.message)))
}

// namesUsage reports whether a squeezed text names stream_options.include_usage.
func namesUsage(text string) bool {
	return strings.Contains(text, "streamoptions") || strings.Contains(text, "includeusage")
}

// squeezed returns the letters and digits of a text, in lower case: stream_options, streamOptions and "Stream options" are the
// same then.
func squeezed(text []byte) string {
	kept := make([]byte, 0, len(text))
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			kept = append(kept, c)
		case c >= 'A' && c <= 'Z':
			kept = append(kept, c|0x20)
		}
	}
	return string(kept)
}

// notTakenUp are the statuses by which a server says that it did not take the request up. Of other failures that is not
// known.
var notTakenUp = []int{400, 401, 402, 403, 404, 405, 406, 410, 411, 412, 413, 414, 415, 421, 422, 428, 429, 431, 451}

// mayBeBilled reports whether a failure of no known meaning may be billed. A redirect is not: its sender did not take the
// request up.
func mayBeBilled(status int) bool { return status >= 400 && !slices.Contains(notTakenUp, status) }

// errorCode returns the code of the error object of an answer's document, or its type, and whether there is an error. Some
// providers' errors are a string.
func errorCode(doc *transport.Fields) (code string, failed bool) {
	for _, path := range [...]transport.Path{atErrorCode, atErrorType, atErrorMessage, atError} {
		raw, ok := doc.Get(path)
		if !ok || string(raw) == "null" {
			continue
		}
		failed = true
		if path == atErrorMessage || path == atError {
			break
		}
		if text, ok := textOf(raw); ok {
			return identifier(text), true
		}
	}
	return "", failed
}
