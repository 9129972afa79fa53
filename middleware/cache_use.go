package middleware

import (
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A prefixUse is what a call does with the prefix of its request.
type prefixUse struct {
	prefix *wire.Prefix
	cuts   []int       // the turns before which a cache may end
	sums   []prefixSum // of what a cache would hold, for each of the cuts
	bytes  []int64     // of its text, for each of the cuts
	media  bool        // some of it may be no text

	scope   *scope
	visit   *reuse.Visit   // of the explicit caches
	writing *reuse.Writing // of the priced writes
	held    *held          // the cache that the call uses; nil if it uses none
	turns   int            // that the cache holds
}

// loadPrefix reads the body of a request, and the prefix in it. It returns nil if the prefix was not seen.
func loadPrefix(body *transport.Body, req *http.Request, shape *wire.PrefixShape, also ...io.Writer) (*prefixUse, error) {
	r := wire.NewPrefixReader(shape)
	defer r.Release()
	if err := body.Load(req, shape.Paths, append(also, r)...); err != nil || !body.Written() {
		return nil, err
	}
	return &prefixUse{prefix: r.Prefix().Clone()}, nil
}

// measure computes what a cache would hold that ends before each of the turns where one may end.
func (u *prefixUse) measure() {
	u.cuts = slices.Collect(u.prefix.Cuts())
	sums := sumsOf(u.prefix)
	turns := u.prefix.Turns()
	var bytes int64
	for _, e := range u.prefix.Head() {
		bytes += e.Size
		u.media = u.media || e.Media
	}
	at := 0
	for _, cut := range u.cuts {
		for ; at < cut; at++ {
			bytes += turns[at].Size
			u.media = u.media || turns[at].Media
		}
		u.sums, u.bytes = append(u.sums, sums[cut]), append(u.bytes, bytes)
	}
}

// prompt describes the call's prompt to package reuse.
func (u *prefixUse) prompt(s *scope, rates *price.Caching, now time.Time) reuse.Prompt {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := reuse.Prompt{At: now, Tokens: s.rate.of(u.prefix.Size), Least: max(rates.MinExplicit, s.least), Nodes: make([]reuse.Node, len(u.cuts))}
	for i := range u.cuts {
		p.Nodes[i] = reuse.Node{Hash: u.sums[i].id(), Tokens: s.rate.of(u.bytes[i])}
	}
	return p
}

// find returns the longest registered content with which the request begins, and its turns. s.mu is held.
func (s *scope) find(u *prefixUse) (*held, int) {
	if s.caching.registered.Load() == 0 {
		return nil, 0
	}
	for i, sum := range slices.Backward(u.sums) {
		if h := s.held[sum]; h != nil && h.handles > 0 {
			return h, u.cuts[i]
		}
	}
	return nil, 0
}

// maxMisses is how many registered contents are compared with a request that begins with none of them.
const maxMisses = 8

// noteMiss notes why a request does not begin with registered content. s.mu is held.
func (s *scope) noteMiss(p *wire.Prefix) {
	if s.caching.registered.Load() == 0 {
		return
	}
	n := 0
	for _, h := range s.held {
		if h.handles > 0 && n < maxMisses {
			h.miss, h.missed = mismatch(h.elements, p), time.Now()
			n++
		}
	}
}

// failed learns that the call has failed.
func (u *prefixUse) failed() {
	if u.writing != nil {
		u.writing.Failed()
	}
}

// want has the attempt's request changed as was chosen.
func (u *prefixUse) want(w *wire.Want) {
	if u.held != nil {
		w.Held = wire.Held{Prefix: u.prefix, Turns: u.turns}
	}
}

// uses returns the content that a cache of ours holds for the call; nil if it uses none.
func (u *prefixUse) uses() *held {
	if u == nil {
		return nil
	}
	return u.held
}
