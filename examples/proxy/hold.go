package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// maxHeld is the size up to which the body of a call is kept in memory, so that it can be edited and sent again. A
	// longer body, such as that of a file, is streamed and sent once.
	maxHeld = 32 << 20

	// firstPart and maxPart are the sizes of the parts in which a body is kept, so that a body of unknown length is never
	// copied, and takes no more memory than has arrived of it.
	firstPart = 64 << 10
	maxPart   = 1 << 20

	// roomTime is how long a call waits for room.
	roomTime = 10 * time.Second
)

// errNoRoom is the error of a call whose body found no room.
var errNoRoom = errors.New("the bodies of other calls take all of -body-memory")

// A room bounds the memory for the bodies of all calls together.
type room struct {
	size int64

	mu      sync.Mutex
	taken   int64
	freed   chan struct{} // closed and replaced when there is more room
	refused int64
}

func newRoom(size int64) *room { return &room{size: size, freed: make(chan struct{})} }

// take takes n bytes. If there is no room for them, it waits until other calls have given theirs back, for roomTime at most. A
// long body does not hold up a short one for which there is room.
func (r *room) take(ctx context.Context, n int64) error {
	late := time.NewTimer(roomTime)
	defer late.Stop()
	for {
		freed, ok := r.try(n)
		if ok {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late.C:
			r.mu.Lock()
			defer r.mu.Unlock()
			r.refused++
			return errNoRoom
		}
	}
}

// try takes n bytes if there is room, or returns a channel that is closed when there is more.
func (r *room) try(n int64) (freed chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken+n > r.size {
		return r.freed, false
	}
	r.taken += n
	return nil, true
}

// give gives n bytes back.
func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= n
	close(r.freed)
	r.freed = make(chan struct{})
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

// read reads a body and reports whether it ended within most bytes. The room for a length that is known, which is positive, is
// taken before the first byte is read, so that a call that has begun to take room does not wait for more.
func (h *holding) read(ctx context.Context, body io.Reader, length, most int64) (whole bool, err error) {
	known := length > 0
	if known {
		if err := h.take(ctx, length); err != nil {
			return false, err
		}
		most = length
	}
	for read := int64(0); read < most; {
		size := min(maxPart, most-read)
		if !known {
			size = min(size, max(firstPart, read))
			if err := h.take(ctx, size); err != nil {
				return false, err
			}
		}
		part := make([]byte, size)
		n, err := fill(body, part)
		h.parts = append(h.parts, part[:n])
		read += int64(n)
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return false, err
		case known && read < length:
			return false, io.ErrUnexpectedEOF
		default:
			return true, nil
		}
	}
	if known {
		return true, nil
	}
	more := make([]byte, 1)
	switch n, err := fill(body, more); {
	case n > 0:
		h.parts = append(h.parts, more)
		return false, nil
	case !errors.Is(err, io.EOF):
		return false, err
	}
	return true, nil
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

// release gives the room back.
func (h *holding) release() {
	if h.taken > 0 {
		h.room.give(h.taken)
		h.taken = 0
	}
}
