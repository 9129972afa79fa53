// Package feed keeps a published list of prices up to date, for a program that asks for it.
package feed

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A Refresher fetches a published list of prices again and again. Nothing in this package does so by itself: it takes a
// program that makes a Refresher and calls [Refresher.Refresh] or [Refresher.Run]. A list is only ever replaced by one that
// Load accepts; else the old one stays.
//
//	book := price.NewBook(nil)
//	r := &feed.Refresher{
//		URL:  "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json",
//		Path: "/var/cache/prices/litellm.json",
//		Load: func(r io.Reader, asOf time.Time) (*price.Feed, error) {
//			return price.LoadLiteLLM("litellm", r, asOf, price.Against(price.Embedded()))
//		},
//		OnError: func(err error) { slog.Warn("prices", "err", err) },
//	}
//	go r.Run(ctx, 24*time.Hour, func(f *price.Feed) { book.SetFeed(f.Catalog) })
//
// Its fields are not to be changed once it is in use. It is safe for concurrent use, and not to be copied.
type Refresher struct {
	// URL is where the list is.
	URL string
	// Client fetches it; nil is [http.DefaultClient]. A fetch takes at most two minutes.
	Client *http.Client
	// Load makes a [price.Feed] of the list, which was fetched at asOf.
	Load func(r io.Reader, asOf time.Time) (*price.Feed, error)
	// Path is the file that the last good list is kept in, as it was fetched, for the next start. Beside it is another,
	// with ".meta" behind the name. Empty keeps none.
	Path string
	// MaxBytes is how large a list may be, decompressed; 0 is 64 MiB.
	MaxBytes int64
	// OnError is told of each failure of [Refresher.Run]; nil ignores them.
	OnError func(error)

	mu    sync.Mutex
	meta  refreshMeta
	feed  *price.Feed
	given bool // the caller has had the feed
}

// refreshMeta is what is known of the last good list.
type refreshMeta struct {
	URL          string    `json:"url"`
	ETag         string    `json:"etag,omitzero"`
	LastModified string    `json:"last_modified,omitzero"`
	Fetched      time.Time `json:"fetched"`
	SHA256       string    `json:"sha256"`
}

const (
	fetchTimeout = 2 * time.Minute
	maxBytes     = 64 << 20 // ten times the largest list there is
)

