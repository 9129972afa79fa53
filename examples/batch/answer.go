package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// An answer is a line of the output. Its first members are those of the files that OpenAI's batch API returns.
type answer struct {
	ID       string    `json:"custom_id"`
	Response *response `json:"response"` // null if there was none
	Error    *problem  `json:"error"`    // null if the line has an answer

	Cost     ledger.Amount `json:"cost_usd"`              // of all attempts of the line; null if it is not known
	Exposure ledger.Amount `json:"exposure_usd,omitzero"` // the most that it may have cost in addition
	Tier     policy.Tier   `json:"tier,omitempty"`        // that served
	Attempts int           `json:"attempts"`

	Request   string `json:"request"`             // a hash of the request
	MaybePaid bool   `json:"maybe_paid,omitzero"` // it has no answer and may have been paid for, so it is not sent again without -again
	Simulated bool   `json:"simulated,omitzero"`
}

// A response is what the provider has answered.
type response struct {
	Status    int             `json:"status_code"`
	RequestID string          `json:"request_id"`
	Body      json.RawMessage `json:"body"` // a text if it is not JSON
}

// A problem is why a line has no answer.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// sumText returns the text of the hash of a request.
func sumText(sum uint64) string { return fmt.Sprintf("%016x", sum) }

// state returns how the line stands.
func (a *answer) state() state {
	switch {
	case a.Error == nil:
		return answered
	case a.MaybePaid:
		return unclear
	}
	return failed
}

// spent reports whether the line was paid for, or may have been.
func (a *answer) spent() bool {
	return a.MaybePaid || !a.Cost.Known || a.Cost.Pico > 0 || a.Exposure.Pico > 0
}

// encode returns the line, with its end.
func (a *answer) encode() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(a)
	return out.Bytes(), err
}

// decodeAnswer reads a line of the output. The response is left out, but for whether it is there.
func decodeAnswer(text []byte) (id string, sum uint64, a answer, err error) {
	if err := json.Unmarshal(text, &a); err != nil {
		return "", 0, a, fmt.Errorf("it is no answer of this program: %w", err)
	}
	sum, err = strconv.ParseUint(a.Request, 16, 64)
	switch {
	case a.ID == "":
		err = fmt.Errorf("it is no answer of this program: there is no custom_id")
	case err != nil:
		err = fmt.Errorf("it is no answer of this program: there is no request, or it is no hash")
	case a.Error == nil && a.Response == nil:
		err = fmt.Errorf("it is no answer of this program: there is neither a response nor an error")
	}
	return a.ID, sum, a, err
}

// bodyOf returns the body of a response as one line of JSON.
func bodyOf(body []byte) json.RawMessage {
	var out bytes.Buffer
	if utf8.Valid(body) && json.Compact(&out, body) == nil {
		return out.Bytes()
	}
	text, err := json.Marshal(strings.ToValidUTF8(string(body), "\ufffd"))
	if err != nil { // a string can always be written
		return json.RawMessage("null")
	}
	return text
}

// rejection says in plain words what a provider's error says.
func rejection(status int, body []byte) *problem {
	var said struct {
		Error struct {
			Code, Type, Status any
			Message            string
		}
	}
	p := &problem{Code: "http_" + strconv.Itoa(status), Message: fmt.Sprintf("the provider answered with status %d", status)}
	if json.Unmarshal(body, &said) != nil {
		return p
	}
	for _, code := range []any{said.Error.Code, said.Error.Type, said.Error.Status} {
		if text, ok := code.(string); ok && text != "" {
			p.Code = text
			break
		}
	}
	if said.Error.Message != "" {
		p.Message += ": " + said.Error.Message
	}
	return p
}
