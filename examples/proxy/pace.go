package main

import (
	"io"
	"net/http"
	"time"
)

// sendTime is how long a client may take to send the next piece of a request, and receiveTime to receive the next piece of
// an answer. A whole call has no limit.
const (
	sendTime    = time.Minute
	receiveTime = 5 * time.Minute
)

// arriving is the body of a request. Reading it fails after sendTime without a byte.
type arriving struct {
	io.ReadCloser
	connection *http.ResponseController
}

func (a *arriving) Read(p []byte) (int, error) {
	a.connection.SetReadDeadline(time.Now().Add(sendTime))
	n, err := a.ReadCloser.Read(p)
	if err != nil {
		a.connection.SetReadDeadline(time.Time{}) // from now on the server reads only to see whether the client leaves
	}
	return n, err
}

// leaving is an answer. Writing it fails after receiveTime without progress.
type leaving struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (l *leaving) Write(p []byte) (int, error) {
	l.connection.SetWriteDeadline(time.Now().Add(receiveTime))
	return l.ResponseWriter.Write(p)
}

// Unwrap returns the ResponseWriter below, for [http.NewResponseController].
func (l *leaving) Unwrap() http.ResponseWriter { return l.ResponseWriter }
