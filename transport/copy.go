package transport

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

var errBodyLength = errors.New("transport: request body is not as long as its Content-Length says")

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copyThrough is io.Copy with a buffer from a pool.
func copyThrough(w io.Writer, r io.Reader) (int64, error) {
	if whole, ok := r.(io.WriterTo); ok {
		return whole.WriteTo(w)
	}
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	return io.CopyBuffer(w, r, buf[:])
}

// writers get the bytes of a body besides the scanner. The results of their Write methods are ignored.
type writers []io.Writer

func (ws writers) Write(p []byte) (int, error) {
	for _, w := range ws {
		w.Write(p)
	}
	return len(p), nil
}

// A finder looks for texts in what is written to it. It also finds a text that is split between writes.
type finder struct {
	texts [][]byte
	tail  []byte // the end of what was written before, as long as the longest text
	found bool
}

func (f *finder) Write(p []byte) (int, error) {
	longest := 0
	for _, text := range f.texts {
		longest = max(longest, len(text))
		seam := append(f.tail, p[:min(len(p), len(text))]...)
		f.found = f.found || bytes.Contains(p, text) || bytes.Contains(seam, text)
	}
	f.tail = append(f.tail, p[max(0, len(p)-longest):]...)
	f.tail = f.tail[max(0, len(f.tail)-longest):]
	return len(p), nil
}
