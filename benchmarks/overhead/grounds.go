package main

import (
	"errors"
	"hash/maphash"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// path is where a chat completion is asked for, beneath a ground's root.
const path = "/chat/completions"

// answer is what every request gets: what OpenAI answers to a short question on the flex tier, its text left out as far
// as can be.
const answer = `{"id":"chatcmpl-Bq3vKx0Zc8d1","object":"chat.completion","created":1790000000,"model":"gpt-5-2025-08-07",` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"No.","refusal":null,"annotations":[]},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":437,"completion_tokens":74,"total_tokens":511,` +
	`"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},` +
	`"completion_tokens_details":{"reasoning_tokens":64,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},` +
	`"service_tier":"flex","system_fingerprint":null}`

// A ground is where requests end.
type ground struct {
	name    string
	root    string                   // of the API there
	base    func() http.RoundTripper // the bare transport, anew for each client, so that none has another's connections
	witness *witness
	close   func()
}

// inMemory is the ground on which a client's own work is nearly all there is: the base reads the request's body and
// answers.
func inMemory() *ground {
	w := newWitness()
	return &ground{
		name: "in memory", root: "https://api.openai.com/v1", witness: w, close: func() {},
		base: func() http.RoundTripper { return noop{w} },
	}
}

type noop struct{ witness *witness }

// RoundTrip does what every transport must, reading and closing the body, and answers with a header of its own, which
// clients may change.
func (n noop) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := n.witness.see(req.Body); err != nil {
		return nil, err
	}
	if err := req.Body.Close(); err != nil {
		return nil, err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"req_5f2d9c"}},
		ContentLength: int64(len(answer)), Body: io.NopCloser(strings.NewReader(answer)), Request: req,
	}, nil
}

// loopback is the ground of real connections: a server of net/http on this machine.
func loopback() (*ground, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := newWitness()
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if err := w.see(req.Body); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		h := rw.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(answer)))
		h.Set("X-Request-Id", "req_5f2d9c")
		io.WriteString(rw, answer)
	})}
	go server.Serve(listener) // until close
	return &ground{
		name: "over loopback", root: "http://" + listener.Addr().String() + "/v1", witness: w,
		base:  func() http.RoundTripper { return http.DefaultTransport.(*http.Transport).Clone() },
		close: func() { server.Close() },
	}, nil
}

// A witness sees the body of every request that arrives on its ground, the bare transport's too. Searching each would
// cost more than the bare transport does, and so flatter everyone else; it hashes them instead, and compares with the
// hash of the one that the rehearsal has searched: see [runner.rehearse].
type witness struct {
	seed    maphash.Seed
	buffers sync.Pool
	want    atomic.Uint64 // the hash of what the client under way has to send
	seen    atomic.Int64
	strange atomic.Int64 // bodies with another hash
	keep    atomic.Bool  // in the rehearsal

	mu   sync.Mutex
	kept [][]byte
}

// maxBody is longer than any body here.
const maxBody = 8 << 10

var errLong = errors.New("the request's body is longer than any that was sent")

func newWitness() *witness {
	return &witness{seed: maphash.MakeSeed(), buffers: sync.Pool{New: func() any { return new([maxBody]byte) }}}
}

func (w *witness) see(body io.Reader) error {
	buf := w.buffers.Get().(*[maxBody]byte)
	defer w.buffers.Put(buf)
	n, err := io.ReadFull(body, buf[:])
	if err == nil {
		return errLong
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	w.seen.Add(1)
	if w.hash(buf[:n]) != w.want.Load() {
		w.strange.Add(1)
	}
	if w.keep.Load() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.kept = append(w.kept, append([]byte(nil), buf[:n]...))
	}
	return nil
}

func (w *witness) hash(body []byte) uint64 { return maphash.Bytes(w.seed, body) }

// take returns the bodies that were kept.
func (w *witness) take() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.kept
	w.kept = nil
	return kept
}
