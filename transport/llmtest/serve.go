package llmtest

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// serve answers one request.
func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	x := &responder{exchange: exchange{provider: p, r: r}, w: w, face: route(r)}
	if x.face != nil {
		x.fault = p.nextFault()
		if !x.faultApplies() {
			x.fault = NoFault
		}
	}
	if x.fault == EarlyRateLimited {
		x.rejectEarly()
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if f, ok := x.face.(*uploadFile); ok {
			f.keep(&x.exchange, body)
		}
		x.abort() // the body never arrived
	}
	x.began = time.Now()
	switch {
	case x.face != nil:
		x.handle(body)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/models"):
		x.record(body)
		x.send(http.StatusOK, modelList)
	default:
		x.record(body)
		x.fail(noSuchURL(r))
	}
}

// modelList is the response to GET /v1/models.
var modelList = []byte(`{"object":"list","data":[` +
	`{"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"},` +
	`{"id":"gpt-5","object":"model","created":1754425777,"owned_by":"system"},` +
	`{"id":"o4-mini","object":"model","created":1744225351,"owned_by":"system"}]}`)

// handle answers a recognised request: with a fault, with a rejection, or with the result
// of the work.
func (x *responder) handle(body []byte) {
	malformed := x.face.read(&x.exchange, body)
	x.admit(body)
	defer x.leave()
	if x.strike() {
		return
	}
	if e := x.rejection(malformed); e != nil {
		x.requests.update(x.n, func(r *Request) { r.Fault = NoFault })
		x.fail(e)
		return
	}
	if f := x.ask(); f != nil {
		x.requests.update(x.n, func(r *Request) { r.Fault = NoFault })
		x.fail(x.face.invalid(&x.exchange, f))
		return
	}
	x.deliver(x.face.work(&x.exchange))
}

// rejection returns why the request is not worked on, or nil. The order of the checks is
// that of the real providers: the rate limit, the format, the model, the capacity.
func (x *responder) rejection(malformed *flaw) *apiError {
	switch {
	case x.rejected.exceeded:
		return x.errorFor(reasonRateLimit)
	case malformed != nil:
		return x.face.invalid(&x.exchange, malformed)
	}
	if e := x.face.vet(&x.exchange); e != nil {
		return e
	}
	p := &x.params
	switch {
	case strings.Contains(p.model, "missing"):
		return x.errorFor(reasonModel)
	case p.servedTier == "":
		return x.errorFor(reasonTier)
	case p.servedTier != "flex":
		return nil
	case x.cfg.FlexModels != nil && !slices.Contains(x.cfg.FlexModels, p.model):
		return x.errorFor(reasonFlexModel)
	case !x.hasFlexCapacity():
		return x.errorFor(reasonFlexCapacity)
	}
	return nil
}
