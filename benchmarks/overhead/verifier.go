package main

import (
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// A verifier reads the body of every request to a backend and compares its hash with the hash of the body that was
// inspected in the rehearsal, see [runner.rehearse]. To inspect every body would take longer than the bare transport
// itself, and would make all clients look cheaper than they are.
type verifier struct {
	seed     maphash.Seed
	buffers  sync.Pool
	want     atomic.Uint64 // hash of the body that the running variant sends
	seen     atomic.Int64  // bodies
	mismatch atomic.Int64  // bodies with another hash
	keep     atomic.Bool   // whether bodies are kept, as in a rehearsal

	mu   sync.Mutex
	kept [][]byte
}

// maxBody is larger than any body that is sent here.
const maxBody = 8 << 10

var errLong = errors.New("the request's body is longer than any that was sent")

func newVerifier() *verifier {
	return &verifier{seed: maphash.MakeSeed(), buffers: sync.Pool{New: func() any { return new([maxBody]byte) }}}
}

// ServeHTTP verifies the body and writes the answer.
func (v *verifier) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if err := v.verify(req.Body); err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	writeAnswer(rw)
}

// verify reads a body to its end. It counts a wrong body; its error is only that of reading.
func (v *verifier) verify(body io.Reader) error {
	buf := v.buffers.Get().(*[maxBody]byte)
	defer v.buffers.Put(buf)
	n, err := io.ReadFull(body, buf[:])
	if err == nil {
		return errLong
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	v.seen.Add(1)
	if v.hash(buf[:n]) != v.want.Load() {
		v.mismatch.Add(1)
	}
	if v.keep.Load() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.kept = append(v.kept, append([]byte(nil), buf[:n]...))
	}
	return nil
}

func (v *verifier) hash(body []byte) uint64 { return maphash.Bytes(v.seed, body) }

// take returns the bodies that were kept, and forgets them.
func (v *verifier) take() [][]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	kept := v.kept
	v.kept = nil
	return kept
}
