package llmtest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const uploadPath = "/upload/v1beta/files"

// uploaded is a file, as a client reads it.
type uploaded struct {
	Name, DisplayName, MIMEType, SizeBytes, SHA256Hash, URI, State string
	CreateTime, UpdateTime, ExpirationTime                         time.Time
	Files                                                          []uploaded
	NextPageToken                                                  string
}

// startUpload starts an upload and returns its URL.
func startUpload(t *testing.T, srv *llmtest.Server, size string, header ...string) string {
	t.Helper()
	header = append([]string{
		"X-Goog-Upload-Protocol", "resumable", "X-Goog-Upload-Command", "start",
		"X-Goog-Upload-Header-Content-Length", size, "X-Goog-Upload-Header-Content-Type", "text/plain",
	}, header...)
	a := mustDo(t, srv, "POST", uploadPath, `{"file":{"displayName":"opticks"}}`, 200, header...)
	if a.header.Get("X-Goog-Upload-Status") != "active" || a.body != "" {
		t.Fatalf("started with %v %s", a.header, a.body)
	}
	return a.header.Get("X-Goog-Upload-Url")
}

// command sends a command of an upload.
func command(t *testing.T, srv *llmtest.Server, url, command, offset, body string) answer {
	t.Helper()
	a := do(t.Context(), srv, "POST", url, body, "X-Goog-Upload-Command", command, "X-Goog-Upload-Offset", offset, "Content-Type", "application/json")
	if a.err != nil {
		t.Fatal(a.err)
	}
	return a
}

// checkUpload checks the status and the headers of the response to a command.
func checkUpload(t *testing.T, a answer, status int, state, received string) {
	t.Helper()
	if a.status != status || a.header.Get("X-Goog-Upload-Status") != state || a.header.Get("X-Goog-Upload-Size-Received") != received {
		t.Errorf("got %d, %q, %q received, %s; want %d, %q, %q", a.status, a.header.Get("X-Goog-Upload-Status"),
			a.header.Get("X-Goog-Upload-Size-Received"), a.body, status, state, received)
	}
}

func TestUpload(t *testing.T) {
	cfg := llmtest.Config{UploadGranularity: 8, FileProcessing: time.Minute}
	bothBubbles(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		url := startUpload(t, srv, "20")
		checkUpload(t, command(t, srv, url, "query", "", ""), 200, "active", "0")
		checkUpload(t, command(t, srv, url, "upload", "0", "12345678"), 200, "active", "")
		checkUpload(t, command(t, srv, url, "upload", "0", "12345678"), 400, "active", "") // sent again
		checkUpload(t, command(t, srv, url, "upload", "8", "1234567"), 400, "active", "")  // no whole unit
		checkUpload(t, command(t, srv, url, "upload", "8", "12345678abcdefgh"), 400, "active", "")
		checkUpload(t, command(t, srv, url, "upload, finalize", "8", "1234"), 400, "active", "") // too few
		checkUpload(t, command(t, srv, url, "query", "", ""), 200, "active", "12")
		checkUpload(t, command(t, srv, url, "dance", "12", ""), 400, "active", "")
		checkUpload(t, command(t, srv, url, "upload", "nowhere", ""), 400, "active", "")
		last := command(t, srv, url, "upload,finalize", "12", "12345678")
		checkUpload(t, last, 200, "final", "")
		f := decode[struct{ File uploaded }](t, last.body).File
		sum := sha256.Sum256([]byte("12345678123412345678"))
		want := hex.EncodeToString(sum[:])
		if f.SizeBytes != "20" || f.DisplayName != "opticks" || f.MIMEType != "text/plain" || f.State != "PROCESSING" ||
			f.SHA256Hash != base64.StdEncoding.EncodeToString([]byte(want)) || f.ExpirationTime.Sub(f.CreateTime) != 48*time.Hour {
			t.Errorf("got %+v", f)
		}
		again := command(t, srv, url, "query", "", "")
		checkUpload(t, again, 200, "final", "20")
		if again.body != last.body {
			t.Errorf("got %s after %s", again.body, last.body)
		}
		checkUpload(t, command(t, srv, url, "upload", "20", ""), 400, "final", "")
		if all := srv.Files(); len(all) != 1 || all[0].SHA256 != want {
			t.Errorf("got %+v", all)
		}
		for _, r := range srv.Requests() {
			if r.Operation == "uploadFile" && r.Body != nil {
				t.Errorf("kept %q", r.Body)
			}
		}
	})
}

