package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// anyDocument is a document of random members, some of them watched, some several times, some spelt with escapes; one
// value makes it longer than a small body.
func anyDocument(random *rand.Rand) string {
	keys := []string{`"model"`, `"service_tier"`, `"service\u005ftier"`, `"stream"`, `"usage"`, `"x"`, `"models"`, `"response"`}
	values := []string{`1`, `"a"`, `"\"}{"`, `null`, `{"model":[{}]}`, `[1, {"stream":2}]`, `{ }`, `-1.5e+7`}
	space := func() string { return [...]string{"", "", " ", "\n\t"}[random.IntN(4)] }
	members := make([]string, random.IntN(6)+1)
	for i := range members {
		members[i] = space() + keys[random.IntN(len(keys))] + space() + ":" + space() + values[random.IntN(len(values))] + space()
	}
	long := strconv.Quote(strings.Repeat("x", smallBody+random.IntN(1000)))
	members[random.IntN(len(members))] = keys[random.IntN(len(keys))] + ":" + long
	return space() + "{" + strings.Join(members, ",") + "}" + space()
}

// anyEdits are one to four edits of different members: set or add, or remove.
func anyEdits(random *rand.Rand) (edits []Edit) {
	paths := []string{"model", "service_tier", "stream", "usage"}
	for _, i := range random.Perm(len(paths))[:random.IntN(len(paths))+1] {
		edits = append(edits, Edit{Path: paths[i], Remove: random.IntN(2) > 0, Value: [...]string{`"flex"`, `1`, `{"a":[]}`}[random.IntN(3)]})
	}
	return edits
}

// anyBytes are edits that replace or insert bytes of the long value; none if that is edited already.
func anyBytes(doc string, edits []Edit, random *rand.Rand) (bytes []Edit) {
	at := strings.Index(doc, "xxxx")
	for range random.IntN(4) {
		to := at + random.IntN(3)*random.IntN(smallBody/8)
		bytes = append(bytes, Edit{Bytes: Range{at, to}, Value: strings.Repeat("y", random.IntN(100))})
		at = to + random.IntN(100)
	}
	if fields, err := Find([]byte(doc), testPaths); err != nil || changesLong(fields, edits, strings.Index(doc, "xxxx")) {
		return nil
	}
	return bytes
}

// edited is the document with the edits made by Fields.Splice, which has a fuzz test as well.
func edited(t testing.TB, doc string, edits ...Edit) string {
	t.Helper()
	fields, err := Find([]byte(doc), testPaths)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fields.Splice(edits...)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// A source hides the WriteTo of its Reader.
type source struct{ io.Reader }

// readers of a document: how a source can behave, and still be right.
var sources = map[string]func(string) io.Reader{
	"all at once":   func(doc string) io.Reader { return strings.NewReader(doc) }, // it has WriteTo
	"plain":         func(doc string) io.Reader { return source{strings.NewReader(doc)} },
	"half":          func(doc string) io.Reader { return iotest.HalfReader(strings.NewReader(doc)) },
	"data with EOF": func(doc string) io.Reader { return iotest.DataErrReader(strings.NewReader(doc)) },
	"empty reads":   func(doc string) io.Reader { return &hesitant{Reader: strings.NewReader(doc)} },
}

// A hesitant Reader reads nothing every other time.
type hesitant struct {
	io.Reader
	odd bool
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.odd = !h.odd; h.odd {
		return 0, nil
	}
	return h.Reader.Read(p)
}

// consumers read a body in the ways that a RoundTripper may.
var consumers = map[string]func(random *rand.Rand, r io.Reader) ([]byte, error){
	"ReadAll":      func(_ *rand.Rand, r io.Reader) ([]byte, error) { return io.ReadAll(source{r}) },
	"byte by byte": func(_ *rand.Rand, r io.Reader) ([]byte, error) { return io.ReadAll(iotest.OneByteReader(r)) },
	"any sizes":    readAnySizes,
	"io.Copy": func(_ *rand.Rand, r io.Reader) ([]byte, error) {
		var b bytes.Buffer
		_, err := io.Copy(struct{ io.Writer }{&b}, r)
		return b.Bytes(), err
	},
	"read, then io.Copy": func(random *rand.Rand, r io.Reader) ([]byte, error) {
		head := make([]byte, random.IntN(40))
		n, err := io.ReadFull(r, head)
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return head[:n], nil // it is as short as that
		case err != nil:
			return head[:n], err
		}
		var b bytes.Buffer
		_, err = io.Copy(struct{ io.Writer }{&b}, r)
		return append(head, b.Bytes()...), err
	},
}

