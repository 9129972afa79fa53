package main

import (
	"crypto/sha256"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// A try is what an SDK has tried: where, with which key and body.
type try [sha256.Size]byte

// tries remember calls that run on without their client. SDKs that give up a call by a timeout of their own send it again
// of themselves, which would be billed twice; of those that were cancelled the stack knows. The zero tries are ready.
type tries struct {
	mu   sync.Mutex
	left map[try]time.Time
}

const (
	tryTime  = time.Hour
	mostLeft = 1 << 16 // when more are remembered, any repetition may be of one that was forgotten
)

// credentials are the headers that keys stand in.
var credentials = []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"}

// tryOf knows a request again; false if its body is not in hand.
func tryOf(req *http.Request) (t try, ok bool) {
	if req.GetBody == nil {
		return t, false
	}
	body, err := req.GetBody()
	if err != nil {
		return t, false
	}
	defer body.Close()
	sum := sha256.New()
	io.WriteString(sum, req.URL.String())
	for _, name := range credentials {
		for _, value := range req.Header[name] {
			io.WriteString(sum, "\x00"+name+value)
		}
	}
	io.WriteString(sum, "\x00")
	if _, err := io.Copy(sum, body); err != nil {
		return t, false
	}
	return try(sum.Sum(nil)), true
}

func (t *tries) add(k try) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == nil {
		t.left = map[try]time.Time{}
	}
	for k, at := range t.left {
		if time.Since(at) > tryTime {
			delete(t.left, k)
		}
	}
	if len(t.left) < mostLeft {
		t.left[k] = time.Now()
	}
}

func (t *tries) forget(k try) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.left, k)
}

func (t *tries) has(k try) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.left[k]
	return ok && time.Since(at) <= tryTime || len(t.left) >= mostLeft
}

// repeats reports whether an SDK says of a request that it sends it again.
func repeats(req *http.Request) bool {
	n, err := strconv.Atoi(req.Header.Get("X-Stainless-Retry-Count"))
	return err == nil && n > 0
}

// refuseRepeat answers a call that its SDK sends again although what it sent before runs on.
func (c *calls) refuseRepeat(req *http.Request) *http.Response {
	req.Body.Close()
	c.log.Warn("a call was not sent again: the client left the one before, which is billed", "path", req.URL.Path)
	resp := &http.Response{
		StatusCode: http.StatusFailedDependency, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}, "X-Should-Retry": {"false"}, "Skinflint-Refusal": {"repeat"}},
	}
	setBody(resp, c.shaped(req.Method, req.URL, wire.Problem{
		Status: resp.StatusCode, Code: "skinflint_repeat",
		Message: "skinflint: the client has given up this call before, and the provider bills it all the same. It is not sent again: give it more time.",
	}))
	return resp
}
