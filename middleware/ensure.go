package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A CacheHandle is content that the program has registered with [Stack.Ensure]. It is safe for concurrent use.
type CacheHandle struct {
	scope    *scope
	held     *held
	elements []wire.Element

	mu     sync.Mutex
	closed bool
	miss   string
}

// Ensure registers content, and returns when a context cache holds it. From then on, calls through the stack whose request
// begins with the content use the cache: exactly the content is taken out of the request, and the cache is named instead.
// Calls of other models or keys, and requests that differ in their tools, their tool configuration, their system instruction or
// their first turns, are left alone: [CacheHandle.Why] says in what they differ.
//
// The client says which API and which key the cache is for; it need not be over the stack. The cache is created through the
// stack, as a call of its own, and is shared: the same content for the same key and model has one cache, however often it is
// registered. It is renewed when it is used in the second half of its time to live, and created again when it was lost or has
// expired and a call needs it: that call is sent as it is, or waits for the cache if the policy's Create is before. So the time
// to live should be longer than the time between two calls. A cache that no call uses expires at the end of its time to live.
// [CacheHandle.Close] and [Stack.Close] delete it.
//
// Ensure fails, and registers nothing, if the content is invalid, if the policy's caps do not allow the cache, or if the
// provider rejects it. A call never fails because of the cache: if the provider rejects that, the call is sent as it was.
func (s *Stack) Ensure(ctx context.Context, client *cachedcontent.Client, content cachedcontent.Content) (*CacheHandle, error) {
	if !s.ready() {
		return nil, errNotReady()
	}
	if client == nil {
		return nil, badPolicy(errors.New("Ensure: the client is nil"))
	}
	if err := content.Validate(client.Provider()); err != nil {
		return nil, fmt.Errorf("skinflint: Ensure: %w", err)
	}
	ttl := content.TTL
	if ttl == 0 {
		ttl = time.Until(content.ExpireTime)
	}
	content.TTL, content.ExpireTime, content.DisplayName = time.Hour, time.Time{}, "" // the creation sets its own
	body, err := client.Body(content)
	if err != nil {
		return nil, fmt.Errorf("skinflint: Ensure: %w", err)
	}
	prefix := wire.ReadCreation(body)
	if prefix.Problem != "" {
		return nil, fmt.Errorf("skinflint: Ensure: %s", prefix.Problem)
	}
	sc, q, err := s.scopeFor(ctx, client, content.Model)
	if err != nil {
		return nil, err
	}
	h := sc.register(prefix, q, body, ttl)
	handle := &CacheHandle{scope: sc, held: h, elements: prefix.Elements}
	set := s.rules.Load().resolver.Resolve(policy.From(ctx), policy.Subject{Provider: q.Provider, Operation: wire.CreateCache, Model: q.Model}).Cache
	if err := s.ensure(ctx, handle, set); err != nil {
		handle.release()
		return nil, fmt.Errorf("skinflint: Ensure: %w", err)
	}
	return handle, nil
}

