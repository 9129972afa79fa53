package cachedcontent

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// The protocol of a resumable upload: a start, whose answer names a session; chunks, each at an offset, of which the last
// finalizes; a query, which says how much has arrived. Sources: ai.google.dev, page on the Files API; developers.google.com,
// pages on resumable uploads, which describe the query.
const (
	headProtocol = "X-Goog-Upload-Protocol"
	headCommand  = "X-Goog-Upload-Command"
	headOffset   = "X-Goog-Upload-Offset"
	headLength   = "X-Goog-Upload-Header-Content-Length"
	headType     = "X-Goog-Upload-Header-Content-Type"
	headURL      = "X-Goog-Upload-Url"
	headStatus   = "X-Goog-Upload-Status"
	headReceived = "X-Goog-Upload-Size-Received"
	headUnit     = "X-Goog-Upload-Chunk-Granularity"
)

const (
	maxFailures = 8 // in a row, without progress
	firstPause  = time.Second
	maxPause    = 30 * time.Second
)

// start begins the session.
func (u *upload) start(ctx context.Context) error {
	type about struct {
		Name        string `json:"name"`
		DisplayName string `json:"displayName,omitempty"`
		MIMEType    string `json:"mimeType"`
	}
	body, err := encode(map[string]about{"file": {u.name, u.DisplayName, u.MIMEType}})
	if err != nil {
		return fmt.Errorf("cachedcontent: start upload: %w", err)
	}
	c := u.client
	r := &request{op: "start upload", method: http.MethodPost, url: c.base + "/upload/" + c.version + "/files", body: body}
	r.header = http.Header{
		headProtocol: {"resumable"}, headCommand: {"start"},
		headLength: {strconv.FormatInt(u.size, 10)}, headType: {u.MIMEType},
	}
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.rejection(r, resp)
	}
	if u.url, u.open, err = c.sessionURL(resp.Header.Get(headURL)); err != nil {
		return unreadable(r, err)
	}
	if unit := resp.Header.Get(headUnit); unit != "" {
		n, err := strconv.ParseInt(unit, 10, 64)
		if err != nil || n <= 0 || n > maxChunk {
			return unreadable(r, fmt.Errorf("%s is no size of a chunk", headUnit))
		}
		u.chunk = (u.chunk + n - 1) / n * n
	}
	return nil
}

// sessionURL checks the URL of a session, to which the data goes. It must be on the host that the client speaks to or, if it
// is encrypted, on one of googleapis.com. open reports that it is on another host, which gets no key.
func (c *Client) sessionURL(raw string) (where string, open bool, err error) {
	base, err := url.Parse(c.base)
	if err != nil {
		return "", false, errors.New("the client has no base URL")
	}
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return "", false, errors.New(headURL + " is missing")
	case err != nil, u.Host == "", u.User != nil:
		return "", false, errors.New(headURL + " is no URL of a session")
	case u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host):
		return raw, false, nil
	case u.Scheme == "https" && u.Port() == "" && strings.HasSuffix(strings.ToLower(u.Hostname()), ".googleapis.com"):
		return raw, !strings.EqualFold(u.Host, base.Host), nil
	}
	return "", false, errors.New(headURL + " is on another host, to which nothing is sent")
}

// A reply is what the provider says about the session.
type reply struct {
	status   string // "active", "final" or "cancelled"; "" if it does not say
	received int64  // by a query; -1 if it does not say
	body     []byte
}

