package wire

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// Compatible is the dialect of a provider whose API is compatible with OpenAI's: chat completions, and responses,
// embeddings, completions, transcription and images if the provider has them. OpenAI's own dialect is a Compatible.
//
// Its exported fields say how the provider differs from others. Use it by pointer; it must not be copied or changed once
// it is used.
type Compatible struct {
	// Provider is the provider's name, in rows, in rules, and in a catalog of prices.
	Provider string
	// Hosts are the hosts whose requests it recognises, without a port: "llm.example.com". With none, it
	// recognises requests to any host, so that in a Router it comes before every other provider.
	Hosts []string
	// AskUsage says that the provider understands stream_options.include_usage, and that its streams report no usage
	// without it. Zero is for a provider that reports it unasked, or never.
	AskUsage bool
	// Tiers are those of [policy.Flex], [policy.Standard] and [policy.Priority] that the provider has, each with the name
	// that service_tier has for it. The name "" is for a tier that is asked for by naming none. Nil is no tiers:
	// service_tier is left as it is.
	Tiers map[policy.Tier]string
	// UsageNames are names of counts in the provider's usage that this package does not know, as paths below the usage:
	// "details.kv_hit_tokens". Several names may stand for one count; they should agree in an answer. A count of tokens
	// whose name is not known leaves a call without a price. Nil adds none.
	UsageNames map[string]Count
	// Caches says that extra_body.google.cached_content names a context cache, as in Google's APIs.
	Caches bool
	// Harmless names further members of the provider's requests that add nothing to the cost of a call but their bytes, in
	// the form of an [Outline]: "guided_json* chat_template_kwargs*". A call whose request has other members has no bound of
	// its cost. They are added to those of OpenAI's API, for every operation.
	Harmless string
	// Metering is what the provider counts against its limits on tokens. Zero is what an attempt has used, input and output.
	// For a provider that this package knows, zero is what that provider documents.
	Metering Metering

	tiers      []policy.Tier           // the keys of Tiers, in the order of preference; nil: that of accepted
	aliases    map[string]policy.Tier  // further names of tiers that the provider uses
	strict     []policy.Tier           // see Shape.Strict
	writes     []time.Duration         // see Shape.Writes
	onePrice   bool                    // see Shape.OnePrice
	running    bool                    // see Shape.Running
	prices     string                  // see Shape.Prices
	headerTier bool                    // a header names the tier: service_tier is neither set nor removed
	only       []string                // the operations that it has; nil: all
	paid       func(model string) bool // the model uses tools that are charged for, unasked; nil: none does

	reasoningApart, hiddenReasoning, freshImages bool // see Shape

	// What is still different is done by hooks, after what is common.
	headers   func(h http.Header, a *Answer)
	answer    func(c *Call, doc *transport.Fields, a *Answer)
	rejection func(c *Call, r *Response, e *apiError, f *Rejection)

	once   sync.Once // makes names and shapes
	names  map[string]Count
	shapes map[*operation]*compatibleShapes

	unknownOnce   sync.Once
	unknownShapes unknownShapes
}

// unknown returns the shapes of what it does not understand.
func (d *Compatible) unknown() unknownShapes {
	d.unknownOnce.Do(func() { d.unknownShapes = newUnknownShapes(d.Provider) })
	return d.unknownShapes
}

// check returns an error that names a field which is not valid.
func (d *Compatible) check() error {
	if d == nil || d.Provider == "" {
		return errors.New("wire: Dialects: a Compatible has no Provider")
	}
	for _, host := range d.Hosts {
		if host == "" || strings.ContainsAny(host, "/:@ ") {
			return fmt.Errorf("wire: Dialects: Hosts of %s has %q: want a host without scheme, port or path, such as \"llm.example.com\"", d.Provider, host)
		}
	}
	for tier := range d.Tiers {
		if !tier.Askable() {
			return fmt.Errorf("wire: Dialects: Tiers of %s has %q: want flex, standard or priority", d.Provider, tier)
		}
	}
	if _, err := time.LoadLocation(d.Metering.Zone); err != nil {
		return fmt.Errorf("wire: Dialects: Metering.Zone of %s is %q: want a zone such as \"America/Los_Angeles\"", d.Provider, d.Metering.Zone)
	}
	if d.Metering.Reserves && d.Metering.Holds {
		return fmt.Errorf("wire: Dialects: Metering of %s has Reserves and Holds: only one of them can hold", d.Provider)
	}
	if err := checkHarmless(d.Harmless); err != nil {
		return fmt.Errorf("wire: Dialects: Harmless of %s: %w", d.Provider, err)
	}
	return checkUsageNames(d.Provider, d.UsageNames)
}

// compatibleShapes are the shapes of an operation at one provider.
type compatibleShapes struct{ call, poll Shape }

// shapesOf returns the shapes of an operation.
func (d *Compatible) shapesOf(op *operation) *compatibleShapes {
	d.once.Do(func() {
		d.names = withUsageNames(d.UsageNames)
		d.shapes = make(map[*operation]*compatibleShapes, len(operations))
		for _, op := range operations {
			d.shapes[op] = d.newShapes(op)
		}
	})
	return d.shapes[op]
}

