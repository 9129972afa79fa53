package cachedcontent

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The sizes of chunks, in bytes. The provider wants multiples of 256 KB, and may ask for a larger unit.
const (
	DefaultChunk = 8 << 20
	chunkUnit    = 256 << 10
	maxChunk     = 64 << 20
)

// ErrChanged is the error of an upload whose file is not the same any more as when it began. The upload is cancelled: the
// provider keeps nothing of it.
var ErrChanged = errors.New("cachedcontent: the file changed while it was uploaded")

// UploadOptions say how to upload. The zero value finds out everything for an [os.File].
type UploadOptions struct {
	// MIMEType is the type of the data, such as "video/mp4". "" means: by the name of the file, else by its first bytes.
	MIMEType string
	// DisplayName is a label for people, of at most 512 characters; "" means none.
	DisplayName string
	// Size is the number of bytes; 0 means: what Stat or Size of the reader says, one of which it must have then.
	Size int64
	// ChunkSize is how many bytes are sent at once, and held in memory: a multiple of 256 KB, of at most 64 MB. 0 means
	// [DefaultChunk]. It is rounded up to the unit that the provider asks for.
	ChunkSize int64
	// Progress is called after each chunk with how many bytes of how many the provider has; nil means no call. It must not
	// block. After a cut the number may be less than before.
	Progress func(sent, size int64)
}

// Upload uploads data to the Files API, by which a [Part] can name it for 48 hours. The file may still be processed: see
// [Client.WaitFile]. Vertex AI has no Files API.
//
// The data is read twice: once for its hash, and once to be sent, chunk by chunk. If it is not the same the second time, or
// an [os.File] has another size or time of change, the upload is cancelled and the error is [ErrChanged].
//
// A chunk is never blindly sent again. When one fails, the provider is asked how much it has, and the upload goes on from
// there. It is given up after eight failures in a row without a byte of progress, and cancelled. r must not be changed while
// Upload runs.
func (c *Client) Upload(ctx context.Context, r io.ReaderAt, o UploadOptions) (File, error) {
	if c.provider == vertexProvider {
		return File{}, errNoFiles
	}
	u, err := newUpload(c, r, o)
	if err != nil {
		return File{}, err
	}
	if u.sum, err = u.hashTo(ctx, u.size); err != nil {
		return File{}, err
	}
	if err := u.start(ctx); err != nil {
		return File{}, err
	}
	f, err := u.run(ctx)
	if err != nil {
		u.cancel(ctx)
		return File{}, err
	}
	return u.check(ctx, f)
}

// An upload is one upload at work.
type upload struct {
	client *Client
	from   io.ReaderAt
	UploadOptions
	size int64
	stat fs.FileInfo // of a file, when the upload began; nil: there is none
	sum  hash.Hash   // of the whole data, when the upload began
	name string      // which we give the file, so that it can be found if its answer is lost

	url   string // of the session, which is as secret as a key
	open  bool   // the session is on another host, which must not get the key
	chunk int64
	at    int64     // what the provider has
	seen  hash.Hash // of what it has
	ended bool      // the provider ended it
}

func newUpload(c *Client, r io.ReaderAt, o UploadOptions) (*upload, error) {
	u := &upload{client: c, from: r, UploadOptions: o, size: o.Size, chunk: o.ChunkSize, seen: sha256.New()}
	if r == nil {
		return nil, invalid("the reader", "nil", "want one")
	}
	if f, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		var err error
		if u.stat, err = f.Stat(); err != nil {
			return nil, fmt.Errorf("cachedcontent: upload: %w", err)
		}
	}
	if err := u.measure(); err != nil {
		return nil, err
	}
	if u.chunk == 0 {
		u.chunk = DefaultChunk
	}
	switch n := utf8.RuneCountInString(o.DisplayName); {
	case u.chunk < 0, u.chunk > maxChunk, u.chunk%chunkUnit != 0:
		return nil, invalid("ChunkSize", strconv.FormatInt(o.ChunkSize, 10), "want a multiple of 262144, of at most 67108864")
	case !utf8.ValidString(o.DisplayName):
		return nil, invalid("DisplayName", "bytes", "it is not valid UTF-8")
	case n > maxFileDisplayName:
		return nil, invalid("DisplayName", fmt.Sprintf("%d characters", n), fmt.Sprintf("want at most %d", maxFileDisplayName))
	}
	if u.MIMEType == "" {
		var err error
		if u.MIMEType, err = typeOf(r, u.size); err != nil {
			return nil, err
		}
	}
	if !isMIMEType(u.MIMEType) {
		return nil, invalid("MIMEType", strconv.Quote(shortened(u.MIMEType)), "want a MIME type, such as application/pdf")
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	u.name = "files/sf-" + hex.EncodeToString(id)
	return u, nil
}