func readAnySizes(random *rand.Rand, r io.Reader) (got []byte, err error) {
	buf := make([]byte, 1<<10)
	for {
		part := buf[:random.IntN(len(buf))>>random.IntN(11)]
		n, err := r.Read(part)
		got = append(got, part[:n]...)
		switch {
		case err == io.EOF:
			return got, nil
		case err != nil:
			return got, err
		}
	}
}

// longRequest is a request with the document, which it can give again; the body comes as from says.
func longRequest(t testing.TB, doc string, from func(string) io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://example.com/v1/chat/completions", strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(from(doc)), nil }
	req.Body, _ = req.GetBody()
	return req
}

// A document that is edited while it is read equals that of Splice, however it is read, and the request agrees with it.
func TestSplicedIsSplice(t *testing.T) {
	for from, open := range sources {
		for how, read := range consumers {
			t.Run(from+", "+how, func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, 2))
				for i := range 12 {
					checkSpliced(t, random, i%3 > 0, open, read)
				}
			})
		}
	}
}

// checkSpliced has any document sent with any edits; known says that its length is.
func checkSpliced(t *testing.T, random *rand.Rand, known bool, open func(string) io.Reader, read func(*rand.Rand, io.Reader) ([]byte, error)) {
	t.Helper()
	doc, edits := anyDocument(random), anyEdits(random)
	edits = append(edits, anyBytes(doc, edits, random)...)
	want := edited(t, doc, edits...)
	req := longRequest(t, doc, open)
	req.Header["content-length"] = []string{strconv.Itoa(len(doc))}
	if !known {
		req.ContentLength = -1
		delete(req.Header, "content-length")
	}
	var b Body
	if err := b.Load(req, testPaths); err != nil {
		t.Fatal(err)
	}
	out := req.WithContext(t.Context())
	if err := b.Attach(out, false, edits...); err != nil || b.Skipped() != "" || b.Size() != int64(len(doc)) {
		t.Fatalf("%v, skipped %q, size %d of %d", err, b.Skipped(), b.Size(), len(doc))
	}
	again, err := out.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []io.ReadCloser{out.Body, again} {
		if got, err := read(random, body); err != nil || string(got) != want {
			t.Fatalf("%d bytes, %v; want %d, of edits %v", len(got), err, len(want), edits)
		}
		if n, err := body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("after the end: %d, %v", n, err)
		}
	}
	wantLength, wantHeader := int64(-1), ""
	if known {
		wantLength, wantHeader = int64(len(want)), strconv.Itoa(len(want))
	}
	//lint:ignore SA1008 as some SDKs write it
	if header := strings.Join(http.Header(out.Header)["content-length"], ","); out.ContentLength != wantLength || header != wantHeader {
		t.Errorf("known %v: ContentLength %d, header %q, want %d", known, out.ContentLength, header, len(want))
	}
}

// GetBody can be called at any time, from any goroutine, while older bodies are being read.
func TestSplicedGetBodyConcurrently(t *testing.T) {
	doc := anyDocument(rand.New(rand.NewPCG(5, 6)))
	want := edited(t, doc, tierEdit)
	req := longRequest(t, doc, sources["plain"])
	var b Body
	if err := b.Load(req, testPaths); err != nil {
		t.Fatal(err)
	}
	out := req.WithContext(t.Context())
	if err := b.Attach(out, false, tierEdit); err != nil {
		t.Fatal(err)
	}
	half := make([]byte, len(want)/2)
	if _, err := io.ReadFull(out.Body, half); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			body, err := out.GetBody()
			if err != nil {
				t.Error(err)
				return
			}
			defer body.Close()
			if got, err := readAnySizes(rand.New(rand.NewPCG(7, uint64(i))), body); err != nil || string(got) != want {
				t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
			}
		})
	}
	rest, err := io.ReadAll(out.Body)
	all.Wait()
	if err != nil || string(half)+string(rest) != want {
		t.Errorf("the old body: %d bytes, %v", len(half)+len(rest), err)
	}
}

// splicedOver is a document with edits that is made out of src instead of the document.
func splicedOver(t testing.TB, doc string, src io.Reader, edits ...Edit) *spliced {
	t.Helper()
	fields, err := Find([]byte(doc), testPaths)
	if err != nil {
		t.Fatal(err)
	}
	segments, err := fields.splice(nil, len(doc), edits)
	if err != nil {
		t.Fatal(err)
	}
	return &spliced{src: io.NopCloser(src), segments: segments}
}

