package llmtest

import "time"

// Config says how a [Server] behaves. Its zero value is a provider without problems:
// capacity for every tier, no limit, no fault, no delay.
type Config struct {
	// Flex decides whether there is capacity for a flex request. nil means always.
	Flex Capacity

	// RequestsPerMinute is the provider's limit on requests that generate or embed. It is a
	// token bucket of that many requests that refills evenly, as OpenAI's headers show: at
	// 5000 per minute, one request resets in 12ms. A request that exceeds it gets a 429
	// rate_limit_exceeded with Retry-After, retry-after-ms and a "Please try again in ..."
	// message, and does not count. A request that is rejected for another reason counts.
	//
	// With 0 or less there is no limit, and the x-ratelimit headers show 5000. The other
	// providers show the limit in their own ways: Gemini in the details of the error, Groq in
	// the message of the error, and Vertex not at all.
	RequestsPerMinute int

	// TokensPerMinute is the provider's limit on the tokens of such requests, and
	// InputTokensPerMinute and OutputTokensPerMinute are limits by direction, as Anthropic has
	// them. Each is a token bucket like that of RequestsPerMinute. Counting says what counts.
	// A request is rejected if what it counts for at first is not left, and counts then for
	// nothing. If it is more than the whole limit, the error says so, and not when to retry.
	// The headers and errors show these limits in each provider's own way. With 0 or less there
	// is no limit, and the headers show 2,000,000 tokens.
	TokensPerMinute                             int64
	InputTokensPerMinute, OutputTokensPerMinute int64

	// RequestsPerDay and TokensPerDay are limits of a day. Those of Gemini and Vertex are
	// available again at midnight, Pacific time. Those of the others are token buckets that
	// refill evenly, as their headers show. Groq's headers show RequestsPerDay. Those of OpenAI
	// and Azure do so if there is no RequestsPerMinute. 0 or less is no limit.
	RequestsPerDay int
	TokensPerDay   int64

	// Counting says what counts against the limits on tokens. The zero value counts as each
	// provider documents it.
	Counting Counting

	// Concurrency is how many such requests the server works on at once. A further one gets a
	// 429 that does not say when to retry. 0 or less is no limit.
	Concurrency int

	// Faults chooses the fault of each recognised request. nil means no faults.
	Faults Script

	// Reply answers the requests that generate text: chat completions, responses, messages and
	// generateContent, streamed or not. nil means that the server answers them all with words
	// of its own.
	//
	// It is called when the work is done: not for a request that is rejected, nor for one whose
	// fault strikes before the work, and again for each attempt of a client that retries. So a
	// Reply should look at what it was asked rather than count. It is called for one request
	// at a time, in the goroutine of the request, and must not block. It may call
	// [Server.Meter] and [Server.Requests], which already has the request.
	//
	// A malformed Reply, such as one whose arguments of a tool are not JSON, is a 400 whose
	// message says what is wrong. It is not billed.
	Reply func(Turn) Reply

	// RefuseDials decides whether an attempt to connect fails with ECONNREFUSED, before
	// anything is written. n counts the attempts from 0. It is called for one attempt at a
	// time, and only for those of the server's own Transport. nil means that none fails.
	RefuseDials func(n int) bool

	// FlexAs429 makes Gemini and Vertex reject a flex request without capacity with a 429
	// RESOURCE_EXHAUSTED that names no quota, instead of a 503 UNAVAILABLE. Both are
	// documented.
	FlexAs429 bool

	// FlexModels are the models that accept the flex tier. A flex request for another model
	// gets a 400 with the param service_tier. nil means that every model accepts it.
	FlexModels []string

	// NoStreamOptions rejects stream_options with a 400 that names it, as some compatible
	// servers do.
	NoStreamOptions bool

	// CachedPercent is how much of a prompt of 1024 tokens or more is reported as cached,
	// rounded down to a multiple of 128 tokens. It stands for the caches that providers keep
	// without being asked, and does not apply to requests that use a cachedContents. 0 means
	// nothing is cached.
	CachedPercent int

	// PromptCaches makes OpenAI, for GPT-5.6 and later, and Anthropic keep prompts in caches whose writes cost money, by their
	// own rules: see the package's documentation. The tokens of a prompt are then counted by its blocks, and markers for a
	// cache do not count. Without it, such markers have no effect.
	PromptCaches bool

	// Latency is the time before the first byte of a response, and ChunkDelay the time
	// between the events of a stream. Both are real time, or that of the synctest bubble in
	// which the server was started. The work is done before the wait.
	Latency, ChunkDelay time.Duration

	// BackgroundDelay is the time from the acceptance of a background response of OpenAI's
	// Responses API to its completion.
	BackgroundDelay time.Duration

	// MinCacheTokens is the minimum number of tokens in a cachedContents. 0 means 1024.
	MinCacheTokens int64

	// MinCacheTokensOf has the minimum of single models, by their names without a path. For others
	// MinCacheTokens holds.
	MinCacheTokensOf map[string]int64

	// FreeTier makes Gemini reject every new cachedContents with a 429 whose limit is 0, as it does for keys of its free
	// tier.
	FreeTier bool

	// FileProcessing is the time from the end of an upload to Gemini's Files API until the file
	// is ACTIVE and can be used.
	FileProcessing time.Duration

	// UploadGranularity is the number of bytes that the size of each chunk of an upload must be a
	// multiple of, except for the last. 0 means 8 MiB.
	UploadGranularity int64

	// Keyed makes caches and files of Gemini, and what is in prompt caches, belong to the API key
	// that created them: a request with another key is answered as if they did not exist. Caches of [Server.NewCache] belong
	// to every key. Without it keys are ignored.
	Keyed bool

	// CRLF makes the lines of a stream end with \r\n instead of \n. Gemini's own streams
	// always have \r\n.
	CRLF bool

	// HTTP2 makes the server and its Transport use HTTP/2 and nothing else, without
	// encryption and without negotiation, for http and https URLs. A client with another
	// transport must be set up for it with http.Protocols.SetUnencryptedHTTP2 ("prior
	// knowledge").
	HTTP2 bool

	// SlowBy is the time by which the fault [Slow] delays a response. 0 means 11 minutes.
	SlowBy time.Duration

	// Chunks is the number of content chunks in a stream. 0 means 8.
	Chunks int

	// Seed determines the numbers of tokens and the ids.
	Seed uint64
}

// granularity returns UploadGranularity or its default.
func (c *Config) granularity() int64 {
	if c.UploadGranularity > 0 {
		return c.UploadGranularity
	}
	return defaultGranularity
}

// minCacheTokens returns the minimum number of tokens in a cache for a model.
func (c *Config) minCacheTokens(model string) int64 {
	least := c.MinCacheTokens
	if n, ok := c.MinCacheTokensOf[model]; ok {
		least = n
	}
	if least <= 0 {
		return defaultMinCacheTokens
	}
	return least
}
