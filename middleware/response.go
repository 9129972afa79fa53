package middleware

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// An ErrorForm is the form in which a client gets an error of the chain: a call that was refused, or an attempt that failed
// without an answer. The client must not send either again: see [Stack.ErrorsAs].
type ErrorForm uint8

const (
	// AsHeadersSay chooses by the request: AsResponse for SDKs made by Stainless, which send X-Stainless headers and
	// send a request again after any error, and AsError for any other client.
	AsHeadersSay ErrorForm = iota

	// AsResponse gives a response in the provider's shape: status 402 for a cost limit or a budget, 429 for a limit, 400 for bad
	// input, and 424 for everything else, above all an attempt that may have been billed. Its error.code is the status,
	// and its headers are x-should-retry: false and Skinflint-Refusal, which names the kind: "ambiguous".
	AsResponse

	// AsError gives an [*Error].
	AsError

	// AsFinalResponse gives a response as AsResponse does, for clients of which nothing is known, such as those of a proxy:
	// they may ignore x-should-retry. The status is 400 where AsResponse has 424: SDKs in use send a request again after
	// 408, 409, 413, 424, 429 or any 5xx, and none after 400. An answer of the provider that may have been billed, such as
	// a 500, becomes such a response too: its header Skinflint-Upstream-Status is the provider's status, and its
	// message ends with the provider's.
	AsFinalResponse
)

// never is its value. It is shared, and so has no room to append to.
var never = []string{"false"}[:1:1]

// forbidRetry keeps the SDK above from sending the call again. shared says that the header may be in use elsewhere.
func forbidRetry(resp *http.Response, shared bool) {
	if shared {
		resp.Header = maps.Clone(resp.Header)
	}
	if resp.Header == nil {
		resp.Header = make(http.Header)
	}
	resp.Header[shouldRetry] = never
}

// response reports whether the client of a request gets a response rather than an error.
func (f ErrorForm) response(req *http.Request) bool {
	if f != AsHeadersSay {
		return f != AsError
	}
	for k := range req.Header {
		if len(k) > len("X-Stainless-") && strings.EqualFold(k[:len("X-Stainless-")], "X-Stainless-") {
			return true
		}
	}
	return false
}

// status returns the status of the response that stands for an error.
func (f ErrorForm) status(e *Error) int {
	switch {
	case e.Kind == ErrCost, e.Kind == ErrBudget:
		return http.StatusPaymentRequired
	case e.Kind == ErrLimit:
		return http.StatusTooManyRequests
	case e.Kind == ErrPolicy, e.Kind == ErrBody, f == AsFinalResponse:
		return http.StatusBadRequest
	}
	return http.StatusFailedDependency
}

// respond returns the response that stands for an error, in the shape of the call's dialect. The message is the error's,
// and more.
func (f ErrorForm) respond(c *call, e *Error, more string) *http.Response {
	status, name := f.status(e), strings.TrimPrefix(refusalCode(e), "skinflint_")
	p := wire.Problem{Status: status, Code: "skinflint_" + name, Message: e.Error() + more}
	var body []byte
	if w, ok := c.dialect.(wire.ProblemWriter); ok {
		body = w.Problem(&c.wire, p)
	}
	if !json.Valid(body) { // a dialect of the program's own may return nothing, or invalid JSON
		body = wire.OpenAIProblem(p)
	}
	resp := &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))},
			shouldRetry: never, refusalHeader: {name},
		},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: c.request,
	}
	if e.Kind == ErrLimit && e.Wait > 0 {
		resp.Header.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(e.Wait.Seconds())), 10))
	}
	return resp
}

// finish returns the response that stands for an answer of the provider that may have been billed, and closes the answer.
// Headers that say who answered, and how the request was counted, stay.
func (f ErrorForm) finish(c *call, e *Error, answer *http.Response) *http.Response {
	more := ""
	if text := wire.ErrorMessage(answer); text != "" { // not in the error: a program may log that, and a provider may quote the prompt
		more = "; the provider says: " + text
	}
	answer.Body.Close()
	resp := f.respond(c, e, more)
	for key, values := range answer.Header {
		switch key = http.CanonicalHeaderKey(key); {
		case strings.HasPrefix(key, "Content-"), strings.HasPrefix(key, "Retry-After"), hopByHop[key]:
		case resp.Header[key] == nil:
			resp.Header[key] = values
		}
	}
	resp.Header.Set(upstreamHeader, strconv.Itoa(answer.StatusCode))
	return resp
}

// hopByHop are the headers that belong to a connection, or to the form of a body.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Transfer-Encoding": true, "Trailer": true, "Upgrade": true, "Te": true,
	"Etag": true, "Last-Modified": true, "Accept-Ranges": true,
}
