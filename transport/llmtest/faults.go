package llmtest

import "fmt"

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
//	EarlyRateLimited      429 as RateLimited, before the body is sent   no
//	StaleClose            the answer; the next request on the same      yes
//	                      connection finds it closed
//	Slow                  the answer, eleven minutes late               yes
//	RedirectSame          307, to the same host                         no
//	RedirectAway          307, to another host                          no
//	TrickledError         500, its body a byte a second                 no
//	ShouldRetryFalse      429 as RateLimited, x-should-retry: false     no
//
// How a connection breaks is a matter of the version of HTTP, see [Config.HTTP2]:
//
//	fault                   HTTP/1                 HTTP/2                      billed
//	ResetBeforeAccept       a reset                RST_STREAM, INTERNAL_ERROR  no
//	ResetAfterAccept        the same               the same                    yes
//	CutStream               an unexpected end      the same                    yes
//	RefusedStream           as ResetBeforeAccept   RST_STREAM, REFUSED_STREAM  no
//	GoAway                  as ResetBeforeAccept   GOAWAY, NO_ERROR            no
//	ProtocolError           as ResetBeforeAccept   RST_STREAM, PROTOCOL_ERROR  no
//	ProtocolErrorAfterWork  as ResetAfterAccept    the same                    yes
//	StaleClose              a reset, or the end    as NoFault                  yes
//
// The codes are OpenAI's. The others have words of their own:
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
//	ServerError-     the same, not billed         the same           the same, billed
//	AfterWork
//
// Two more do so, of which Anthropic knows no flex, and Azure has none deployed:
//
//	fault            Anthropic                    Azure
//	ErrorInStream    event: error,                as OpenAI
//	                 overloaded_error
//	Overloaded       529 overloaded_error         503 ServiceUnavailable
//	RateLimited      429 rate_limit_error,        429 429, Retry-After, retry-after-ms; below
//	                 Retry-After                  /openai/v1 RateLimitReached, retry-after-ms: 0
//	QuotaExceeded    400 invalid_request_error,   429 429, Retry-After: 86400
//	                 "credit balance is too low"
//	FlexUnavailable  529 overloaded_error         429 429, "high demand", Retry-After: 20
//	ServerError      500 api_error                500 InternalServerError
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
	// and nothing has been done for it; on HTTP/2 only the request's stream, with
	// INTERNAL_ERROR. Not billed.
	ResetBeforeAccept
	// ResetAfterAccept does the work and resets the connection before the first
	// byte of the answer. Billed, and a client cannot tell it from
	// ResetBeforeAccept.
	ResetAfterAccept
	// CutStream breaks the answer off in the middle: half of the body, or half of
	// the events of a stream, and the connection ends before the body does, or on
	// HTTP/2 the stream, with INTERNAL_ERROR. Billed.
	CutStream
	// ErrorInStream sends status 200, half of the events, and an error as the last
	// event; there is no [DONE]. A request that is not streamed gets a 500. Billed
	// both ways, but for a 500 of Google's. In the Responses API two events end it: error and response.failed.
	ErrorInStream
	// ServerError answers 500 instead of doing the work. Not billed.
	ServerError
	// ServerErrorAfterWork does the work and answers 500 all the same. Billed, and
	// a client cannot tell it from ServerError. Google's documents say that a 500
	// costs nothing, and so it does on Google's faces, but for the creation of a
	// cache.
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
	// RefusedStream ends the request's HTTP/2 stream with RST_STREAM,
	// REFUSED_STREAM, when the whole request has arrived: the protocol's own word
	// that nothing was done for it. On HTTP/1 it is ResetBeforeAccept. Not billed.
	RefusedStream
	// GoAway sends GOAWAY, NO_ERROR, when the whole request has arrived, with a last
	// stream before the request's, which was not worked on. The other streams of the
	// connection go on, and when they are done it is closed. Those that were begun
	// after the request's may have been worked on: if there are any, the GOAWAY
	// includes them, and the request's own stream gets a REFUSED_STREAM. The GOAWAY
	// may come in two, of which the first includes the request's stream. On HTTP/1
	// it is ResetBeforeAccept. Not billed.
	GoAway
	// ProtocolError ends the request's HTTP/2 stream with RST_STREAM,
	// PROTOCOL_ERROR, when the whole request has arrived and nothing has been done
	// for it. On HTTP/1 it is ResetBeforeAccept. Not billed.
	//
	// net/http's transport sends the request again after this fault and the two
	// before it, if it has the body or GetBody. After RefusedStream it gives up with
	// the eighth try; after the others it goes on without end and without delay, so
	// a script of nothing else is one to hang on.
	ProtocolError
	// ProtocolErrorAfterWork does the work and then what ProtocolError does, or on
	// HTTP/1 ResetAfterAccept. Billed, and a client cannot tell it from
	// ProtocolError.
	ProtocolErrorAfterWork
	// EarlyRateLimited answers as RateLimited does, but before it has read a byte
	// of the body, which the client may still be sending. [Request] then has what
	// the path says, and no Body. Who asked by "Expect: 100-continue" whether to
	// send the body is told not to. Not billed.
	EarlyRateLimited
	// StaleClose answers, and closes the connection on the first bytes of the next
	// request that comes on it, as if the connection had been idle for too long at
	// just that moment. That next request is neither read nor recorded, and its
	// client sees the connection end before an answer. On HTTP/2 it is NoFault.
	// Billed, the request that is answered.
	StaleClose
	// Slow does the work, and sends the answer later by [Config.SlowBy]. It ends
	// early when the client goes away. Billed.
	Slow
	// RedirectSame answers 307, and the Location is the same path on the same host,
	// with redirected=1 added to the query. A request that has it already is NoFault.
	// Not billed.
	RedirectSame
	// RedirectAway answers 307, and the Location is the same path and query at
	// http://elsewhere.llmtest.invalid. The server's own Transport gets there, and
	// ends up at the same server: what the client gave away to the other host is in
	// [Server.Requests]. A request that is made there already is NoFault. A face that
	// is known by its host alone is another one there. Not billed.
	RedirectAway
	// TrickledError answers 500, as ServerError does, and the body comes a byte a
	// second. Not billed.
	TrickledError
	// ShouldRetryFalse is RateLimited with the header x-should-retry: false. Not
	// billed.
	ShouldRetryFalse
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

	RefusedStream:          "RefusedStream",
	GoAway:                 "GoAway",
	ProtocolError:          "ProtocolError",
	ProtocolErrorAfterWork: "ProtocolErrorAfterWork",
	EarlyRateLimited:       "EarlyRateLimited",
	StaleClose:             "StaleClose",
	Slow:                   "Slow",
	RedirectSame:           "RedirectSame",
	RedirectAway:           "RedirectAway",
	TrickledError:          "TrickledError",
	ShouldRetryFalse:       "ShouldRetryFalse",
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
// [Server.Meter] and [Server.Requests], which do not have the request yet: the
// head of it has arrived, and the body may still be on its way. A request counts
// even if its body never arrives, and then no fault befalls it and it is not in
// Requests.
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
	case RateLimited, EarlyRateLimited, ShouldRetryFalse:
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
