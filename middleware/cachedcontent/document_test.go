package cachedcontent_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// written returns the path of a new file with the data.
func written(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// about is a content that has nothing but what a document needs.
func about() cachedcontent.Content { return cachedcontent.Content{Model: flash, TTL: 10 * time.Minute} }

// Documents of all sorts become caches by one call.
func TestCreateFromFile(t *testing.T) {
	for _, test := range []struct {
		name     string
		data     []byte
		uploaded bool
		mimeType string
	}{
		{"book.txt", []byte(book), false, ""},
		{"book.md", []byte(book), false, ""},
		{"book", []byte(book), false, ""}, // by its first bytes
		{"long.txt", []byte(strings.Repeat(book, 400)), true, "text/plain"},
		{"latin1.txt", append([]byte(book), 0xe9), true, "text/plain"},
		{"book.pdf", data(3*unit + 5), true, "application/pdf"},
		{"film.MP4", data(3*unit + 5), true, "video/mp4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := written(t, test.name, test.data)
			cfg := llmtest.Config{FileProcessing: time.Minute, UploadGranularity: unit}
			inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
				var progress []string
				o := cachedcontent.UploadOptions{ChunkSize: unit, Progress: func(sent, size int64) {
					progress = append(progress, fmt.Sprintf("%d/%d", sent, size))
				}}
				c := about()
				c.Turns = []cachedcontent.Turn{cachedcontent.Model(cachedcontent.Text("I have read it."))}
				client := gemini(t, srv.Transport())
				cache, file, err := client.CreateFromFile(t.Context(), c, path, o)
				if err != nil {
					t.Fatal(err)
				}
				if len(c.Turns) != 1 {
					t.Error("the caller's content has changed")
				}
				if want := int64(len(test.data) / 8); cache.Usage.Tokens < want || alive(srv) != 1 {
					t.Errorf("the cache is %+v; %d are alive", cache, alive(srv))
				}
				size := fmt.Sprintf("%d/%[1]d", len(test.data))
				if len(progress) == 0 || progress[len(progress)-1] != size {
					t.Errorf("the progress is %v, want %s in the end", progress, size)
				}
				if uploaded := file.Name != ""; uploaded != test.uploaded || file.MIMEType != test.mimeType || len(srv.Files()) != 0 != uploaded {
					t.Errorf("the file is %+v", file)
				}
				if test.uploaded {
					checkFile(t, srv, file, test.data)
				}
			})
		})
	}
}

// On Vertex AI, a document stands in the request, or has to lie in Cloud Storage.
func TestCreateFromFileVertex(t *testing.T) {
	text, pdf := written(t, "book.txt", []byte(book)), written(t, "book.pdf", data(unit))
	long := written(t, "long.pdf", data(8_000_000))
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		c := vertex(t, srv.Transport())
		for _, path := range []string{text, pdf} {
			if _, file, err := c.CreateFromFile(t.Context(), about(), path, cachedcontent.UploadOptions{}); err != nil || file.Name != "" {
				t.Errorf("%s: %+v, %v", path, file, err)
			}
		}
		if _, _, err := c.CreateFromFile(t.Context(), about(), long, cachedcontent.UploadOptions{}); err == nil || !strings.Contains(err.Error(), "gs://") {
			t.Errorf("long: %v", err)
		}
		if n := alive(srv); n != 2 {
			t.Errorf("%d caches", n)
		}
	})
}

// If there is no cache in the end, there is no file either, and a content that is wrong is not uploaded.
func TestCreateFromFileFails(t *testing.T) {
	path := written(t, "book.pdf", data(unit))
	never := gemini(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("it was sent") }))
	bad := about()
	bad.TTL = -1
	_, _, err := never.CreateFromFile(t.Context(), bad, path, cachedcontent.UploadOptions{})
	asFieldError(t, err, "TTL")
	bad = about()
	bad.Model = "gemini-4-argon"
	_, _, err = never.CreateFromFile(t.Context(), bad, path, cachedcontent.UploadOptions{})
	asFieldError(t, err, "Model")
	if _, _, err = never.CreateFromFile(t.Context(), about(), path+".missing", cachedcontent.UploadOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	_, _, err = never.CreateFromFile(t.Context(), about(), written(t, "empty.txt", nil), cachedcontent.UploadOptions{})
	asFieldError(t, err, "Size")
	_, _, err = never.CreateFromFile(t.Context(), about(), written(t, "x.bin", data(100)), cachedcontent.UploadOptions{})
	asFieldError(t, err, "MIMEType")

	inBubble(t, llmtest.Config{MinCacheTokens: 1 << 30, UploadGranularity: unit}, func(t *testing.T, srv *llmtest.Server) {
		_, file, err := gemini(t, srv.Transport()).CreateFromFile(t.Context(), about(), path, cachedcontent.UploadOptions{})
		asError(t, err, cachedcontent.TooSmall)
		if files := srv.Files(); file.Name != "" || len(files) != 1 || files[0].Alive(time.Now()) {
			t.Errorf("the files are %+v", files)
		}
	})
}
