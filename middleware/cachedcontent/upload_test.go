package cachedcontent_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const unit = 256 << 10

// small are chunks of one unit, and a server that accepts them.
var (
	small       = cachedcontent.UploadOptions{MIMEType: "application/pdf", ChunkSize: unit}
	smallServer = llmtest.Config{UploadGranularity: unit}
)

// commandOf returns the command of an upload that a request is; "" if it is none.
func commandOf(req *http.Request) string { return req.Header.Get("X-Goog-Upload-Command") }

// A wrecker passes requests on, and wrecks the exchange of some chunks.
type wrecker struct {
	base     http.RoundTripper
	wreck    map[int]func(w *wrecker, req *http.Request) (*http.Response, error) // by the number of the chunk's request, from 0
	chunks   int
	commands []string // of all requests, with the offsets of chunks
}

func (w *wrecker) RoundTrip(req *http.Request) (*http.Response, error) {
	c := commandOf(req)
	if c != "start" && req.GetBody != nil {
		return nil, errors.New("the transport could send a chunk again by itself")
	}
	if c != "" {
		w.commands = append(w.commands, strings.TrimSpace(c+" "+req.Header.Get("X-Goog-Upload-Offset")))
	}
	if strings.HasPrefix(c, "upload") || c == "finalize" {
		w.chunks++
		if f := w.wreck[w.chunks-1]; f != nil {
			return f(w, req)
		}
	}
	return w.base.RoundTrip(req)
}

var errCut = errors.New("connection reset by peer")

// cutAfter lets n bytes of the body through, and then breaks the connection.
func cutAfter(n int64) func(*wrecker, *http.Request) (*http.Response, error) {
	return func(w *wrecker, req *http.Request) (*http.Response, error) {
		cut := req.Clone(req.Context())
		cut.Body = io.NopCloser(io.MultiReader(io.LimitReader(req.Body, n), failing{}))
		resp, err := w.base.RoundTrip(cut)
		if err == nil {
			resp.Body.Close()
		}
		time.Sleep(10 * time.Millisecond) // the server notices
		return nil, errCut
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errCut }

// loseAnswer lets the request through, and loses the answer.
func loseAnswer(w *wrecker, req *http.Request) (*http.Response, error) {
	resp, err := w.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return nil, errCut
}

// loseStatus lets the request through, and takes the status from the answer.
func loseStatus(w *wrecker, req *http.Request) (*http.Response, error) {
	resp, err := w.base.RoundTrip(req)
	if err == nil {
		resp.Header.Del("X-Goog-Upload-Status")
	}
	return resp, err
}

// fail answers in the place of the server.
func fail(status int, header ...string) func(*wrecker, *http.Request) (*http.Response, error) {
	return func(_ *wrecker, req *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, req.Body)
		return answer(req, status, `{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}`, header...), nil
	}
}

// checkFile checks that the file is alive at the server, and has the data.
func checkFile(t *testing.T, srv *llmtest.Server, f cachedcontent.File, want []byte) {
	t.Helper()
	sum := sha256.Sum256(want)
	all := srv.Files()
	if len(all) != 1 || all[0].Name != f.Name || all[0].SHA256 != hex.EncodeToString(sum[:]) || !all[0].Alive(time.Now()) {
		t.Errorf("the server has %+v", all)
	}
	if f.Size != int64(len(want)) || f.URI == "" || f.ExpireTime.Sub(f.CreateTime).Round(time.Second) != cachedcontent.FileLife {
		t.Errorf("the file is %+v", f)
	}
}

func TestUpload(t *testing.T) {
	for _, size := range []int{1, unit - 1, unit, unit + 1, 3 * unit, 3*unit + 17} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inBubble(t, smallServer, func(t *testing.T, srv *llmtest.Server) {
				var progress []string
				o := small
				o.DisplayName = "A book"
				o.Progress = func(sent, size int64) { progress = append(progress, fmt.Sprintf("%d/%d", sent, size)) }
				f, err := gemini(t, srv.Transport()).Upload(t.Context(), bytes.NewReader(data(size)), o)
				if err != nil {
					t.Fatal(err)
				}
				checkFile(t, srv, f, data(size))
				if f.DisplayName != "A book" || f.MIMEType != "application/pdf" || f.State != cachedcontent.FileActive {
					t.Errorf("the file is %+v", f)
				}
				if want := (size + unit - 1) / unit; len(progress) != want || progress[want-1] != fmt.Sprintf("%d/%d", size, size) {
					t.Errorf("the progress is %v", progress)
				}
				if part := f.Part(); part.FileURI != f.URI || part.MIMEType != f.MIMEType {
					t.Errorf("the part is %+v", part)
				}
			})
		})
	}
}

