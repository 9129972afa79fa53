package transporttest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing/iotest"
	"time"
)

// closeWhileRead: a response's body may be closed while it is being read, before it is read, after its end, and twice.
// Each time the base's body is closed, and a read that waits returns. A RoundTripper that counts must test on its own that
// it counts once.
func closeWhileRead(c *check) {
	for _, status := range []int{200, 400} { // none that is retried, because then more may be read
		for _, body := range []string{streamBody, chatBody} {
			c.closeEach(status, body)
		}
	}
}

func (c *check) closeEach(status int, body string) {
	call := func(r func(d *download) io.Reader) (*http.Response, *download) {
		f := &fake{}
		f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
			header := http.Header{"Content-Type": {"application/json"}}
			if body == streamBody && status == 200 {
				header.Set("Content-Type", "text/event-stream")
			}
			resp := f.reader(req, status, header, nil)
			d := resp.Body.(*download)
			d.r = r(d)
			return resp, nil
		}
		resp, err := c.wrap(f).RoundTrip(c.chat(body))
		if err != nil || resp == nil || resp.Body == nil {
			c.fatalf("%d: %v", status, err)
		}
		return resp, f.responses[len(f.responses)-1]
	}
	whole := func(*download) io.Reader { return strings.NewReader(transcript(true, "\n")) }
	for _, row := range []struct {
		name string
		use  func(resp *http.Response)
	}{
		{"closed unread", func(resp *http.Response) { resp.Body.Close() }},
		{"closed twice", func(resp *http.Response) { resp.Body.Close(); resp.Body.Close() }},
		{"read to its end, then closed", func(resp *http.Response) { io.Copy(io.Discard, resp.Body); resp.Body.Close() }},
		{"read once, then closed twice", func(resp *http.Response) {
			resp.Body.Read(make([]byte, 10))
			resp.Body.Close()
			resp.Body.Close()
		}},
	} {
		resp, base := call(whole)
		row.use(resp)
		if base.closed.Load() == 0 {
			c.errorf("%d: %s: the base's body is never closed", status, row.name)
		}
	}
	// A body that blocks until it is closed, like a stream in which nothing comes.
	resp, base := call(func(d *download) io.Reader {
		closed := make(chan struct{})
		d.onClose = func() { close(closed) }
		return io.MultiReader(strings.NewReader(event(deltas[0], "\n")), blocking(closed))
	})
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, resp.Body)
		read <- err
	}()
	time.Sleep(time.Second)
	resp.Body.Close()
	if base.closed.Load() == 0 {
		c.errorf("%d: closed while it is read: the base's body is not closed", status)
	}
	select {
	case err := <-read:
		if err == nil {
			c.errorf("%d: closed while it is read: it ends as if it were complete", status)
		}
	case <-time.After(graceTime):
		c.errorf("%d: Close does not end a read that waits", status)
	}
}

// blocking is a reader that blocks until the channel is closed.
type blocking <-chan struct{}

func (b blocking) Read([]byte) (int, error) {
	<-b
	return 0, http.ErrBodyReadAfterClose
}

// oddReads: readers may return bytes together with their error, no bytes and no error, or one byte at a time. Callers may
// read with a small or an empty buffer. The bytes and the error at the end stay the same.
func oddReads(c *check) {
	readers := map[string]func(io.Reader) io.Reader{
		"as they come":           func(r io.Reader) io.Reader { return r },
		"data with io.EOF":       iotest.DataErrReader,
		"one byte at a time":     iotest.OneByteReader,
		"half of what was asked": iotest.HalfReader,
		"nothing now and then":   func(r io.Reader) io.Reader { return &intermittent{r: r} },
		"an error after a while": func(r io.Reader) io.Reader {
			return io.MultiReader(io.LimitReader(r, 300), failing{errNetwork})
		},
		"an error with data": func(r io.Reader) io.Reader {
			return iotest.DataErrReader(io.MultiReader(io.LimitReader(r, 300), failing{errNetwork}))
		},
	}
	for _, status := range []int{200, 400} {
		for name, as := range readers {
			for _, row := range [][2]string{{chatBody, chatResponse}, {streamBody, transcript(true, "\n")}} {
				want, wantErr := io.ReadAll(as(strings.NewReader(row[1])))
				for _, size := range []int{1, 7, 4 << 10} {
					got, err := c.readIn(size, status, row[0], func() io.Reader { return as(strings.NewReader(row[1])) })
					if !bytes.Equal(got, want) || !errors.Is(err, wantErr) || (err == nil) != (wantErr == nil) {
						c.errorf("%d, %s, read %d bytes at a time: the caller gets %s and %v, not %s and %v", status, name, size, short(got), err, short(want), wantErr)
					}
				}
			}
		}
	}
}

