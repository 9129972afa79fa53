package llmtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// filesURI is the prefix of the URIs of files. It does not depend on the host that the client
// talked to.
const filesURI = "https://generativelanguage.googleapis.com/v1beta/files/"

// routeFiles returns the face for a path of Gemini's Files API, or nil. OpenAI has files too,
// under /v1.
func routeFiles(r *http.Request, path string) face {
	rest, uploading := strings.CutPrefix(strings.Trim(path, "/"), "upload/")
	version, rest, _ := strings.Cut(rest, "/")
	if !strings.HasPrefix(version, "v1beta") && !strings.HasPrefix(version, "v1alpha") {
		return nil
	}
	g := google{googlePath: googlePath{version: version}}
	id, one := strings.CutPrefix(rest, "files/")
	switch {
	case uploading && rest == "files" && (r.Method == http.MethodPost || r.Method == http.MethodPut):
		return &uploadFile{google: g}
	case uploading:
		return nil
	case rest == "files" && r.Method == http.MethodGet:
		return listFiles{g}
	case one && id != "" && !strings.Contains(id, "/"):
		switch r.Method {
		case http.MethodGet:
			return oneFile{google: g, operation: "getFile", name: rest}
		case http.MethodDelete:
			return oneFile{google: g, operation: "deleteFile", name: rest}
		}
	}
	return nil
}

// fileBody is the REST resource of a file. The order of the fields is Google's.
type fileBody struct {
	Name    string `json:"name"`
	Display string `json:"displayName,omitempty"`
	MIME    string `json:"mimeType"`
	Size    string `json:"sizeBytes"`
	Created string `json:"createTime"`
	Updated string `json:"updateTime"`
	Expires string `json:"expirationTime"`
	SHA256  string `json:"sha256Hash"`
	URI     string `json:"uri"`
	State   string `json:"state"`
	Source  string `json:"source"`
}

// resource returns the REST resource of a file. Its hash is the base64 of the hex digits, as
// Google's is.
func (f fileRecord) resource(now time.Time) fileBody {
	updated := f.Created
	if !now.Before(f.Active) {
		updated = f.Active
	}
	return fileBody{
		Name: f.Name, Display: f.DisplayName, MIME: f.MIMEType, Size: strconv.FormatInt(f.Size, 10),
		Created: f.Created.UTC().Format(microseconds), Updated: updated.UTC().Format(microseconds),
		Expires: f.Expires.UTC().Format(time.RFC3339Nano),
		SHA256:  base64.StdEncoding.EncodeToString([]byte(f.SHA256)),
		URI:     f.URI, State: f.state(now), Source: "UPLOADED",
	}
}

// uploadFile is POST /upload/v1beta/files: the start of a resumable upload, and every command
// for it.
type uploadFile struct {
	google
	header   map[string]string // of the response, in addition to Google's
	response []byte            // its body
}

// The headers of the protocol.
const (
	uploadProtocol = "X-Goog-Upload-Protocol"
	uploadCommand  = "X-Goog-Upload-Command"
	uploadOffset   = "X-Goog-Upload-Offset"
	uploadLength   = "X-Goog-Upload-Header-Content-Length"
	uploadType     = "X-Goog-Upload-Header-Content-Type"
	uploadURL      = "X-Goog-Upload-Url"
	uploadStatus   = "X-Goog-Upload-Status"
	uploadReceived = "X-Goog-Upload-Size-Received"
	uploadUnit     = "X-Goog-Upload-Chunk-Granularity"
)

// read keeps the bytes of a chunk out of the log: Request.Body is nil for them.
func (c *uploadFile) read(x *exchange, body []byte) *flaw {
	c.readPath(x, "uploadFile", "")
	x.params.unlimited = true
	if x.r.Header.Get(uploadCommand) != "start" {
		x.chunk, x.params.discard = body, true
		return nil
	}
	x.params.operation = "startUpload"
	if p := x.r.Header.Get(uploadProtocol); p != "resumable" {
		return &flaw{message: "Unsupported upload protocol '" + p + "'."}
	}
	if len(body) == 0 {
		return nil
	}
	fields, f := protoFields(body, []string{"file"})
	if f == nil && present(fields["file"]) {
		fields, f = protoFields(fields["file"], []string{"name", "displayName", "mimeType"})
		x.fields = fields
	}
	return f
}