// An upload that is cut goes on from what the server has, and no chunk is sent again that it has.
func TestUploadCut(t *testing.T) {
	type wreck = map[int]func(*wrecker, *http.Request) (*http.Response, error)
	const size = 5*unit + 100
	for name, test := range map[string]struct {
		wreck    wreck
		commands string
	}{
		"nothing": {nil, "start, upload 0, upload 262144, upload 524288, upload 786432, upload 1048576, upload, finalize 1310720"},
		"a chunk does not arrive": {
			wreck{1: cutAfter(0)},
			"start, upload 0, upload 262144, query, upload 262144, upload 524288, upload 786432, upload 1048576, upload, finalize 1310720",
		},
		"an answer is lost": {
			wreck{1: loseAnswer},
			"start, upload 0, upload 262144, query, upload 524288, upload 786432, upload 1048576, upload, finalize 1310720",
		},
		"the status is missing": {
			wreck{0: loseStatus},
			"start, upload 0, query, upload 262144, upload 524288, upload 786432, upload 1048576, upload, finalize 1310720",
		},
		"503": {
			wreck{2: fail(503, "Retry-After", "30")},
			"start, upload 0, upload 262144, upload 524288, query, upload 524288, upload 786432, upload 1048576, upload, finalize 1310720",
		},
		"a proxy's page": {
			wreck{2: fail(200)},
			"start, upload 0, upload 262144, upload 524288, query, upload 524288, upload 786432, upload 1048576, upload, finalize 1310720",
		},
		"the last answer is lost": {
			wreck{5: loseAnswer},
			"start, upload 0, upload 262144, upload 524288, upload 786432, upload 1048576, upload, finalize 1310720, query",
		},
		"the last status is missing": {
			wreck{5: loseStatus},
			"start, upload 0, upload 262144, upload 524288, upload 786432, upload 1048576, upload, finalize 1310720, query",
		},
		"many cuts in a row": {
			wreck{0: cutAfter(0), 1: loseAnswer, 2: fail(500), 3: cutAfter(9), 4: fail(429), 5: loseStatus, 6: fail(408)},
			"start, upload 0, query, upload 0, query, upload 262144, query, upload 262144, query, upload 262144, query, " +
				"upload 262144, query, upload 524288, query, upload 524288, upload 786432, upload 1048576, upload, finalize 1310720",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, smallServer, func(t *testing.T, srv *llmtest.Server) {
				w := &wrecker{base: srv.Transport(), wreck: test.wreck}
				began := time.Now()
				f, err := gemini(t, w).Upload(t.Context(), bytes.NewReader(data(size)), small)
				if err != nil {
					t.Fatal(err)
				}
				checkFile(t, srv, f, data(size))
				if got := strings.Join(w.commands, ", "); got != test.commands {
					t.Errorf("sent %s\nwant %s", got, test.commands)
				}
				if took := time.Since(began); name == "503" && took < 30*time.Second || took > 5*time.Minute {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// A session is a server with one upload, which behaves as no real one should.
type session struct {
	url      string            // "": of the client's own host
	start    map[string]string // more headers of the answer to the start
	failAt   int               // the number of the chunk, from 0, which is answered with 500; -1: none
	received int64             // what the query after that says; -1: it does not say
	status   string            // what the query says; "": active
	always   bool              // every query says so, and every chunk fails
	final    string            // the body of the last answer; "": a proper file
	noFile   bool              // there is no such file

	got       []byte
	offsets   []string
	names     []string // that were asked for
	headers   []http.Header
	deleted   int
	cancelled bool
}

func (s *session) RoundTrip(req *http.Request) (*http.Response, error) {
	s.headers = append(s.headers, req.Header)
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	switch c := commandOf(req); c {
	case "start":
		header := []string{"X-Goog-Upload-Status", "active", "X-Goog-Upload-Url", s.url}
		if s.url == "" {
			header[3] = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=abc"
		}
		for k, v := range s.start {
			header = append(header, k, v)
		}
		return answer(req, 200, "", header...), nil
	case "query":
		header := []string{"X-Goog-Upload-Status", s.status, "X-Goog-Upload-Size-Received", fmt.Sprint(s.received)}
		if s.status == "" {
			header[1] = "active"
		}
		if s.received < 0 {
			header = header[:2]
		}
		return answer(req, 200, "", header...), nil
	case "cancel":
		s.cancelled = true
		return answer(req, 200, "", "X-Goog-Upload-Status", "cancelled"), nil
	case "":
		if req.Method == http.MethodDelete {
			s.deleted++
			return answer(req, 200, "{}"), nil
		}
		s.names = append(s.names, strings.TrimPrefix(req.URL.Path, "/v1beta/"))
		if s.noFile {
			return answer(req, 403, `{"error":{"code":403,"message":"You do not have permission to access the File x or it may not exist.","status":"PERMISSION_DENIED"}}`), nil
		}
		return answer(req, 200, s.file()), nil
	default:
		return s.chunk(req, c, body)
	}
}

// chunk takes a chunk.
func (s *session) chunk(req *http.Request, command string, body []byte) (*http.Response, error) {
	s.offsets = append(s.offsets, req.Header.Get("X-Goog-Upload-Offset"))
	if s.always || len(s.offsets)-1 == s.failAt {
		if at := int64(len(s.got)); s.received >= 0 && s.received <= at+int64(len(body)) {
			s.got = append(s.got, body...)[:s.received]
		}
		return answer(req, 500, "", "X-Goog-Upload-Status", "active"), nil
	}
	s.got = append(s.got, body...)
	if !strings.Contains(command, "finalize") {
		return answer(req, 200, "", "X-Goog-Upload-Status", "active"), nil
	}
	if s.final == "" {
		return answer(req, 200, `{"file":`+s.file()+`}`, "X-Goog-Upload-Status", "final"), nil
	}
	return answer(req, 200, s.final, "X-Goog-Upload-Status", "final"), nil
}

func (s *session) file() string {
	return fmt.Sprintf(`{"name":"files/x","uri":"https://x/files/x","sizeBytes":"%d","state":"ACTIVE"}`, len(s.got))
}

// upload uploads three units to the session in a bubble, where waits take no time.
func upload(t *testing.T, s *session, o cachedcontent.UploadOptions, options ...cachedcontent.Option) (f cachedcontent.File, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f, err = gemini(t, s, options...).Upload(t.Context(), bytes.NewReader(data(3*unit)), o)
	})
	return f, err
}

// A server may keep a part of a chunk, or lose what it had: the upload goes on from there.
func TestUploadOffsets(t *testing.T) {
	for name, test := range map[string]struct {
		received int64 // what the query says
		next     string
	}{
		"a part of the chunk":      {unit + 1000, "263144"},
		"the whole chunk":          {2 * unit, "524288"},
		"less than it had already": {100, "100"},
		"nothing":                  {0, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{failAt: 1, received: test.received}
			if _, err := upload(t, s, small); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(s.got, data(3*unit)) {
				t.Errorf("the server has %d bytes, others than were sent", len(s.got))
			}
			if s.offsets[2] != test.next {
				t.Errorf("the offsets are %v", s.offsets)
			}
		})
	}
	for name, received := range map[string]int64{"more than was sent": 2*unit + 1, "more than there is": 1 << 40, "nothing that is known": -1} {
		t.Run(name, func(t *testing.T) {
			s := &session{failAt: 1, received: received}
			_, err := upload(t, s, small)
			asError(t, err, cachedcontent.Unreadable)
			if !s.cancelled {
				t.Error("the upload is not cancelled")
			}
		})
	}
}

// An upload that makes no progress is given up, and one that makes some is not, however often it fails.
func TestUploadGivesUp(t *testing.T) {
	s := &session{always: true, received: unit}
	_, err := upload(t, s, small)
	asError(t, err, cachedcontent.Unavailable)
	// The first failure brought a unit, and then there were eight in a row.
	if len(s.offsets) != 9 || !s.cancelled || !strings.Contains(err.Error(), "given up") {
		t.Errorf("%d chunks, cancelled: %v, %v", len(s.offsets), s.cancelled, err)
	}

	inBubble(t, smallServer, func(t *testing.T, srv *llmtest.Server) {
		w := &wrecker{base: srv.Transport(), wreck: map[int]func(*wrecker, *http.Request) (*http.Response, error){}}
		for i := range 20 {
			w.wreck[i] = loseAnswer
		}
		for i := 20; i < 40; i += 2 {
			w.wreck[i] = fail(503)
		}
		f, err := gemini(t, w).Upload(t.Context(), bytes.NewReader(data(30*unit)), small)
		if err != nil {
			t.Fatal(err)
		}
		checkFile(t, srv, f, data(30*unit))
	})
}

// What ends an upload at once, without a chunk being sent again.
func TestUploadEnds(t *testing.T) {
	for name, test := range map[string]struct {
		session session
		want    cachedcontent.Kind
	}{
		"cancelled by the provider": {session{failAt: 0, status: "cancelled"}, cachedcontent.Cancelled},
		"final too early":           {session{failAt: 0, status: "final"}, cachedcontent.Unreadable},
		"no file in the end":        {session{failAt: -1, final: "{}", noFile: true}, cachedcontent.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := upload(t, &test.session, small)
			asError(t, err, test.want)
			if len(test.session.offsets) > 3 {
				t.Errorf("chunks at %v", test.session.offsets)
			}
		})
	}
	// The answer that has the file is unreadable, but the file has the name that we gave it.
	s := session{failAt: -1, final: "<html>"}
	f, err := upload(t, &s, small)
	if err != nil || f.Name != "files/x" || len(s.names) != 1 || !strings.HasPrefix(s.names[0], "files/sf-") || len(s.names[0]) > len("files/")+40 {
		t.Errorf("got %+v, %v, asked for %v", f, err, s.names)
	}
	for status, want := range map[int]cachedcontent.Kind{401: cachedcontent.Denied, 403: cachedcontent.Denied, 400: cachedcontent.Invalid, 307: cachedcontent.Redirected} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inBubble(t, smallServer, func(t *testing.T, srv *llmtest.Server) {
				w := &wrecker{base: srv.Transport(), wreck: map[int]func(*wrecker, *http.Request) (*http.Response, error){0: fail(status)}}
				_, err := gemini(t, w).Upload(t.Context(), bytes.NewReader(data(2*unit)), small)
				asError(t, err, want)
				if w.chunks != 1 || len(srv.Files()) != 0 || w.commands[len(w.commands)-1] != "cancel" {
					t.Errorf("sent %v", w.commands)
				}
			})
		})
	}
}

