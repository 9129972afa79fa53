package middleware

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An ErrorForm says how a client is told what it does not get an answer of the provider for: what the chain refuses, and
// an attempt that failed without an answer. What the client must not do is send it again: see [Stack.ErrorsAs].
type ErrorForm uint8

const (
	// AsHeadersSay chooses by the request: AsResponse for SDKs made by Stainless, which send X-Stainless headers and
	// resend whatever ends in an error, and AsError for any other client.
	AsHeadersSay ErrorForm = iota

	// AsResponse gives a response in the provider's shape: status 402 for a cost limit, 429 for a limit, 400 for what
	// makes no sense, and 424 for everything else, an attempt that may have been billed first of all. Its error.code is
	// the status, and its headers are x-should-retry: false and Skinflint-Refusal, which names the kind: "ambiguous".
	AsResponse

	// AsError gives an [*Error].
	AsError
)

// refusalHeader names what the chain refused, or gave up, in a response that is not the provider's.
const refusalHeader = "Skinflint-Refusal"

// shouldRetry is the header by which the SDKs made by Stainless are told whether to send a request again. It outweighs
// the status, 200 included.
const shouldRetry = "X-Should-Retry"

// never is its value; it is shared, and so has no room to append to.
var never = []string{"false"}[:1:1]

// deliver gives the caller what became of a call: an answer that says not to send the call again, or the error, in the
// form that the client understands.
func (l *link) deliver(r *record, req *http.Request, resp *http.Response, err error) (*http.Response, error) {
	if err == nil {
		r.forbidRetry(resp)
		return resp, nil
	}
	if over(req) {
		return nil, err // it stays the context's error
	}
	e, ok := r.explained(err)
	if !ok {
		return nil, err
	}
	r.options.Tracked().Fail(e)
	switch {
	case l.form.response(req):
		return r.respond(req, e), nil
	case errors.Is(err, e):
		return nil, err
	}
	return nil, e
}

// forbidRetry keeps the SDK above from sending the call again: it was sent as often as the policy allows, or may have
// been billed. Calls that we only watch may be sent again if the provider has refused them.
func (r *record) forbidRetry(resp *http.Response) {
	if !r.governed || resp == nil || r.attempt == nil || resp.StatusCode == http.StatusSwitchingProtocols || r.call.Kind != wire.Billable && r.unbilled() {
		return
	}
	if resp.Header == nil || !r.attempt.sender.bare {
		// A base of the program's own may give the same header twice.
		header := make(http.Header, len(resp.Header)+1)
		maps.Copy(header, resp.Header)
		resp.Header = header
	}
	resp.Header[shouldRetry] = never
}

// unbilled reports whether the last attempt is known to be free.
func (r *record) unbilled() bool {
	n := len(r.results)
	return n > 0 && (r.results[n-1].Outcome == policy.NotSent || r.results[n-1].Outcome == policy.Rejected)
}

// over reports whether the caller has given up the request.
func over(req *http.Request) bool {
	select {
	case <-req.Cancel: //lint:ignore SA1019 http.Client sets it for a transport that is not net/http's own
		return true
	default:
		return req.Context().Err() != nil
	}
}

// explained returns what a call has failed of; false if that is not for us to say, because no retry link answers for it.
func (r *record) explained(err error) (*Error, bool) {
	var e *Error
	if errors.As(err, &e) {
		if e.Kind != ErrTimeout || !r.unbilled() {
			return e, true
		}
		err = e.Err // it was never sent, so nothing was billed
	}
	if !r.governed || len(r.results) == 0 || r.call.Kind != wire.Billable && r.unbilled() {
		return nil, false
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // its URL may hold a key
	}
	e = &Error{Kind: ErrAmbiguous, Err: err, Provider: r.call.Provider, Model: r.call.Model, Attempts: r.attempts}
	switch {
	case r.unbilled():
		e.Kind, e.Detail = ErrNotSent, "the provider was not reached, and nothing was billed"
	case r.attempt != nil && r.attempt.row.Exposure.Known:
		e.Detail = fmt.Sprintf("it was sent, and may have been billed, for $%s at most", r.attempt.row.Exposure.Pico)
		e.Hint = "it is not sent again unless policy.AllowDoubleBilling says so"
	default:
		e.Detail = "it was sent, and may have been billed"
		e.Hint = "it is not sent again unless policy.AllowDoubleBilling says so"
	}
	if r.exhausted > 0 {
		e.Hint = fmt.Sprintf("it is not sent again because our own retry quota is used up: %d retries have failed meanwhile", r.exhausted)
	}
	return e, true
}

// response reports whether the client is to be told by a response.
func (f ErrorForm) response(req *http.Request) bool {
	if f != AsHeadersSay {
		return f == AsResponse
	}
	for k := range req.Header {
		if len(k) > len("X-Stainless-") && strings.EqualFold(k[:len("X-Stainless-")], "X-Stainless-") {
			return true
		}
	}
	return false
}

// respond returns the response that stands for an error.
func (r *record) respond(req *http.Request, e *Error) *http.Response {
	status, name := http.StatusFailedDependency, strings.TrimPrefix(refusalCode(e), "skinflint_")
	switch e.Kind {
	case ErrCost:
		status = http.StatusPaymentRequired
	case ErrLimit:
		status = http.StatusTooManyRequests
	case ErrPolicy, ErrBody:
		status = http.StatusBadRequest
	}
	p := wire.Problem{Status: status, Code: "skinflint_" + name, Message: e.Error()}
	var body []byte
	if w, ok := r.dialect.(wire.ProblemWriter); ok {
		body = w.Problem(&r.call, p)
	}
	if !json.Valid(body) { // a dialect of the program's own may have none, or one that does not hold
		body = wire.OpenAIProblem(p)
	}
	resp := &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))},
			shouldRetry: never, refusalHeader: {name},
		},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
	if e.Kind == ErrLimit && e.Wait > 0 {
		resp.Header.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(e.Wait.Seconds())), 10))
	}
	return resp
}