// measure finds out the size.
func (u *upload) measure() error {
	if u.size == 0 {
		switch r := u.from.(type) {
		case interface{ Size() int64 }:
			u.size = r.Size()
		default:
			if u.stat == nil {
				return invalid("Size", "0", "want the size of the data, which its reader does not say")
			}
			u.size = u.stat.Size()
		}
	}
	switch {
	case u.stat != nil && !u.stat.Mode().IsRegular():
		return invalid("the file", u.stat.Mode().Type().String(), "want a regular file")
	case u.size <= 0:
		return invalid("Size", strconv.FormatInt(u.size, 10), "there is nothing to upload")
	case u.stat != nil && u.size != u.stat.Size():
		return invalid("Size", strconv.FormatInt(u.size, 10), fmt.Sprintf("the file has %d", u.stat.Size()))
	}
	return nil
}

// typeOf returns the MIME type of data.
func typeOf(r io.ReaderAt, size int64) (string, error) {
	kind := ""
	if f, ok := r.(interface{ Name() string }); ok {
		kind = typeByName(f.Name())
	}
	if kind == "" {
		begin := make([]byte, min(size, 512))
		if _, err := r.ReadAt(begin, 0); err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("cachedcontent: upload: %w", err)
		}
		kind = http.DetectContentType(begin)
	}
	kind, _, _ = strings.Cut(kind, ";")
	if kind == "application/octet-stream" {
		return "", invalid("MIMEType", `""`, "it can be found neither by the name nor by the first bytes: say it")
	}
	return kind, nil
}

// typeByName returns the MIME type by a file's name; "" if that says nothing. The types of the system come last, since
// they differ from one to another.
func typeByName(name string) string {
	end := strings.ToLower(filepath.Ext(name))
	switch end {
	case ".txt", ".text", ".log":
		return "text/plain"
	case ".md", ".markdown":
		return "text/markdown"
	case ".pdf":
		return "application/pdf"
	case ".mp4", ".m4v":
		return "video/mp4"
	case ".mov":
		return "video/quicktime"
	case ".webm":
		return "video/webm"
	case ".mp3":
		return "audio/mp3"
	case ".wav":
		return "audio/wav"
	}
	return mime.TypeByExtension(end)
}

// hashTo returns the hash of the first n bytes.
func (u *upload) hashTo(ctx context.Context, n int64) (hash.Hash, error) {
	h := sha256.New()
	buf := make([]byte, 256<<10)
	for at := int64(0); at < n; {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("cachedcontent: upload: %w", context.Cause(ctx))
		}
		part := buf[:min(int64(len(buf)), n-at)]
		if err := u.read(part, at); err != nil {
			return nil, err
		}
		_, _ = h.Write(part) // a hash never fails
		at += int64(len(part))
	}
	return h, nil
}

// read fills p with the data at an offset.
func (u *upload) read(p []byte, at int64) error {
	n, err := u.from.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case err == nil, errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it is shorter than %d bytes", ErrChanged, u.size)
	}
	return fmt.Errorf("cachedcontent: upload: %w", err)
}

// changed reports whether a file is not the one any more that it was.
func (u *upload) changed() bool {
	if u.stat == nil {
		return false
	}
	now, err := u.from.(interface{ Stat() (fs.FileInfo, error) }).Stat()
	return err != nil || now.Size() != u.stat.Size() || !now.ModTime().Equal(u.stat.ModTime())
}

// check checks that the file the provider has is the data. If it is not, it deletes the file.
func (u *upload) check(ctx context.Context, f File) (File, error) {
	want := hex.EncodeToString(u.sum.Sum(nil))
	got := hexSum(f.sum)
	if (f.Size == 0 || f.Size == u.size) && (got == "" || got == want) {
		return f, nil
	}
	ctx, stop := afterwards(ctx)
	defer stop()
	err := u.client.DeleteFile(ctx, f.Name)
	broken := &Error{Op: "upload", Status: http.StatusOK, Kind: Unreadable, Err: errors.New("the provider has other bytes than were sent")}
	return File{}, errors.Join(broken, err)
}

// afterwards returns the context of what is cleaned up after an operation, perhaps one whose context has ended.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

// equalSums reports whether two hashes have seen the same.
func equalSums(a, b hash.Hash) bool { return bytes.Equal(a.Sum(nil), b.Sum(nil)) }
