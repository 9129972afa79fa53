package price

import (
	"cmp"
	"slices"
	"time"
)

// Layers returns a catalog that searches the given ones in their order: a user's before a feed's before the embedded one. It
// skips those that are nil. Without any catalog it has no prices.
//
// The first layer that has prices of the model, at that time and tier, prices the call. It finds the model by the exact name,
// or else as a dated snapshot. One layer prices the whole call, because the prices of two lists must not be mixed. If no layer
// has a price, the error is about the layer that came nearest: a missing tier is reported before a missing time, and that
// before a missing model. Storage is priced by the first layer with a price of storage at the beginning. A limit is that of
// the first layer that knows it.
//
// If that layer has no price of a counter that is used, or of such a long prompt, the next layer prices the call that can, but
// only if it has the same prices for the rest: at that tier, it must have at least one price in common with each layer before
// it, and no price that differs. Otherwise the usage is [*Unpriced], for the reason of the first layer.
//
// A [Feed] has only what its list states. If it has one price for prompts of any length, and the next layer has bands, the
// list may not have stated the other bands: a prompt beyond the first of those bands has the next layer's price if the list
// agrees with it about short prompts, and else none. The same holds for the hours of the next layer's windows. A regional
// call has the uplift of the first layer that states one.
//
// A bound covers each layer that could price the call.
//
// An alias of a layer (same_as) is looked up in that layer and in those below it, and skipped if they have no price for it.
// The PriceID then has both names: "user/azure/prod-chat=embedded/openai/gpt-5.4/-/standard".
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

// Limits returns the model's largest prompt and largest output in tokens. Of a model that embeds, the largest prompt is that
// of one input, of which a request may have many. A limit that is not known is 0. It finds the model as [Catalog.Cost] does; ok
// says whether it did.
func (c *Catalog) Limits(provider, model string) (maxInput, maxOutput int64, ok bool) {
	var room [roomFor]candidate
	all := c.search(room[:0], provider, model)
	for _, m := range all {
		maxInput = cmp.Or(maxInput, m.model.maxInput)
		maxOutput = cmp.Or(maxOutput, m.model.maxOutput)
	}
	return maxInput, maxOutput, len(all) > 0
}

// Models returns the sorted names of the provider's models, aliases of models included. Models that the provider has only
// through an alias of the provider are listed under the other provider's name.
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

// Reviews returns the models, sorted and as "provider/model", that have a price, or an entry about caching, whose
// review_by is not after the given time.
func (c *Catalog) Reviews(at time.Time) []string {
	var due []string
	for _, layer := range c.each() {
		for key, m := range layer.models {
			if m.dueBy(at) {
				due = append(due, key.provider+"/"+key.name)
			}
		}
	}
	slices.Sort(due)
	return slices.Compact(due)
}