// uploadText uploads a file in one chunk.
func uploadText(t *testing.T, srv *llmtest.Server, text string) llmtest.File {
	t.Helper()
	last := command(t, srv, startUpload(t, srv, strconv.Itoa(len(text))), "upload, finalize", "0", text)
	checkUpload(t, last, 200, "final", "")
	all := srv.Files()
	return all[len(all)-1]
}

// A file can be used once it is processed, until it expires.
func TestFileLife(t *testing.T) {
	inBubble(t, llmtest.Config{FileProcessing: time.Minute}, func(t *testing.T, srv *llmtest.Server) {
		f := uploadText(t, srv, "12345678901234567890")
		use := contents("", `"systemInstruction":{}`)
		use = strings.Replace(use, `{"text":""}`, `{"fileData":{"mimeType":"text/plain","fileUri":"`+f.URI+`"}}`, 1)
		if a := mustDo(t, srv, "POST", geminiPath, use, 400); !strings.Contains(a.body, "not in an ACTIVE state") || !strings.Contains(a.body, "FAILED_PRECONDITION") {
			t.Errorf("got %s", a.body)
		}
		time.Sleep(time.Minute)
		if got := decode[uploaded](t, mustDo(t, srv, "GET", "/v1beta/"+f.Name, "", 200).body); got.State != "ACTIVE" || got.Name != f.Name {
			t.Errorf("got %+v", got)
		}
		mustDo(t, srv, "POST", geminiPath, use, 200)
		foreign := "https://example.com/" + strings.Repeat("x", len(f.URI)-len("https://example.com/"))
		mustDo(t, srv, "POST", geminiPath, strings.Replace(use, f.URI, foreign, 1), 200)
		if g := srv.Meter(); len(g) != 2 || f.Tokens() != 5 || g[0].Prompt-g[1].Prompt != 5 || !f.Alive(time.Now()) {
			t.Errorf("metered %+v with %+v", g, f)
		}
		time.Sleep(48 * time.Hour)
		mustDo(t, srv, "GET", "/v1beta/"+f.Name, "", 403)
		mustDo(t, srv, "POST", geminiPath, use, 403)
	})
}

func TestUploadIsCut(t *testing.T) {
	for name, cut := range map[string]func(t *testing.T, srv *llmtest.Server, url string) string{
		"request": func(t *testing.T, srv *llmtest.Server, url string) string {
			ctx, cancel := context.WithCancel(t.Context())
			in, out := io.Pipe()
			req, err := http.NewRequestWithContext(ctx, "POST", url, in)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = 16
			req.Header.Set("X-Goog-Upload-Command", "upload")
			req.Header.Set("X-Goog-Upload-Offset", "0")
			go func() {
				_, _ = io.WriteString(out, "12345678123")
				time.Sleep(time.Second)
				cancel()
				_ = out.CloseWithError(context.Canceled)
			}()
			if res, err := srv.Client().Do(req); err == nil {
				res.Body.Close()
				t.Error("the request was answered")
			}
			time.Sleep(time.Second)
			return "8"
		},
		"response": func(t *testing.T, srv *llmtest.Server, url string) string {
			req, err := http.NewRequestWithContext(t.Context(), "POST", url, io.LimitReader(strings.NewReader("1234567812345678"), 16))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Goog-Upload-Command", "upload")
			req.Header.Set("X-Goog-Upload-Offset", "0")
			if res, err := srv.Client().Do(req); err == nil {
				res.Body.Close()
				t.Error("the request was answered")
			}
			return "16"
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := llmtest.Config{UploadGranularity: 8}
			if name == "response" {
				cfg.Faults = llmtest.Sequence(llmtest.NoFault, llmtest.ResetAfterAccept)
			}
			inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
				url := startUpload(t, srv, "20")
				offset := cut(t, srv, url)
				checkUpload(t, command(t, srv, url, "query", "", ""), 200, "active", offset)
				rest := "12345678123456781234"[len("12345678")*map[string]int{"8": 1, "16": 2}[offset]:]
				checkUpload(t, command(t, srv, url, "upload, finalize", offset, rest), 200, "final", "")
				if all := srv.Files(); len(all) != 1 || all[0].Size != 20 {
					t.Errorf("got %+v", all)
				}
			})
		})
	}
}

