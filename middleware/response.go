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

	// AsResponse gives a response in the provider's shape: status 402 for a cost limit, 429 for a limit, 400 for bad
	// input, and 424 for everything else, above all an attempt that may have been billed. Its error.code is the status,
	// and its headers are x-should-retry: false and Skinflint-Refusal, which names the kind: "ambiguous".
	AsResponse

	// AsError gives an [*Error].
	AsError
)

// refusalHeader names the kind of the [Error] in a response that is not the provider's.
const refusalHeader = "Skinflint-Refusal"

// shouldRetry is the header by which SDKs made by Stainless decide whether to send a request again. It outweighs the
// status, 200 included.
const shouldRetry = "X-Should-Retry"

// never is its value. It is shared, and so has no room to append to.
var never = []string{"false"}[:1:1]

// forbidRetry keeps the SDK above from sending the call again. shared says that the header may be in use elsewhere.
func forbidRetry(resp *http.Response, shared bool) {
	if resp.Header == nil || shared {
		header := make(http.Header, len(resp.Header)+1)
		maps.Copy(header, resp.Header)
		resp.Header = header
	}
	resp.Header[shouldRetry] = never
}

// response reports whether the client of a request gets a response rather than an error.
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

// respond returns the response that stands for an error, in the shape of the call's dialect.
func respond(d wire.Dialect, c *wire.Call, req *http.Request, e *Error) *http.Response {
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
	if w, ok := d.(wire.ProblemWriter); ok {
		body = w.Problem(c, p)
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
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
	if e.Kind == ErrLimit && e.Wait > 0 {
		resp.Header.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(e.Wait.Seconds())), 10))
	}
	return resp
}