// command sends a command of the session, with data or without.
func (u *upload) command(ctx context.Context, op, command string, offset int64, data []byte) (reply, error) {
	r := &request{op: op, method: http.MethodPost, url: u.url, body: data, open: u.open, once: true}
	r.header = http.Header{headCommand: {command}, "Content-Type": {"application/octet-stream"}}
	if offset >= 0 {
		r.header.Set(headOffset, strconv.FormatInt(offset, 10))
	}
	resp, err := u.client.send(ctx, r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	p := reply{status: strings.ToLower(strings.TrimSpace(resp.Header.Get(headStatus))), received: -1}
	if n, err := strconv.ParseInt(strings.TrimSpace(resp.Header.Get(headReceived)), 10, 64); err == nil && n >= 0 {
		p.received = n
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return p, u.client.rejection(r, resp)
	}
	p.body, err = u.client.read(r, resp)
	return p, err
}

// run sends the data, and returns the file that it became.
func (u *upload) run(ctx context.Context) (File, error) {
	buf := make([]byte, min(u.chunk, u.size))
	for failures := 0; ; {
		part, seen, err := u.next(buf)
		if err != nil {
			return File{}, err
		}
		last := u.at+int64(len(part)) == u.size
		p, err := u.command(ctx, "upload chunk", commandFor(part, last), u.at, part)
		if err == nil && p.status == "active" && !last {
			u.advance(part, seen)
			failures = 0
			continue
		}
		if err != nil || p.status != "final" {
			if p, err = u.ask(ctx, &failures, u.failure(ctx, p, err)); err != nil {
				return File{}, err
			}
		}
		if p.status == "final" {
			return u.finished(ctx, p, part, seen)
		}
		before := u.at
		if err := u.resume(ctx, p.received, part); err != nil {
			return File{}, err
		}
		if u.at > before {
			failures = 0
		}
	}
}

// failure returns what is wrong with the answer to a chunk.
func (u *upload) failure(ctx context.Context, p reply, err error) failure {
	switch {
	case p.status == "cancelled":
		return failure{u.cancelled(), true}
	case err != nil:
		return failure{err, hopeless(ctx, err)}
	}
	return failure{protocolError(headStatus + " is missing, or says what it cannot be"), false}
}

// A failure is an error of a chunk or of a query. If it is the end, to ask further does not help.
type failure struct {
	err error
	end bool
}

// commandFor returns the command for a chunk.
func commandFor(part []byte, last bool) string {
	switch {
	case len(part) == 0:
		return "finalize"
	case last:
		return "upload, finalize"
	}
	return "upload"
}

// next reads the next chunk into buf, and returns it with the hash of all data up to its end. The last chunk is not returned
// if the data has changed.
func (u *upload) next(buf []byte) (part []byte, seen hash.Hash, err error) {
	if u.changed() {
		return nil, nil, ErrChanged
	}
	part = buf[:min(int64(len(buf)), u.size-u.at)]
	if err := u.read(part, u.at); err != nil {
		return nil, nil, err
	}
	if seen, err = cloned(u.seen); err != nil {
		return nil, nil, err
	}
	_, _ = seen.Write(part) // a hash never fails
	if u.at+int64(len(part)) == u.size && !equalSums(seen, u.sum) {
		return nil, nil, ErrChanged
	}
	return part, seen, nil
}

// cloned returns a copy of a hash.
func cloned(h hash.Hash) (hash.Hash, error) {
	c, ok := h.(hash.Cloner)
	if !ok {
		return nil, errors.New("cachedcontent: upload: the hash cannot be copied")
	}
	copied, err := c.Clone()
	if err != nil {
		return nil, fmt.Errorf("cachedcontent: upload: %w", err)
	}
	return copied, nil
}

// advance notes that the provider has a chunk.
func (u *upload) advance(part []byte, seen hash.Hash) {
	u.at += int64(len(part))
	u.seen = seen
	u.report()
}

func (u *upload) report() {
	if u.Progress != nil {
		u.Progress(u.at, u.size)
	}
}

// hopeless reports whether an error of a chunk is one after which to ask does not help.
func hopeless(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	switch KindOf(err) {
	case Denied, NotFound, Refused, Redirected, Quota, FreeTier:
		return true
	}
	return false
}

// ask asks how much the provider has, after the failure of a chunk, until it says so or there were too many failures.
func (u *upload) ask(ctx context.Context, failures *int, last failure) (reply, error) {
	rejected := KindOf(last.err) == Invalid
	for {
		if last.end {
			return reply{}, last.err
		}
		if *failures++; *failures >= maxFailures {
			return reply{}, fmt.Errorf("%w (given up after %d failures in a row)", last.err, *failures)
		}
		if err := u.pause(ctx, *failures, last.err); err != nil {
			return reply{}, err
		}
		p, err := u.command(ctx, "query upload", "query", -1, []byte{})
		switch {
		case err != nil, p.status == "cancelled":
			last = u.failure(ctx, p, err)
		case p.status == "active" && p.received >= 0 && p.received <= u.at && rejected:
			return reply{}, last.err // the chunk is wrong, and would be so again
		case p.status == "active" && p.received >= 0, p.status == "final":
			return p, nil
		default:
			last = failure{protocolError("the answer to a query does not say how much has arrived"), false}
		}
	}
}

// pause waits before the next query: ever longer, and never less than the provider asks for.
func (u *upload) pause(ctx context.Context, failures int, failure error) error {
	bound := min(firstPause<<min(failures-1, 10), maxPause)
	if err := sleep(ctx, policy.Wait(retryAfter(failure), bound, rand.Uint64())); err != nil {
		return fmt.Errorf("cachedcontent: upload: %w", err)
	}
	return nil
}

// resume goes on from what the provider has of the data, where part is the chunk that was on its way.
func (u *upload) resume(ctx context.Context, received int64, part []byte) error {
	switch {
	case received > u.at+int64(len(part)):
		return protocolError("the provider says that it has more than was sent")
	case received > u.at:
		_, _ = u.seen.Write(part[:received-u.at])
	case received < u.at:
		seen, err := u.hashTo(ctx, received)
		if err != nil {
			return err
		}
		u.seen = seen
	default:
		return nil
	}
	u.at = received
	u.report()
	return nil
}

// finished returns the file of a session that is final. The answer that has the file may be lost: then the file is asked for
// by the name that we gave it.
func (u *upload) finished(ctx context.Context, p reply, part []byte, seen hash.Hash) (File, error) {
	u.ended = true
	if u.at+int64(len(part)) != u.size {
		return File{}, protocolError("the provider ended the upload before all was sent")
	}
	f, err := parseFile(p.body)
	if err != nil {
		if f, err = u.client.GetFile(ctx, u.name); err != nil {
			return File{}, err
		}
	}
	u.advance(part, seen)
	return f, nil
}

// cancelled returns the error of a session that the provider has ended.
func (u *upload) cancelled() error {
	u.ended = true
	return &Error{Op: "upload", Status: http.StatusOK, Kind: Cancelled}
}

// cancel ends the session, so that the provider keeps nothing. It does not matter much if that fails: a session that is not
// final ends by itself.
func (u *upload) cancel(ctx context.Context) {
	if u.ended {
		return
	}
	ctx, stop := afterwards(ctx)
	defer stop()
	_, _ = u.command(ctx, "cancel upload", "cancel", -1, []byte{})
}

// protocolError returns the error for an answer that the protocol does not have.
func protocolError(text string) error {
	return &Error{Op: "upload", Status: http.StatusOK, Kind: Unreadable, Err: errors.New(text)}
}

// hexSum returns the hash that the provider states, in hexadecimal digits; "" if it states none that is known. It is the
// base64 of the hash or, as a rule, of its hexadecimal digits.
func hexSum(stated string) string {
	raw, err := base64.StdEncoding.DecodeString(stated)
	switch {
	case err != nil:
		return ""
	case len(raw) == len(Hash{}):
		return hex.EncodeToString(raw)
	case len(raw) != 2*len(Hash{}):
		return ""
	}
	if _, err := hex.DecodeString(string(raw)); err != nil {
		return ""
	}
	return strings.ToLower(string(raw))
}
