package wire

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// Compatible is the dialect of a provider that speaks as OpenAI does: chat completions, and as far as it offers them
// responses, embeddings, completions, transcription and images. OpenAI's own is one, too.
//
// Its fields say what sets the provider apart. A Compatible must not be changed once it is used.
type Compatible struct {
	// Provider is its name, in rows, in rules, and in a catalog of prices.
	Provider string
	// Hosts are whose requests it recognises, such as "llm.example.com"; none, and it recognises those of any host.
	Hosts []string
	// AskUsage says that it understands stream_options.include_usage, without which it does not tell a stream's usage.
	AskUsage bool
	// Tiers are those of [policy.Flex], [policy.Standard] and [policy.Priority] that it has, with what service_tier
	// calls them; "" says it by not being there.
	Tiers map[policy.Tier]string
	// Caches says that extra_body.google.cached_content names a context cache.
	Caches bool

	tiers    []policy.Tier          // the keys of Tiers, in the order of preference
	aliases  map[string]policy.Tier // further names of tiers that it uses
	strict   []policy.Tier
	onePrice bool
	running  bool
	only     []string // operations that it has; nil: all

	// Hooks for what is still different.
	headers func(h http.Header, a *Answer)
	answer  func(c *Call, doc *transport.Fields, a *Answer)
	refusal func(c *Call, r *Response, e *apiError, f *Refusal)
}

// Recognise takes POSTs to the paths of OpenAI's API, whatever stands before them, and GETs of a response.
func (d *Compatible) Recognise(method string, u *url.URL) (c Call, ok bool) {
	f, poll := formOf(method, u.Path)
	switch {
	case f == nil, d.only != nil && !slices.Contains(d.only, f.operation):
		return c, false
	case len(d.Hosts) > 0 && !slices.Contains(d.Hosts, strings.ToLower(u.Hostname())):
		return c, false
	}
	c = Call{
		Provider: d.Provider, Operation: f.operation, MaxOutput: -1, Form: f.multipart,
		OnePrice: d.onePrice, Strict: d.strict, Running: d.running,
		RequestPaths: f.paths, AnswerPaths: f.answers, Marks: f.marks, Events: f.events, Done: f.done, Last: f.last,
		form: f,
	}
	if poll {
		c.Kind = Poll
	} else {
		c.AskUsage = d.AskUsage && f.asksUsage
		c.Caches = d.Caches && f == chatForm
		if f.tiers {
			c.Tiers = d.accepted()
		}
	}
	return c, true
}

// accepted returns the tiers that the provider has.
func (d *Compatible) accepted() []policy.Tier {
	if d.tiers != nil || len(d.Tiers) == 0 {
		return d.tiers
	}
	var tiers []policy.Tier // of a dialect that a program made
	for _, t := range []policy.Tier{policy.Flex, policy.Standard, policy.Priority} {
		if _, ok := d.Tiers[t]; ok {
			tiers = append(tiers, t)
		}
	}
	return tiers
}

// Request reads model, tier, stream and its options, the output limit, and the context cache.
func (d *Compatible) Request(c *Call, _ http.Header, body *transport.Fields) {
	if c.form == nil {
		return
	}
	c.form.request(c, body)
	c.Tier = d.tier(body, atServiceTier)
	if c.Caches {
		c.Cache, _ = nestedCache(body)
	}
}

// tier returns the tier that a member of a document names.
func (d *Compatible) tier(doc *transport.Fields, path transport.Path) policy.Tier {
	raw, ok := doc.Get(path)
	if !ok || len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	name := raw[1 : len(raw)-1]
	for tier, called := range d.Tiers {
		if called == string(name) && called != "" {
			return tier
		}
	}
	if tier, ok := d.aliases[string(name)]; ok {
		return tier
	}
	text, _ := jsontext.Unquote(raw)
	return policy.Tier(printable(text))
}

// Edit sets or removes service_tier, asks for a stream's usage, and names a context cache.
func (d *Compatible) Edit(c *Call, body *transport.Fields, w Want, e *Edits) {
	if c.Tiers != nil && w.Tier != c.Tier {
		e.Body = append(e.Body, tierEdit("service_tier", d.called(w.Tier)))
	}
	editUsage(c, body, w, e)
	if w.Cache != "" && c.Cache == "" {
		editNestedCache(c, body, w.Cache, e)
	}
}

// called returns what the provider calls a tier; a tier of the program's own is passed on.
func (d *Compatible) called(t policy.Tier) string {
	if name, ok := d.Tiers[t]; ok {
		return name
	}
	return string(t)
}

// tierEdit has a member name a tier, or be gone if the name is "".
func tierEdit(path, name string) transport.Edit {
	if name == "" {
		return transport.Edit{Path: path, Remove: true}
	}
	return transport.Edit{Path: path, Value: quoted(name)}
}

// quoted returns a name as JSON, without allocating for tiers that are common.
func quoted(name string) string {
	switch name {
	case "flex":
		return `"flex"`
	case "default":
		return `"default"`
	case "standard":
		return `"standard"`
	case "priority":
		return `"priority"`
	}
	b, _ := json.Marshal(name) // a string can always be written
	return string(b)
}

// Headers reads the request id.
func (d *Compatible) Headers(_ *Call, h http.Header, a *Answer) {
	if id := h["X-Request-Id"]; len(id) > 0 {
		a.RequestID = printable(id[0])
	}
	if d.headers != nil {
		d.headers(h, a)
	}
}

// Answer reads id, model, tier and usage of an answer, or of a piece of one.
func (d *Compatible) Answer(c *Call, doc *transport.Fields, a *Answer) {
	if c.form == nil {
		return
	}
	if path := c.form.read(c, doc, a); path != 0 {
		if tier := d.tier(doc, path); tier != "" {
			a.Tier = tier
		}
	}
	if d.answer != nil {
		d.answer(c, doc, a)
	}
}

// Refusal reads OpenAI's error object.
func (d *Compatible) Refusal(c *Call, r *Response) Refusal {
	e := readError(r.Body)
	f := openAIRefusal(r, &e)
	if d.refusal != nil {
		d.refusal(c, r, &e, &f)
	}
	return f
}
