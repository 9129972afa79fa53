package llmtest

import (
	"net/http"
	"slices"
	"time"
)

// deliver sends the result of the work, with the faults that come after it.
func (x *responder) deliver(a answer) {
	switch x.fault {
	case Stall:
		<-x.r.Context().Done()
		x.abort()
	case Slow:
		x.pause(x.cfg.slowBy())
	case StaleClose:
		closeOnNextRequest(x.r.Context())
	}
	switch {
	case x.fault == ResetAfterAccept, x.fault == ProtocolErrorAfterWork:
		x.pause(x.cfg.Latency)
		x.breakOff()
	case x.fault == ServerErrorAfterWork, x.fault == ErrorInStream && a.stream == nil:
		x.fail(x.errorFor(reasonServerError))
	case a.stream != nil:
		x.pause(x.cfg.Latency)
		x.sendStream(a.stream)
	default:
		x.pause(x.cfg.Latency)
		x.sendBody(a.body)
	}
}

// sendBody sends a response that is not streamed, or half of it.
func (x *responder) sendBody(body []byte) {
	if x.fault != CutStream {
		x.send(http.StatusOK, body)
		return
	}
	x.begin(http.StatusOK, "application/json")
	_, _ = x.w.Write(body[:len(body)/2])
	_ = http.NewResponseController(x.w).Flush()
	x.abort()
}

// sendStream sends a stream, and flushes after each frame.
func (x *responder) sendStream(s *stream) {
	frames := s.frames
	switch x.fault {
	case CutStream:
		frames = frames[:len(frames)/2]
	case ErrorInStream:
		n := len(frames) / 2
		frames = append(slices.Clone(frames[:n]), s.failure(n)...)
	}
	x.begin(http.StatusOK, s.contentType)
	for i, frame := range frames {
		if i > 0 {
			x.pause(x.cfg.ChunkDelay)
		}
		if s.alive != nil && i == s.held {
			x.pause(time.Until(s.until))
			if !s.alive() {
				return
			}
		}
		if i == len(frames)-1 {
			x.leave()
		}
		x.write(frame)
	}
	if x.fault == CutStream {
		x.abort()
	}
}
