package price

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Layers returns a catalog that asks the given ones in their order: a user's before a feed's before the embedded one. It
// skips those that are nil, and it knows no price if none is left. It costs no more to make than the list.
//
// A call is priced, and a bound found, by the first layer that has prices of the model (by its exact name, then as a dated
// snapshot) at that time and tier. That layer decides: a counter without a price there is [*Unpriced] even if a later
// layer has one, since a price made of two lists is nobody's. Storage is priced by the first layer with a price of storage
// at the beginning. Where no layer has a price, the error is about the one that came nearest: a tier that is missing
// rather than a time, and a time rather than a model. A limit that one layer does not know is the next one's that does.
//
// An alias of one layer (same_as) is looked up in that layer and in those below it, and is passed over where they have no
// price of it. The PriceID then names both: "user/azure/prod-chat=embedded/openai/gpt-5.4/-/standard".
func Layers(catalogs ...*Catalog) *Catalog {
	var layers []*Catalog
	for _, c := range catalogs {
		if c != nil {
			layers = append(layers, c.each()...)
		}
	}
	if len(layers) == 1 {
		return layers[0]
	}
	return &Catalog{layers: layers}
}

// each is the catalog's layers, or itself.
func (c *Catalog) each() []*Catalog {
	if c.layers != nil {
		return c.layers
	}
	return []*Catalog{c}
}

// Limits returns the model's largest prompt and largest output in tokens, 0 where one of them is not known. It finds the
// model as [Catalog.Cost] does; ok says whether it did.
func (c *Catalog) Limits(provider, model string) (maxInput, maxOutput int64, ok bool) {
	c.search(provider, model, func(f found) bool {
		ok = true
		if maxInput == 0 {
			maxInput = f.model.maxInput
		}
		if maxOutput == 0 {
			maxOutput = f.model.maxOutput
		}
		return maxInput > 0 && maxOutput > 0
	})
	return maxInput, maxOutput, ok
}

// Models returns the names of the provider's models, aliases among them, sorted. What a provider has only by being the
// same as another one is under that one's name.
func (c *Catalog) Models(provider string) []string {
	var names []string
	for _, layer := range c.each() {
		for key := range layer.models {
			if key.provider == provider {
				names = append(names, key.name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Reviews returns the models, as "provider/model" and sorted, that have a price which should have been looked at again
// by the time at. It names them until a newer catalog says otherwise.
func (c *Catalog) Reviews(at time.Time) []string {
	var due []string
	for _, layer := range c.each() {
		for key, m := range layer.models {
			if slices.ContainsFunc(m.periods, func(p period) bool { return p.dueBy(at) }) {
				due = append(due, key.provider+"/"+key.name)
			}
		}
	}
	slices.Sort(due)
	return slices.Compact(due)
}

// found is a model as a search finds it, and the prices that were found with it.
type found struct {
	model *model
	via   *Catalog // whose alias led to it; nil if none did
	set   *tierSet
	tier  *tier
}

// id is a PriceID, behind the alias's name where one led to it. Only then does it need memory.
func (f *found) id(q *Query, id string) string {
	if f.via == nil {
		return id
	}
	return f.via.name + "/" + q.Provider + "/" + strings.TrimPrefix(q.Model, modelPrefix) + "=" + id
}

// find returns the prices for the query.
func (c *Catalog) find(q *Query) (found, error) {
	var hit found
	tier, known := tierOf(q.Tier)
	ok := known && !q.At.IsZero() && c.search(q.Provider, q.Model, func(f found) bool {
		set := f.model.at(q.At)
		if set == nil || set[tier] == nil {
			return false
		}
		hit = found{f.model, f.via, set, set[tier]}
		return true
	})
	if !ok {
		return found{}, c.missing(q)
	}
	return hit, nil
}

// missing is the error for a query that no layer has a price for.
func (c *Catalog) missing(q *Query) error {
	var inModel, inPeriod bool
	c.search(q.Provider, q.Model, func(f found) bool {
		inModel = true
		inPeriod = inPeriod || f.model.at(q.At) != nil
		return false
	})
	switch {
	case !inModel:
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

// noModel is the error for a model that no layer has, or has an alias of alone.
func (c *Catalog) noModel(q *Query) error {
	for _, layer := range c.each() {
		if to, ok := layer.alias(q.Provider, strings.TrimPrefix(q.Model, modelPrefix)); ok {
			return fmt.Errorf("no such model in %s, where it is the same as %s/%s", c.names(), to.provider, to.name)
		}
	}
	return fmt.Errorf("no such model in %s", c.names())
}

// searched says where a price was looked for, where that is not in one catalog alone.
func (c *Catalog) searched() string {
	if c.layers == nil {
		return ""
	}
	return " in " + c.names()
}

// names says which catalogs these are.
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

// search shows the layers' models of that name, in order of precedence, until one is taken, and says whether one was.
func (c *Catalog) search(provider, name string, take func(found) bool) bool {
	name = strings.TrimPrefix(name, modelPrefix)
	self := [1]*Catalog{c}
	layers := c.layers
	if layers == nil {
		layers = self[:]
	}
	for i, layer := range layers {
		m := layer.own(provider, name)
		if m != nil && !m.isAlias() {
			if take(found{model: m}) {
				return true
			}
			continue
		}
		to := layer.target(m, provider, name)
		if to == (modelKey{}) {
			continue
		}
		for _, lower := range layers[i:] {
			// One alias is enough: another would make it hard to see whose price it is.
			if m := lower.own(to.provider, to.name); m != nil && !m.isAlias() && take(found{model: m, via: layer}) {
				return true
			}
		}
	}
	return false
}

// own returns this layer's model, which may be an alias, or nil.
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

// alias returns what this layer says that the model is the same as, if it does.
func (c *Catalog) alias(provider, name string) (modelKey, bool) {
	to := c.target(c.own(provider, name), provider, name)
	return to, to != modelKey{}
}

// target is what the name is an alias of in this layer, whose model of that name is m; the zero key where it is none.
func (c *Catalog) target(m *model, provider, name string) modelKey {
	if m != nil {
		return m.sameAs
	}
	if other, ok := c.providers[provider]; ok {
		return modelKey{other, name}
	}
	return modelKey{}
}
