package llmtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Generation is one piece of work that the provider did and bills for. An
// embedding and the creation of a cache are such pieces as well; what a cache costs
// to keep is not, see [Server.Caches].
type Generation struct {
	// ID is the id in the answer, whether or not the answer arrived; one of the
	// server's own where answers have none.
	ID string
	// Provider is whose face it was that the client spoke to: "openai", "azure",
	// "anthropic", "groq", "gemini" or "vertex". Gemini's OpenAI-compatible endpoint
	// is "gemini".
	Provider string
	// Operation is what was done: "chat", "responses", "embeddings", "messages",
	// "generateContent", streamed or not, "embedContent", in batches or not, or
	// "createCachedContent", whose Prompt is what was written into the cache.
	Operation string
	// Model is the model that was asked for, which is the one that served. It has
	// no "models/" or other path before it. At Azure it is the deployment.
	Model string
	// Tier is the tier that served, by the provider's name for it: "default",
	// "flex" or "priority" at OpenAI's, "standard", "flex" or "priority" at
	// Google's, "on_demand", "flex" or "performance" at Groq's, "default" or
	// "priority" at Azure's, "standard" at Anthropic's. Where there are no tiers it
	// is "default", or "standard" at Google's.
	Tier string
	// Cache is the name of the cachedContents that was read, or created, "" if
	// there was none.
	Cache string
	// At is when the work was done.
	At time.Time
	// Prompt and Completion are all tokens in and out, as the wire counts them:
	// Cached is a part of Prompt, and Reasoning a part of Completion. That holds
	// for Gemini too, which reports its thoughts beside its candidates: Completion
	// is the sum of both.
	Prompt, Cached, Completion, Reasoning int64
	// Call is a fingerprint of what was asked: the SHA-256, in hex, of the raw
	// value of "messages", "input" or "contents". Two generations with the same one are a call billed
	// twice, if the prompts of the program under test are distinct.
	Call string
}

// Request is one request that reached the server, its body complete, unless the
// fault EarlyRateLimited did not wait for it.
type Request struct {
	// N counts all requests from 0, recognised or not.
	N int
	// Method and Path are those of the request line, and Query is what followed the
	// path's question mark, as it came. Host is whom the client believes it talked to.
	Method, Path, Query, Host string
	// Header is what was sent. It is shared: read it only.
	Header http.Header
	// Body is what was sent, to the byte, as far as it was read. It is shared: read
	// it only.
	Body []byte
	// Provider and Operation are as in [Generation], and "" if the request was not
	// recognised. Operations that are never billed are "countTokens",
	// "getResponse", "cancelResponse", "getCachedContent", "listCachedContents",
	// "updateCachedContent" and "deleteCachedContent".
	Provider, Operation string
	// Model is the model asked for, "" if the request does not say.
	Model string
	// Tier is the service tier asked for, "" if absent or null. Vertex has it in a
	// header, the others in the body.
	Tier string
	// Stream says whether a stream was asked for, and IncludeUsage whether its
	// usage was.
	Stream, IncludeUsage bool
	// Call is the fingerprint of what was asked, as in [Generation], and "" if
	// there is nothing of the kind.
	Call string
	// Fault is what befell the request.
	Fault Fault
	// Status is that of the answer, or 0 if no answer was begun: the connection
	// was reset, the client left first, or the answer is still being waited for.
	Status int
}

// Meter returns what the provider would bill, in the order the work was done.
func (s *Server) Meter() []Generation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.billed)
}

// Requests returns every request that reached the server, in order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// record files a request and returns its number.
func (s *Server) record(r Request) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.N = len(s.requests)
	s.requests = append(s.requests, r)
	return r.N
}

// amend corrects the record of request n.
func (s *Server) amend(n int, change func(*Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.requests[n])
}

// bill does the work, served by the tier that was found, and enters it. prefix is
// that of the answer's id.
func (x *exchange) bill(prefix string) Generation {
	s := x.s
	g := s.measure(&x.ask)
	g.At = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.uncharged() {
		g.ID = s.id(prefix+"free-", x.n)
		return g
	}
	g.ID = s.id(prefix, len(s.billed))
	s.billed = append(s.billed, g)
	return g
}

// uncharged reports whether the request will be answered with a 500 that the
// provider's documents say costs nothing, whatever was done for it. Google's do: of a
// 500 of the Gemini API "you won't be charged for the tokens used", and Vertex
// charges "only for requests that return a 200 response code".
func (x *exchange) uncharged() bool {
	if x.ask.provider != "gemini" && x.ask.provider != "vertex" || x.ask.operation == "createCachedContent" {
		return false
	}
	return x.fault == ServerErrorAfterWork || x.fault == ErrorInStream && !x.ask.stream
}

// measure counts the tokens of a. They depend on the seed and on what is asked
// alone, so the same call has the same price each time.
func (s *Server) measure(a *ask) Generation {
	g := Generation{
		Provider: a.provider, Operation: a.operation, Model: a.model, Tier: a.served,
		Cache: a.cache, Call: a.call, Prompt: a.prompt(), Cached: a.cached,
	}
	if a.mute {
		return g
	}
	if g.Prompt >= 1024 && a.cache == "" {
		share := g.Prompt * int64(min(max(s.cfg.CachedPercent, 0), 100)) / 100
		g.Cached = share / 128 * 128
	}
	g.Completion = 8 + int64(draw(s.cfg.Seed, fold(a.call))%200)
	if a.maxTokens > 0 {
		g.Completion = min(g.Completion, a.maxTokens)
	}
	if a.thinks || reasons(a.model) && !a.still {
		g.Reasoning = g.Completion / 2
	}
	return g
}

// thinkers are how the names of models begin that think before they write.
var thinkers = []string{"o", "gpt-5", "gpt-6", "gemini-2.5", "gemini-3"}

func reasons(model string) bool {
	return slices.ContainsFunc(thinkers, func(name string) bool { return strings.HasPrefix(model, name) })
}

func fingerprint(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// fold makes a number of a fingerprint.
func fold(call string) uint64 {
	sum, err := hex.DecodeString(call)
	if err != nil || len(sum) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(sum)
}

// id returns the n-th id of the kind that prefix names.
func (s *Server) id(prefix string, n int) string {
	return fmt.Sprintf("%s%016x", prefix, draw(s.cfg.Seed^uint64(len(prefix)), uint64(n)))
}
