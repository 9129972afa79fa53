package price

import (
	"cmp"
	"slices"
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

// Limits returns the model's largest prompt and largest output in tokens, 0 where one of them is not known. It finds the
// model as [Catalog.Cost] does; ok says whether it did.
func (c *Catalog) Limits(provider, model string) (maxInput, maxOutput int64, ok bool) {
	var room [roomFor]candidate
	all := c.search(room[:0], provider, model)
	for _, m := range all {
		maxInput = cmp.Or(maxInput, m.model.maxInput)
		maxOutput = cmp.Or(maxOutput, m.model.maxOutput)
	}
	return maxInput, maxOutput, len(all) > 0
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
