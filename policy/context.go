package policy

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// Options are the options of a context for the calls made under it: see [With] and [From]. They are read-only and safe for
// concurrent use. All methods accept a nil *Options, which has none.
type Options struct {
	tier     Tier
	fallback Tier
	class    Class
	attempts int
	double   bool // AllowDoubleBilling
	deferred bool // AllowDeferredCost
	finishBy time.Time
	cached   string
	noCache  bool
	maxCost  price.Pico
	bounded  bool // maxCost is set, which may be 0
	needs    Parts
	labels   map[string]string
	tracked  *Call
	err      error
}

// An Option sets one of the [Options] in [With].
type Option func(*Options)

type optionsKey struct{}

// With returns a context whose calls follow the options, in addition to those that ctx already carries. If two options set
// the same, the later one counts. An invalid option fails every call made under the context, with a [*FieldError] that
// names the option; nothing is sent. A nil Option is ignored.
func With(ctx context.Context, options ...Option) context.Context {
	var o Options
	if before := From(ctx); before != nil {
		o = *before
	}
	o.labels = maps.Clone(o.labels)
	for _, option := range options {
		if option != nil {
			option(&o)
		}
	}
	return context.WithValue(ctx, optionsKey{}, &o)
}

// From returns the options that ctx carries, or nil.
func From(ctx context.Context) *Options {
	o, _ := ctx.Value(optionsKey{}).(*Options)
	return o
}

// fail keeps the first error.
func (o *Options) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// OnTier asks for a tier if the request's body names none: [Flex], [Standard] or [Priority].
func OnTier(t Tier) Option {
	return func(o *Options) {
		if err := checkTier("OnTier", t); err != nil || t == "" {
			o.fail(&FieldError{"OnTier", fmt.Sprintf("%q", t), "want flex, standard or priority"})
		}
		o.tier = t
		o.needs |= TierPart
	}
}

// FallBackTo asks for t when the provider rejects the first tier. [NoFallback] asks for no other tier.
func FallBackTo(t Tier) Option {
	return func(o *Options) {
		if err := checkFallback("FallBackTo", t, ""); err != nil || t == "" {
			o.fail(&FieldError{"FallBackTo", fmt.Sprintf("%q", t), "want flex, standard, priority or none"})
		}
		o.fallback = t
		o.needs |= TierPart
	}
}

// MaxAttempts is how often a call is sent at most: 1 to 1000. 1 sends it once.
func MaxAttempts(n int) Option {
	return func(o *Options) {
		if n < 1 || n > maxAttempts {
			o.fail(&FieldError{"MaxAttempts", n, fmt.Sprintf("want 1 to %d", maxAttempts)})
		}
		o.attempts = n
		o.needs &^= RetryPart
		if n > 1 || o.double {
			o.needs |= RetryPart
		}
	}
}

// FinishBy is when the caller wants to have the answer. No attempt is started after it, and no wait goes beyond it. An
// attempt that is under way is not ended, as it may be billed all the same; the context's own deadline ends it.
func FinishBy(t time.Time) Option { return func(o *Options) { o.finishBy = t } }

// CachedContent names a context cache that the call is to use, such as "cachedContents/abc".
func CachedContent(name string) Option {
	return func(o *Options) {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }) {
			o.fail(&FieldError{"CachedContent", fmt.Sprintf("%q", name), "want a resource name"})
		}
		o.cached = name
	}
}

// NoCache keeps the call away from context caches of ours: none is created or used for it, registered content included,
// nothing about caches is added to its request, and its prefix is not learned. What the request itself says about caches
// stays, and so does [CachedContent].
func NoCache() Option { return func(o *Options) { o.noCache = true } }

// MaxCost refuses a call that could cost more than most, by an upper bound that follows from its request and its model. It
// also refuses a call without such a bound, and work that is charged for later ([AllowDeferredCost]). 0 allows only what is
// free. A request that no dialect recognises is not a call, and passes.
func MaxCost(most price.Pico) Option {
	return func(o *Options) {
		if most < 0 {
			o.fail(&FieldError{"MaxCost", most, "it must not be negative"})
		}
		o.maxCost, o.bounded = most, true
		o.needs |= BudgetPart
	}
}

