package cachedcontent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// FileLife is how long the provider keeps an uploaded file. Source: ai.google.dev, page on the Files API.
const FileLife = 48 * time.Hour

// A FileState says whether a file can be used.
type FileState string

// The states of a file.
const (
	FileProcessing FileState = "PROCESSING" // not yet
	FileActive     FileState = "ACTIVE"     // yes
	FileBroken     FileState = "FAILED"     // never
)

// A File is what the provider says about an uploaded file.
type File struct {
	Name        string // the resource name: "files/ID"
	URI         string // by which a [Part] names it
	DisplayName string
	MIMEType    string
	Size        int64 // in bytes
	State       FileState
	// CreateTime, UpdateTime and ExpireTime are by the provider's clock; zero if it did not say. A file is deleted at its
	// ExpireTime, [FileLife] after its upload.
	CreateTime, UpdateTime, ExpireTime time.Time

	sum string // the hash that the provider states
}

// Part returns the part of a turn that is the file.
func (f *File) Part() Part { return FileURI(f.MIMEType, f.URI) }

// errNoFiles is the error of the Files API on Vertex AI.
var errNoFiles = errors.New("cachedcontent: Vertex AI has no Files API: put the data into Cloud Storage, and name it by a gs:// URI")

// GetFile returns what the provider says about a file. The name is "files/ID".
func (c *Client) GetFile(ctx context.Context, name string) (File, error) {
	r, err := c.fileRequest("get file", http.MethodGet, name)
	if err != nil {
		return File{}, err
	}
	body, err := c.do(ctx, r)
	if err != nil {
		return File{}, err
	}
	f, err := parseFile(body)
	if err != nil {
		return File{}, unreadable(r, err)
	}
	return f, nil
}

// DeleteFile deletes a file. One that does not exist any more is an [*Error] of the kind [NotFound].
func (c *Client) DeleteFile(ctx context.Context, name string) error {
	r, err := c.fileRequest("delete file", http.MethodDelete, name)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, r)
	return err
}

func (c *Client) fileRequest(op, method, name string) (*request, error) {
	if c.provider == vertexProvider {
		return nil, errNoFiles
	}
	if len(name) <= len("files/") || name[:len("files/")] != "files/" || !plain(name[len("files/"):], "-_") {
		return nil, invalid("name", strconv.Quote(shortened(name)), "want files/ID")
	}
	return &request{op: op, method: method, url: c.url(name)}, nil
}

// The waits between two looks at a file that is processed.
const (
	firstLook = time.Second
	maxLook   = 10 * time.Second
)

// WaitFile waits until a file can be used: the provider takes up to minutes for a long video. It asks again after 1 second,
// then after ever longer waits, up to 10 seconds. A file that the provider could not process is an [*Error] of the kind
// [FileFailed]. A failure that may pass, such as a lost connection, does not end the wait; eight of them in a row do.
// Only the context limits the wait.
func (c *Client) WaitFile(ctx context.Context, name string) (File, error) {
	if _, err := c.fileRequest("wait for file", http.MethodGet, name); err != nil {
		return File{}, err
	}
	failures := 0
	for look := firstLook; ; look = min(look*2, maxLook) {
		f, err := c.GetFile(ctx, name)
		failures++
		switch {
		case err != nil && (failures >= maxFailures || !mayPass(ctx, err)):
			return File{}, err
		case f.State == FileActive:
			return f, nil
		case f.State == FileBroken:
			return f, &Error{Op: "wait for file", Status: http.StatusOK, Kind: FileFailed}
		case err == nil:
			failures = 0
		}
		if err := sleep(ctx, max(look, retryAfter(err))); err != nil {
			return f, fmt.Errorf("cachedcontent: wait for file: %w", err)
		}
	}
}

// mayPass reports whether a request that has failed can be expected to work later. Nothing is done twice by it if it is made
// again.
func mayPass(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	kind := KindOf(err)
	return kind == "" || kind == Unavailable || kind == Rate
}

// sleep waits, or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// parseFile reads a file's metadata, which may stand in a member "file".
func parseFile(body []byte) (File, error) {
	type fileBody struct {
		Name        string    `json:"name"`
		URI         string    `json:"uri"`
		DisplayName string    `json:"displayName"`
		MIMEType    string    `json:"mimeType"`
		Size        count     `json:"sizeBytes"`
		State       FileState `json:"state"`
		CreateTime  moment    `json:"createTime"`
		UpdateTime  moment    `json:"updateTime"`
		ExpireTime  moment    `json:"expirationTime"`
		Sum         string    `json:"sha256Hash"`
	}
	var b struct {
		fileBody
		File *fileBody `json:"file"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return File{}, notJSON(err)
	}
	f := b.fileBody
	if b.File != nil {
		f = *b.File
	}
	if f.Name == "" || f.URI == "" {
		return File{}, errors.New("it has no name or no URI of a file")
	}
	return File{
		Name: f.Name, URI: f.URI, DisplayName: f.DisplayName, MIMEType: f.MIMEType, Size: int64(f.Size), State: f.State,
		CreateTime: f.CreateTime.Time, UpdateTime: f.UpdateTime.Time, ExpireTime: f.ExpireTime.Time, sum: f.Sum,
	}, nil
}
