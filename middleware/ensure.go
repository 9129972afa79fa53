package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A CacheHandle is content that the program has registered with [Stack.Ensure]. It is safe for concurrent use.
type CacheHandle struct {
	engine   *engine
	rules    *ruling
	scope    *scope
	held     *held
	elements []wire.Element
	closed   bool // guarded by the scope's mu
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
	if ttl < shortestTTL {
		return nil, fmt.Errorf("skinflint: Ensure: the TTL is %v: want at least %v, or it expires before a call can use it", ttl, shortestTTL)
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
	h := sc.register(prefix, q, body, ttl, policy.From(ctx).Tags())
	handle := &CacheHandle{engine: s.engine, rules: s.rules, scope: sc, held: h, elements: prefix.Elements}
	set := s.rules.Load().resolver.Resolve(policy.From(ctx), policy.Subject{Provider: q.Provider, Operation: wire.CreateCache, Model: q.Model}).Cache
	if err := s.ensure(ctx, handle, set); err != nil {
		return nil, errors.Join(fmt.Errorf("skinflint: Ensure: %w", err), handle.Close(context.WithoutCancel(ctx)))
	}
	return handle, nil
}

// ensure waits until the cache exists.
func (s *Stack) ensure(ctx context.Context, handle *CacheHandle, set policy.Cache) error {
	sc, h := handle.scope, handle.held
	n := sc.registered(h, "", policy.From(ctx).Tags(), set, time.Now())
	if n.exceeds() {
		sc.countFirst(ctx, n) // the bound may be much too high
	}
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
		return cmp.Or(h.err, errors.New("the context cache is gone already"))
	}
	return nil
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
	sc := s.engine.caching.scope(idOf(c, model), cacheSender{chain: s.chain, client: client})
	if sc == nil {
		return nil, price.Query{}, fmt.Errorf("skinflint: Ensure: %s", manyScopes)
	}
	c.wire.Model = sc.model
	return sc, c.account(time.Now()).query(policy.Standard), nil
}

// Why says in plain words why a request does not use the cache: in what it differs from the content; "" if it would use it. It
// reads the request's body by GetBody, and sends nothing.
func (h *CacheHandle) Why(req *http.Request) (string, error) {
	e := h.engine
	dialect, facts, ok := e.router.Recognise(req.Method, req.URL)
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
	if c.prefix, err = loadPrefix(&c.body, copied, facts.Prefix); err != nil {
		return "", fmt.Errorf("skinflint: Why: %w", err)
	}
	defer c.body.Close()
	if c.prefix == nil {
		return "the body cannot be read: " + c.body.Skipped(), nil
	}
	dialect.Request(&c.wire, copied.Header, c.body.Fields())
	if why := h.unused(c); why != "" {
		return why, nil
	}
	if why := mismatch(h.elements, c.prefix.prefix); why != "" {
		return why, nil
	}
	h.scope.mu.Lock()
	defer h.scope.mu.Unlock()
	if h.closed {
		return "the registration is closed", nil
	}
	if !h.held.usable(time.Now()) {
		return cmp.Or(h.held.err, errNotYet).Error(), nil
	}
	return "", nil
}

// unused says why a call does not use the cache, whatever its request begins with; "" if nothing speaks against it.
func (h *CacheHandle) unused(c *call) string {
	id := idOf(c, c.wire.Model)
	settings := h.rules.Load().resolver.Resolve(c.options, c.subject())
	switch {
	case c.wire.Cache != "" || c.options.CachedContent() != "":
		return "the request or its context names a context cache itself"
	case c.wire.Prefix.TextOnly() && !settings.Cache.Compatible:
		return "the policy has no Cache.Compatible, without which no cache is used on this API"
	case id.model != h.scope.model:
		return fmt.Sprintf("the request is for %s, and the cache for %s", id.model, h.scope.model)
	case id.host != h.scope.host:
		return fmt.Sprintf("the request goes to %s, and the cache is at %s", id.host, h.scope.host)
	case id.account != h.scope.account:
		return "the request has another key, project or location than the cache"
	}
	return ""
}

var errNotYet = errors.New("there is no cache at the moment: the next call has it created")

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

// LastMiss returns why the latest request of the same key and model that did not use the cache did not begin with its content,
// and when that was; "" and the zero time if there was none. It is for users of SDKs, who do not see requests: see
// [CacheHandle.Why]. If a model has very many registered contents, not all of them have it.
func (h *CacheHandle) LastMiss() (why string, at time.Time) {
	h.scope.mu.Lock()
	defer h.scope.mu.Unlock()
	return h.held.miss, h.held.missed
}

// Close ends the registration. When the last one of the same content is closed, the cache is deleted. Calls that use it are
// sent again without it. To close a handle twice does nothing.
func (h *CacheHandle) Close(ctx context.Context) error {
	return h.scope.deleteForgotten(ctx, h.release(), "")
}

// release ends the registration. If it was the last one, it forgets the cache and returns it.
func (h *CacheHandle) release() (gone *held) {
	s := h.scope
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	s.caching.registered.Add(-1)
	if h.held.handles--; h.held.handles > 0 {
		return nil
	}
	if h.held.name == "" && h.held.making == nil {
		delete(s.held, h.held.sum)
	}
	return s.forget(h.held)
}
