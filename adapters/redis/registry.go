package redis

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
)

// RegistryConfig configures a [Registry].
type RegistryConfig struct {
	// Group names what shares context caches, as [Config] has it for limits. Default: "default". It must not contain braces.
	Group string

	// Keys is how many caches and claims there are at most in the group; a key that has both counts as two. Default: 10,000.
	Keys int
}

// DefaultRegistryKeys is how many keys a [Registry] holds by default.
const DefaultRegistryKeys = cachedcontent.DefaultMemoryKeys

// A Registry is a [cachedcontent.Registry] on Redis: replicas of a program that share it make one context cache of equal
// content. Give it to middleware.WithCacheRegistry. It must be made by [NewRegistry]. Its methods may be called concurrently.
//
// Each method is one script, for which the server's clock counts. The caches and claims of a group are in one slot of a
// cluster. Redis removes them by itself when the last of them is over.
//
// # When Redis is away
//
// A method whose answer does not come fails after the timeouts of the client, 100 ms with [Options], and in any case after a
// second. It is not known then whether it has taken effect; the contract allows to repeat it. Middleware goes on without a
// cache, or, if it has created one already, uses that by itself.
//
// If Redis loses data, as it may in a failover, its entries and claims are gone. Then two replicas may create a cache of
// equal content, each of which is used and deleted by its owner; of two that are published, the second is deleted at once. A
// server that evicts keys loses them, too: its maxmemory-policy should be noeviction. A server without memory refuses new
// keys, as [cachedcontent.ErrFull].
type Registry struct {
	client redis.UniversalClient
	keys   []string
	most   int
}

var _ cachedcontent.Registry = (*Registry)(nil)

// NewRegistry returns a Registry on a client of go-redis, whose options must be those that [New] demands. It does not close
// the client. It does not ask the server for anything.
func NewRegistry(client redis.UniversalClient, c RegistryConfig) (*Registry, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	r := &Registry{client: client, most: c.Keys}
	prefix, err := prefix(cmp.Or(c.Group, "default"))
	if err != nil {
		return nil, err
	}
	switch {
	case c.Keys < 0:
		return nil, fmt.Errorf("redis: RegistryConfig.Keys is %d, and must not be negative", c.Keys)
	case c.Keys == 0:
		r.most = DefaultRegistryKeys
	}
	for _, name := range []string{"entries", "expires", "claims", "leases"} {
		r.keys = append(r.keys, prefix+"caches:"+layout+":"+name)
	}
	return r, nil
}

//go:embed registry.lua
var registryLua string

// The scripts are all that is in registry.lua, each with another end.
var (
	registryClaim   = redis.NewScript(registryLua + "return take()")
	registryPublish = redis.NewScript(registryLua + "return publish()")
	registryRelease = redis.NewScript(registryLua + "return release()")
	registryChange  = redis.NewScript(registryLua + "return change()")
	registryOwn     = redis.NewScript(registryLua + "return own()")
)

// registryTimeout is how long a method takes at most, whatever the timeouts of the client and however often a cluster sends it
// elsewhere.
const registryTimeout = time.Second

// call runs a script. Its answer begins with a word.
func (r *Registry) call(ctx context.Context, script *redis.Script, args ...any) (word string, rest []any, err error) {
	if ctx.Err() != nil {
		return "", nil, context.Cause(ctx)
	}
	bounded, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	answer, err := script.Run(bounded, r.client, r.keys, args...).Slice()
	if err != nil && ctx.Err() == nil {
		reload(r.client)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return "", nil, context.Cause(ctx)
	case err != nil && over(ctx):
		return "", nil, context.DeadlineExceeded
	case err != nil && redis.IsOOMError(err):
		return "", nil, fmt.Errorf("redis: the server has no memory left: %w", cachedcontent.ErrFull)
	case err != nil:
		return "", nil, fmt.Errorf("redis: the registry of context caches: %w", err)
	}
	if len(answer) > 0 {
		word, _ = answer[0].(string)
		rest = answer[1:]
	}
	switch word {
	case "":
		return "", nil, errRegistryAnswer
	case "full":
		return "", nil, cachedcontent.ErrFull
	}
	return word, rest, nil
}

// over reports whether the deadline of ctx has come. The timer of a connection may fire before that of ctx.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// errRegistryAnswer is the error if a script answers what it never does.
var errRegistryAnswer = errors.New("redis: the registry of context caches: the server's answer makes no sense")