// The provider has other bytes than were sent: the file is deleted.
func TestUploadCorrupted(t *testing.T) {
	for name, file := range map[string]string{
		"another hash": `"sha256Hash":"` + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("0f", 32))) + `"`,
		"a raw hash":   `"sha256Hash":"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + `"`,
		"another size": `"sizeBytes":"7"`,
	} {
		t.Run(name, func(t *testing.T) {
			s := session{failAt: -1, final: `{"file":{"name":"files/x","uri":"https://x/files/x",` + file + `}}`}
			_, err := upload(t, &s, small)
			asError(t, err, cachedcontent.Unreadable)
			if s.deleted != 1 {
				t.Errorf("%d files deleted", s.deleted)
			}
		})
	}
	s := session{failAt: -1, final: `{"file":{"name":"files/x","uri":"https://x/files/x","sha256Hash":"?"}}`}
	if _, err := upload(t, &s, small); err != nil {
		t.Errorf("a hash that is none: %v", err)
	}
}

// The data and the key go only to the provider.
func TestUploadHosts(t *testing.T) {
	gateway := cachedcontent.WithBaseURL("http://gw.example:8080/llm")
	const google = "https://generativelanguage.googleapis.com/"
	for _, test := range []struct {
		name, url string
		options   []cachedcontent.Option
		sent, key bool
	}{
		{"the same", google + "upload?upload_id=1", nil, true, true},
		{"a sister", "https://upload.googleapis.com/x?upload_id=1", nil, true, false},
		{"another host", "https://evil.example/?upload_id=1", nil, false, false},
		{"a host that looks like it", "https://evilgoogleapis.com/?upload_id=1", nil, false, false},
		{"a host that begins like it", "https://generativelanguage.googleapis.com.evil.example/", nil, false, false},
		{"a port", "https://upload.googleapis.com:444/", nil, false, false},
		{"no encryption", "http://generativelanguage.googleapis.com/?upload_id=1", nil, false, false},
		{"a user", "https://generativelanguage.googleapis.com@evil.example/", nil, false, false},
		{"a user of its own", "https://u:p@generativelanguage.googleapis.com/", nil, false, false},
		{"a path", "/upload?upload_id=1", nil, false, false},
		{"no URL", ":", nil, false, false},
		{"missing", " ", nil, false, false},
		{"a gateway", "http://gw.example:8080/x?upload_id=1", []cachedcontent.Option{gateway}, true, true},
		{"the provider behind a gateway", google + "upload?upload_id=1", []cachedcontent.Option{gateway}, true, false},
		{"another port of the gateway", "http://gw.example:8081/x", []cachedcontent.Option{gateway}, false, false},
		{"a host beside the gateway", "http://other.example:8080/x", []cachedcontent.Option{gateway}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &session{failAt: -1, url: test.url}
			_, err := upload(t, s, small, test.options...)
			if test.sent != (err == nil) || test.sent != (len(s.offsets) > 0) {
				t.Fatalf("%d chunks, %v", len(s.offsets), err)
			}
			if !test.sent {
				asError(t, err, cachedcontent.Unreadable)
				return
			}
			for _, h := range s.headers[1:] {
				if has := h.Get("X-Goog-Api-Key") != ""; has != test.key {
					t.Errorf("a chunk has the key: %v", has)
				}
			}
		})
	}
}

