package middleware

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// This file finds out why a prefix that should repeat does not.

// The bounds of hints: of how many requests, and of each how many elements, the outlines are kept, and how many hints.
const (
	hintRequests = 16
	hintElements = 64
	hintTexts    = 32
)

// cacheHints compare a request with the latest ones of its scope. It needs the scope's lock.
type cacheHints struct {
	latest [hintRequests][]outlined
	next   int
	counts map[string]int64
}

// outlined is what is kept of an element, none of which is text.
type outlined struct {
	digest            [sha256.Size]byte
	kind              wire.ElementKind
	size              int64
	set, masked, rest uint64
}

// note compares a request whose prefix is in no cache with the latest ones, and adds it to them.
func (h *cacheHints) note(p *wire.Prefix) {
	now := outlinesOf(p)
	if hint := h.compare(now); hint != "" {
		if h.counts == nil {
			h.counts = make(map[string]int64)
		}
		if _, known := h.counts[hint]; known || len(h.counts) < hintTexts {
			h.counts[hint]++
		}
	}
	h.latest[h.next] = now
	h.next = (h.next + 1) % hintRequests
}

func outlinesOf(p *wire.Prefix) []outlined {
	elements := p.Elements[:min(len(p.Elements), hintElements)]
	all := make([]outlined, len(elements))
	for i := range elements {
		e := &elements[i]
		all[i] = outlined{e.Digest, e.Kind, e.Size, e.Set, e.Masked, e.Rest}
	}
	return all
}

// compare returns why the request does not repeat the prefix of an earlier one, although it is much like it; "" if it repeats
// one, or is like none.
func (h *cacheHints) compare(now []outlined) string {
	best, most := "", int64(0)
	for _, before := range h.latest {
		same := 0
		for same < min(len(now), len(before)) && now[same].digest == before[same].digest {
			same++
		}
		if same > 0 && (same == len(before) || now[same-1].kind == wire.TurnElement) {
			return "" // it continues an earlier one
		}
		if same >= min(len(now), len(before)) {
			continue
		}
		hint, size := differs(now[same], before[same])
		if hint == "" {
			hint, size = insertion(now, before, same)
		}
		if size > most {
			best, most = hint, size
		}
	}
	return best
}

// minHint is how many bytes have to be the same for a hint.
const minHint = 1024

// differs returns in what an element differs from one that is almost the same, and the size of what is the same.
func differs(now, before outlined) (string, int64) {
	name := kindNames[now.kind]
	switch {
	case now.kind != before.kind || now.size < minHint && before.size < minHint:
		return "", 0
	case now.set != 0 && now.set == before.set:
		return name + ": the same, in another order", now.size
	case now.masked != 0 && now.masked == before.masked:
		return name + ": only digits differ, such as those of a date or a number", now.size
	case now.rest != 0 && now.rest == before.rest:
		return name + ": only the first line differs", now.size
	}
	return "", 0
}

// insertion returns in what a request differs from one whose later elements it has too.
func insertion(now, before []outlined, at int) (string, int64) {
	known := make(map[[sha256.Size]byte]bool, len(before))
	for _, e := range before[at:] {
		known[e.digest] = true
	}
	var size int64
	for _, e := range now[at:] {
		if known[e.digest] {
			size += e.size
		}
	}
	if size < minHint {
		return "", 0
	}
	return fmt.Sprintf("%s: it differs, or is new, and %s what comes after it is the same as before", kindNames[now[at].kind], "most or some of"), size
}

var kindNames = map[wire.ElementKind]string{
	wire.ToolsElement: "tools", wire.ToolConfigElement: "tool config", wire.SystemElement: "system instruction", wire.TurnElement: "a turn",
}

// A CacheHint says why requests do not repeat a prefix, although they are much like earlier ones.
type CacheHint struct {
	Text  string // "system instruction: only the first line differs"
	Count int64  // of how many requests
}

// list returns the hints, the most frequent first.
func (h *cacheHints) list() (all []CacheHint) {
	for text, n := range h.counts {
		all = append(all, CacheHint{text, n})
	}
	slices.SortFunc(all, func(a, b CacheHint) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text)) })
	return all
}

// mismatch returns why a request does not begin with registered content.
func mismatch(content []wire.Element, p *wire.Prefix) string {
	if p.Problem != "" {
		return p.Problem
	}
	for i := range content {
		c := &content[i]
		name := kindNames[c.Kind]
		if i >= len(p.Elements) {
			return fmt.Sprintf("the request ends before the %s of the content (element %d)", name, i+1)
		}
		r := &p.Elements[i]
		switch {
		case r.Kind > c.Kind:
			return fmt.Sprintf("the request has no %s, and the content has", name)
		case r.Kind < c.Kind:
			return fmt.Sprintf("the request has %s, and the content has none", kindNames[r.Kind])
		case r.Digest == c.Digest:
			continue
		case r.Role != c.Role:
			return fmt.Sprintf("%s %d: the role differs", name, i+1)
		}
		return elementMismatch(c, r, i+1)
	}
	turns := 0
	for i := range content {
		if content[i].Kind == wire.TurnElement {
			turns++
		}
	}
	if len(content) > turns && len(p.Head()) > len(content)-turns {
		return "the request has more system instructions than the content"
	}
	if !p.CanCut(turns) {
		return "the request must go on after the content with a turn of the user, and not with the result of a tool"
	}
	return ""
}

// elementMismatch returns in what an element of a request differs from that of registered content.
func elementMismatch(c, r *wire.Element, n int) string {
	if hint, _ := differs(outlined{r.Digest, r.Kind, max(r.Size, minHint), r.Set, r.Masked, r.Rest}, outlined{c.Digest, c.Kind, c.Size, c.Set, c.Masked, c.Rest}); hint != "" {
		return hint
	}
	at := fmt.Sprintf("%s (element %d of the request)", kindNames[c.Kind], n)
	switch {
	case r.Size == c.Size:
		return fmt.Sprintf("%s differs, although both have %d bytes of text", at, c.Size)
	case c.Kind == wire.TurnElement && r.Size > c.Size:
		return fmt.Sprintf("%s differs: it has %d bytes of text, and the content has %d; what is asked must be a turn of its own", at, r.Size, c.Size)
	}
	return fmt.Sprintf("%s differs: %d bytes of text in the request, %d in the content", at, r.Size, c.Size)
}
