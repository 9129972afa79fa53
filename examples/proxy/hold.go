package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// maxHeld is the size up to which the body of a call is kept in memory, so that it can be edited and sent again. A
	// longer body, such as that of a file, is streamed and sent once.
	maxHeld = 32 << 20

	// firstPart and maxPart are the sizes of the parts in which a body is kept, so that it is never copied, and takes no more
	// memory than has arrived of it. Only the first part is read before there is room.
	firstPart = 64 << 10
	maxPart   = 1 << 20

	// roomTime is how long a call waits for room, and holdTime how long its whole body may take to arrive.
	roomTime = 10 * time.Second
	holdTime = 10 * time.Minute
)

// errNoRoom is the error of a call whose body found no room.
var errNoRoom = errors.New("the bodies of other calls take all of -body-memory")

// A room bounds the memory for the bodies of all calls together.
type room struct {
	size int64

	mu      sync.Mutex
	taken   int64
	waiting []*guest // in the order in which they came
	refused int64
}

// A guest waits for n bytes of a room.
type guest struct {
	n     int64
	ready chan struct{} // closed when it has them
}

func newRoom(size int64) *room { return &room{size: size} }

// take takes n bytes. If there is no room for them, it waits until other calls have given theirs back, for roomTime at most.
func (r *room) take(ctx context.Context, n int64) error {
	g := &guest{n, make(chan struct{})}
	r.mu.Lock()
	r.waiting = append(r.waiting, g)
	r.admit()
	r.mu.Unlock()
	late := time.NewTimer(roomTime)
	defer late.Stop()
	err := errNoRoom
	select {
	case <-g.ready:
		return nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-late.C:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.waiting, g)
	if i < 0 {
		return nil // it has come just now
	}
	r.waiting = slices.Delete(r.waiting, i, i+1)
	r.refused++
	r.admit()
	return err
}

// admit lets in those that wait, first come, first served. But a body of one part does not wait for longer ones.
func (r *room) admit() {
	full := false
	r.waiting = slices.DeleteFunc(r.waiting, func(g *guest) bool {
		if r.taken+g.n > r.size || full && g.n > firstPart {
			full = true
			return false
		}
		r.taken += g.n
		close(g.ready)
		return true
	})
}

// give gives n bytes back.
func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= n
	r.admit()
}

// stats returns how many bytes are taken, and how many calls have found no room.
func (r *room) stats() (taken, refused int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken, r.refused
}

// A holding is the body of one call in memory. It belongs to the goroutine that serves the call. The zero holding needs a room.
type holding struct {
	room  *room
	taken int64
	parts [][]byte
}

// hold reads the body of a request into memory and sets GetBody. Without GetBody, the stack edits and resends only a body of a
// few pages. It leaves a body that is longer than maxHeld, or than the whole room, to be streamed. release must be called
// when the call has ended.
func (h *holding) hold(out *http.Request) error {
	most := min(maxHeld, h.room.size)
	if out.Body == nil || out.Body == http.NoBody || out.ContentLength > most {
		return nil
	}
	body := out.Body
	whole, err := h.read(out.Context(), body, out.ContentLength, most)
	if err != nil {
		body.Close()
		return err
	}
	if !whole {
		out.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(h.reader(), body), body}
		return nil
	}
	if err := body.Close(); err != nil {
		return err
	}
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(h.reader()), nil }
	out.Body, _ = out.GetBody()
	return nil
}

// read reads a body and reports whether it ended within most bytes. A length that is known is positive.
//
// It reads a first part before it takes room, so that a client that sends nothing takes none. Then it takes all the room that
// the body can need: calls that each wait for more, with a part of their body in memory, would wait for each other.
func (h *holding) read(ctx context.Context, body io.Reader, length, most int64) (whole bool, err error) {
	if length > 0 {
		most = length
	}
	read, err := h.readPart(body, min(firstPart, most))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	need := most
	if err != nil {
		need = read
	}
	if err := h.take(ctx, need); err != nil {
		return false, err
	}
	for err == nil && read < most {
		var n int64
		n, err = h.readPart(body, min(maxPart, most-read))
		read += n
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return false, err
	case read < length:
		return false, io.ErrUnexpectedEOF
	case err == nil && length <= 0:
		if n, err := h.readPart(body, 1); n > 0 || !errors.Is(err, io.EOF) {
			return false, notEOF(err)
		}
	}
	h.giveBack(h.taken - read)
	return true, nil
}

// readPart reads the next bytes of a body.
func (h *holding) readPart(body io.Reader, size int64) (int64, error) {
	part := make([]byte, size)
	n, err := fill(body, part)
	h.parts = append(h.parts, part[:n])
	return int64(n), err
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// fill reads until p is full. It returns [io.EOF] only if r has ended.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// take takes n bytes of the room.
func (h *holding) take(ctx context.Context, n int64) error {
	err := h.room.take(ctx, n)
	if err == nil {
		h.taken += n
	}
	return err
}

// reader returns a new reader of what has been read. One part is read from a type that net/http knows to be in memory.
func (h *holding) reader() io.Reader {
	if len(h.parts) == 1 {
		return bytes.NewReader(h.parts[0])
	}
	parts := make([]io.Reader, len(h.parts))
	for i, p := range h.parts {
		parts[i] = bytes.NewReader(p)
	}
	return io.MultiReader(parts...)
}

// giveBack gives a part of the room back.
func (h *holding) giveBack(n int64) {
	if n > 0 {
		h.room.give(n)
		h.taken -= n
	}
}

// release gives all the room back.
func (h *holding) release() { h.giveBack(h.taken) }