// The provider asks for larger chunks.
func TestUploadGranularity(t *testing.T) {
	s := &session{failAt: -1, start: map[string]string{"X-Goog-Upload-Chunk-Granularity": "524288"}}
	if _, err := upload(t, s, small); err != nil || strings.Join(s.offsets, " ") != "0 524288" {
		t.Errorf("chunks at %v, %v", s.offsets, err)
	}
	for _, bad := range []string{"0", "-1", "x", "99999999999"} {
		s := &session{failAt: -1, start: map[string]string{"X-Goog-Upload-Chunk-Granularity": bad}}
		_, err := upload(t, s, small)
		asError(t, err, cachedcontent.Unreadable)
	}
}

// A changing reader has other data after its first n bytes are read, the second time.
type changing struct {
	*bytes.Reader
	from int64
	old  int64 // how many bytes have been read
	all  int64
}

func (c *changing) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.Reader.ReadAt(p, at)
	if c.old += int64(n); c.old > c.all && at+int64(n) > c.from {
		p[n-1]++
	}
	return n, err
}

// Data that changes while it is uploaded does not become a file.
func TestUploadChanges(t *testing.T) {
	for _, at := range []int64{0, unit + 5, 3*unit - 1} {
		inBubble(t, smallServer, func(t *testing.T, srv *llmtest.Server) {
			w := &wrecker{base: srv.Transport()}
			r := &changing{Reader: bytes.NewReader(data(3 * unit)), from: at, all: 3 * unit}
			_, err := gemini(t, w).Upload(t.Context(), r, small)
			if !errors.Is(err, cachedcontent.ErrChanged) || len(srv.Files()) != 0 || w.commands[len(w.commands)-1] != "cancel" {
				t.Errorf("from %d: %v, sent %v", at, err, w.commands)
			}
		})
	}
	for name, change := range map[string]func(path string) error{
		"it grows":      func(path string) error { return os.WriteFile(path, data(4*unit), 0o600) },
		"it is cut":     func(path string) error { return os.Truncate(path, unit) },
		"it is touched": func(path string) error { return os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)) },
		"it is rewritten, with the old time": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			other := data(3 * unit)
			other[2*unit]++
			return errors.Join(os.WriteFile(path, other, 0o600), os.Chtimes(path, info.ModTime(), info.ModTime()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "book.pdf")
			if err := os.WriteFile(path, data(3*unit), 0o600); err != nil {
				t.Fatal(err)
			}
			inBubble(t, smallServer, func(t *testing.T, srv *llmtest.Server) {
				file, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				w := &wrecker{base: srv.Transport()}
				o := small
				o.Progress = func(sent, _ int64) {
					if sent == unit {
						if err := change(path); err != nil {
							t.Error(err)
						}
					}
				}
				_, err = gemini(t, w).Upload(t.Context(), file, o)
				if !errors.Is(err, cachedcontent.ErrChanged) || len(srv.Files()) != 0 || w.commands[len(w.commands)-1] != "cancel" {
					t.Errorf("%v, sent %v", err, w.commands)
				}
			})
		})
	}
}