// A source with another number of bytes than before is an error, wherever it ends: what has been sent of it must not look
// complete.
func TestSplicedOverAnotherSource(t *testing.T) {
	const doc = ` {"a":1 , "model":"m", "b":2, "stream":true , "service_tier":"auto" } `
	remove := func(path string) Edit { return Edit{Path: path, Remove: true} }
	for name, edits := range map[string][]Edit{
		"set the last":         {tierEdit},
		"set the first of two": {{Path: "model", Value: "1"}, tierEdit},
		"add":                  {{Path: "usage", Value: "1"}},
		"remove the last":      {remove("service_tier")},
		"remove in the middle": {remove("model"), remove("stream")},
		"bytes":                {{Bytes: Range{7, 8}, Value: "17"}, {Bytes: Range{25, 34}}},
		"bytes to the end":     {{Bytes: Range{42, 68}, Value: "x"}},
		"everything":           {remove("model"), {Path: "usage", Value: "1"}, {Path: "stream", Value: "false"}, remove("service_tier")},
	} {
		want := edited(t, doc, edits...)
		for how, read := range consumers {
			for from, open := range sources {
				random := rand.New(rand.NewPCG(8, 9))
				for size := range len(doc) {
					if got, err := read(random, splicedOver(t, doc, open(doc[:size]), edits...)); !errors.Is(err, errBodyLength) {
						t.Errorf("%s, %s, %s: %d bytes of %d: %q, %v", name, how, from, size, len(doc), got, err)
					}
				}
				for _, more := range []string{" ", strings.Repeat("x", 1<<10)} {
					if got, err := read(random, splicedOver(t, doc, open(doc+more), edits...)); !errors.Is(err, errBodyLength) {
						t.Errorf("%s, %s, %s: %d bytes too many: %q, %v", name, how, from, len(more), got, err)
					}
				}
				if got, err := read(random, splicedOver(t, doc, open(doc), edits...)); err != nil || string(got) != want {
					t.Errorf("%s, %s, %s: %q, %v, want %q", name, how, from, got, err, want)
				}
			}
		}
	}
}

// An error of the source is the body's own, after what came before it.
func TestSplicedSourceFails(t *testing.T) {
	const doc = `{"model":"m","x":1,"service_tier":"auto"}`
	lost := errors.New("lost")
	for how, read := range consumers {
		for at := range len(doc) {
			src := io.MultiReader(source{strings.NewReader(doc[:at])}, iotest.ErrReader(lost))
			got, err := read(rand.New(rand.NewPCG(1, 1)), splicedOver(t, doc, src, tierEdit))
			if want := edited(t, doc, tierEdit); !errors.Is(err, lost) || !strings.HasPrefix(want, strings.TrimRight(string(got), "\x00")) {
				t.Errorf("%s, after %d bytes: %q, %v", how, at, got, err)
			}
		}
	}
}

// A writer that fails, or takes less than it is given, ends WriteTo.
func TestSplicedWriterFails(t *testing.T) {
	const doc = `{"model":"m","x":1,"service_tier":"auto"}`
	want := edited(t, doc, tierEdit)
	for from, open := range sources {
		for room := range len(want) {
			w := &narrow{room: room}
			n, err := io.Copy(w, splicedOver(t, doc, open(doc), tierEdit))
			if err == nil || int(n) > room || !strings.HasPrefix(want, string(w.got)) {
				t.Errorf("%s, room for %d: %d, %v, %q", from, room, n, err, w.got)
			}
		}
	}
}

// A narrow writer takes no more than it has room for, and does not say that it has not.
type narrow struct {
	got  []byte
	room int
}

func (w *narrow) Write(p []byte) (int, error) {
	n := min(len(p), w.room)
	w.room -= n
	w.got = append(w.got, p[:n]...)
	return n, nil
}

// A read returns what there is before it waits for more: a slow source must not hold back what it has returned.
func TestSplicedDoesNotWait(t *testing.T) {
	const doc = `{"x":1,"model":"m","y":2,"stream":true}`
	for name, test := range map[string]struct {
		untouched string // what the edits leave alone up to the first
		edits     []Edit
	}{
		"set":    {`{"x":1,"model":`, []Edit{{Path: "model", Value: `"n"`}}},
		"add":    {`{`, []Edit{tierEdit}},
		"remove": {`{"x":1`, []Edit{{Path: "model", Remove: true}, {Path: "stream", Value: "false"}}},
	} {
		want := edited(t, doc, test.edits...)
		synctest.Test(t, func(t *testing.T) {
			r, w := io.Pipe()
			s := splicedOver(t, doc, r, test.edits...)
			var got []byte
			go func() {
				buf := make([]byte, 100)
				for {
					n, err := s.Read(buf)
					got = append(got, buf[:n]...)
					if err != nil {
						return
					}
				}
			}()
			synctest.Wait()
			for i := range len(doc) {
				io.WriteString(w, doc[i:i+1])
				synctest.Wait()
				if i < len(test.untouched) && len(got) < i+1 {
					t.Errorf("%s: %d bytes came, and %q reached the caller", name, i+1, got)
				}
			}
			w.Close()
			synctest.Wait()
			if string(got) != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		})
	}
}