// Refresh fetches the list, unless the server says that it is still the last good one, and returns the Feed made of it, and
// whether that is another than Refresh or [Refresher.Cached] returned before. With an error, what there was before holds.
// Errors do not quote the list.
//
// A list without dates has its prices from asOf on. Those that were in force until then stay in the new catalog, for calls
// that are under way, and one that did not change keeps the time at which it was first seen.
func (r *Refresher) Refresh(ctx context.Context) (feed *price.Feed, changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.feed == nil && r.Path != "" {
		_, _ = r.cached() // if there is one, the server need not send it again
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	text, meta, err := r.fetch(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("feed: %w", err)
	}
	if text == nil || r.feed != nil && meta.SHA256 == r.meta.SHA256 {
		changed, r.given = !r.given, true
		return r.feed, changed, nil
	}
	feed, err = r.Load(bytes.NewReader(text), meta.Fetched)
	if err != nil {
		return nil, false, fmt.Errorf("feed: %w", err)
	}
	if r.feed != nil {
		feed.Continue(r.feed, meta.Fetched)
	}
	r.feed, r.meta, r.given = feed, meta, true
	if r.Path != "" {
		if err := r.keep(text); err != nil {
			return feed, true, fmt.Errorf("feed: the list is in use, but could not be kept: %w", err)
		}
	}
	return feed, true, nil
}

// Cached returns the Feed made of the list that was kept in Path, as of when it was fetched. It is for a start at which the
// network fails.
func (r *Refresher) Cached() (*price.Feed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	feed, err := r.cached()
	if err != nil {
		return nil, fmt.Errorf("feed: last good list: %w", err)
	}
	r.given = true
	return feed, nil
}

// cached reads the files.
func (r *Refresher) cached() (*price.Feed, error) {
	if r.Path == "" {
		return nil, errors.New("no Path to keep one in")
	}
	f, err := os.Open(r.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := r.read(f)
	if err != nil {
		return nil, err
	}
	meta, err := r.about(f, text)
	if err != nil {
		return nil, err
	}
	feed, err := r.Load(bytes.NewReader(text), meta.Fetched)
	if err == nil {
		r.feed, r.meta = feed, meta
	}
	return feed, err
}

// about returns what is known of the list in the file. After a crash between two writes that is only when it was written.
func (r *Refresher) about(f *os.File, text []byte) (meta refreshMeta, err error) {
	about, err := os.ReadFile(r.Path + metaSuffix)
	if err == nil && json.Unmarshal(about, &meta) == nil && meta.SHA256 == sum(text) {
		if meta.URL != r.URL {
			return meta, fmt.Errorf("%s is from another URL", r.Path)
		}
		return meta, nil
	}
	info, err := f.Stat()
	if err != nil {
		return meta, err
	}
	return refreshMeta{URL: r.URL, Fetched: info.ModTime().UTC(), SHA256: sum(text)}, nil
}

// metaSuffix is behind the name of the file about a list.
const metaSuffix = ".meta"

// Run calls use with the Feed, and again whenever it has changed, at once and then about every so often, until ctx is
// done, whose error it returns. Where the first fetch fails, use gets the last good list, if there is one. It calls use
// from this goroutine. The times vary by a tenth, so that a fleet does not fetch as one. Every is a day if it is not
// positive.
func (r *Refresher) Run(ctx context.Context, every time.Duration, use func(*price.Feed)) error {
	if every <= 0 {
		every = 24 * time.Hour
	}
	if !r.turn(ctx, use) {
		if feed, err := r.Cached(); err == nil {
			use(feed)
		} else if r.Path != "" {
			r.report(ctx, err)
		}
	}
	for {
		wait := time.NewTimer(every - every/10 + rand.N(every/5+1))
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
			r.turn(ctx, use)
		}
	}
}

// turn fetches once, and says whether there is a list.
func (r *Refresher) turn(ctx context.Context, use func(*price.Feed)) bool {
	feed, changed, err := r.Refresh(ctx)
	if changed {
		use(feed)
	}
	r.report(ctx, err)
	return changed || err == nil
}

// report tells of a failure, unless it is the end of the run.
func (r *Refresher) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && r.OnError != nil {
		r.OnError(err)
	}
}

// fetch gets the list. The text is nil if it is the one that is there.
func (r *Refresher) fetch(ctx context.Context) ([]byte, refreshMeta, error) {
	meta := refreshMeta{URL: r.URL, Fetched: time.Now().UTC()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return nil, meta, err
	}
	if r.feed != nil && r.meta.ETag != "" {
		req.Header.Set("If-None-Match", r.meta.ETag)
	}
	if r.feed != nil && r.meta.LastModified != "" {
		req.Header.Set("If-Modified-Since", r.meta.LastModified)
	}
	resp, err := cmp.Or(r.Client, http.DefaultClient).Do(req)
	if err != nil {
		return nil, meta, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && r.feed != nil:
		return nil, meta, nil
	case resp.StatusCode != http.StatusOK:
		return nil, meta, fmt.Errorf("%s answered %d, not 200", r.URL, resp.StatusCode)
	}
	text, err := r.read(resp.Body)
	if err != nil {
		return nil, meta, fmt.Errorf("%s: %w", r.URL, err)
	}
	meta.ETag, meta.LastModified, meta.SHA256 = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified"), sum(text)
	return text, meta, nil
}

// read reads a list, which is never nil.
func (r *Refresher) read(from io.Reader) ([]byte, error) {
	most := r.MaxBytes
	if most <= 0 {
		most = maxBytes
	}
	text, err := io.ReadAll(io.LimitReader(from, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("larger than %d bytes", most)
	}
	return text, err
}

// sum is the text's checksum.
func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// keep writes the list, and then what is known of it.
func (r *Refresher) keep(text []byte) error {
	about, err := json.Marshal(r.meta)
	if err != nil {
		return err
	}
	if err := replace(r.Path, text); err != nil {
		return err
	}
	return replace(r.Path+metaSuffix, about)
}

// replace puts a file in place of another, whole.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