// vet does the work as well: no other command for the same upload may come between the check
// and the change.
func (c *uploadFile) vet(x *exchange) *apiError {
	s := &x.files
	if x.params.operation == "startUpload" {
		return c.start(x)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.session(x.r.URL.Query().Get("upload_id"))
	if u == nil {
		return c.failure(http.StatusNotFound, "Upload not found.")
	}
	var e *apiError
	if command := x.r.Header.Get(uploadCommand); command == "query" {
		c.header = map[string]string{uploadReceived: strconv.FormatInt(u.got, 10)}
	} else {
		c.header = map[string]string{}
		e = c.command(x, u, command)
	}
	c.header[uploadStatus] = u.status
	if u.status == "final" && e == nil {
		c.response = append(indented(encode(map[string]fileBody{"file": u.file.resource(x.began)})), '\n')
	}
	return e
}

// start begins an upload.
func (c *uploadFile) start(x *exchange) *apiError {
	u := upload{size: -1, file: fileRecord{owner: x.owner()}}
	if f := scanProto(x.fields, []target{
		{"name", &u.wanted}, {"displayName", &u.file.DisplayName}, {"mimeType", &u.file.MIMEType},
	}); f != nil {
		return c.invalid(x, f)
	}
	if kind := x.r.Header.Get(uploadType); kind != "" {
		u.file.MIMEType = kind
	}
	if u.file.MIMEType == "" {
		u.file.MIMEType = "application/octet-stream"
	}
	if length := x.r.Header.Get(uploadLength); length != "" {
		n, err := strconv.ParseInt(length, 10, 64)
		if err != nil || n < 0 {
			return c.badArgument("Invalid value of " + uploadLength + ".")
		}
		u.size = n
	}
	if u.wanted != "" {
		if !strings.HasPrefix(u.wanted, "files/") {
			u.wanted = "files/" + u.wanted
		}
		if _, ok := x.files.lookUp(u.wanted, x.owner(), x.began); ok {
			return c.failure(http.StatusConflict, "File "+strings.TrimPrefix(u.wanted, "files/")+" already exists.")
		}
	}
	id := x.files.start(u, x.cfg.Seed)
	c.header = map[string]string{
		uploadStatus: "active", uploadUnit: strconv.FormatInt(x.cfg.granularity(), 10),
		uploadURL: fmt.Sprintf("%s://%s/upload/%s/files?upload_id=%s&upload_protocol=resumable",
			schemeOf(x.r), x.r.Host, c.version, id),
	}
	return nil
}

// schemeOf guesses the scheme of the client's URL, which a request does not have: the server
// is reached without encryption whatever the scheme. Names with a port are the server's own.
func schemeOf(r *http.Request) string {
	if host := hostOf(r); host != r.Host || strings.HasSuffix(host, ".invalid") || host == "localhost" {
		return "http"
	}
	return "https"
}

// command carries out a command that changes an upload. x.files.mu is held.
func (c *uploadFile) command(x *exchange, u *upload, command string) *apiError {
	if u.status != "active" {
		return c.badArgument("Upload has already been terminated.")
	}
	var chunk, last bool
	for part := range strings.SplitSeq(command, ",") {
		switch strings.TrimSpace(part) {
		case "upload":
			chunk = true
		case "finalize":
			last = true
		case "cancel":
			u.status = "cancelled"
			return nil
		default:
			return c.badArgument("Invalid " + uploadCommand + " '" + command + "'.")
		}
	}
	if chunk {
		if e := c.append(x, u, last); e != nil {
			return e
		}
	}
	if !last {
		return nil
	}
	if u.size >= 0 && u.got != u.size {
		return c.badArgument(fmt.Sprintf("The upload has %d bytes, but %d were declared.", u.got, u.size))
	}
	x.files.finalize(u, x.cfg.Seed, x.cfg.FileProcessing, x.began)
	return nil
}

// append adds a chunk to an upload. x.files.mu is held.
func (c *uploadFile) append(x *exchange, u *upload, last bool) *apiError {
	offset, err := strconv.ParseInt(x.r.Header.Get(uploadOffset), 10, 64)
	n := int64(len(x.chunk))
	switch {
	case err != nil:
		return c.badArgument("Invalid value of " + uploadOffset + ".")
	case offset != u.got:
		return c.badArgument(fmt.Sprintf("The offset is %d, but %d bytes were received.", offset, u.got))
	case u.size >= 0 && u.got+n > u.size:
		return c.badArgument(fmt.Sprintf("More than the declared %d bytes were sent.", u.size))
	case !last && n%x.cfg.granularity() != 0:
		return c.badArgument(fmt.Sprintf("A chunk that is not the last must be a multiple of %d bytes.", x.cfg.granularity()))
	}
	u.add(x.chunk)
	return nil
}

// keep stores the part of a chunk that arrived before the connection broke, in whole units of
// the granularity.
func (c *uploadFile) keep(x *exchange, body []byte) {
	if !strings.Contains(x.r.Header.Get(uploadCommand), "upload") {
		return
	}
	s := &x.files
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.session(x.r.URL.Query().Get("upload_id"))
	n := int64(len(body)) / x.cfg.granularity() * x.cfg.granularity()
	if u == nil || u.status != "active" || x.r.Header.Get(uploadOffset) != strconv.FormatInt(u.got, 10) ||
		u.size >= 0 && u.got+n > u.size {
		return
	}
	u.add(body[:n])
}

func (c *uploadFile) work(*exchange) answer { return answer{body: c.response} }

func (c *uploadFile) setHeader(x *exchange, h http.Header, status int) {
	c.google.setHeader(x, h, status)
	for key, value := range c.header {
		h.Set(key, value)
	}
}

// listFiles is GET .../files.
type listFiles struct{ google }

func (c listFiles) read(x *exchange, _ []byte) *flaw {
	c.readPath(x, "listFiles", "")
	x.params.unlimited = true
	return nil
}

// fileList is a page of files.
type fileList struct {
	Files []fileBody `json:"files,omitempty"`
	Next  string     `json:"nextPageToken,omitempty"`
}

func (c listFiles) work(x *exchange) answer {
	var list fileList
	var page []fileRecord
	page, list.Next = paged(x.r, x.files.alive(x.owner(), x.began), 10)
	for _, f := range page {
		list.Files = append(list.Files, f.resource(x.began))
	}
	return answer{body: append(indented(encode(list)), '\n')}
}

// paged returns the page of all that a request asks for, and the token of the next. A token is
// the number of items on the pages before.
func paged[T any](r *http.Request, all []T, size int) (page []T, next string) {
	query := r.URL.Query()
	if n, _ := strconv.Atoi(query.Get("pageSize")); n > 0 {
		size = n
	}
	from, _ := strconv.Atoi(query.Get("pageToken"))
	from = min(max(from, 0), len(all))
	page = all[from:]
	if len(page) > size {
		return page[:size], strconv.Itoa(from + size)
	}
	return page, ""
}

// oneFile is GET and DELETE .../files/ID.
type oneFile struct {
	google
	operation, name string
}

func (c oneFile) read(x *exchange, _ []byte) *flaw {
	c.readPath(x, c.operation, "")
	x.params.unlimited = true
	return nil
}

func (c oneFile) vet(x *exchange) *apiError {
	f, ok := x.files.lookUp(c.name, x.owner(), x.began)
	if ok && c.operation == "deleteFile" {
		ok = x.files.remove(c.name, x.owner(), x.began)
	}
	if !ok {
		return c.noSuchFile(c.name)
	}
	x.file = f
	return nil
}

// noSuchFile returns Gemini's error for a file that is not alive, or another key's.
func (g google) noSuchFile(name string) *apiError {
	return g.failure(http.StatusForbidden, "You do not have permission to access the File "+
		strings.TrimPrefix(name, "files/")+" or it may not exist.")
}

func (c oneFile) work(x *exchange) answer {
	if c.operation == "deleteFile" {
		return answer{body: []byte("{}\n")}
	}
	return answer{body: append(indented(encode(x.file.resource(x.began))), '\n')}
}

// useFiles adds the tokens of the files that the contents of a request refer to, or returns why
// the request is rejected. URIs that are not of the Files API count nothing.
func (g google) useFiles(x *exchange) *apiError {
	if g.vertex {
		return nil
	}
	for _, uri := range fileURIs(x.params.content) {
		_, id, ok := strings.Cut(uri, "/files/")
		if !ok || !strings.HasPrefix(uri, "https://generativelanguage.googleapis.com/") {
			continue
		}
		f, ok := x.files.lookUp("files/"+id, x.owner(), x.began)
		switch {
		case !ok:
			return g.noSuchFile(id)
		case x.began.Before(f.Active):
			return g.precondition("The File " + id + " is not in an ACTIVE state and usage is not allowed.")
		}
		x.params.extraTokens += f.Tokens()
	}
	return nil
}

// fileURIs returns the URIs in the parts of contents, in both spellings.
func fileURIs(raw json.RawMessage) (uris []string) {
	type data struct {
		URI   string `json:"fileUri"`
		Snake string `json:"file_uri"`
	}
	type content struct {
		Parts []struct {
			Data  *data `json:"fileData"`
			Snake *data `json:"file_data"`
		} `json:"parts"`
	}
	var all []content
	if json.Unmarshal(raw, &all) != nil {
		all = make([]content, 1)
		if json.Unmarshal(raw, &all[0]) != nil {
			return nil
		}
	}
	for _, c := range all {
		for _, p := range c.Parts {
			for _, d := range []*data{p.Data, p.Snake} {
				if d != nil && d.URI+d.Snake != "" {
					uris = append(uris, d.URI+d.Snake)
				}
			}
		}
	}
	return uris
}
