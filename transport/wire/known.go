package wire

import (
	"slices"

	"github.com/skinflint-go/skinflint/policy"
)

// freeOperations are the operations whose calls cost nothing.
var freeOperations = []string{CountTokens, UpdateCache, DeleteCache}

// A Lister is a [Dialect] that says which calls it recognises. A dialect of a program's own may be one; a [Router] then
// knows the names of its providers and operations, and a rule that names any other is found to match nothing.
type Lister interface {
	// Shapes returns a Shape of every operation that the dialect recognises. Only Provider, Operation and Tiers count.
	Shapes() []*Shape
}

// Known returns what rules and limits can match: each provider with each of its operations, and the tiers that these accept.
// It is incomplete if one of the program's own dialects is no [Lister]; whole is then false.
func (r *Router) Known() (known []policy.Known, whole bool) {
	whole = true
	dialects := r.own
	for _, d := range r.own {
		if c, ok := d.(*Compatible); ok && len(c.Hosts) > 0 {
			known = append(known, policy.Known{Provider: c.Provider, Operation: Unknown})
		}
	}
	for _, p := range providers {
		dialects = append(dialects[:len(dialects):len(dialects)], p.dialects...)
		known = append(known, policy.Known{Provider: p.name, Operation: Unknown})
	}
	for _, d := range dialects {
		l, ok := d.(Lister)
		if !ok {
			whole = false
			continue
		}
		for _, s := range l.Shapes() {
			known = append(known, policy.Known{
				Provider: s.Provider, Operation: s.Operation, Tiers: s.Tiers, Free: slices.Contains(freeOperations, s.Operation),
				Caches: s.Caches, Compatible: s.Caches && s.Operation == Chat,
				Writes: s.takesWrites(), Key: s.Provider == "openai" && s.takesWrites(),
			})
		}
	}
	return known, whole
}

// takesWrites reports whether the request can say what is written to a prompt cache at a price.
func (s *Shape) takesWrites() bool {
	switch s.Provider {
	case "openai":
		return s.Operation == Chat || s.Operation == Responses
	case "anthropic":
		return s.Operation == Messages
	}
	return false
}

// Shapes implements [Lister].
func (d *Compatible) Shapes() (shapes []*Shape) {
	for _, op := range operations {
		if d.has(op) {
			shapes = append(shapes, &d.shapesOf(op).call)
		}
	}
	return shapes
}

// Shapes implements [Lister].
func (d anthropicMessages) Shapes() []*Shape { return []*Shape{d.messages, d.countTokens} }

// Shapes implements [Lister].
func (geminiDialect) Shapes() []*Shape {
	return append(geminiModelShapes.all(geminiCacheShapes), &interactionShape)
}

// Shapes implements [Lister].
func (vertexDialect) Shapes() []*Shape { return vertexGlobalShapes.all(vertexCacheShapes) }

// all returns the shapes of the calls of a model, and of those of context caches.
func (s *modelShapes) all(caches *cacheShapes) []*Shape {
	return []*Shape{&s.generate, &s.embeddings, &s.countTokens, &caches.create, &caches.update, &caches.remove}
}
