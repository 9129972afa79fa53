package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// path is the path of a chat completion, after a ground's root.
const path = "/chat/completions"

// A ground is what answers the requests with the stream.
type ground struct {
	name, about string
	root        string // of the API there
	base        http.RoundTripper
	stream      *chat.Stream
	newline     string // the name of the line ends
	atOnce      int    // how many streams run at once
	close       func()
}

// check fails if a request does not ask for the usage, which the stream has.
func check(body io.ReadCloser) error {
	all, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if n := bytes.Count(all, []byte(`"include_usage":true`)); n != 1 {
		return fmt.Errorf("the request asks for the stream's usage %d times: %s", n, all)
	}
	return body.Close()
}

// inMemory is the ground where nearly all work is the stack's: the body of the answer is copied from memory.
func inMemory(s *chat.Stream, newline string) *ground {
	return &ground{
		name: "in memory", about: "the base copies them from memory", root: "https://api.openai.com/v1",
		base: memory{s}, stream: s, newline: newline, atOnce: 1, close: func() {},
	}
}

// A memory is a RoundTripper that answers from memory.
type memory struct{ stream *chat.Stream }

// RoundTrip reads and closes the body, as a transport must, and answers.
func (m memory) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := check(req.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"text/event-stream"}, "X-Request-Id": {"req_5f2d9c"}},
		ContentLength: -1, Body: io.NopCloser(bytes.NewReader(m.stream.All)), Request: req,
	}, nil
}

// loopback is the ground with real connections: a server of net/http on this machine. It flushes after each event, like a
// server that gets the words one by one.
func loopback(s *chat.Stream, newline string, atOnce int) (*ground, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if err := check(req.Body); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		h := rw.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Request-Id", "req_5f2d9c")
		flusher := http.NewResponseController(rw)
		for _, event := range s.Events {
			if _, err := rw.Write(event); err != nil {
				return // the client has left
			}
			if err := flusher.Flush(); err != nil {
				return
			}
		}
	})}
	go server.Serve(listener) // until close
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = atOnce
	name := "over loopback"
	if atOnce > 1 {
		name = fmt.Sprintf("over loopback, %d at once", atOnce)
	}
	return &ground{
		name: name, about: "the server flushes after each", root: "http://" + listener.Addr().String() + "/v1",
		base: transport, stream: s, newline: newline, atOnce: atOnce,
		close: func() {
			transport.CloseIdleConnections()
			server.Close()
		},
	}, nil
}
