package llmtest

import (
	"io"
	"net/http"
	"time"
)

// faultApplies reports whether the fault that the script chose can strike this request.
func (x *responder) faultApplies() bool {
	return !(x.fault == StaleClose && x.r.ProtoMajor == 2) && !isRedirected(x.r, x.fault)
}

// strike applies a fault that comes before the work. It reports whether the request is
// answered with that.
func (x *responder) strike() bool {
	switch x.fault {
	case ResetBeforeAccept, RefusedStream, GoAway, ProtocolError:
		x.breakOff()
	case RedirectSame, RedirectAway:
		x.redirect()
	case TrickledError:
		x.trickle(x.errorFor(reasonServerError))
	default:
		why, ok := errorFaults[x.fault]
		if ok {
			x.reject(why)
		}
		return ok
	}
	return true
}

// errorFaults are the faults that are only an error response before the work.
var errorFaults = map[Fault]reason{
	ServerError:      reasonServerError,
	Overloaded:       reasonOverloaded,
	RateLimited:      reasonRateLimit,
	EarlyRateLimited: reasonRateLimit,
	ShouldRetryFalse: reasonRateLimit,
	QuotaExceeded:    reasonQuota,
	FlexUnavailable:  reasonFlexCapacity,
	BadRequest:       reasonScript,
}

// reject answers with the error of a fault.
func (x *responder) reject(why reason) {
	if why == reasonRateLimit {
		x.quota, x.rejected = scriptedLimit, scriptedLimit
	}
	if x.fault == ShouldRetryFalse {
		x.w.Header().Set("X-Should-Retry", "false")
	}
	x.fail(x.errorFor(why))
}

// rejectEarly answers with a rate limit before the body is read.
func (x *responder) rejectEarly() {
	control := http.NewResponseController(x.w)
	_ = control.EnableFullDuplex() // or net/http would read the body first
	x.began = time.Now()
	x.face.read(&x.exchange, nil) // for what the path says
	x.admit(nil)
	defer x.leave()
	x.reject(reasonRateLimit)
	_ = control.Flush()
	if x.r.ProtoMajor == 1 {
		// If net/http read the rest of the body, it would do so after the handler has
		// returned. Its connections do not survive that in full duplex.
		_, _ = io.Copy(io.Discard, x.r.Body)
	}
}
