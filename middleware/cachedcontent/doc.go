// Package cachedcontent creates and keeps explicit context caches of Gemini: on the Gemini API and on Vertex AI.
//
// A context cache holds the beginning of a conversation (a system instruction, tools, a long document) at the provider.
// Calls that name it do not send that beginning again, and pay about a tenth for its tokens. The cache itself costs
// storage, by tokens and hours, from its creation to its end, whether it is read or not.
//
// A [Client] speaks to the provider through an [http.Client]. If the transport of that is a stack of package middleware,
// the creation of a cache and its storage have rows in the ledger, like every other call:
//
//	client, err := cachedcontent.NewGemini(stack.Client(), key)
//	cache, err := client.Create(ctx, cachedcontent.Content{
//		Model:  "gemini-2.5-flash",
//		System: []cachedcontent.Part{cachedcontent.Text("You answer questions about a book.")},
//		Turns:  []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book))},
//		TTL:    10 * time.Minute,
//	})
//	defer client.Delete(context.WithoutCancel(ctx), cache.Name)
//
//	ctx = policy.With(ctx, policy.CachedContent(cache.Name)) // calls with this context use the cache
//
// A document on disk (a PDF, a video, a long text) becomes a cache by [Client.CreateFromFile], which uploads it first where
// that is needed. Data of any length is uploaded by [Client.Upload], in chunks and in bounded memory.
//
// What the provider says is an [*Error], whose Kind is what a program decides on: the cache is dead, the
// content is too small, the free tier has no caches. A [*FieldError] names what is wrong with a value before anything is
// sent. No error has a key, or content, in its text.
//
// A [Registry] is what several processes share about live caches, so that equal content is cached once. [Memory] is the
// Registry of one process.
package cachedcontent
