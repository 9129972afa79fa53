package cachedcontent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxInlineText is how long a text is sent within the request at most, in bytes.
const maxInlineText = 4 << 20

// CreateFromFile creates a cache of a document on disk: a PDF, a video, a long text. The document is the first turn; content
// has the rest, and may be nothing but a model and a time to live.
//
// A text of up to 4 MB stands in the cache as text, and the File that is returned has no name. Anything else is uploaded
// first, with the progress reported to o.Progress, and Client waits until the provider has processed it. The file stays
// until it is deleted, for 48 hours at most; whether a cache lives on without its file is not documented, so it is better to
// keep it as long as the cache. If there is no cache in the end, the file is deleted.
//
// On Vertex AI, which has no Files API, the document is sent within the request, so it can have 7 MB.
func (c *Client) CreateFromFile(ctx context.Context, content Content, path string, o UploadOptions) (Cache, File, error) {
	f, err := os.Open(path)
	if err != nil {
		return Cache{}, File{}, fmt.Errorf("cachedcontent: %w", err)
	}
	defer f.Close()
	u, err := newUpload(c, f, o)
	if err != nil {
		return Cache{}, File{}, err
	}
	// What else is wrong with the content must be known before a long file is uploaded.
	sample := with(content, Text("x"))
	if err := sample.Validate(c.provider); err != nil {
		return Cache{}, File{}, err
	}
	part, isInline, err := c.inline(u)
	if err != nil {
		return Cache{}, File{}, err
	}
	if isInline {
		cache, err := c.Create(ctx, with(content, part))
		if err == nil && o.Progress != nil {
			o.Progress(u.size, u.size)
		}
		return cache, File{}, err
	}
	return c.createFromUpload(ctx, content, f, o)
}

// createFromUpload uploads a file and creates a cache of it.
func (c *Client) createFromUpload(ctx context.Context, content Content, r io.ReaderAt, o UploadOptions) (cache Cache, file File, err error) {
	if file, err = c.Upload(ctx, r, o); err != nil {
		return Cache{}, File{}, err
	}
	name := file.Name
	if file, err = c.WaitFile(ctx, name); err == nil {
		cache, err = c.Create(ctx, with(content, file.Part()))
	}
	if err != nil {
		ctx, stop := afterwards(ctx)
		defer stop()
		return Cache{}, File{}, errors.Join(err, c.DeleteFile(ctx, name))
	}
	return cache, file, nil
}

// with returns a content with a part as its first turn.
func with(content Content, part Part) Content {
	content.Turns = slices.Concat([]Turn{User(part)}, content.Turns)
	return content
}

// inline returns the part that a file is within a request, if it should be that.
func (c *Client) inline(u *upload) (part Part, ok bool, err error) {
	isText := strings.HasPrefix(u.MIMEType, "text/")
	switch {
	case c.provider == vertexProvider && u.size > maxVertexBody*3/4:
		return Part{}, false, errNoFiles
	case c.provider != vertexProvider && (!isText || u.size > maxInlineText):
		return Part{}, false, nil
	}
	data := make([]byte, u.size)
	if err := u.read(data, 0); err != nil {
		return Part{}, false, err
	}
	if u.changed() {
		return Part{}, false, ErrChanged
	}
	if isText && utf8.Valid(data) {
		return Text(string(data)), true, nil
	}
	return Data(u.MIMEType, data), c.provider == vertexProvider, nil
}
