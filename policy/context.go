package policy

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// Options are what a context says about the calls made under it. See [With].
type Options struct {
	tier     Tier
	fallback Tier
	attempts int
	double   bool
	finishBy time.Time
	cached   string
	maxCost  price.Pico
	bounded  bool
	labels   map[string]string
	tracked  *Call
	err      error
}

// An Option is one thing that [With] says.
type Option func(*Options)

type optionsKey struct{}

// With returns a context whose calls follow the options, besides those that ctx already carries; of two that say the
// same thing, the later counts. An option that makes no sense fails every call made under the context, with an error
// that names it; nothing is then sent.
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

// From returns the options that ctx carries, or nil. They are not for changing.
func From(ctx context.Context) *Options {
	o, _ := ctx.Value(optionsKey{}).(*Options)
	return o
}

func (o *Options) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// OnTier asks for a tier where the request's body names none.
func OnTier(t Tier) Option {
	return func(o *Options) {
		if !t.Askable() {
			o.fail(&FieldError{"OnTier", fmt.Sprintf("%q", t), "want flex, standard or priority"})
		}
		o.tier = t
	}
}

// FallBackTo asks for t when the first tier refuses; [NoFallback] for none.
func FallBackTo(t Tier) Option {
	return func(o *Options) {
		if err := checkFallback("FallBackTo", t, ""); err != nil || t == "" {
			o.fail(&FieldError{"FallBackTo", fmt.Sprintf("%q", t), "want flex, standard, priority or none"})
		}
		o.fallback = t
	}
}

// MaxAttempts bounds how often a call is sent; 1 sends it once.
func MaxAttempts(n int) Option {
	return func(o *Options) {
		if n < 1 || n > maxAttempts {
			o.fail(&FieldError{"MaxAttempts", n, fmt.Sprintf("want 1 to %d", maxAttempts)})
		}
		o.attempts = n
	}
}

// FinishBy is when the caller wants to be done: nothing is sent, or waited for, beyond it. It does not end an attempt
// that is under way; that is for the context's own deadline, and may cost what the attempt costs.
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

// MaxCost keeps a call from being sent if it could cost more, by the most that its request and model allow.
func MaxCost(most price.Pico) Option {
	return func(o *Options) {
		if most < 0 {
			o.fail(&FieldError{"MaxCost", most, "it must not be negative"})
		}
		o.maxCost, o.bounded = most, true
	}
}

// AllowDoubleBilling lets attempts be repeated that may have been billed.
func AllowDoubleBilling() Option { return func(o *Options) { o.double = true } }

// Tag attaches a name and a value to the call's rows, and to what its limits and rules match. Names have at most 64
// bytes, values 256.
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

// Err returns the first option that made no sense, as a [*FieldError], or nil.
func (o *Options) Err() error {
	if o == nil {
		return nil
	}
	return o.err
}

func (o *Options) tags() map[string]string {
	if o == nil {
		return nil
	}
	return o.labels
}

// Tags returns the tags, which are not for changing.
func (o *Options) Tags() map[string]string { return o.tags() }

// FinishBy returns when the caller wants to be done, if it said so.
func (o *Options) FinishBy() (time.Time, bool) {
	if o == nil || o.finishBy.IsZero() {
		return time.Time{}, false
	}
	return o.finishBy, true
}

// CachedContent returns the name of the cache to use, or "".
func (o *Options) CachedContent() string {
	if o == nil {
		return ""
	}
	return o.cached
}

// MaxCost returns what a call may cost at most, if that was said.
func (o *Options) MaxCost() (price.Pico, bool) {
	if o == nil {
		return 0, false
	}
	return o.maxCost, o.bounded
}
