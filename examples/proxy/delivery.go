package main

import (
	"context"
	"net/http"
)

// A delivery is an answer, and notes whether all of it could be written to its client.
type delivery struct {
	http.ResponseWriter
	client context.Context // ends when the client leaves
	failed bool
}

func (d *delivery) Write(p []byte) (int, error) {
	n, err := d.ResponseWriter.Write(p)
	d.note(err)
	return n, err
}

// FlushError is called by [http.ResponseController].
func (d *delivery) FlushError() error {
	left := d.client.Err()
	err := http.NewResponseController(d.ResponseWriter).Flush()
	d.note(err)
	d.failed = d.failed || left != nil
	return err
}

func (d *delivery) note(err error) { d.failed = d.failed || err != nil }

// Unwrap returns the ResponseWriter below, for [http.NewResponseController].
func (d *delivery) Unwrap() http.ResponseWriter { return d.ResponseWriter }
