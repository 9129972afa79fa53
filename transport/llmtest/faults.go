package llmtest

import "fmt"

// Fault is something that goes wrong with one request. Whether the provider bills the
// request depends on when it goes wrong:
//
//	fault                 the client sees                               billed
//	NoFault               the response                                  yes
//	ResetBeforeAccept     the connection breaks before a response       no
//	ResetAfterAccept      the same                                      yes
//	CutStream             200, then half of the response                yes
//	ErrorInStream         200, half of the events, an error event;      yes
//	                      not streamed: 500
//	ServerError           500                                           no
//	ServerErrorAfterWork  500, the same to the last byte                yes
//	Overloaded            503 server_is_overloaded                      no
//	RateLimited           429 rate_limit_exceeded, "try again in 1s"    no
//	QuotaExceeded         429 insufficient_quota                        no
//	FlexUnavailable       429 flex_unavailable, Retry-After: 300        no
//	BadRequest            400 invalid_request_error                     no
//	Stall                 no response, for as long as it waits          yes
//	EarlyRateLimited      429 as RateLimited, before the body is sent   no
//	StaleClose            the response; the next request on the same    yes
//	                      connection finds it closed
//	Slow                  the response, eleven minutes late             yes
//	RedirectSame          307, to the same host                         no
//	RedirectAway          307, to another host                          no
//	TrickledError         500, one byte of its body per second          no
//	ShouldRetryFalse      429 as RateLimited, x-should-retry: false     no
//
// How a connection breaks depends on the version of HTTP, see [Config.HTTP2]:
//
//	fault                   HTTP/1                 HTTP/2                      billed
//	ResetBeforeAccept       a reset                RST_STREAM, INTERNAL_ERROR  no
//	ResetAfterAccept        the same               the same                    yes
//	CutStream               an unexpected end      RST_STREAM, INTERNAL_ERROR  yes
//	RefusedStream           as ResetBeforeAccept   RST_STREAM, REFUSED_STREAM  no
//	GoAway                  as ResetBeforeAccept   GOAWAY, NO_ERROR            no
//	ProtocolError           as ResetBeforeAccept   RST_STREAM, PROTOCOL_ERROR  no
//	ProtocolErrorAfterWork  as ResetAfterAccept    the same                    yes
//	StaleClose              a reset, or the end    as NoFault                  yes
//
// The codes are OpenAI's. The other providers have their own errors:
//
//	fault            Gemini                       Vertex             Groq
//	ErrorInStream    {"error":...} without        the same           event: error
//	                 "data:", or the last
//	                 element of the array
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
// Anthropic has no flex tier, and no deployment of Azure has one:
//
//	fault            Anthropic                    Azure
//	ErrorInStream    event: error,                as OpenAI
//	                 overloaded_error
//	Overloaded       529 overloaded_error         503 ServiceUnavailable
//	RateLimited      429 rate_limit_error,        429 429, Retry-After, retry-after-ms; under
//	                 Retry-After                  /openai/v1 RateLimitReached, retry-after-ms: 0
//	QuotaExceeded    400 invalid_request_error,   429 429, Retry-After: 86400
//	                 "credit balance is too low"
//	FlexUnavailable  529 overloaded_error         429 429, "high demand", Retry-After: 20
//	ServerError      500 api_error                500 InternalServerError
//
// Free operations, such as counting tokens or retrieving a response, are not billed under
// any fault. But a fault after the work finds the work done: a cache has been created or
// deleted.
//
// A fault after the work needs the work to be done. If the request is rejected (a malformed
// body, the rate limit, no flex capacity), the client gets the rejection, and
// [Request.Fault] is NoFault. A fault before the work takes precedence over every
// rejection.
//
// A connection that cannot be made is not a fault of a request: see [Config.RefuseDials].
type Fault uint8