// Every source that is opened is closed with the body made from it, read or not.
func TestSplicedCloses(t *testing.T) {
	doc := anyDocument(rand.New(rand.NewPCG(3, 3)))
	req := longRequest(t, doc, sources["plain"])
	var opened []*closeCounter
	req.GetBody = func() (io.ReadCloser, error) {
		opened = append(opened, &closeCounter{Reader: strings.NewReader(doc)})
		return opened[len(opened)-1], nil
	}
	var b Body
	if err := b.Load(req, testPaths); err != nil {
		t.Fatal(err)
	}
	out := req.WithContext(t.Context())
	if err := b.Attach(out, false, tierEdit); err != nil {
		t.Fatal(err)
	}
	second, err := out.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	io.CopyN(io.Discard, out.Body, 100)
	out.Body.Close()
	second.Close()
	if i := slices.IndexFunc(opened, func(c *closeCounter) bool { return c.closed != 1 }); i >= 0 || len(opened) != 2 {
		t.Errorf("opened %d, and %d was not closed once", len(opened), i)
	}
	lost := errors.New("lost")
	b.again.getBody = func() (io.ReadCloser, error) { return nil, lost }
	if err := b.Attach(req.WithContext(t.Context()), false, tierEdit); !errors.Is(err, lost) {
		t.Errorf("a body that cannot be opened: %v", err)
	}
}

// A long document takes no memory, neither to scan nor to send with edits.
func TestSplicedMemory(t *testing.T) {
	const size = 10 << 20
	head, tail := `{"model":"m","messages":"`, `","service_tier":"auto"}`
	document := func() io.ReadCloser {
		return io.NopCloser(source{io.MultiReader(strings.NewReader(head), io.LimitReader(endless{}, size), strings.NewReader(tail))})
	}
	buf := make([]byte, 32<<10)
	least := uint64(1 << 62)
	for range 10 { // the garbage collector may have emptied the pool
		req := post(t, "")
		req.ContentLength = int64(len(head) + size + len(tail))
		req.GetBody = func() (io.ReadCloser, error) { return document(), nil }
		req.Body = document()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var b Body
		if err := b.Load(req, testPaths); err != nil {
			t.Fatal(err)
		}
		if err := b.Attach(req, false, tierEdit); err != nil {
			t.Fatal(err)
		}
		n, err := 0, error(nil)
		for err == nil {
			var got int
			got, err = req.Body.Read(buf)
			n += got
		}
		runtime.ReadMemStats(&after)
		if err != io.EOF || int64(n) != req.ContentLength || b.Fields().Text(PathOf("service_tier")) != "auto" {
			t.Fatalf("%d bytes of %d, %v", n, req.ContentLength, err)
		}
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least < 8<<10 {
			return
		}
	}
	t.Errorf("%d bytes allocated", least)
}

// endless is a text without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// Any document with any edits is the same for reads of any size. A source with another number of bytes is an error.
func FuzzSpliced(f *testing.F) {
	f.Add([]byte(`{"model":"m","service_tier":null,"x":[1]}`), uint64(1), uint(3))
	f.Add([]byte(` { "service_tier" : 1 , "service_tier":2 , "usage":{}} `), uint64(2), uint(0))
	f.Add([]byte(`{}`), uint64(3), uint(1))
	f.Fuzz(func(t *testing.T, doc []byte, seed uint64, size uint) {
		if f, err := Find(doc, testPaths); err != nil || f.open < 0 {
			return
		}
		random := rand.New(rand.NewPCG(seed, seed))
		edits := anyEdits(random)
		want := edited(t, string(doc), edits...)
		for from, open := range sources {
			for how, read := range consumers {
				if got, err := read(random, splicedOver(t, string(doc), open(string(doc)), edits...)); err != nil || string(got) != want {
					t.Fatalf("%s, %s: got %q, %v, want %q", from, how, got, err, want)
				}
				cut := string(doc[:size%uint(len(doc))])
				if got, err := read(random, splicedOver(t, string(doc), open(cut), edits...)); !errors.Is(err, errBodyLength) {
					t.Fatalf("%s, %s: of %q got %q, %v", from, how, cut, got, err)
				}
			}
		}
		if sum := fmt.Sprint(splicedOver(t, string(doc), nil, edits...).segments.size()); sum != strconv.Itoa(len(want)) {
			t.Fatalf("size %s, want %d", sum, len(want))
		}
	})
}
