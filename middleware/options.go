package middleware

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/middleware/tokens"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An Option configures a [Stack].
type Option func(*config) error

type config struct {
	policy  policy.Policy
	base    http.RoundTripper
	book    *price.Book
	catalog *price.Catalog // for the book; nil: none
	prices  *price.Catalog // the same
	wire    wire.RouterConfig
	store   ledger.Store
	log     *slog.Logger
	onRow   []func(ledger.Row)

	refuseRepeats bool
	registry      cachedcontent.Registry
	salt          string // of the registry

	limiter   LimiterFunc
	limitSalt string
	counts    tokens.Estimator
}

// WithPolicy sets the policy. By default it is the zero [policy.Policy].
func WithPolicy(p policy.Policy) Option {
	return func(c *config) error { c.policy = p; return nil }
}

// WithBase sets the RoundTripper that sends what the stack lets through. By default it is [transport.Base]; nil is
// [http.DefaultTransport].
//
// A RoundTripper of the program's own has to pass on the request's context, so that net/http reports what it does
// (net/http/httptrace). If nothing is reported, the stack goes by what is read of the request's body: one that was read may
// have been sent, and cannot be sent again by GetBody. Nothing shows the stack what such a RoundTripper keeps in memory and
// sends again: it must not.
func WithBase(rt http.RoundTripper) Option {
	return func(c *config) error {
		if rt == nil {
			rt = http.DefaultTransport
		}
		c.base = rt
		return nil
	}
}

// WithLogger logs every attempt: at level Debug if all went well, Info if it was rejected or refused, Warn if its cost is
// not known. No key, prompt or answer is logged. Like the funcs of [OnRow], the logger delays no call.
//
// What is not done as the policy says is logged at level Warn, also without this option, and then by [slog.Default]: a tier
// that calls do not ask for (once an hour for each model), a part of the policy that has no effect, calls that wait for
// seconds for a limit whose permits are all held (once a minute for each limit).
func WithLogger(log *slog.Logger) Option {
	return func(c *config) error { c.log = log; return nil }
}

// OnRow calls f with every row, in order, on a goroutine of its own. Calls do not wait for a slow f, which misses further
// rows while 1024 wait for it. A panic of f is caught and logged. [Stack.Close] waits until f has seen all rows.
func OnRow(f func(ledger.Row)) Option {
	return func(c *config) error {
		if f == nil {
			return errors.New("skinflint: OnRow: the func is nil")
		}
		c.onRow = append(c.onRow, f)
		return nil
	}
}

// WithStore sets the store that gets the rows. By default it is a [ledger.Memory].
func WithStore(s ledger.Store) Option {
	return func(c *config) error {
		if isNil(s) {
			return errors.New("skinflint: WithStore: the store is nil")
		}
		c.store = s
		return nil
	}
}

// WithCatalog sets the prices that are used if no others are known: see [price.Book.SetBase]. By default they are
// [price.Embedded].
func WithCatalog(prices *price.Catalog) Option {
	return func(c *config) error {
		if prices == nil {
			return errors.New("skinflint: WithCatalog: the catalog is nil")
		}
		c.catalog = prices
		return nil
	}
}

// WithCacheRegistry sets what the replicas of a program share about the context caches that they make: equal content is then
// cached once for all of them. By default each stack is by itself. If the registry fails, no cache is created; calls go on
// without. API keys are in the registry as hashes with the salt, which must be the same for all replicas.
func WithCacheRegistry(r cachedcontent.Registry, salt string) Option {
	return func(c *config) error {
		switch {
		case isNil(r):
			return errors.New("skinflint: WithCacheRegistry: the registry is nil")
		case salt == "":
			return errors.New("skinflint: WithCacheRegistry: the salt is empty")
		}
		c.registry, c.salt = r, salt
		return nil
	}
}