// newShapes returns the operation's shapes with what is the provider's. A poll sets nothing: it asks for the result of a
// call that has its tier already.
func (d *Compatible) newShapes(op *operation) *compatibleShapes {
	s := op.shape
	s.Provider, s.Prices, s.OnePrice, s.Running = d.Provider, d.prices, d.onePrice, d.running
	s.Added = addedBy[d.Provider]
	if s.Metering = d.Metering; s.Metering == (Metering{}) {
		s.Metering = meteringOf[d.Provider]
	}
	if s.Harmless != nil && d.Harmless != "" {
		s.Harmless = s.Harmless.with(d.Harmless)
	}
	s.reasoningApart, s.hiddenReasoning, s.freshImages = d.reasoningApart, d.hiddenReasoning, d.freshImages
	s.usages = &usageTable{names: d.names}
	if !d.headerTier {
		s.Strict = d.strict
	}
	poll := s
	poll.AskUsage = false
	if op.shape.Operation == Responses {
		poll.AnswerPaths = responsesPolls
	}
	s.AskUsage = s.AskUsage && d.AskUsage
	if s.Caches = d.Caches && op.caches; s.Caches {
		s.Prefix = googleChatPrefix
	}
	if op.writes {
		s.Writes = d.writes
	}
	if op.tiers && !d.headerTier {
		s.Tiers = d.accepted()
	}
	return &compatibleShapes{call: s, poll: poll}
}

// accepted returns the tiers that the provider has.
func (d *Compatible) accepted() []policy.Tier {
	if d.tiers != nil {
		return d.tiers
	}
	var tiers []policy.Tier
	for _, t := range []policy.Tier{policy.Flex, policy.Standard, policy.Priority} {
		if _, ok := d.Tiers[t]; ok {
			tiers = append(tiers, t)
		}
	}
	return tiers
}

// owns reports whether the URL's host is one of its Hosts.
func (d *Compatible) owns(u *url.URL) bool {
	return slices.ContainsFunc(d.Hosts, func(host string) bool { return strings.EqualFold(host, u.Hostname()) })
}

// Recognise takes POSTs to the paths of OpenAI's API, whatever stands before them, and GETs of a response.
func (d *Compatible) Recognise(method string, u *url.URL) (Call, bool) {
	op, poll := operationOf(method, u.Path)
	switch {
	case op == nil, !d.has(op):
		return Call{}, false
	case len(d.Hosts) > 0 && !d.owns(u):
		return Call{}, false
	}
	shapes := d.shapesOf(op)
	if poll {
		c := newCall(&shapes.poll)
		c.Kind = Poll
		return c, true
	}
	return newCall(&shapes.call), true
}

// has reports whether the provider has an operation.
func (d *Compatible) has(op *operation) bool {
	return d.only == nil || slices.Contains(d.only, op.shape.Operation)
}

// Request reads model, tier, stream and its options, the output limit, and the context cache.
func (d *Compatible) Request(c *Call, _ http.Header, body *transport.Fields) {
	if c.Shape == nil || c.request == nil {
		return
	}
	c.request(c, body)
	if tier := d.tierAt(body, atServiceTier); c.TierFixed {
		c.Tier = withWindow(tier, c.Tier)
	} else {
		c.Tier = tier
	}
	if c.Caches {
		c.Cache, _ = extraBodyCache(body)
		if extraBodyTools(body) {
			c.Tools = PaidTools
		}
	}
	if d.paid != nil && d.paid(c.Model) {
		c.Tools = PaidTools
	}
}

// tierAt returns the tier that a member of a document names; "" if it names none. A name that is not known is the tier
// itself.
func (d *Compatible) tierAt(doc *transport.Fields, path transport.Path) policy.Tier {
	raw, ok := doc.Get(path)
	if !ok || len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	name := raw[1 : len(raw)-1]
	for tier, itsName := range d.Tiers {
		if itsName == string(name) && itsName != "" {
			return tier
		}
	}
	if tier, ok := d.aliases[string(name)]; ok {
		return tier
	}
	text, _ := jsontext.Unquote(raw)
	return policy.Tier(printable(text))
}

// Edit sets or removes service_tier, asks for a stream's usage and for writes to a prompt cache, and names a context cache.
func (d *Compatible) Edit(c *Call, body *transport.Fields, w Want, e *Edits) {
	if c.Shape == nil {
		return
	}
	if c.Tiers != nil && !c.TierFixed && w.Tier != c.Tier {
		e.Body = append(e.Body, tierEdit("service_tier", d.nameOf(w.Tier)))
	}
	editUsage(c, body, w, e)
	editPromptCache(c, &w.PromptCache, e)
	if w.Cache != "" && c.Cache == "" {
		editExtraBodyCache(c, body, w.Cache, e)
	}
	takeOut(c, body, w, e)
}

// nameOf returns the provider's name of a tier. A tier of the program's own has its own name.
func (d *Compatible) nameOf(t policy.Tier) string {
	if name, ok := d.Tiers[t]; ok {
		return name
	}
	return string(t)
}

// tierEdit sets a member to the name of a tier, or removes it if the name is "".
func tierEdit(path, name string) transport.Edit {
	if name == "" {
		return transport.Edit{Path: path, Remove: true}
	}
	return transport.Edit{Path: path, Value: quoted(name)}
}

// Headers reads the request id.
func (d *Compatible) Headers(_ *Call, h http.Header, a *Answer) {
	a.RequestID = printable(h.Get("X-Request-Id"))
	if d.headers != nil {
		d.headers(h, a)
	}
}

// Answer reads id, model, tier and usage of an answer, or of an event of one.
func (d *Compatible) Answer(c *Call, doc *transport.Fields, a *Answer) {
	if c.Shape == nil || c.answer == nil {
		return
	}
	if path := c.answer(c, doc, a); path != 0 {
		if tier := d.tierAt(doc, path); tier != "" {
			a.Tier = tier
		}
		if a.window != "" {
			a.Tier = withWindow(a.Tier, a.window)
		}
	}
	if d.answer != nil {
		d.answer(c, doc, a)
	}
}

// Rejection reads OpenAI's error object.
func (d *Compatible) Rejection(c *Call, r *Response) Rejection {
	e := readError(r.Body)
	f := openAIRejection(r, &e)
	if d.rejection != nil {
		d.rejection(c, r, &e, &f)
	}
	return f
}
