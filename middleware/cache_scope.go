package middleware

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// caching is what the chains of an engine know of the context caches that they make themselves. The zero caching is ready.
type caching struct {
	registered atomic.Int32 // how many contents are registered: if any, the prefixes of requests are read
	registry   cachedcontent.Registry
	owner      string // in the registry
	salt       string // the same

	mu       sync.Mutex
	scopes   bounded[*scope]
	accounts bounded[*spending]
	closed   bool
	work     sync.WaitGroup // creations, renewals and deletions in the background
}

// A scope is what can share a context cache: the calls of one key, or project, to one model of one provider. Its fields are
// guarded by mu, unless they never change.
type scope struct {
	engine   *engine
	provider string
	host     string // see hostOf
	account  string // the project and its location, or a hash of the key
	model    string // without a path

	holder *reuse.Holder
	writer *reuse.Writer
	spent  *spending // of the account, shared by its models

	mu     sync.Mutex
	sender cacheSender
	held   map[prefixSum]*held
	least  int64  // the fewest tokens of a cache, as far as refusals said so
	never  string // why no cache can be made; "" if one can
	rate   tokenRate
	hints  cacheHints
}

// held is a context cache of a prefix, which may not exist yet, or not any more. Its fields are guarded by the scope's mu.
type held struct {
	sum   prefixSum
	query price.Query
	tags  map[string]string // of what caused it

	handles  int            // registrations that were not closed
	body     []byte         // the request that creates it, without its time to live, if it is registered
	elements []wire.Element // of what it holds, if it is registered
	media    bool           // it holds what is no text
	ttl      time.Duration  // for how long it is held after a use, if it is registered

	making chan struct{} // closed when its creation has ended; nil if none is under way
	why    string        // why it does not exist; "" if it does, or was never tried
	again  time.Time     // when it may be tried again

	name   string // "" if it does not exist
	tokens int64
	from   time.Time
	until  time.Time
	others bool // another replica has created it, and deletes it
	busy   bool // a change of its time to live is under way
	uses   int64
}

// A prefixSum is the hash of all that a cache holds.
type prefixSum [sha256.Size]byte

// id is a part of the sum, for package reuse.
func (s *prefixSum) id() uint64 { return binary.LittleEndian.Uint64(s[:8]) }

// expiryMargin is how long a cache must still live to be used: the request has to arrive before the cache expires.
const expiryMargin = 5 * time.Second

// usable reports whether a request that is sent now can use the cache.
func (h *held) usable(now time.Time) bool { return h.name != "" && h.until.Sub(now) > expiryMargin }

// failed notes why a cache was not made, and when it may be tried again.
func (h *held) failed(again time.Time, format string, args ...any) {
	h.why, h.again = fmt.Sprintf(format, args...), again
}

// A cacheSender sends what creates and changes the caches of a scope: through the chain of the latest call, with its key, or
// with that of a client that the program configured.
type cacheSender struct {
	chain  *chain
	next   any // see contextBase
	client *cachedcontent.Client

	// Without a client:
	base   url.URL // of the caches: https://HOST/v1beta/cachedContents
	header http.Header
}

// keyHeaders are the headers that say for whom a request is.
var keyHeaders = []string{"Authorization", "X-Goog-Api-Key", "X-Goog-User-Project"}

// newCacheSender returns the sender for the caches of a call's model; false if the call's URL has no caches beside it.
func newCacheSender(c *call) (s cacheSender, ok bool) {
	u := c.request.URL
	caches, _, ok := c.wire.CachePath(u.Path)
	if !ok {
		return cacheSender{}, false
	}
	s = cacheSender{chain: c.chain, next: c.Context.Value(nextKey{}), base: url.URL{Scheme: u.Scheme, Host: u.Host, Path: caches}, header: make(http.Header)}
	if key := u.Query().Get("key"); key != "" {
		s.base.RawQuery = url.Values{"key": {key}}.Encode()
	}
	for _, k := range keyHeaders {
		if v := transport.HeaderValue(c.request.Header, k); v != "" {
			s.header.Set(k, v)
		}
	}
	return s, true
}

