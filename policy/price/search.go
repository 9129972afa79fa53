package price

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// found is the candidate that has the prices for a query.
type found struct {
	candidate
	set  *tierSet
	tier *tier
}

// id returns the PriceID, with the alias before it where one led to the price. Only then does it allocate.
func (f *candidate) id(q *Query, id string) string {
	if f.via == nil {
		return id
	}
	return f.via.name + "/" + q.Provider + "/" + baseName(q.Model) + "=" + id
}

// find returns the prices for the query, from the first candidate that has some.
func (c *Catalog) find(q *Query) (found, error) {
	tier, known := tierOf(q.Tier)
	if known && !q.At.IsZero() {
		var room [roomFor]candidate
		for _, m := range c.search(room[:0], q.Provider, q.Model) {
			if set := m.model.at(q.At); set != nil && set[tier] != nil {
				return found{m, set, set[tier]}, nil
			}
		}
	}
	return found{}, c.missing(q)
}

// missing returns the error for a query that no layer has a price for.
func (c *Catalog) missing(q *Query) error {
	all := c.search(nil, q.Provider, q.Model)
	inPeriod := false
	for _, m := range all {
		inPeriod = inPeriod || m.model.at(q.At) != nil
	}
	switch {
	case len(all) == 0:
		return unpriced(q, c.noModel(q))
	case q.At.IsZero():
		return unpriced(q, errors.New("the start of the request is not known"))
	case !inPeriod:
		return unpriced(q, fmt.Errorf("no price at %s%s", q.At.UTC().Format(time.RFC3339Nano), c.searched()))
	case q.Tier == "":
		return unpriced(q, errors.New("the tier that served is not known"))
	}
	return unpriced(q, fmt.Errorf("no price for this tier%s", c.searched()))
}

// noModel returns the error for a model that no layer has, or that is only an alias without a target.
func (c *Catalog) noModel(q *Query) error {
	for _, layer := range c.each() {
		if to, ok := layer.alias(q.Provider, baseName(q.Model)); ok {
			return fmt.Errorf("no such model in %s, where it is the same as %s/%s", c.names(), to.provider, to.name)
		}
	}
	return fmt.Errorf("no such model in %s", c.names())
}

// searched names the catalogs that were searched, unless it is one only.
func (c *Catalog) searched() string {
	if c.layers == nil {
		return ""
	}
	return " in " + c.names()
}

// names names the layers, for an error.
func (c *Catalog) names() string {
	var names []string
	for _, layer := range c.each() {
		names = append(names, fmt.Sprintf("%q", layer.name))
	}
	if len(names) == 1 {
		return "catalog " + names[0]
	}
	return "catalogs " + strings.Join(names, ", ")
}

// modelPrefix is what Google puts before a model's name.
const modelPrefix = "models/"

// baseName returns the model's name without Google's prefix.
func baseName(model string) string { return strings.TrimPrefix(model, modelPrefix) }

// roomFor is how many candidates a search has room for before it allocates: as many as a [Book] has layers.
const roomFor = 3

// search returns the models with this name, in order of precedence. It appends them to room, unless it remembers them from
// an earlier search: see [memo].
func (c *Catalog) search(room []candidate, provider, name string) []candidate {
	name = baseName(name)
	if known, ok := c.memo.get(provider, name); ok {
		return known
	}
	all := c.lookUp(room, provider, name)
	c.memo.put(provider, name, all)
	return all
}

// lookUp finds what search returns, by the layers' maps.
func (c *Catalog) lookUp(all []candidate, provider, name string) []candidate {
	layers := c.each()
	for i, layer := range layers {
		m := layer.own(provider, name)
		if m != nil && !m.isAlias() {
			all = append(all, candidate{model: m})
			continue
		}
		to := layer.target(m, provider, name)
		if to == (modelKey{}) {
			continue
		}
		for _, lower := range layers[i:] {
			// One alias is enough: with a chain of them it would be hard to see whose price it is.
			if m := lower.own(to.provider, to.name); m != nil && !m.isAlias() {
				all = append(all, candidate{model: m, via: layer})
			}
		}
	}
	return all
}

// each returns the catalog's layers, or the catalog itself if it has none.
func (c *Catalog) each() []*Catalog {
	if c.layers != nil {
		return c.layers
	}
	return []*Catalog{c}
}

// own returns this layer's model of the name, or nil. The model may be an alias.
func (c *Catalog) own(provider, name string) *model {
	if len(c.models) == 0 {
		return nil
	}
	if m := c.models[modelKey{provider, name}]; m != nil {
		return m
	}
	if base, ok := snapshotOf(name); ok {
		return c.models[modelKey{provider, base}]
	}
	return nil
}

// alias returns the model that this layer has the name as an alias of, if it has.
func (c *Catalog) alias(provider, name string) (modelKey, bool) {
	to := c.target(c.own(provider, name), provider, name)
	return to, to != modelKey{}
}

// target returns what the name is an alias of in this layer, whose own model of the name is m. It returns the zero key if
// the name is no alias.
func (c *Catalog) target(m *model, provider, name string) modelKey {
	if m != nil {
		return m.sameAs
	}
	if other, ok := c.providers[provider]; ok {
		return modelKey{other, name}
	}
	return modelKey{}
}

// snapshotOf returns the name without the date or number of a snapshot, and whether it has one.
func snapshotOf(name string) (base string, ok bool) {
	for _, layout := range [...]string{"-dddd-dd-dd", "-dddddddd", "-ddd"} {
		if at := len(name) - len(layout); at > 0 && looksLike(name[at:], layout) {
			return name[:at], true
		}
	}
	return "", false
}

// looksLike reports whether s has a digit where the layout has a d, and equals the layout elsewhere. Both have the same
// length.
func looksLike(s, layout string) bool {
	for i := range len(s) {
		if isDigit := s[i] >= '0' && s[i] <= '9'; layout[i] == 'd' && !isDigit || layout[i] != 'd' && s[i] != layout[i] {
			return false
		}
	}
	return true
}