// Claim implements [cachedcontent.Registry].
func (r *Registry) Claim(ctx context.Context, key cachedcontent.Key, owner string, lease time.Duration) (cachedcontent.Claim, error) {
	switch {
	case owner == "":
		return cachedcontent.Claim{}, &cachedcontent.FieldError{Field: "owner", Value: `""`, Problem: "want a name of the replica"}
	case lease <= 0:
		return cachedcontent.Claim{}, &cachedcontent.FieldError{Field: "lease", Value: lease.String(), Problem: "want more than 0"}
	}
	ms := min(max(lease.Milliseconds(), 1), maxMillis) // a lease below a millisecond is one
	word, rest, err := r.call(ctx, registryClaim, registryID(key), owner, ms, r.most)
	switch {
	case err != nil:
		return cachedcontent.Claim{}, err
	case word == "mine":
		return cachedcontent.Claim{Mine: true}, nil
	case word == "wait" && len(rest) == 1:
		if left, ok := rest[0].(int64); ok {
			return cachedcontent.Claim{Wait: time.Duration(left) * time.Millisecond}, nil
		}
	case word == "entry" && len(rest) == 1:
		held, err := heldOf(rest[0])
		return cachedcontent.Claim{Entry: held.Entry}, err
	}
	return cachedcontent.Claim{}, errRegistryAnswer
}

// Publish implements [cachedcontent.Registry].
func (r *Registry) Publish(ctx context.Context, key cachedcontent.Key, e cachedcontent.Entry) (cachedcontent.Entry, error) {
	switch {
	case e.Name == "":
		return cachedcontent.Entry{}, &cachedcontent.FieldError{Field: "Name", Value: `""`, Problem: "want the name of a cache"}
	case e.Owner == "":
		return cachedcontent.Entry{}, &cachedcontent.FieldError{Field: "Owner", Value: `""`, Problem: "want a name of the replica"}
	}
	_, rest, err := r.call(ctx, registryPublish, registryID(key), e.Owner, millis(e.Expires), r.most,
		e.Name, e.Owner, e.Tokens, millis(e.Created), key.Provider, key.Account, key.Location, key.Model, key.Content[:])
	switch {
	case err != nil:
		return cachedcontent.Entry{}, err
	case len(rest) == 0 || rest[0] == nil: // Lua's false ends the answer, or is nil in it
		return cachedcontent.Entry{}, nil
	}
	held, err := heldOf(rest[0])
	return held.Entry, err
}

// Release implements [cachedcontent.Registry].
func (r *Registry) Release(ctx context.Context, key cachedcontent.Key, owner string) error {
	_, _, err := r.call(ctx, registryRelease, registryID(key), owner)
	return err
}

// Renew implements [cachedcontent.Registry].
func (r *Registry) Renew(ctx context.Context, key cachedcontent.Key, name string, expires time.Time) (bool, error) {
	word, _, err := r.call(ctx, registryChange, registryID(key), name, millis(expires))
	return word == "done", err
}

// Forget implements [cachedcontent.Registry].
func (r *Registry) Forget(ctx context.Context, key cachedcontent.Key, name string) (bool, error) {
	word, _, err := r.call(ctx, registryChange, registryID(key), name)
	return word == "done", err
}

// Own implements [cachedcontent.Registry]. It reads all caches of the group.
func (r *Registry) Own(ctx context.Context, owner string) ([]cachedcontent.Held, error) {
	_, rest, err := r.call(ctx, registryOwn, "", owner)
	if err != nil {
		return nil, err
	}
	var all []cachedcontent.Held
	for _, fields := range rest {
		held, err := heldOf(fields)
		if err != nil {
			return nil, err
		}
		all = append(all, held)
	}
	return all, nil
}

// registryID returns what stands for a key: a hash of its fields, each after its length, so that no two keys are equal.
func registryID(key cachedcontent.Key) []byte {
	var b []byte
	for _, field := range []string{key.Provider, key.Account, key.Location, key.Model, string(key.Content[:])} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// maxMillis is the latest time in milliseconds that a double holds exactly, as scores in Redis and numbers in Lua are: in
// more than 200,000 years.
const maxMillis = 1 << 53

// millis returns a time in milliseconds.
func millis(t time.Time) int64 { return min(max(t.UnixMilli(), -maxMillis), maxMillis) }

// heldOf reads the fields of an entry: those that Publish sends, and when it expires.
func heldOf(answer any) (h cachedcontent.Held, err error) {
	fields, ok := answer.([]any)
	if !ok || len(fields) != 10 {
		return h, errRegistryAnswer
	}
	var text [10]string
	for i, f := range fields {
		if text[i], ok = f.(string); !ok {
			return h, errRegistryAnswer
		}
	}
	tokens, tokensErr := strconv.ParseInt(text[2], 10, 64)
	created, createdErr := strconv.ParseInt(text[3], 10, 64)
	expires, expiresErr := strconv.ParseFloat(text[9], 64)
	if errors.Join(tokensErr, createdErr, expiresErr) != nil || len(text[8]) != len(h.Key.Content) {
		return h, errRegistryAnswer
	}
	h.Key = cachedcontent.Key{Provider: text[4], Account: text[5], Location: text[6], Model: text[7]}
	copy(h.Key.Content[:], text[8])
	h.Entry = cachedcontent.Entry{Name: text[0], Owner: text[1], Tokens: tokens,
		Created: time.UnixMilli(created).UTC(), Expires: time.UnixMilli(int64(expires)).UTC()}
	return h, nil
}