// A context that ends ends the upload, and cancels it at the provider.
func TestUploadContext(t *testing.T) {
	inBubble(t, smallServer, func(t *testing.T, srv *llmtest.Server) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &wrecker{base: srv.Transport()}
		o := small
		o.Progress = func(sent, _ int64) {
			if sent == unit {
				cancel()
			}
		}
		_, err := gemini(t, w).Upload(ctx, bytes.NewReader(data(3*unit)), o)
		if !errors.Is(err, context.Canceled) || len(srv.Files()) != 0 || w.commands[len(w.commands)-1] != "cancel" {
			t.Errorf("%v, sent %v", err, w.commands)
		}
		checkNoSecret(t, err.Error())
	})
}

// What is wrong with the data is an error that names it, and nothing is sent.
func TestUploadBadInput(t *testing.T) {
	c := gemini(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("it was sent") }))
	for name, test := range map[string]struct {
		from  io.ReaderAt
		o     cachedcontent.UploadOptions
		field string
	}{
		"nothing":             {nil, small, "the reader"},
		"no bytes":            {strings.NewReader(""), small, "Size"},
		"a negative size":     {strings.NewReader("x"), cachedcontent.UploadOptions{MIMEType: "text/plain", Size: -1}, "Size"},
		"no size":             {sizeless{strings.NewReader("x")}, small, "Size"},
		"no type":             {strings.NewReader("\x00\x01"), cachedcontent.UploadOptions{}, "MIMEType"},
		"a bad type":          {strings.NewReader("x"), cachedcontent.UploadOptions{MIMEType: "pdf"}, "MIMEType"},
		"a type of two lines": {strings.NewReader("x"), cachedcontent.UploadOptions{MIMEType: "text/plain\r\nX-Goog-Upload-Command: x"}, "MIMEType"},
		"a small chunk":       {strings.NewReader("x"), cachedcontent.UploadOptions{MIMEType: "text/plain", ChunkSize: 1000}, "ChunkSize"},
		"a negative chunk":    {strings.NewReader("x"), cachedcontent.UploadOptions{MIMEType: "text/plain", ChunkSize: -unit}, "ChunkSize"},
		"a huge chunk":        {strings.NewReader("x"), cachedcontent.UploadOptions{MIMEType: "text/plain", ChunkSize: 1 << 40}, "ChunkSize"},
		"a long name":         {strings.NewReader("x"), cachedcontent.UploadOptions{MIMEType: "text/plain", DisplayName: strings.Repeat("x", 513)}, "DisplayName"},
		"a name of bytes":     {strings.NewReader("x"), cachedcontent.UploadOptions{MIMEType: "text/plain", DisplayName: "\xff"}, "DisplayName"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Upload(t.Context(), test.from, test.o)
			asFieldError(t, err, test.field)
		})
	}
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	_, err = c.Upload(t.Context(), folder, small)
	asFieldError(t, err, "the file")
	o := small
	o.Size = 10
	if _, err := c.Upload(t.Context(), sizeless{strings.NewReader("short")}, o); !errors.Is(err, cachedcontent.ErrChanged) {
		t.Errorf("it is shorter than it says: %v", err)
	}
	broken := errors.New("the disk is broken")
	if _, err := c.Upload(t.Context(), readerAt(func([]byte, int64) (int, error) { return 0, broken }), o); !errors.Is(err, broken) {
		t.Errorf("it cannot be read: %v", err)
	}
	if _, err := vertex(t, nil).Upload(t.Context(), strings.NewReader("x"), small); err == nil || !strings.Contains(err.Error(), "gs://") {
		t.Errorf("on Vertex AI: %v", err)
	}
}

