package llmtest

import (
	"fmt"
	"net"
	"net/http"
)

// Fault is a mishap that befalls one request, and the point where it strikes
// decides whether the provider bills for it:
//
//	fault                 the client sees                               billed
//	NoFault               the answer                                    yes
//	ResetBeforeAccept     the connection breaks, no byte of an answer   no
//	ResetAfterAccept      the same, from where the client stands        yes
//	CutStream             200, then half of the answer                  yes
//	ErrorInStream         200, half of the events, an error event;      yes
//	                      not streamed: 500
//	ServerError           500                                           no
//	ServerErrorAfterWork  500, the same to the last byte                yes
//	Overloaded            503 server_is_overloaded                      no
//	RateLimited           429 rate_limit_exceeded, "try again in 1s"    no
//	QuotaExceeded         429 insufficient_quota                        no
//	FlexUnavailable       429 flex_unavailable, Retry-After: 300        no
//	BadRequest            400 invalid_request_error                     no
//	Stall                 nothing at all, for as long as it waits       yes
//
// That is how OpenAI puts it. The others have words of their own:
//
//	fault            Gemini                       Vertex             Groq
//	ErrorInStream    {"error":...} bare of        the same           event: error
//	                 "data:", or the array's end
//	Overloaded       503 UNAVAILABLE              the same           503
//	RateLimited      429 RESOURCE_EXHAUSTED,      429, no details    429, Retry-After
//	                 PerMinute, RetryInfo
//	QuotaExceeded    429, PerDay, RetryInfo       the same           400 blocked_api_access
//	FlexUnavailable  503 UNAVAILABLE, or 429      the same           498 capacity_exceeded
//	                 without a quota, as
//	                 Config.FlexAs429 says
//	ServerError      500 INTERNAL                 the same           500
//
// What costs nothing, such as to count tokens or to look up a response, is not
// billed under any fault; but a fault after the work finds the work done: a
// cache was created, or is deleted.
//
// A fault that strikes after the work needs the work to be done: where the
// request is refused first (a bad body, the rate limit, no flex capacity) the
// refusal is the answer, and [Request.Fault] says NoFault. A fault that strikes
// before the work comes ahead of every such refusal.
//
// That nobody picks up the phone is no fault of a request, since none was sent:
// see [Config.RefuseDials].
type Fault uint8

// The faults, in the order of the table at [Fault].
const (
	// NoFault lets the request take its course.
	NoFault Fault = iota
	// ResetBeforeAccept resets the connection when the whole request has arrived
	// and nothing has been done for it. Not billed.
	ResetBeforeAccept
	// ResetAfterAccept does the work and resets the connection before the first
	// byte of the answer. Billed, and a client cannot tell it from
	// ResetBeforeAccept.
	ResetAfterAccept
	// CutStream breaks the answer off in the middle: half of the body, or half of
	// the events of a stream, and the connection ends before the body does. Billed.
	CutStream
	// ErrorInStream sends status 200, half of the events, and an error as the last
	// event; there is no [DONE]. A request that is not streamed gets a 500. Billed
	// both ways. In the Responses API two events end it: error and response.failed.
	ErrorInStream
	// ServerError answers 500 instead of doing the work. Not billed.
	ServerError
	// ServerErrorAfterWork does the work and answers 500 all the same. Billed, and
	// a client cannot tell it from ServerError.
	ServerErrorAfterWork
	// Overloaded answers 503 with the code server_is_overloaded and no
	// Retry-After. Not billed.
	Overloaded
	// RateLimited answers 429 with the code rate_limit_exceeded, of the type
	// "requests", and says in headers and text to come back in a second. Not billed.
	RateLimited
	// QuotaExceeded answers 429 with the code insufficient_quota: the credit is
	// gone, and no waiting brings it back. Not billed.
	QuotaExceeded
	// FlexUnavailable answers 429 with the code flex_unavailable and
	// Retry-After: 300, whatever tier was asked for. Not billed.
	FlexUnavailable
	// BadRequest answers 400 invalid_request_error to a request that may be
	// perfectly good. Not billed.
	BadRequest
	// Stall does the work and never answers. It ends when the client goes away or
	// the server closes. Billed.
	Stall
)

var faultNames = [...]string{
	NoFault:              "NoFault",
	ResetBeforeAccept:    "ResetBeforeAccept",
	ResetAfterAccept:     "ResetAfterAccept",
	CutStream:            "CutStream",
	ErrorInStream:        "ErrorInStream",
	ServerError:          "ServerError",
	ServerErrorAfterWork: "ServerErrorAfterWork",
	Overloaded:           "Overloaded",
	RateLimited:          "RateLimited",
	QuotaExceeded:        "QuotaExceeded",
	FlexUnavailable:      "FlexUnavailable",
	BadRequest:           "BadRequest",
	Stall:                "Stall",
}

// String returns the name of the fault's constant.
func (f Fault) String() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return fmt.Sprintf("Fault(%d)", uint8(f))
}

// Script decides which fault befalls a request. n counts the recognised requests
// from 0, that is, all that are listed in the package's documentation but those for
// a list of models. It is called for one
// request at a time, in order of arrival, and must not block. It may look at
// [Server.Meter] and [Server.Requests].
type Script interface {
	Fault(n int) Fault
}

// ScriptFunc makes a [Script] of a function.
type ScriptFunc func(n int) Fault

// Fault calls f(n).
func (f ScriptFunc) Fault(n int) Fault { return f(n) }

// Sequence gives the n-th request the n-th fault, and no fault to those after
// the last.
func Sequence(faults ...Fault) Script {
	return ScriptFunc(func(n int) Fault {
		if n < len(faults) {
			return faults[n]
		}
		return NoFault
	})
}

// scripted returns the trouble that fault stands for, and false if it lets the
// request through to the work.
func scripted(fault Fault) (trouble, bool) {
	switch fault {
	case ServerError:
		return brokenServer, true
	case Overloaded:
		return busyServer, true
	case RateLimited:
		return throttled, true
	case QuotaExceeded:
		return creditGone, true
	case FlexUnavailable:
		return noFlexRoom, true
	case BadRequest:
		return scriptedRefusal, true
	}
	return 0, false
}

// reset breaks the connection without a byte of an answer: a TCP connection gets
// a real RST, a pipe can only end.
func (x *exchange) reset() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.abort()
	}
	// net/http has let go of the connection, so it is ours to count as finished.
	defer x.s.running.Done()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// abort ends the connection after what was flushed so far, in the one way
// net/http has for a handler to do so. It does not return.
func (x *exchange) abort() {
	panic(http.ErrAbortHandler)
}
