// Package feed keeps a catalog of prices up to date with a list that another project publishes on the network.
//
// A program makes a [Refresher] with the address of a list and one of the loaders of package price, and runs it. The
// package does nothing until then. A new list replaces the old one only if the loader accepts it:
//
//	var book price.Book // the prices of the program, see middleware.Stack.Prices
//	r := &feed.Refresher{
//		URL:  "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json",
//		Path: "/var/cache/prices/litellm.json",
//		Load: func(r io.Reader, asOf time.Time) (*price.Feed, error) {
//			return price.LoadLiteLLM("litellm", r, price.FeedConfig{AsOf: asOf, Previous: price.Embedded()})
//		},
//		OnError: func(err error) { slog.Warn("prices", "err", err) },
//	}
//	go r.Run(ctx, 24*time.Hour, func(f *price.Feed) { book.SetFeed(f.Catalog) })
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

// A Refresher fetches a published list of prices: once by [Refresher.Refresh], or at intervals by [Refresher.Run]. URL and
// Load must be set. If a fetch fails, or Load refuses the new list, the old list stays in use.
//
// Its fields must not be changed after the first call of a method. A Refresher is safe for concurrent use and must not be
// copied.
type Refresher struct {
	// URL is the address of the list.
	URL string
	// Client fetches the list. Nil means [http.DefaultClient]. A fetch takes at most two minutes.
	Client *http.Client
	// Load reads the list, which was fetched at asOf, or refuses it by an error.
	Load func(r io.Reader, asOf time.Time) (*price.Feed, error)
	// Path is the file that keeps the last good list, as it was fetched, for the next start of the program. A second file,
	// with ".meta" after the name, is written next to it. If Path is empty, no list is kept.
	Path string
	// MaxBytes is how large a list may be, decompressed. 0 means 64 MiB.
	MaxBytes int64
	// OnError is called with each error of [Refresher.Run]. If it is nil, errors are ignored.
	OnError func(error)

	mu    sync.Mutex
	meta  refreshMeta
	feed  *price.Feed
	given bool // the feed has been returned to the caller
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

// Refresh fetches the list, unless the server says that it has not changed. It returns the Feed, and whether it differs from
// the one that Refresh or [Refresher.Cached] returned before. After an error the old list stays in use; if the new list is
// in use and only writing it to Path failed, Refresh returns both the Feed and an error. Errors do not quote the list.
//
// The prices of a list without dates hold from the time of the fetch. The new catalog keeps the prices that held until then,
// for calls that are under way, and a price that did not change keeps the time at which it was first seen: see
// [price.Feed.Continue].
func (r *Refresher) Refresh(ctx context.Context) (feed *price.Feed, changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.feed == nil && r.Path != "" {
		_, _ = r.cached() // if there is a list, the server does not have to send it again
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

// Cached returns the Feed of the list in Path, as of the time when it was fetched. It is for a program that starts while the
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

// about returns what is known of the list in the file. After a crash between the writes of the two files, only the time of
// the write is known.
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

// metaSuffix ends the name of the file about a list.
const metaSuffix = ".meta"

// Run fetches the list at once and then at intervals, until ctx is done, and returns the error of ctx. It calls use, in the
// same goroutine, with the first Feed and with each one that has changed. If the first fetch fails, it calls use with the
// list in Path, if there is one. The interval is every, or a day if every is not positive; it varies by a tenth, so that the
// replicas of a program do not all fetch at the same time.
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

// turn fetches once, and reports whether there is a list.
func (r *Refresher) turn(ctx context.Context, use func(*price.Feed)) bool {
	feed, changed, err := r.Refresh(ctx)
	if changed {
		use(feed)
	}
	r.report(ctx, err)
	return changed || err == nil
}

// report calls OnError, unless the error is the end of the run.
func (r *Refresher) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && r.OnError != nil {
		r.OnError(err)
	}
}

// fetch gets the list. The text is nil if the server says that the list has not changed.
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

// sum returns the text's checksum.
func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// keep writes the list to Path, and then the file about it.
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

// replace replaces the file in one step: at any time it has the old text or the new one.
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
