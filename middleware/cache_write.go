package middleware

import (
	"encoding/hex"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// This file decides what a call has written to a prefix cache whose writes have a price.

// chooseWrite decides how much of the call's prompt is written, for how long, and by which key it is found again. What the
// request says about it stays.
func (c *call) chooseWrite() {
	u, set := c.prefix, &c.settings.Cache
	if c.wire.Shape.Writes == nil || set.Writes != policy.WritesAuto && !set.Key {
		return
	}
	if p := u.prefix.Problem; p != "" {
		c.noteCache(p)
		return
	}
	if u.prefix.Marked {
		c.wire.CacheAsked |= wire.AsksBlocks
	}
	spots := spotsOf(u.prefix, c.wire.Operation)
	if len(spots) == 0 {
		return
	}
	if set.Key {
		c.promptCache.Key = cacheKey(u.prefix)
	}
	if set.Writes == policy.WritesAuto {
		c.chooseByWriter(spots)
	}
}

// cacheKey returns the key by which requests that begin alike are found: that of all before the first turn, and where there is
// nothing, of the first turn.
func cacheKey(p *wire.Prefix) string {
	sums := sumsOf(p)
	first := 0
	if len(p.Head()) == 0 {
		first = min(1, len(sums)-1)
	}
	return "sf-" + hex.EncodeToString(sums[first][:12])
}

// takeBackWrites has the prompt not written as we chose. Then the provider does what it does by itself.
func (c *call) takeBackWrites(why string) {
	c.promptCache.Writes, c.promptCache.None = nil, false
	if u := c.prefix; u != nil && u.writing != nil {
		u.writing.Failed()
	}
	c.skipped = both(c.skipped, "prompt cache: "+why)
}

// A spot is a place up to which a prompt can be written.
type spot struct {
	sum   prefixSum
	bytes int64 // of text up to there
	write wire.WriteTo
}

// spotsOf returns the places up to which a prompt can be written, in its order.
func spotsOf(p *wire.Prefix, operation string) (spots []spot) {
	sums, head := sumsOf(p), len(p.Head())
	var bytes int64
	for i := range p.Elements {
		e := &p.Elements[i]
		bytes += e.Size
		if i < head-1 {
			continue // what comes before the first turn repeats together
		}
		if is, ok := writeSpot(e, operation); ok {
			spots = append(spots, spot{sums[i-head+1], bytes, wire.WriteTo{At: e.Block.Bytes, Is: is}})
		}
	}
	return spots
}

// markable are the types of the blocks that the providers let a write end at: not thinking, for instance.
var markable = []string{
	"text", "image", "document", "search_result", "tool_use", "tool_result", "image_url", "file", "input_text", "input_image", "input_file", "input_audio",
}

// writeSpot returns how the prompt is written up to the end of an element, and whether it can be.
func writeSpot(e *wire.Element, operation string) (wire.WriteSpot, bool) {
	b := &e.Block
	size := b.Bytes.To - b.Bytes.From
	switch {
	case size <= 0:
		return 0, false
	case e.Kind == wire.ToolsElement:
		return wire.WriteTool, operation == wire.Messages
	case b.String && size <= len(`""`), !b.String && (size <= len(`{"type":"text","text":""}`) || !slices.Contains(markable, b.Type)):
		return 0, false
	case e.Kind == wire.SystemElement && operation == wire.Responses:
		return 0, false // instructions are a string that has no blocks
	case e.Role == wire.Model && operation != wire.Messages:
		return 0, false // OpenAI describes breakpoints for what is given to the model
	case b.String && operation == wire.Responses && e.Bytes == b.Bytes:
		return wire.WriteInput, true
	case b.String:
		return wire.WriteText, true
	}
	return wire.WriteBlock, true
}

// chooseByWriter has package reuse decide.
func (c *call) chooseByWriter(spots []spot) {
	u, now := c.prefix, time.Now()
	s := c.engine.caching.scope(idOf(c, c.wire.Model), cacheSender{})
	if s == nil {
		c.noteCache(manyScopes)
		return
	}
	rates, err := c.engine.book.Catalog().Caching(c.account(now).query(c.firstTier()), s.tokens(u.prefix.Size))
	if err != nil {
		c.noteCache(reasonOf(err))
		return
	}
	if rates.MinWrite == 0 {
		return // what it caches costs nothing to write
	}
	u.scope = s
	s.mu.Lock()
	s.hints.note(u.prefix)
	p := reuse.Prompt{At: now, Tokens: s.rate.of(u.prefix.Size), Least: rates.MinWrite, Nodes: make([]reuse.Node, len(spots))}
	before := int64(0)
	for i := range spots {
		before = max(s.rate.of(spots[i].bytes), before+1) // a short turn counts as well
		p.Nodes[i] = reuse.Node{Hash: spots[i].sum.id(), Tokens: before}
	}
	p.Fixed = fixedOf(u.prefix, spots[0], s.rate.of)
	s.mu.Unlock()
	r := writeRates(&rates)
	r.Implicit = c.wire.Operation != wire.Messages // OpenAI writes by itself, Anthropic does not
	x := s.writer.get().Arrive(p, r)
	u.writing = x
	if x.Leave {
		return
	}
	ttl := rates.Writes[max(0, x.Option)].TTL
	if x.Read >= 0 && x.Read != x.Node { // without a mark, what is in the cache is not read
		c.promptCache.Writes = append(c.promptCache.Writes, spots[x.Read].until(ttl))
	}
	if x.Node >= 0 {
		c.promptCache.Writes = append(c.promptCache.Writes, spots[x.Node].until(ttl))
	}
	c.promptCache.None = len(c.promptCache.Writes) == 0
}

// fixedOf returns the beginning of a prompt that comes before the first turn and cannot be written alone. Its Tokens are 0 if
// there is none.
func fixedOf(p *wire.Prefix, first spot, tokens func(bytes int64) int64) reuse.Node {
	sum, bytes := sumsOf(p)[0], int64(0)
	if first.sum == sum {
		return reuse.Node{}
	}
	for _, e := range p.Head() {
		bytes += e.Size
	}
	return reuse.Node{Hash: sum.id(), Tokens: tokens(bytes)}
}

// until returns the write up to a spot for a time to live.
func (s *spot) until(ttl time.Duration) wire.WriteTo {
	w := s.write
	w.TTL = ttl
	return w
}

func writeRates(rates *price.Caching) reuse.WriteRates {
	r := reuse.WriteRates{Input: rates.Input, Cached: rates.Cached}
	for _, w := range rates.Writes {
		if w.TTL > 0 {
			r.Options = append(r.Options, reuse.WriteOption{TTL: w.TTL, Write: w.Rate})
		}
	}
	return r
}
