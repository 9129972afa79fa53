package middleware

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
)

// caching is what the chains of an engine know of the context caches that they make themselves.
type caching struct {
	prices func() *price.Catalog
	logger func() *slog.Logger

	// found notes a cache whose creation was not answered, for the rows of its storage. It gets the row of the creation.
	found func(create ledger.Row, q price.Query, e cachedcontent.Entry)

	registered atomic.Int32 // how many contents are registered: if any, the prefixes of requests are read
	registry   cachedcontent.Registry
	owner      string // in the registry
	salt       string // the same

	mu       sync.Mutex
	scopes   map[scopeID]*scope // at most maxScopes
	accounts bounded[*spending] // by what of it is not the model
	closed   bool
	work     sync.WaitGroup // creations, renewals and deletions in the background
}

// A scope is what can share a context cache: the calls of one key, or project, to one model of one provider. Its fields are
// guarded by mu, unless they never change.
type scope struct {
	scopeID
	caching *caching
	latest  time.Time // when it was last asked for; guarded by the mu of caching

	holder lazy[reuse.Holder]
	writer lazy[reuse.Writer]
	spent  *spending // of the account, shared by its models

	mu      sync.Mutex
	sender  cacheSender
	held    map[prefixSum]*held
	kept    []*held // caches that are not used any more, and could not be deleted
	least   int64   // the fewest tokens of a cache, as far as refusals said so
	never   string  // why no cache can be made; "" if one can
	pause   pause   // after creations that failed
	ended   bool    // it was forgotten: no cache may be made any more
	rate    tokenRate
	prompts PromptTally
	hints   cacheHints
}

// A lazy is a value that is made when it is first needed: most keys of a proxy need none. It is safe for concurrent use.
type lazy[T any] struct {
	make func() *T
	mu   sync.Mutex
	made atomic.Pointer[T] // nil: it was not needed yet
}

func (l *lazy[T]) get() *T {
	if v := l.made.Load(); v != nil {
		return v
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made.Load() == nil {
		l.made.Store(l.make())
	}
	return l.made.Load()
}

// A scopeID says which calls are of a scope.
type scopeID struct {
	provider, host string
	account        string // the project and its location, or a hash of the key
	model          string // without a path
}

// A cacheSender sends what creates and changes the caches of a scope: through the chain of the latest call, with its key, or
// with that of a client that the program configured.
type cacheSender struct {
	chain  http.RoundTripper
	next   any // see contextBase
	client *cachedcontent.Client

	// Without a client:
	base   url.URL // of the caches: https://HOST/v1beta/cachedContents
	header http.Header
}

// request returns a request for the cache with the name, or for all caches if that is "".
func (s *cacheSender) request(ctx context.Context, method, name string, body []byte) (*http.Request, error) {
	if s.client != nil {
		return s.client.NewRequest(ctx, method, name, body)
	}
	u := s.base
	if name != "" {
		extendPath(&u, "", "/"+lastPart(name))
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	req.Header = s.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// extendPath replaces the end of a path, of which escaped parts stay escaped.
func extendPath(u *url.URL, end, by string) {
	u.Path = strings.TrimSuffix(u.Path, end) + by
	if u.RawPath != "" {
		u.RawPath = strings.TrimSuffix(u.RawPath, end) + by
	}
}

// known returns a scope; nil if there is none.
func (k *caching) known(id scopeID) *scope {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.scopes[id]
}

// payer stands for who pays: an account of a provider, at a host.
func (id scopeID) payer() string {
	return strings.Join([]string{id.provider, id.host, id.account}, " ")
}

// The bounds of what is remembered: how many scopes there are, and how many prefixes each of them remembers, at about 100 bytes
// each. The first scopes remember more, as most programs have few.
const (
	maxScopes    = 512
	firstScopes  = 16
	manyPrefixes = 100_000
	somePrefixes = 10_000
)

// manyScopes says why there is no scope for a call.
const manyScopes = "too many keys and models have context caches"

// scope returns a scope, which is made if there is none. Its caches are changed by the sender from now on, unless the program
// has configured a client for it. It returns nil if there are too many scopes with caches.
func (k *caching) scope(id scopeID, sender cacheSender) *scope {
	now := time.Now()
	k.mu.Lock()
	s := k.scopes[id]
	if s == nil && len(k.scopes) >= maxScopes && !k.evict() {
		k.mu.Unlock()
		return nil
	}
	if s == nil {
		prefixes := manyPrefixes
		if len(k.scopes) >= firstScopes {
			prefixes = somePrefixes
		}
		spent := k.accounts.values[id.payer()]
		if spent == nil {
			spent = new(spending)
			k.accounts.put(id.payer(), spent)
		}
		s = &scope{
			scopeID: id, caching: k, spent: spent, held: make(map[prefixSum]*held),
		}
		s.holder.make = func() *reuse.Holder { return reuse.NewHolder(reuse.HolderConfig{Blocks: prefixes}) }
		s.writer.make = func() *reuse.Writer { return reuse.NewWriter(reuse.WriterConfig{Blocks: prefixes}) }
		if k.scopes == nil {
			k.scopes = make(map[scopeID]*scope)
		}
		k.scopes[id] = s
	}
	s.latest = now
	k.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sender.client == nil || sender.client != nil {
		s.sender = sender
	}
	return s
}

// evict forgets the scope that was not asked for for longest, of those that have no cache and no registered content. It reports
// false if there is none. k.mu is held.
func (k *caching) evict() bool {
	var oldest *scope
	for _, s := range k.scopes {
		if (oldest == nil || s.latest.Before(oldest.latest)) && s.idle() {
			oldest = s
		}
	}
	if oldest == nil || !oldest.end() {
		return false
	}
	delete(k.scopes, oldest.scopeID)
	return true
}

// idle reports whether the scope has no cache and no registered content.
func (s *scope) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.empty()
}

// end has the scope make no caches from now on, if it is idle. It reports whether it is.
func (s *scope) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.empty()
	return s.ended
}

// empty is idle. s.mu is held.
func (s *scope) empty() bool {
	for _, h := range s.held {
		if h.name != "" || h.making != nil || h.handles > 0 {
			return false
		}
	}
	return len(s.kept) == 0
}

// all returns the scopes.
func (k *caching) all() (scopes []*scope) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.scopes {
		scopes = append(scopes, s)
	}
	return scopes
}

// background runs f on a goroutine of its own. It reports false if the engine is closed.
func (k *caching) background(f func()) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return false
	}
	k.work.Go(f)
	return true
}

// send sends an errand, and fails if there is no answer to it.
func (s *scope) send(ctx context.Context, e *errand, method, name string, body []byte) error {
	e.model = s.model
	s.mu.Lock()
	sender := s.sender
	s.mu.Unlock()
	req, err := sender.request(e.context(ctx, sender.next), method, name, body)
	if err != nil {
		return err
	}
	resp, err := sender.chain.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return err
}

// key is the name of a cache in the registry.
func (s *scope) key(h *held) cachedcontent.Key {
	sum := sha256.Sum256([]byte(s.caching.salt + "\x00" + s.account))
	return cachedcontent.Key{Provider: s.provider, Account: hex.EncodeToString(sum[:]), Model: s.model, Content: cachedcontent.Hash(h.sum)}
}

// log says what could not be done with a context cache.
func (s *scope) log(what string, err error) {
	s.caching.logger().Warn("skinflint: a context cache "+what, "provider", s.provider, "model", s.model, "why", err)
}

// lastPart returns what comes after the last slash of a model's name.
func lastPart(model string) string { return model[strings.LastIndexByte(model, '/')+1:] }
