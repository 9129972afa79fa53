package llmtest

import (
	"slices"
	"sync"
	"time"
)

// Generation is one piece of work that the provider did and bills for. An embedding
// and the creation of a cache are generations too. The storage of a cache is not, see
// [Server.Caches].
type Generation struct {
	// ID is the id in the response, whether or not the response arrived. Where
	// responses have no id, it is one of the server's own.
	ID string
	// Provider is the provider that the client talked to: "openai", "azure",
	// "anthropic", "groq", "gemini" or "vertex". It is "gemini" for Gemini's
	// OpenAI-compatible endpoint.
	Provider string
	// Operation is "chat", "responses", "embeddings", "messages", "generateContent",
	// "embedContent" or "createCachedContent". It does not depend on whether the response
	// was streamed, or the embeddings were asked for in a batch. The Prompt of
	// "createCachedContent" is what was written to the cache.
	Operation string
	// Model is the model that was asked for, which is also the one that served the
	// request. It has no "models/" or other path before it. For Azure it is the deployment.
	Model string
	// Tier is the tier that served the request, by the provider's name for it:
	// "default", "flex" or "priority" for OpenAI; "standard", "flex" or "priority" for
	// Gemini and Vertex; "on_demand", "flex" or "performance" for Groq; "default" or
	// "priority" for Azure; "standard" for Anthropic. Endpoints without tiers have
	// "default", or "standard" if they are Google's.
	Tier string
	// Cache is the name of the cachedContents that was read or created, or "".
	Cache string
	// At is when the work was done.
	At time.Time
	// Prompt and Completion are all tokens in and out. Cached is a part of Prompt, and
	// Reasoning is a part of Completion. This holds for every provider, also for Gemini,
	// which reports its thoughts in addition to its candidates: Completion is their sum.
	Prompt, Cached, Completion, Reasoning int64
	// Written is what was written to a prompt cache at a price, a part of Prompt besides Cached. WrittenLong is the part of it
	// that is kept for long, at a higher price: 12 hours at OpenAI, one hour at Anthropic. Both are 0 unless the Config has
	// PromptCaches.
	Written, WrittenLong int64
	// Call identifies the content of the request. It is the SHA-256, in hex, of the raw
	// value of "messages", "input", "contents", "content" or "requests". If all prompts
	// of the program under test are distinct, two generations with the same Call are a
	// call that was billed twice. Under PromptCaches it identifies the whole prompt of a
	// request to OpenAI or Anthropic by its meaning, so that markers for a cache do not count.
	Call string
}

// meter records what is billed.
type meter struct {
	mu          sync.Mutex
	generations []Generation
}

// add bills g. id returns the id of the n-th generation.
func (m *meter) add(g Generation, id func(n int) string) Generation {
	m.mu.Lock()
	defer m.mu.Unlock()
	g.ID = id(len(m.generations))
	m.generations = append(m.generations, g)
	return g
}

func (m *meter) all() []Generation {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.generations)
}
