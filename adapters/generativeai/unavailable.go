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

// An UnavailableError is the 503 in which a unary call has ended, after all that the policy allowed for it: a model
// overloaded, or without room on the flex tier. It comes by errors.As.
//
// It stands in for the SDK's own errors, because the SDK resends a call with such a one without end, whatever the
// answer says: to the stack each would be a new call, with attempts of its own. Any other status, and the 503 of a
// stream, which the SDK does not resend, remains an *apierror.APIError.
type UnavailableError struct {
	StatusCode int    // of the answer: 503, or what came with a 503 in its body
	Status     string // Google's name for it, "UNAVAILABLE"; "" if the answer was none of Google's
	Message    string // the provider's, in one line of at most 300 bytes
}

// Error says what the provider said.
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

// Temporary is false, so that nobody above resends what the policy has given up.
func (e *UnavailableError) Temporary() bool { return false }

// Timeout is false, for the same reason.
func (e *UnavailableError) Timeout() bool { return false }

// NonRetriable says the same to those who ask for it by this name.
func (e *UnavailableError) NonRetriable() {}

// resends reports whether the SDK would resend the call if it got a 503, and that costs money. It resends CountTokens
// and the management of files and models, too, which cost nothing.
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

// unavailable returns the error that stands for an answer which the SDK takes for a 503, and closes that; else nil, and
// the answer is as it was. The SDK goes by the code within the body, where there is one (googleapi.CheckResponse).
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

// line makes one line of a text, fit for a log, of at most so many bytes.
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