// request returns a request for the cache with the name, or for all caches if that is "".
func (s *cacheSender) request(ctx context.Context, method, name string, body []byte) (*http.Request, error) {
	if s.client != nil {
		return s.client.NewRequest(ctx, method, name, body)
	}
	u := s.base
	if name != "" {
		u.Path += "/" + name[strings.LastIndexByte(name, '/')+1:]
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	req.Header = s.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// hostOf returns the host of a URL in one spelling: in lower case, and without the port that the scheme means by itself.
func hostOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch strings.ToLower(u.Scheme) {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

// accountOf returns whose caches a call can use: the project and its location, or a hash of the key.
func accountOf(c *call) string {
	if p := c.wire.CacheParent(); p != "" {
		return p
	}
	key := credentialsOf(c.request, c.headers)
	text := key.GoogleKey + key.query
	if text == "" {
		_, text, _ = strings.Cut(key.Authorization, " ")
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// scopeOf returns the scope of a call, whose key becomes the latest of it; nil if its provider has no caches there.
func (k *caching) scopeOf(c *call) *scope {
	sender, ok := newCacheSender(c)
	if !ok {
		return nil
	}
	return k.scope(c, sender, c.wire.Model)
}

// known returns the scope of a call, if there is one already.
func (k *caching) known(c *call) *scope {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.scopes.values[scopeName(c, accountOf(c), lastPart(c.wire.Model))]
}

func scopeName(c *call, account, model string) string {
	return strings.Join([]string{c.wire.Provider, hostOf(c.request.URL), account, model}, " ")
}

// scope returns the scope of a call, or of a request that creates a cache, and of a model.
func (k *caching) scope(c *call, sender cacheSender, model string) *scope {
	model = lastPart(model)
	account := accountOf(c)
	host := hostOf(c.request.URL)
	name := scopeName(c, account, model)
	k.mu.Lock()
	s := k.scopes.values[name]
	if s == nil {
		payer := strings.Join([]string{c.wire.Provider, host, account}, " ")
		spent := k.accounts.values[payer]
		if spent == nil {
			spent = new(spending)
			k.accounts.put(payer, spent)
		}
		s = &scope{
			engine: c.engine, provider: c.wire.Provider, host: host, account: account, model: model, spent: spent, held: make(map[prefixSum]*held),
			holder: reuse.NewHolder(reuse.HolderConfig{}), writer: reuse.NewWriter(reuse.WriterConfig{}),
		}
		k.scopes.put(name, s)
	}
	k.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sender.client == nil || sender.client != nil { // what the program configured stays
		s.sender = sender
	}
	return s
}

// all returns the scopes.
func (k *caching) all() (scopes []*scope) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.scopes.values {
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
	sum := sha256.Sum256([]byte(s.engine.caching.salt + "\x00" + s.account))
	return cachedcontent.Key{Provider: s.provider, Account: hex.EncodeToString(sum[:]), Model: s.model, Content: cachedcontent.Hash(h.sum)}
}

// log says what could not be done with a context cache.
func (s *scope) log(what string, err error) {
	s.engine.logger().Warn("skinflint: a context cache "+what, "provider", s.provider, "model", s.model, "why", err)
}

// A tokenRate says how many tokens a model makes of text, as learned from its answers.
type tokenRate struct{ tokens, bytes int64 }

// The rate before the first answer is a token for 4 bytes. It counts as much as an answer to a prompt of this size.
const (
	priorTokens = 1000
	priorBytes  = 4000
)

// of returns an estimate of the tokens of a text.
func (r tokenRate) of(bytes int64) int64 {
	return bytes * (r.tokens + priorTokens) / (r.bytes + priorBytes)
}

// learn takes an answer into account. What is old counts less and less.
func (r *tokenRate) learn(tokens, bytes int64) {
	if tokens <= 0 || bytes <= 0 || tokens > bytes {
		return
	}
	if r.tokens, r.bytes = r.tokens+tokens, r.bytes+bytes; r.bytes > 1<<26 {
		r.tokens, r.bytes = r.tokens/2, r.bytes/2
	}
}