// The faults, in the order of the table at [Fault].
const (
	// NoFault changes nothing.
	NoFault Fault = iota
	// ResetBeforeAccept resets the connection when the whole request has arrived, before the
	// work. On HTTP/2 it resets only the request's stream, with INTERNAL_ERROR. Not billed.
	ResetBeforeAccept
	// ResetAfterAccept does the work, and then what ResetBeforeAccept does. Billed. A client
	// cannot distinguish the two.
	ResetAfterAccept
	// CutStream sends half of the body, or half of the events of a stream, and then closes the
	// connection. On HTTP/2 it resets the stream, with INTERNAL_ERROR. Billed.
	CutStream
	// ErrorInStream sends status 200, half of the events, and an error as the last event,
	// without [DONE]. In the Responses API there are two last events, error and
	// response.failed. A request that is not streamed gets a 500. Billed, except for a 500 of
	// Gemini or Vertex.
	ErrorInStream
	// ServerError answers with a 500 instead of doing the work. Not billed.
	ServerError
	// ServerErrorAfterWork does the work, and then answers with the same 500. Billed, except
	// by Gemini and Vertex, whose documents say that a 500 is free. They bill only the
	// creation of a cache. A client cannot distinguish it from ServerError.
	ServerErrorAfterWork
	// Overloaded answers with a 503, the code server_is_overloaded and no Retry-After. Not
	// billed.
	Overloaded
	// RateLimited answers with a 429 and the code rate_limit_exceeded, of the type "requests".
	// Headers and text say to retry after a second. Not billed.
	RateLimited
	// QuotaExceeded answers with a 429 and the code insufficient_quota: the credit is used up,
	// and waiting does not help. Not billed.
	QuotaExceeded
	// FlexUnavailable answers with a 429, the code flex_unavailable and Retry-After: 300,
	// whatever tier was asked for. Not billed.
	FlexUnavailable
	// BadRequest answers with a 400, invalid_request_error, even to a valid request. Not
	// billed.
	BadRequest
	// Stall does the work and never responds. It ends when the client leaves or the server
	// closes. Billed.
	Stall
	// RefusedStream ends the request's HTTP/2 stream with RST_STREAM, REFUSED_STREAM, when the
	// whole request has arrived. The code says that the request was not processed. On HTTP/1
	// it is ResetBeforeAccept. Not billed.
	RefusedStream
	// GoAway sends GOAWAY, NO_ERROR, when the whole request has arrived. Its last stream is one
	// before the request's, which was not processed. The other streams of the connection go
	// on, and the connection is closed when they are done. Streams later than the request's
	// may have been processed. If there are any, the GOAWAY includes them, and the request's
	// stream ends with REFUSED_STREAM. There may be two GOAWAYs, of which the first includes
	// the request's stream. On HTTP/1 it is ResetBeforeAccept. Not billed.
	GoAway
	// ProtocolError ends the request's HTTP/2 stream with RST_STREAM, PROTOCOL_ERROR, when the
	// whole request has arrived, before the work. On HTTP/1 it is ResetBeforeAccept. Not
	// billed.
	//
	// net/http's transport sends the request again after RefusedStream, GoAway and
	// ProtocolError, if there is no body or a GetBody. After RefusedStream it gives up at the
	// eighth attempt. After the other two it goes on for ever and without delay, so a script of
	// nothing else makes a client hang.
	ProtocolError
	// ProtocolErrorAfterWork does the work, and then what ProtocolError does. On HTTP/1 it is
	// ResetAfterAccept. Billed. A client cannot distinguish it from ProtocolError.
	ProtocolErrorAfterWork
	// EarlyRateLimited answers as RateLimited does, but before it reads the body, which the
	// client may still be sending. [Request] then has what the path says, and no Body. A
	// client that sent "Expect: 100-continue" gets no 100. Not billed.
	EarlyRateLimited
	// StaleClose answers the request, and closes the connection on the first bytes of the next
	// request on it, as a server does whose idle timeout ends at that moment. The next request
	// is neither read nor recorded, and its client sees the connection end without a response.
	// On HTTP/2 it is NoFault. The request that is answered is billed.
	StaleClose
	// Slow does the work, and delays the response by [Config.SlowBy]. It ends early when the
	// client leaves. Billed.
	Slow
	// RedirectSame answers with a 307 to the same path on the same host, with redirected=1
	// added to the query. For a request that has this already it is NoFault. Not billed.
	RedirectSame
	// RedirectAway answers with a 307 to the same path and query on another host,
	// http://elsewhere.llmtest.invalid. With the server's own Transport the client reaches the
	// same server there, so [Server.Requests] shows what it sent to the other host. For a
	// request to that host it is NoFault. A provider that is recognised only by its host is not
	// recognised there. Not billed.
	RedirectAway
	// TrickledError answers as ServerError does, and sends one byte of the body per second. Not
	// billed.
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

// Script chooses the fault of each request.
//
// Fault is called when the head of a request has arrived. Its body may still be on its way,
// and the request is not yet in [Server.Requests]. n counts the recognised requests from 0.
// These are all that the package's documentation lists, except those for a list of models. A
// request counts even if its body never arrives. Then it has no fault, and is not in
// Requests.
//
// Fault is called for one request at a time, in the order of arrival, and must not block. It
// may call [Server.Meter] and [Server.Requests].
type Script interface {
	Fault(n int) Fault
}

// ScriptFunc is a function that is a [Script].
type ScriptFunc func(n int) Fault

// Fault calls f(n).
func (f ScriptFunc) Fault(n int) Fault { return f(n) }

// Sequence returns a script that gives the n-th request the n-th fault, and no fault to the
// requests after the last of them.
func Sequence(faults ...Fault) Script {
	return ScriptFunc(func(n int) Fault {
		if n < len(faults) {
			return faults[n]
		}
		return NoFault
	})
}
