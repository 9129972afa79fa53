package main

import (
	"context"
	"net/http"

	"github.com/skinflint-go/skinflint/middleware"
)

// delivering lets the stack know whether the clients of h have their answers.
func delivering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, done := middleware.ForClient(r.Context())
		d := &delivery{ResponseWriter: w, client: r.Context()}
		defer func() { done(!d.failed) }() // also if h panics because the answer broke off
		h.ServeHTTP(d, r.WithContext(ctx))
	})
}

// A delivery is an answer, and notes whether all of it could be written to its client.
type delivery struct {
	http.ResponseWriter
	client context.Context // ends when the client leaves
	failed bool
}

// Write writes a part of the body. A client that has left before that does not have it. One that leaves after the last part
// may have them all, and is then not missed.
func (d *delivery) Write(p []byte) (int, error) {
	d.note(d.client.Err())
	n, err := d.ResponseWriter.Write(p)
	d.note(err)
	return n, err
}

// FlushError is called by [http.ResponseController].
func (d *delivery) FlushError() error {
	err := http.NewResponseController(d.ResponseWriter).Flush()
	d.note(err)
	return err
}

func (d *delivery) note(err error) { d.failed = d.failed || err != nil }

// Unwrap returns the ResponseWriter below, for [http.NewResponseController].
func (d *delivery) Unwrap() http.ResponseWriter { return d.ResponseWriter }
