package main

import (
	"io"
	"net/http"
	"time"
)

// How long a client may take over the next piece of what it sends, and of what it is sent. A whole call may take as long as
// it takes.
const (
	sendTime    = time.Minute
	receiveTime = 5 * time.Minute
)

// arriving is a request's body that is given up when nothing comes.
type arriving struct {
	io.ReadCloser
	connection *http.ResponseController
}

func (a *arriving) Read(p []byte) (int, error) {
	a.connection.SetReadDeadline(time.Now().Add(sendTime))
	n, err := a.ReadCloser.Read(p)
	if err != nil {
		a.connection.SetReadDeadline(time.Time{}) // what is read from now on is whether the client is still there
	}
	return n, err
}

// leaving is an answer that is given up when nobody takes it.
type leaving struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (l *leaving) Write(p []byte) (int, error) {
	l.connection.SetWriteDeadline(time.Now().Add(receiveTime))
	return l.ResponseWriter.Write(p)
}

// Unwrap is for [http.NewResponseController].
func (l *leaving) Unwrap() http.ResponseWriter { return l.ResponseWriter }
