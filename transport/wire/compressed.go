package wire

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// An answer is compressed if the caller itself asked for an encoding. At most maxCompressed bytes of it are kept, to be
// read when it has ended, and they are decompressed to at most maxDecompressed bytes.
const (
	maxCompressed   = 4 << 20
	maxDecompressed = 16 << 20
)

// A compressed is the body of a compressed answer. The caller gets it as it is; we decompress a copy.
type compressed struct {
	encoding string
	data     []byte
	long     bool
}

// newCompressed returns the beginning of a body whose header says that it is compressed; nil if it does not.
func newCompressed(h http.Header) *compressed {
	v := h["Content-Encoding"]
	if len(v) == 0 {
		return nil
	}
	encoding := strings.ToLower(strings.TrimSpace(v[0]))
	if encoding == "" || encoding == "identity" {
		return nil
	}
	return &compressed{encoding: encoding}
}

// keep keeps the next bytes of the body.
func (z *compressed) keep(p []byte) {
	if z.long = z.long || len(z.data)+len(p) > maxCompressed; z.long {
		z.data = nil
		return
	}
	z.data = append(z.data, p...)
}

// open returns a reader of what is in the body; nil if the encoding is not known.
func (z *compressed) open() (io.Reader, error) {
	switch z.encoding {
	case "gzip", "x-gzip":
		return gzip.NewReader(bytes.NewReader(z.data))
	case "deflate":
		return zlib.NewReader(bytes.NewReader(z.data))
	}
	return nil, nil
}

// unpacked returns the beginning of a response's body without its compression, if it has one that is known.
func unpacked(h http.Header, body []byte) []byte {
	z := newCompressed(h)
	if z == nil {
		return body
	}
	z.keep(body)
	r, err := z.open()
	if r == nil || err != nil {
		return body
	}
	plain, _ := io.ReadAll(io.LimitReader(r, 64<<10)) // the beginning of a broken body is useful, too
	return plain
}

// decompress reads the part of a compressed answer that has arrived.
func (r *Reader) decompress() {
	z := r.compressed
	if z == nil {
		return
	}
	r.compressed = nil
	plain, err := z.open()
	switch {
	case z.long:
		r.Answer.Problem = "the answer came compressed, and is too long to be unpacked on the side"
	case plain == nil && err == nil:
		r.Answer.Problem = "the answer came compressed, in an encoding that is not read: " + safeCode(z.encoding)
	case err != nil:
		r.Answer.Problem = "the answer does not have the encoding that it says"
	}
	if r.Answer.Problem != "" {
		r.unread = true
		return
	}
	buf := make([]byte, 32<<10)
	done := false // a stream of events said that it is complete
	for size := 0; ; {
		n, err := plain.Read(buf)
		if size += n; size > maxDecompressed {
			r.Answer.Problem, r.unread = "the answer came compressed, and unpacks to too much", true
			return
		}
		for p := buf[:n]; len(p) > 0 && !done; {
			took, seen := r.documents.Observe(p)
			done = seen&transport.SeenComplete != 0 && r.documents.Events()
			p = p[max(1, took):]
		}
		if err != nil {
			r.documents.Observe(nil)
			return
		}
	}
}

// safeCode returns the name of an encoding if it can stand in a row.
func safeCode(s string) string {
	if len(s) > 16 || bytes.ContainsFunc([]byte(s), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) {
		return "unknown"
	}
	return s
}