// readIn makes a call whose attempts get the body, and reads it size bytes at a time.
func (c *check) readIn(size, status int, request string, body func() io.Reader) (got []byte, err error) {
	f := &fake{}
	f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
		resp := f.stream(req, body())
		resp.StatusCode = status
		if request == chatBody {
			resp.Header.Set("Content-Type", "application/json")
		}
		return resp, nil
	}
	resp, err := c.wrap(f).RoundTrip(c.chat(request))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	buf := make([]byte, size)
	for {
		n, err := resp.Body.Read(buf)
		got = append(got, buf[:n]...)
		switch {
		case err == io.EOF:
			return got, nil
		case err != nil:
			return got, err
		}
	}
}

// intermittent is a reader of which every other Read returns nothing.
type intermittent struct {
	r    io.Reader
	even bool
}

func (h *intermittent) Read(p []byte) (int, error) {
	if h.even = !h.even; h.even {
		return 0, nil
	}
	return h.r.Read(p)
}

// compressed: a response that net/http has decompressed stays marked so (Uncompressed, no length, no Content-Encoding). If
// the caller asked for an encoding, the response reaches it compressed, whatever the encoding.
func compressed(c *check) {
	var squeezed bytes.Buffer
	zip := gzip.NewWriter(&squeezed)
	io.WriteString(zip, chatResponse)
	zip.Close()
	opaque := "\x28\xb5\x2f\xfd" + strings.Repeat("\x00\xfe\n\n", 20)
	w := c.serve(func(_ int, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", "application/json")
		encoding := r.Header.Get("Accept-Encoding")
		rw.Header().Set("Content-Encoding", encoding)
		switch encoding {
		case "gzip":
			rw.Write(squeezed.Bytes())
		case "br", "zstd":
			io.WriteString(rw, opaque)
		default:
			rw.Header().Del("Content-Encoding")
			io.WriteString(rw, chatResponse)
		}
	})
	rt := c.wrap(w.transport)
	for _, row := range []struct{ asked, encoding, want string }{
		{"", "", chatResponse}, {"gzip", "gzip", squeezed.String()}, {"br", "br", opaque}, {"zstd", "zstd", opaque},
		{"identity", "", chatResponse},
	} {
		req := c.request(http.MethodPost, w.url+chatPath, []byte(chatBody))
		if row.asked != "" {
			req.Header.Set("Accept-Encoding", row.asked)
		}
		resp, got := c.must(rt, req)
		if string(got) != row.want || resp.Header.Get("Content-Encoding") != row.encoding {
			c.errorf("asked for %q: the caller gets %q, %s", row.asked, resp.Header.Get("Content-Encoding"), short(got))
		}
		if plain := row.asked == ""; resp.Uncompressed != plain || plain && resp.ContentLength != -1 {
			c.errorf("asked for %q: Uncompressed is %t, ContentLength %d", row.asked, resp.Uncompressed, resp.ContentLength)
		}
	}
}

// slowClose: Close of the base's body may block. While it does, the RoundTripper must hold no lock and no permit, so that
// other calls go on. The kit cannot test this for a RoundTripper's own parts, such as a slow store.
func slowClose(c *check) {
	f := &fake{}
	release := make(chan struct{})
	f.respond = func(n int, req *http.Request, _ []byte) (*http.Response, error) {
		resp := f.status(req, http.StatusOK)
		if n == 0 {
			resp.Body.(*download).onClose = func() { <-release }
		}
		return resp, nil
	}
	rt := c.wrap(f)
	resp, err := rt.RoundTrip(c.chat(chatBody))
	if err != nil {
		c.fatalf("%v", err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		resp.Body.Close()
	}()
	time.Sleep(time.Second)
	others := make(chan struct{})
	go func() {
		defer close(others)
		for range 20 {
			c.send(rt, c.chat(chatBody))
		}
	}()
	select {
	case <-others:
	case <-time.After(graceTime):
		c.errorf("while the Close of one response blocks, other calls do not go on")
	}
	close(release)
	<-closed
}
