package llmtest

import (
	"net/http"
	"slices"
	"sync"
)

// Request is one request that reached the server. Its body is complete, except under
// the fault EarlyRateLimited, which does not wait for the body.
type Request struct {
	// N counts all requests from 0, recognised or not.
	N int
	// Method and Path are those of the request line. Query is the raw query, without the
	// question mark. Host is the host that the client addressed.
	Method, Path, Query, Host string
	// Header is the request's header. It is shared: do not change it.
	Header http.Header
	// Body holds the bytes of the body that were read. It is shared: do not
	// change it. It is nil for the chunks of an upload.
	Body []byte
	// Provider and Operation are as in [Generation], or "" if the request was not
	// recognised. Some operations are never billed: "countTokens", "getResponse",
	// "cancelResponse", "getCachedContent", "listCachedContents", "updateCachedContent",
	// "deleteCachedContent", "startUpload", "uploadFile", "getFile", "listFiles" and
	// "deleteFile".
	Provider, Operation string
	// Model is the model that was asked for, or "" if the request names none.
	Model string
	// Tier is the service tier that was asked for, or "" if it is absent or null. Vertex
	// takes it from a header, the other providers from the body.
	Tier string
	// Stream reports whether a stream was asked for, and IncludeUsage whether its usage
	// was.
	Stream, IncludeUsage bool
	// Call identifies the content of the request, as in [Generation]. It is "" if the
	// request has no content.
	Call string
	// Fault is the fault that was applied to the request.
	Fault Fault
	// Status is the status of the response. It is 0 if there was none: the connection was
	// reset, the client left before it, or it is still being prepared.
	Status int
}

// requestLog records the requests that arrived.
type requestLog struct {
	mu       sync.Mutex
	requests []Request
}

// add records a request and returns its number.
func (l *requestLog) add(r Request) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.N = len(l.requests)
	l.requests = append(l.requests, r)
	return r.N
}

// update changes the record of request n.
func (l *requestLog) update(n int, change func(*Request)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.requests[n])
}

// get returns the record of request n.
func (l *requestLog) get(n int) Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests[n]
}

func (l *requestLog) all() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.requests)
}