// A LimiterFunc returns the limiter of a policy's limits and budgets. It fails if the limiter cannot keep one of them, and names
// it: New or SetPolicy then returns the error, and SetPolicy changes nothing. To leave a limit out in silence would be to exceed it.
//
// It is called again if SetPolicy changes a limit or a budget. What was used of those that stay, or of which only figures
// change, must survive that: the limiter keeps it outside of what the func returns, or is the same one as before. Permits
// of the earlier limiter are released to that one, while those of the new one are already given.
type LimiterFunc func(limits []policy.Limit, budgets []policy.Budget) (limit.Limiter, error)

// WithLimiter makes limits and budgets those of a limiter of the program's own, such as one that several processes share. The
// func is called for each policy that has some, if they have changed. The limiter may have more methods than Wait: see
// [limit.Spender], [limit.Loader], [limit.Needer], [limit.Stater], [limit.Accountant], [limit.Noticer] and [limit.Refuser]. New
// and SetPolicy log at Warn what its budgets lack without them. Limits and budgets per key of a request get a fingerprint of the key. It is
// computed with the salt, which must be the same for all processes that share a limiter. Default: limits and budgets are those
// of this process.
func WithLimiter(f LimiterFunc, salt string) Option {
	return func(c *config) error {
		switch {
		case f == nil:
			return errors.New("skinflint: WithLimiter: the func is nil")
		case salt == "":
			return errors.New("skinflint: WithLimiter: the salt is empty")
		}
		c.limiter, c.limitSalt = f, salt
		return nil
	}
}

// WithTokens sets how the tokens of requests are estimated, for limits on tokens. Default: by the kinds of text in the request.
// Either is corrected by what answers report.
func WithTokens(e tokens.Estimator) Option {
	return func(c *config) error {
		if isNil(e) {
			return errors.New("skinflint: WithTokens: the estimator is nil")
		}
		c.counts = e
		return nil
	}
}

// WithPrices sets the program's own prices, such as those of a contract or of deployments. They come before all others. A
// row's price_id says which prices were used.
func WithPrices(prices *price.Catalog) Option {
	return func(c *config) error {
		if prices == nil {
			return errors.New("skinflint: WithPrices: the catalog is nil")
		}
		c.prices = prices
		return nil
	}
}

// WithBook makes the stack use a book of prices that the program keeps. The program may replace catalogs in the book while
// calls run, or share it among stacks. [WithCatalog] and [WithPrices], before it or after it, change that book.
func WithBook(b *price.Book) Option {
	return func(c *config) error {
		if b == nil {
			return errors.New("skinflint: WithBook: the book is nil")
		}
		c.book = b
		return nil
	}
}

// WithDialects adds dialects, which come before those of package wire. A dialect that is a [wire.Lister] lets rules and limits
// be checked: the names of its providers and operations are known, and any other is an error.
func WithDialects(d ...wire.Dialect) Option {
	return func(c *config) error {
		if slices.Contains(d, nil) {
			return errors.New("skinflint: WithDialects: a dialect is nil")
		}
		c.wire.Dialects = append(c.wire.Dialects, d...)
		return nil
	}
}

// WithProvider names the provider of unknown hosts, such as a gateway or a test server: one of [wire.Providers], or a common
// alias of one ("kimi"). By default the shape of a request's path decides whether it is OpenAI's, Gemini's, Vertex AI's or
// Anthropic's.
func WithProvider(name string) Option {
	return func(c *config) error { c.wire.Provider = name; return nil }
}

// WithDeployments maps the names of Azure OpenAI deployments to their models, by which calls are priced and matched. If an
// answer names a model, the price is that model's.
func WithDeployments(models map[string]string) Option {
	return func(c *config) error { c.wire.Deployments = maps.Clone(models); return nil }
}

// isNil reports whether a value is nil, or a nil pointer.
func isNil(s any) bool {
	v := reflect.ValueOf(s)
	return s == nil || v.Kind() == reflect.Pointer && v.IsNil()
}