type sizeless struct{ r io.ReaderAt }

func (s sizeless) ReadAt(p []byte, at int64) (int, error) { return s.r.ReadAt(p, at) }

type readerAt func([]byte, int64) (int, error)

func (f readerAt) ReadAt(p []byte, at int64) (int, error) { return f(p, at) }

// A file of 200 MB is uploaded in the memory of a few chunks, at the size of chunks that is the default.
func TestUploadLong(t *testing.T) {
	if testing.Short() {
		t.Skip("it hashes 200 MB three times")
	}
	const size = 200 << 20
	block := data(1 << 20)
	endless := readerAt(func(p []byte, at int64) (int, error) {
		for n := 0; n < len(p); {
			n += copy(p[n:], block[(at+int64(n))%int64(len(block)):])
		}
		return len(p), nil
	})
	var most uint64
	s := &counting{}
	o := cachedcontent.UploadOptions{MIMEType: "video/mp4", Size: size, Progress: func(int64, int64) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
	}}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := gemini(t, s).Upload(t.Context(), endless, o); err != nil {
		t.Fatal(err)
	}
	if s.bytes != size || s.chunks != size/cachedcontent.DefaultChunk {
		t.Errorf("%d bytes in %d chunks", s.bytes, s.chunks)
	}
	if held := int64(most) - int64(before.HeapInuse); held > 4*cachedcontent.DefaultChunk {
		t.Errorf("it held %d MB", held>>20)
	}
}

