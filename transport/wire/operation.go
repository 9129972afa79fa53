package wire

// An operation is one of OpenAI's API, which many providers share.
type operation struct {
	shape  Shape // what is the same at every provider. AskUsage is whether its streams report their usage only on request.
	tiers  bool  // it accepts service_tier, where the provider has tiers
	caches bool  // it accepts the name of a context cache, where the provider has such caches
	writes bool  // it accepts prompt_cache_options, where the provider has them
}
