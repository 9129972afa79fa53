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

// Generation is one piece of work that the provider did and bills for.
type Generation struct {
	// ID is the id in the answer, whether or not the answer arrived.
	ID string
	// Model is the model that was asked for, which is the one that served.
	Model string
	// Tier is the tier that served: "default", "flex" or "priority".
	Tier string
	// At is when the work was done.
	At time.Time
	// Prompt and Completion are all tokens in and out, as the wire counts them:
	// Cached is a part of Prompt, and Reasoning a part of Completion.
	Prompt, Cached, Completion, Reasoning int64
	// Call is a fingerprint of what was asked: the SHA-256, in hex, of the raw
	// value of "messages". Two generations with the same one are a call billed
	// twice, if the prompts of the program under test are distinct.
	Call string
}

// Request is one request that reached the server, its body complete.
type Request struct {
	// N counts all requests from 0, recognised or not.
	N int
	// Method and Path are those of the request line.
	Method, Path string
	// Header is what was sent. It is shared: read it only.
	Header http.Header
	// Body is what was sent, to the byte. It is shared: read it only.
	Body []byte
	// Model is the model asked for, "" if the body does not say.
	Model string
	// Tier is the service_tier asked for, "" if absent or null.
	Tier string
	// Stream says whether a stream was asked for, and IncludeUsage whether its
	// usage was.
	Stream, IncludeUsage bool
	// Call is the fingerprint of what was asked, as in [Generation], and "" if
	// there are no messages.
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

// bill does the work for a, served by tier, and enters it.
func (s *Server) bill(a ask, tier string) Generation {
	g := s.measure(a)
	g.Tier, g.At = tier, time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	g.ID = s.id("chatcmpl-", len(s.billed))
	s.billed = append(s.billed, g)
	return g
}

// measure counts the tokens of a. They depend on the seed and the messages alone,
// so the same call has the same price each time.
func (s *Server) measure(a ask) Generation {
	g := Generation{Model: a.model, Call: a.call, Prompt: a.prompt()}
	if g.Prompt >= 1024 {
		share := g.Prompt * int64(min(max(s.cfg.CachedPercent, 0), 100)) / 100
		g.Cached = share / 128 * 128
	}
	g.Completion = 8 + int64(draw(s.cfg.Seed, fold(a.call))%200)
	if a.maxTokens > 0 {
		g.Completion = min(g.Completion, a.maxTokens)
	}
	if reasons(a.model) {
		g.Reasoning = g.Completion / 2
	}
	return g
}

// reasons says whether a model thinks before it writes.
func reasons(model string) bool {
	return strings.HasPrefix(model, "o") ||
		strings.HasPrefix(model, "gpt-5") || strings.HasPrefix(model, "gpt-6")
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