// ensure waits until the cache exists.
func (s *Stack) ensure(ctx context.Context, handle *CacheHandle, set policy.Cache) error {
	sc, h := handle.scope, handle.held
	n := sc.registered(h, "", policy.From(ctx).Tags(), set, time.Now())
	switch err := sc.start(n, time.Now()); {
	case errors.Is(err, errExists):
	case err != nil:
		return err
	case !s.engine.caching.background(func() { sc.create(n) }):
		sc.abandon(n)
		return errClosed
	}
	if err := sc.wait(ctx, h); err != nil {
		return err
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if h.name == "" {
		return errors.New(h.why)
	}
	return nil
}

// registered returns the creation of a registered cache.
func (s *scope) registered(h *held, parent string, tags map[string]string, set policy.Cache, now time.Time) *creation {
	n := &creation{held: h, body: h.body, ttl: h.ttl, set: set, errand: &errand{parent: parent, tags: tags}}
	s.engine.bound(n, now)
	return n
}

// register adds a registration of content to the scope.
func (s *scope) register(p *wire.Prefix, q price.Query, body []byte, ttl time.Duration) *held {
	sums := sumsOf(p)
	sum := sums[len(sums)-1]
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[sum]
	if h == nil {
		h = &held{sum: sum}
		s.held[sum] = h
	}
	h.query, h.media = q, slices.ContainsFunc(p.Elements, func(e wire.Element) bool { return e.Media })
	h.body, h.elements, h.ttl = withoutTTL(body), p.Elements, max(h.ttl, ttl)
	h.handles++
	s.engine.caching.registered.Add(1)
	return h
}

// scopeFor returns the scope of a client's caches of a model, and what selects their price.
func (s *Stack) scopeFor(ctx context.Context, client *cachedcontent.Client, model string) (*scope, price.Query, error) {
	req, err := client.NewRequest(ctx, http.MethodPost, "", nil)
	if err != nil {
		return nil, price.Query{}, fmt.Errorf("skinflint: Ensure: %w", err)
	}
	dialect, facts, ok := s.engine.router.Recognise(req.Method, req.URL)
	if !ok || facts.Operation != wire.CreateCache {
		return nil, price.Query{}, fmt.Errorf("skinflint: Ensure: %s%s is not known to create context caches", req.URL.Host, req.URL.Path)
	}
	var body transport.Body
	c := &call{Context: ctx, engine: s.engine, request: req, dialect: dialect, wire: facts, headers: body.Inspect(req.Header)}
	sc := s.engine.caching.scope(c, cacheSender{chain: chainOf(s.chain), client: client}, model)
	c.wire.Model = sc.model
	return sc, c.account(time.Now()).query(policy.Standard), nil
}

var creationPaths = transport.MustPaths("ttl")

// withoutTTL returns the request that creates a cache, without its time to live.
func withoutTTL(body []byte) []byte {
	fields, err := transport.Find(body, creationPaths)
	if err != nil {
		return body
	}
	cut, err := fields.Splice(transport.Edit{Path: "ttl", Remove: true})
	if err != nil {
		return body
	}
	return cut
}

// Why says in plain words why a request does not use the cache: in what it differs from the content; "" if it would use it. It
// reads the request's body by GetBody, and sends nothing.
func (h *CacheHandle) Why(req *http.Request) (string, error) {
	e := h.scope.engine
	_, facts, ok := e.router.Recognise(req.Method, req.URL)
	switch {
	case !ok || facts.Prefix == nil || !facts.Caches:
		return "the request is none that can use a context cache", nil
	case policy.From(req.Context()).NoCache():
		return "the context has policy.NoCache", nil
	}
	copied, err := again(req)
	if err != nil {
		return "", fmt.Errorf("skinflint: Why: %w", err)
	}
	c := &call{Context: context.WithoutCancel(req.Context()), engine: e, request: copied, wire: facts, options: policy.From(req.Context()), explained: true}
	c.headers = c.body.Inspect(req.Header)
	if err := c.loadPrefix(); err != nil {
		return "", fmt.Errorf("skinflint: Why: %w", err)
	}
	defer c.body.Close()
	if c.prefix == nil {
		return "the body cannot be read: " + c.body.Skipped(), nil
	}
	if model := lastPart(facts.Model); facts.Model != "" && model != h.scope.model {
		return fmt.Sprintf("the request is for %s, and the cache for %s", model, h.scope.model), nil
	}
	if host := hostOf(req.URL); host != h.scope.host {
		return fmt.Sprintf("the request goes to %s, and the cache is at %s", host, h.scope.host), nil
	}
	if account := accountOf(c); account != h.scope.account {
		return "the request has another key, project or location than the cache", nil
	}
	if why := mismatch(h.elements, c.prefix.prefix); why != "" {
		return why, nil
	}
	h.scope.mu.Lock()
	defer h.scope.mu.Unlock()
	if !h.held.usable(time.Now()) {
		return cmp.Or(h.held.why, "there is no cache at the moment: the next call has it created"), nil
	}
	return "", nil
}

// lastPart returns what comes after the last slash of a model's name.
func lastPart(model string) string { return model[strings.LastIndexByte(model, '/')+1:] }

// Name returns the name of the cache; "" if there is none at the moment.
func (h *CacheHandle) Name() string {
	h.scope.mu.Lock()
	defer h.scope.mu.Unlock()
	return h.held.name
}

// Tokens returns how many tokens the cache holds, as the provider counted them; 0 if there is none at the moment.
func (h *CacheHandle) Tokens() int64 {
	h.scope.mu.Lock()
	defer h.scope.mu.Unlock()
	return h.held.tokens
}

// Expires returns when the cache expires if no call uses it; the zero time if there is none at the moment.
func (h *CacheHandle) Expires() time.Time {
	h.scope.mu.Lock()
	defer h.scope.mu.Unlock()
	if h.held.name == "" {
		return time.Time{}
	}
	return h.held.until
}

// Uses returns how many calls have used the cache, all caches of the content taken together.
func (h *CacheHandle) Uses() int64 {
	h.scope.mu.Lock()
	defer h.scope.mu.Unlock()
	return h.held.uses
}

// Close ends the registration. When the last one of the same content is closed, the cache is deleted. Calls that use it are
// sent again without it. To close a handle twice does nothing.
func (h *CacheHandle) Close(ctx context.Context) error {
	if !h.release() {
		return nil
	}
	return h.scope.delete(ctx, h.held, "")
}

// release ends the registration, and reports whether it was the last one.
func (h *CacheHandle) release() (last bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.closed = true
	s := h.scope
	s.mu.Lock()
	defer s.mu.Unlock()
	h.held.handles--
	s.engine.caching.registered.Add(-1)
	if last = h.held.handles == 0; last && h.held.name == "" && h.held.making == nil {
		delete(s.held, h.held.sum)
	}
	return last
}
