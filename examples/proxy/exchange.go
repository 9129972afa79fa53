package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// An exchange is a request that the proxy forwards. It is in the request's context.
type exchange struct {
	holding           // the body, if it is kept in memory
	request *arriving // the body as it comes from the client; nil without one
}

type exchangeKey struct{}

// with returns a context that leads to the exchange.
func (x *exchange) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// exchangeOf returns the exchange of a context; nil if there is none.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// fault returns why the client failed to send its request; nil if it did not fail.
func (x *exchange) fault() error {
	if x == nil || x.request == nil {
		return nil
	}
	return x.request.fault()
}

// receive reads the body of a call into memory, if it is not too long for that: see [holding.hold].
func (x *exchange) receive(out *http.Request) error {
	if x.request == nil {
		return x.hold(out)
	}
	x.request.endBy(time.Now().Add(holdTime))
	defer x.request.endBy(time.Time{})
	return x.hold(out)
}

// problemOf returns the answer to a request that got none from the provider because of err. It reports false if the client has
// left, or the proxy ends: then there is no true answer.
func problemOf(ctx context.Context, err error) (p wire.Problem, ok bool) {
	var network net.Error
	switch fault := exchangeOf(ctx).fault(); {
	case fault != nil:
		return faultProblem(fault), true
	case errors.Is(err, errNoRoom):
		return wire.Problem{Status: http.StatusServiceUnavailable, Code: "skinflint_busy",
			Message: "skinflint: the bodies of other calls take all the memory that this proxy has for them (-body-memory). Nothing was sent. Try again later."}, true
	case ctx.Err() != nil:
		return p, false
	case errors.As(err, &network) && network.Timeout():
		return wire.Problem{Status: http.StatusGatewayTimeout, Code: "skinflint_upstream", Message: "skinflint: the upstream did not answer in time."}, true
	}
	return wire.Problem{Status: http.StatusBadGateway, Code: "skinflint_upstream", Message: "skinflint: the upstream gave no answer."}, true
}

// faultProblem returns the answer to a request that its client failed to send.
func faultProblem(fault error) wire.Problem {
	p := wire.Problem{Status: http.StatusBadRequest, Code: "skinflint_request"}
	var network net.Error
	switch {
	case errors.Is(fault, os.ErrDeadlineExceeded), errors.As(fault, &network) && network.Timeout():
		p.Status, p.Message = http.StatusRequestTimeout, "skinflint: the body of the request did not arrive in time."
	case errors.Is(fault, io.ErrUnexpectedEOF), errors.As(fault, new(*net.OpError)):
		p.Message = "skinflint: the request ended before its body was complete."
	default:
		p.Message = "skinflint: the body of the request is not valid HTTP: " + fault.Error()
	}
	return p
}
