package wire

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Router selects the dialect for a request: by its host or, for an unknown host (a test server, a gateway), by the shape
// of its path. The zero Router knows the providers of this package. A Router is immutable and safe for concurrent use.
type Router struct {
	own      []Dialect
	provider *provider // of unknown hosts; nil: by the path
	azure    *provider // with the user's deployments; nil if there are none
}

// A RouterConfig says what a [Router] knows in addition to this package's providers. The zero RouterConfig adds nothing.
type RouterConfig struct {
	// Dialects come before this package's, in their order. None may be nil.
	Dialects []Dialect
	// Provider is the provider that unknown hosts belong to, one of [Providers], or a common alias of one: "groq", "kimi" for
	// moonshotai, "google" for gemini. If it is "", the shape of the path says whether it is OpenAI's, Gemini's, Vertex AI's
	// or Anthropic's.
	Provider string
	// Deployments maps the names of Azure deployments to their models. Calls of a deployment have the prices of its model,
	// and rules match the model's name. Azure's answers also name the model, but an answer is too late for rules.
	Deployments map[string]string
}

// NewRouter returns a Router, or an error that names the field of c that is wrong.
func NewRouter(c RouterConfig) (*Router, error) {
	r := &Router{own: slices.Clone(c.Dialects)}
	for _, d := range r.own {
		if d == nil {
			return nil, errors.New("wire: Dialects: one is nil")
		}
		if own, ok := d.(*Compatible); ok {
			if err := own.check(); err != nil {
				return nil, err
			}
		}
	}
	if len(c.Deployments) > 0 {
		r.azure = azureProvider(maps.Clone(c.Deployments))
	}
	if c.Provider == "" {
		return r, nil
	}
	r.provider = providerNamed(c.Provider)
	switch {
	case r.provider == nil:
		return nil, fmt.Errorf("wire: Provider: %q is not known; known are %s", c.Provider, strings.Join(Providers(), ", "))
	case r.provider == azure && r.azure != nil:
		r.provider = r.azure
	}
	return r, nil
}

// Recognise returns the dialect for a request, and what its method and URL say about the call. It reports false for a request
// that is no call of a known operation, and that is not known to cost anything. The Call has a Shape that is not nil.
func (r *Router) Recognise(method string, u *url.URL) (Dialect, Call, bool) {
	if u == nil {
		return nil, Call{}, false
	}
	if len(u.Path) > 1 && strings.HasSuffix(u.Path, "/") {
		trimmed := *u
		trimmed.Path = strings.TrimRight(u.Path, "/")
		u = &trimmed
	}
	if d, c, ok := recognise(r.own, method, u); ok {
		return d, c, true
	}
	p := providerOf(u)
	foreign := p == nil
	switch {
	case foreign:
		p = r.provider
	case p == azure && r.azure != nil:
		p = r.azure
	}
	dialects := unknownHostDialects
	if p != nil {
		dialects = p.dialects
	}
	if d, c, ok := recognise(dialects, method, u); ok {
		c.Foreign = foreign
		return d, c, true
	}
	if p == nil {
		return r.unknownElsewhere(method, u)
	}
	return unknownCall(p, method, u)
}

// unknownElsewhere returns a POST that no dialect understands, to a host of one of the program's own dialects, or to an unknown
// host by a path that submits work at the providers that are known.
func (r *Router) unknownElsewhere(method string, u *url.URL) (Dialect, Call, bool) {
	for _, d := range r.own {
		if c, ok := d.(*Compatible); ok && c.owns(u) {
			return unknownOf(c.unknown(), d, method, u, isFree(u.Path))
		}
	}
	if method != http.MethodPost || !submits(u.Path) {
		return nil, Call{}, false
	}
	p := openAI
	switch {
	case strings.Contains(u.Path, "/messages/"):
		p = anthropic
	case strings.Contains(u.Path, ":"):
		p = gemini
	}
	d, c, ok := unknownCall(p, method, u)
	c.Foreign = true
	return d, c, ok
}

// recognise returns the first of the dialects that understands a request.
func recognise(dialects []Dialect, method string, u *url.URL) (Dialect, Call, bool) {
	for _, d := range dialects {
		if c, ok := d.Recognise(method, u); ok {
			if c.Shape == nil {
				c.Shape = noShape
			}
			return d, c, true
		}
	}
	return nil, Call{}, false
}

// Provides reports whether the request's host belongs to a known provider, or is unknown and [RouterConfig].Provider is set.
func (r *Router) Provides(u *url.URL) bool {
	return u != nil && (r.provider != nil || providerOf(u) != nil)
}
