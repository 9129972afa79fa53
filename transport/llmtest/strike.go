package llmtest

import (
	"io"
	"net/http"
	"time"
)

// spared says whether the fault that the script chose does not apply.
func (x *exchange) spared() bool {
	return x.fault == StaleClose && x.r.ProtoMajor == 2 || redirected(x.r, x.fault)
}

// strikes lets the faults strike that come before the work, and says whether one did.
func (x *exchange) strikes() bool {
	switch x.fault {
	case ResetBeforeAccept, RefusedStream, GoAway, ProtocolError:
		x.breakOff()
	case RedirectSame, RedirectAway:
		x.redirect()
	case TrickledError:
		x.trickle(x.face.say(x, brokenServer))
	default:
		t, ok := scripted(x.fault)
		if ok {
			x.refuse(t)
		}
		return ok
	}
	return true
}

// refuse answers with the trouble that the fault stands for.
func (x *exchange) refuse(t trouble) {
	if t == throttled {
		x.quota = scriptedLimit
	}
	if x.fault == ShouldRetryFalse {
		x.w.Header().Set("X-Should-Retry", "false")
	}
	x.fail(x.face.say(x, t))
}

// refuseEarly answers before the body is read.
func (x *exchange) refuseEarly() {
	control := http.NewResponseController(x.w)
	_ = control.EnableFullDuplex() // or net/http would read the body first
	x.began = time.Now()
	x.face.read(x, nil) // for what the path says
	x.admit(nil)
	x.refuse(throttled)
	_ = control.Flush()
	if x.r.ProtoMajor == 1 {
		// Left to net/http, the end of the body would come when the handler has
		// returned, which its connections do not survive in full duplex.
		_, _ = io.Copy(io.Discard, x.r.Body)
	}
}