func TestUploadIsCancelled(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		url := startUpload(t, srv, "20")
		checkUpload(t, command(t, srv, url, "cancel", "", ""), 200, "cancelled", "")
		checkUpload(t, command(t, srv, url, "upload", "0", ""), 400, "cancelled", "")
		checkUpload(t, command(t, srv, uploadPath+"?upload_id=none", "query", "", ""), 404, "", "")
		for _, header := range [][]string{
			{"X-Goog-Upload-Protocol", "multipart"}, {"X-Goog-Upload-Header-Content-Length", "-1"},
		} {
			header = append([]string{"X-Goog-Upload-Protocol", "resumable", "X-Goog-Upload-Command", "start"}, header...)
			mustDo(t, srv, "POST", uploadPath, "", 400, header...)
		}
		if len(srv.Files()) != 0 {
			t.Errorf("got %+v", srv.Files())
		}
	})
}

func TestFilesBelongToKeys(t *testing.T) {
	inBubble(t, llmtest.Config{Keyed: true}, func(t *testing.T, srv *llmtest.Server) {
		mine, theirs := []string{"X-Goog-Api-Key", "mine"}, []string{"X-Goog-Api-Key", "theirs"}
		for range 3 {
			checkUpload(t, command(t, srv, startUpload(t, srv, "4", mine...), "upload, finalize", "0", "text"), 200, "final", "")
		}
		list := func(query string, key []string) uploaded {
			return decode[uploaded](t, mustDo(t, srv, "GET", "/v1beta/files"+query, "", 200, key...).body)
		}
		first := list("?pageSize=2", mine)
		second := list("?pageSize=2&pageToken="+first.NextPageToken, mine)
		if len(first.Files) != 2 || len(second.Files) != 1 || second.NextPageToken != "" || len(list("", theirs).Files) != 0 {
			t.Errorf("listed %+v and %+v", first, second)
		}
		path := "/v1beta/" + second.Files[0].Name
		mustDo(t, srv, "GET", path, "", 403, theirs...)
		mustDo(t, srv, "DELETE", path, "", 403, theirs...)
		mustDo(t, srv, "DELETE", path, "", 200, mine...)
		mustDo(t, srv, "DELETE", path, "", 403, mine...)
		made := decode[cached](t, mustDo(t, srv, "POST", cachesPath, creation("models/gemini-2.5-flash", 2000), 200, mine...).body)
		use := contents("what?", `"cachedContent":"`+made.Name+`"`)
		mustDo(t, srv, "POST", geminiPath, use, 403, theirs...)
		mustDo(t, srv, "DELETE", "/v1beta/"+made.Name, "", 403, theirs...)
		mustDo(t, srv, "POST", geminiPath, use, 200, mine...)
		if got := decode[cached](t, mustDo(t, srv, "GET", cachesPath, "", 200, theirs...).body); len(got.CachedContents) != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestCacheOfAFile(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		f := uploadText(t, srv, strings.Repeat("text", 3000))
		request := `{"model":"models/gemini-2.5-flash","contents":[{"parts":[{"file_data":{"file_uri":"` + f.URI + `"}}]}]}`
		made := decode[cached](t, mustDo(t, srv, "POST", cachesPath, request, 200).body)
		if n := made.UsageMetadata.TotalTokenCount; n < 3000 || n > 3100 {
			t.Errorf("cached %d tokens", n)
		}
	})
}

// A file is uploaded in chunks, and used in a request.
func ExampleServer_Files() {
	srv := llmtest.NewPipe(llmtest.Config{UploadGranularity: 8})
	defer srv.Close()

	upload := func(url, command, offset, body string) http.Header {
		req, err := http.NewRequest("POST", url, strings.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return nil
		}
		req.Header.Set("X-Goog-Upload-Protocol", "resumable")
		req.Header.Set("X-Goog-Upload-Command", command)
		req.Header.Set("X-Goog-Upload-Offset", offset)
		req.Header.Set("X-Goog-Upload-Header-Content-Type", "text/plain")
		res, err := srv.Client().Do(req)
		if err != nil {
			fmt.Println(err)
			return nil
		}
		defer res.Body.Close()
		fmt.Println(res.Status, res.Header.Get("X-Goog-Upload-Status"))
		return res.Header
	}
	url := upload(srv.URL+"/upload/v1beta/files", "start", "", "").Get("X-Goog-Upload-Url")
	upload(url, "upload", "0", "All that")
	upload(url, "upload, finalize", "8", " glitters")
	f := srv.Files()[0]
	fmt.Println(f.Size, "bytes of", f.MIMEType)
	// Output:
	// 200 OK active
	// 200 OK active
	// 200 OK final
	// 17 bytes of text/plain
}
