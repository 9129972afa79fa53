package generativeai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An UnavailableError says that the provider answered 503 to the last attempt that the policy allowed: the model is
// overloaded, or has no room on the flex tier. It ends calls that are not streams. Find it by errors.As.
//
// It replaces the SDK's own error, because the SDK resends a call that ends in a 503 for as long as its context lasts. To
// the stack each of these would be a new call with new attempts. Any other status, and the 503 of a stream, which the SDK
// does not resend, is an *apierror.APIError.
type UnavailableError struct {
	StatusCode int    // the status of the answer: 503, or another one whose body says 503
	Status     string // Google's name for it, "UNAVAILABLE"; "" if the answer is not in Google's form
	Message    string // the provider's message, in one line of at most 300 bytes
}

// Error returns the status and the message of the provider.
func (e *UnavailableError) Error() string {
	s := fmt.Sprintf("generativeai: the provider answered %d", e.StatusCode)
	if e.Status != "" {
		s += " " + e.Status
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Temporary returns false: the policy has given the call up, and code above should not resend it.
func (e *UnavailableError) Temporary() bool { return false }

// Timeout returns false, for the same reason as Temporary.
func (e *UnavailableError) Timeout() bool { return false }

// NonRetriable marks the error as final for code that looks for this method, as Azure's SDK core does.
func (e *UnavailableError) NonRetriable() {}

// resends reports whether the SDK would resend the call after a 503 and that costs money. The SDK also resends CountTokens
// and the management of files and models, which cost nothing.
func resends(req *http.Request) bool {
	colon := strings.LastIndexByte(req.URL.Path, ':')
	if req.Method != http.MethodPost || colon < 0 {
		return false
	}
	switch req.URL.Path[colon+1:] {
	case "generateContent", "embedContent", "batchEmbedContents":
		return true
	}
	return false
}

const (
	errorSize   = 64 << 10
	messageSize = 300
)

// unavailable returns the error that replaces an answer which the SDK takes for a 503, and closes the answer. For any other
// answer it returns nil, and the answer's body can still be read. The SDK takes the code from the body, if there is one
// (googleapi.CheckResponse).
func unavailable(resp *http.Response) *UnavailableError {
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		return nil
	}
	head, _ := io.ReadAll(io.LimitReader(resp.Body, errorSize))
	var body struct {
		Error *struct {
			Code    int
			Status  string
			Message string
		}
	}
	code, e := resp.StatusCode, &UnavailableError{StatusCode: resp.StatusCode}
	if json.Unmarshal(head, &body) == nil && body.Error != nil {
		if body.Error.Code != 0 {
			code = body.Error.Code
		}
		e.Status, e.Message = line(body.Error.Status, 64), line(body.Error.Message, messageSize)
	}
	if code == http.StatusServiceUnavailable {
		resp.Body.Close()
		return e
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), resp.Body), resp.Body}
	return nil
}

// line returns at most most bytes of a text as one line of printable characters, fit for a log.
func line(text string, most int) string {
	if len(text) > most {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most]
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
