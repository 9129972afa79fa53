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

// A Router finds the dialect that a request is in: by its host, and where the host says nothing (a test server, a
// gateway) by the shape of its path. The zero Router knows the providers of this package. It is immutable and safe for
// concurrent use.
type Router struct {
	own      []Dialect
	provider *provider // of hosts that say nothing
	azure    *provider // with the user's deployments
}

// A RouterConfig says what a [Router] knows beside this package's providers.
type RouterConfig struct {
	// Dialects are asked first.
	Dialects []Dialect
	// Provider is the one that hosts belong to which nothing is known of: "groq". By default the shape of the path
	// says whether it is OpenAI's, Gemini's or Anthropic's.
	Provider string
	// Deployments are the models behind the names of Azure deployments, by which their calls are priced and matched.
	Deployments map[string]string
}

// NewRouter returns a Router, or an error that names the field of c which makes no sense.
func NewRouter(c RouterConfig) (*Router, error) {
	r := &Router{own: slices.Clone(c.Dialects)}
	if slices.Contains(r.own, nil) {
		return nil, errors.New("wire: Dialects: one is nil")
	}
	if len(c.Deployments) > 0 {
		r.azure = azureProvider(maps.Clone(c.Deployments))
	}
	if c.Provider == "" {
		return r, nil
	}
	for _, p := range providers {
		if p.name == c.Provider {
			r.provider = p
		}
	}
	switch {
	case r.provider == nil:
		return nil, fmt.Errorf("wire: Provider: %q is not known; known are %s", c.Provider, strings.Join(Providers(), ", "))
	case r.provider == azure && r.azure != nil:
		r.provider = r.azure
	}
	return r, nil
}

// Providers returns the names of the providers that this package knows.
func Providers() []string {
	var names []string
	for _, p := range providers {
		names = append(names, p.name)
	}
	return names
}

// A provider is what its hosts have in common.
type provider struct {
	name     string
	hosts    []string // one that begins with a dot or a dash is the end of a host's name
	dialects []Dialect
	free     []string // parts of paths, beside freeSegments, by which a POST costs nothing by itself
}

var providers = []*provider{
	openAI, gemini, vertex, azure, groq, openRouter, anthropic, deepSeek, mistral, xAI, perplexity, cerebras, moonshot, zai,
}

var hosts, hostEnds = func() (map[string]*provider, map[string]*provider) {
	whole, ends := map[string]*provider{}, map[string]*provider{}
	for _, p := range providers {
		for _, host := range p.hosts {
			if host[0] == '.' || host[0] == '-' {
				ends[host] = p
			} else {
				whole[host] = p
			}
		}
	}
	return whole, ends
}()

// providerOf returns whose host it is; nil if nobody knows.
func providerOf(u *url.URL) *provider {
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if p := hosts[name]; p != nil {
		return p
	}
	dot := strings.IndexByte(name, '.')
	if dot < 0 {
		return nil
	}
	if dash := strings.LastIndexByte(name[:dot], '-'); dash >= 0 {
		if p := hostEnds[name[dash:]]; p != nil {
			return p
		}
	}
	for end := name[dot:]; ; {
		if p := hostEnds[end]; p != nil {
			return p
		}
		dot := strings.IndexByte(end[1:], '.')
		if dot < 0 {
			return nil
		}
		end = end[1+dot:]
	}
}

// unknownPlaces are what hosts are taken for that nothing is known of. What takes fewer paths comes
// before what takes more.
var unknownPlaces = []Dialect{geminiFace, openAIChat, vertexNative, geminiNative, elsewhere{anthropicMessages{"anthropic"}}}

// Recognise returns the dialect that a request is in, and what can be said of the call by its method and URL alone.
func (r *Router) Recognise(method string, u *url.URL) (Dialect, Call, bool) {
	if u == nil {
		return nil, Call{}, false
	}
	for _, d := range r.own {
		if c, ok := d.Recognise(method, u); ok {
			return d, c, true
		}
	}
	p := providerOf(u)
	foreign := p == nil
	switch {
	case foreign:
		p = r.provider
	case p == azure && r.azure != nil:
		p = r.azure
	}
	dialects := unknownPlaces
	if p != nil {
		dialects = p.dialects
	}
	for _, d := range dialects {
		if c, ok := d.Recognise(method, u); ok {
			c.Foreign = foreign
			return d, c, true
		}
	}
	if p != nil && method == http.MethodPost && !p.isFree(u.Path) {
		c := Call{Provider: p.name, Operation: Unknown, MaxOutput: -1, Kind: Observed, Unpriced: "nobody knows what this operation costs"}
		if handsIn(u.Path) {
			c.Kind = Submission
			c.Unpriced = "what it hands in is charged for when it is done"
		}
		return unknown{p.dialects[0]}, c, true
	}
	return nil, Call{}, false
}

// Provides reports whether a provider is known whose host it is.
func (r *Router) Provides(u *url.URL) bool {
	return u != nil && (r.provider != nil || providerOf(u) != nil)
}

// freeSegments are parts of paths by which a POST of any known provider is no call that is charged for when it is
// answered: it manages something, or counts. Sources: the providers' API references.
var freeSegments = []string{
	"files", "uploads", "upload", "batches", "batch", "moderations", "models", "cancel", "tokenize", "count_tokens", "keys", "auth",
}

// handsIn reports whether a POST to a path hands in work that is charged for when it is done: to hand it in twice is to
// pay for it twice.
func handsIn(path string) bool {
	for _, end := range []string{
		"/batches", "/batch/jobs", "/fine_tuning/jobs", "/graders/run", ":batchGenerateContent", ":asyncBatchEmbedContent",
		"/tunedModels", "/batchPredictionJobs", "/tuningJobs",
	} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return false
}

// isFree reports whether a POST to a path that no dialect understands is known to cost nothing by itself.
func (p *provider) isFree(path string) bool {
	segments := strings.Split(path, "/")
	last := segments[len(segments)-1]
	switch {
	case handsIn(path):
		return false
	case last == "runs", last == "submit_tool_outputs", slices.Contains(segments, "agents"):
		return false // the assistant answers, the model, or the agent
	}
	if _, verb, ok := strings.Cut(last, ":"); ok {
		return slices.Contains(freeVerbs, verb)
	}
	for _, s := range segments {
		if slices.Contains(freeSegments, s) || slices.Contains(p.free, s) {
			return true
		}
	}
	return false
}

// freeVerbs are those of Google's paths: of batches, of files, and of work that is asked after.
var freeVerbs = []string{
	"cancel", "delete", "register", "fetchPredictOperation", "wait",
}

// unknown is the dialect of a call that the provider's own dialect does not understand: it knows the provider's errors,
// and nothing else.
type unknown struct{ Dialect }

// Recognise takes nothing: a [Router] decides.
func (unknown) Recognise(string, *url.URL) (Call, bool) { return Call{}, false }