// AllowDeferredCost lets calls through under [MaxCost] that submit work which is charged for when it is done, such as a batch
// or the tuning of a model. What they will cost is not known when they are sent, so without this option MaxCost refuses them.
// Skipped of their rows says that MaxCost did not hold.
func AllowDeferredCost() Option { return func(o *Options) { o.deferred = true } }

// AsClass sets the place of a call among those that wait for the same limits: [ClassInteractive] or [ClassBatch].
func AsClass(c Class) Option {
	return func(o *Options) {
		if err := checkClass("AsClass", c); err != nil || c == "" {
			o.fail(&FieldError{"AsClass", quote(string(c)), "want interactive or batch"})
		}
		o.class = c
	}
}

// AllowDoubleBilling also sends again what may have been billed.
func AllowDoubleBilling() Option {
	return func(o *Options) {
		o.double = true
		o.needs |= RetryPart
	}
}

// Tag attaches a name and a value to the call's rows, and to what rules, limits and budgets match. A name has 1 to 64 bytes, a
// value at most 256; neither has control characters.
func Tag(name, value string) Option {
	return func(o *Options) {
		if err := checkTag("Tag", name, value); err != nil {
			o.fail(err)
			return
		}
		if o.labels == nil {
			o.labels = make(map[string]string)
		}
		o.labels[name] = value
	}
}

// Track returns a context, and the [Call] that collects the results of the calls made under the context.
func Track(ctx context.Context) (context.Context, *Call) {
	c := new(Call)
	return With(ctx, func(o *Options) { o.tracked = c }), c
}

// Err returns a [*FieldError] for the first invalid option, or nil.
func (o *Options) Err() error {
	if o == nil {
		return nil
	}
	return o.err
}

// Tags returns the tags, which must not be changed.
func (o *Options) Tags() map[string]string {
	if o == nil {
		return nil
	}
	return o.labels
}

// AsksForTier reports whether one of the options OnTier and FallBackTo names a tier.
func (o *Options) AsksForTier() bool {
	return o != nil && (o.tier != "" || o.fallback != "" && o.fallback != NoFallback)
}

// FinishBy returns when the caller wants to have the answer, and whether the option is set.
func (o *Options) FinishBy() (time.Time, bool) {
	if o == nil || o.finishBy.IsZero() {
		return time.Time{}, false
	}
	return o.finishBy, true
}

// CachedContent returns the name of the context cache to use, or "".
func (o *Options) CachedContent() string {
	if o == nil {
		return ""
	}
	return o.cached
}

// NoCache reports whether [NoCache] is set.
func (o *Options) NoCache() bool { return o != nil && o.noCache }

// MaxCost returns what a call may cost at most, and whether the option is set.
func (o *Options) MaxCost() (price.Pico, bool) {
	if o == nil {
		return 0, false
	}
	return o.maxCost, o.bounded
}

// AllowsDeferredCost reports whether [AllowDeferredCost] is set.
func (o *Options) AllowsDeferredCost() bool { return o != nil && o.deferred }

// Tracked returns the [Call] to report to, or nil.
func (o *Options) Tracked() *Call {
	if o == nil {
		return nil
	}
	return o.tracked
}

// policy returns the settings that the options change, as a Policy.
func (o *Options) policy() Policy {
	if o == nil {
		return Policy{}
	}
	p := Policy{Tier: o.tier, Fallback: o.fallback, MaxAttempts: o.attempts, AllowDoubleBilling: o.double, Class: o.class}
	if o.noCache {
		p.Cache.Mode, p.Cache.Writes = CacheOff, WritesOff
	}
	return p
}

// changesPolicy reports whether policy returns more than the zero Policy.
func (o *Options) changesPolicy() bool {
	return o != nil && (o.tier != "" || o.fallback != "" || o.attempts != 0 || o.double || o.noCache || o.class != "")
}
