// Package price computes what a call to a language model costs, to the picodollar (1e-12 US dollars).
//
// Start with three values. A [Usage] counts what a call used: tokens, each in one counter only, and requests of tools. A
// [Query] says which price applies: provider, model, the tier that served, and when the request started. A [Catalog] holds
// the prices, each for a period of time, and joins the two:
//
//	cost, err := price.Embedded().Cost(
//		price.Query{Provider: "openai", Model: "o4-mini", Tier: "flex", At: start},
//		price.Usage{Input: 1200, CachedInput: 1024, Output: 300},
//	)
//	// cost.Cost is what it costs; cost.List is what it would have cost at the standard tier without a cache.
//
// # Prices
//
// [Embedded] is the catalog of list prices that comes with the package. [Parse] reads a user's own catalog, for example
// contract prices or the names of deployments. [LoadLiteLLM], [LoadGenAI] and [LoadPortkey] read the lists that other
// projects publish. [Layers] joins several catalogs into one: a user's before a feed's before the embedded one. A [Book]
// is such a catalog whose layers can be replaced while calls run.
//
// [Catalog.Bound] returns the most that a call can cost before it is sent, and [Catalog.Storage] what a context cache costs
// while it holds its tokens.
//
// A price that the catalog does not know is never guessed. An unknown model, tier or counter, a time before the first
// period and a prompt beyond the last known band are all an [*Unpriced] error that says which. The result is never a
// silent zero, and never another tier's price. A free model has the price "0" in the catalog.
//
// # Money
//
// Money is a [Pico], an integer number of picodollars. Amounts of many calls are added up in a [Sum], which is wider. The
// package has no floating-point numbers. A cost is rounded in two places only, and once in each: by the regional uplift,
// and by the time of storage.
//
// The package uses no network and no clock, and no files but the embedded catalog and the readers given to [Parse] and the
// loaders. Package middleware/feed fetches a list from the network.
package price