// counting is a server that counts what it gets.
type counting struct {
	bytes  int64
	chunks int
}

func (c *counting) RoundTrip(req *http.Request) (*http.Response, error) {
	s := session{failAt: -1}
	if commandOf(req) == "start" {
		return s.RoundTrip(req)
	}
	n, err := io.Copy(io.Discard, req.Body)
	if err != nil {
		return nil, err
	}
	c.bytes += n
	c.chunks++
	if !strings.Contains(commandOf(req), "finalize") {
		return answer(req, 200, "", "X-Goog-Upload-Status", "active"), nil
	}
	return answer(req, 200, `{"file":{"name":"files/x","uri":"https://x/files/x"}}`, "X-Goog-Upload-Status", "final"), nil
}

// A stack passes an upload on untouched: it makes no rows, and a chunk that fails is not sent again by it.
func TestUploadThroughAStack(t *testing.T) {
	inBubble(t, smallServer, func(t *testing.T, srv *llmtest.Server) {
		w := &wrecker{base: srv.Transport(), wreck: map[int]func(*wrecker, *http.Request) (*http.Response, error){
			0: fail(503), 2: cutAfter(1000),
		}}
		stack, err := middleware.New(middleware.WithBase(w))
		if err != nil {
			t.Fatal(err)
		}
		f, err := gemini(t, stack).Upload(t.Context(), bytes.NewReader(data(3*unit)), small)
		if err != nil {
			t.Fatal(err)
		}
		checkFile(t, srv, f, data(3*unit))
		want := "start, upload 0, query, upload 0, upload 262144, query, upload 262144, upload, finalize 524288"
		if got := strings.Join(w.commands, ", "); got != want {
			t.Errorf("sent %s\nwant %s", got, want)
		}
		if rows := stack.Rows(); len(rows) != 0 {
			t.Errorf("%d rows", len(rows))
		}
		if err := stack.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitFile(t *testing.T) {
	inBubble(t, llmtest.Config{FileProcessing: 95 * time.Second, UploadGranularity: unit}, func(t *testing.T, srv *llmtest.Server) {
		c := gemini(t, srv.Transport())
		f, err := c.Upload(t.Context(), bytes.NewReader(data(100)), small)
		if err != nil || f.State != cachedcontent.FileProcessing {
			t.Fatal(f, err)
		}
		began, requests := time.Now(), len(srv.Requests())
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := c.WaitFile(ctx, f.Name); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitFile with a deadline: %v", err)
		}
		if f, err = c.WaitFile(t.Context(), f.Name); err != nil || f.State != cachedcontent.FileActive {
			t.Errorf("WaitFile = %+v, %v", f, err)
		}
		if took, n := time.Since(began), len(srv.Requests())-requests; took < 95*time.Second || took > 110*time.Second || n > 20 {
			t.Errorf("it took %v and %d requests", took, n)
		}
		if err := c.DeleteFile(t.Context(), f.Name); err != nil {
			t.Error(err)
		}
		for _, err := range []error{c.DeleteFile(t.Context(), f.Name), second(c.GetFile(t.Context(), f.Name)), second(c.WaitFile(t.Context(), f.Name))} {
			asError(t, err, cachedcontent.NotFound)
		}
	})
	patient(t)
	_, err := fixed(t, 200, `{"name":"files/x","uri":"u","state":"FAILED"}`).WaitFile(t.Context(), "files/x")
	asError(t, err, cachedcontent.FileFailed)
	_, err = fixed(t, 200, `{"name":"files/x"}`).GetFile(t.Context(), "files/x")
	asError(t, err, cachedcontent.Unreadable)
	for _, name := range []string{"", "x", "files/", "files/a/b", "files/..", "files/a?b", "cachedContents/x"} {
		asFieldError(t, second(fixed(t, 200, "{}").GetFile(t.Context(), name)), "name")
		asFieldError(t, fixed(t, 200, "{}").DeleteFile(t.Context(), name), "name")
	}
	if _, err := vertex(t, nil).GetFile(t.Context(), "files/x"); err == nil || !strings.Contains(err.Error(), "gs://") {
		t.Errorf("on Vertex AI: %v", err)
	}
}

// patient checks that a wait outlives failures that pass, and not others.
func patient(t *testing.T) {
	t.Helper()
	for name, test := range map[string]struct {
		statuses []int // of the answers before the last; 0: a lost connection
		want     cachedcontent.Kind
		requests int
	}{
		"they pass":          {[]int{503, 0, 429, 500, 0, 503, 408}, "", 8},
		"they do not":        {[]int{503, 503, 503, 503, 503, 503, 503, 503, 503}, cachedcontent.Unavailable, 8},
		"the key is revoked": {[]int{503, 401}, cachedcontent.Denied, 2},
		"the file is gone":   {[]int{404}, cachedcontent.NotFound, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			c := gemini(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				if n++; n > len(test.statuses) {
					return answer(req, 200, `{"name":"files/x","uri":"u","state":"ACTIVE"}`), nil
				}
				if test.statuses[n-1] == 0 {
					return nil, errCut
				}
				return answer(req, test.statuses[n-1], "", "Retry-After", "60"), nil
			}))
			began := time.Now()
			_, err := c.WaitFile(t.Context(), "files/x")
			if cachedcontent.KindOf(err) != test.want || n != test.requests || test.want == "" && err != nil {
				t.Errorf("%s: %v after %d requests", name, err, n)
			}
			if n > 5 && time.Since(began) < 4*time.Minute {
				t.Errorf("%s: it waited %v", name, time.Since(began))
			}
		})
	}
}

// All bytes have arrived, and the upload is not final: it is finalized without a byte.
func TestUploadFinalize(t *testing.T) {
	s := &session{failAt: 2, received: 3 * unit}
	f, err := upload(t, s, small)
	if err != nil || f.Size != 3*unit || strings.Join(s.offsets, " ") != "0 262144 524288 786432" {
		t.Errorf("got %+v, %v; chunks at %v", f, err, s.offsets)
	}
	last := s.headers[len(s.headers)-1]
	if last.Get("X-Goog-Upload-Command") != "finalize" || last.Get("X-Goog-Upload-Offset") != "786432" {
		t.Errorf("the last command is %v", last)
	}
}
