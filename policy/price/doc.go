// Package price says what a call to a language model costs, to the picodollar.
//
// Three values meet here. A [Usage] counts what a call used: each token in one counter only, and requests of tools. A
// [Query] says which price applies: provider, model, the tier that served, and when the request started. A [Catalog] holds
// the prices, each in a dated period, and joins the two:
//
//	cost, err := price.Embedded().Cost(
//		price.Query{Provider: "openai", Model: "o4-mini", Tier: "flex", At: start},
//		price.Usage{Input: 1200, CachedInput: 1024, Output: 300},
//	)
//	// cost.Cost is what it costs, cost.List what it would have cost at the standard tier without a cache
//
// What a context cache costs while it holds its tokens is [Catalog.Storage]'s to say. Several catalogs become one by
// [Layers], a user's before a feed's before the embedded one; a [Book] is such a pile of which the layers can be replaced.
//
// Money is a [Pico], an integer number of picodollars; what is added up over many calls is a [Sum], which is wider.
// There is no floating-point number in this package. A cost rounds at two places only, and once: the regional uplift, and
// the time of storage.
//
// What the catalog does not know it does not guess. An unknown model, tier or counter, a moment before the first period
// and a prompt beyond the last known band are all an [*Unpriced] error that says which: never a zero, and never another
// tier's price. Free is a price too, and the catalog then says "0".
//
// Published lists of others load, too: [LoadLiteLLM], [LoadGenAI], [LoadPortkey].
//
// Everything here is pure: no network, no clock, no files but the embedded catalog and the readers given to [Parse] and the
// loaders. Package feed of the middleware fetches a list.
package price
