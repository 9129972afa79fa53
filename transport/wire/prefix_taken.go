package wire

import "github.com/skinflint-go/skinflint/transport"

// Held is the part of a request's context that a cache holds: all of the head, and the first turns. The zero Held is nothing.
//
// To send a request without what is in the cache, load its body with the paths of the prefix, and give the same prefix to
// [Dialect.Edit]:
//
//	r := wire.NewPrefixReader(call.Prefix)
//	defer r.Release()
//	err := body.Load(req, call.Prefix.Paths, r)
//	...
//	dialect.Edit(call, body.Fields(), wire.Want{Cache: name, Held: wire.Held{Prefix: r.Prefix(), Turns: n}}, &edits)
type Held struct {
	// Prefix is that of the request.
	Prefix *Prefix
	// Turns is how many turns the cache holds: one of [Prefix.Cuts].
	Turns int
}

// takeOut takes out of a request what its cache holds, and leaves the rest as it is.
func takeOut(c *Call, body *transport.Fields, w Want, e *Edits) {
	if w.Held.Prefix == nil || e.Problem != "" {
		return
	}
	switch p := w.Held.Prefix; {
	case c.Shape == nil || c.Prefix == nil || !c.Caches:
		e.Problem = "the operation has no context that a cache could hold"
	case w.Cache == "" || c.Cache != "":
		e.Problem = "the cache that holds its context is not the one that the request names"
	case p.Problem != "":
		e.Problem = "its context cannot be taken out: " + p.Problem
	case !p.CanCut(w.Held.Turns):
		e.Problem = "its context cannot be taken out: a cache may not end there"
	case !p.isOf(body):
		e.Problem = "its context cannot be taken out: it is that of another request"
	default:
		e.Taken = true
		e.Body = c.Prefix.appendEdits(e.Body, body, w.Held)
	}
}

// isOf reports whether the turns stand in the body where the prefix has them.
func (p *Prefix) isOf(body *transport.Fields) bool {
	if p.single {
		return true // none of them is cut
	}
	places, known := body.Elements()
	at := 0
	for i := range p.Elements {
		e := &p.Elements[i]
		if e.Kind != TurnElement && !p.textOnly || e.Kind < SystemElement {
			continue
		}
		if !known || at == len(places) || places[at] != e.Bytes {
			return false
		}
		at++
	}
	return at == len(places)
}

// appendEdits appends the edits that take the context out.
func (s *PrefixShape) appendEdits(edits []transport.Edit, body *transport.Fields, held Held) []transport.Edit {
	turns := held.Turns
	if s.format == chatFormat {
		turns += held.Prefix.heads // which are the first messages
	} else {
		for _, path := range googleHead {
			if body.Has(path) {
				edits = append(edits, transport.Edit{Path: path.String(), Remove: true})
			}
		}
	}
	if turns == 0 {
		return edits
	}
	return append(edits, transport.Edit{Path: s.turns.String(), Cut: transport.Range{To: turns}})
}

// googleHead are the members of the head in Google's own API.
var googleHead = []transport.Path{
	atTools, transport.PathOf("toolConfig"), transport.PathOf("tool_config"),
	transport.PathOf("systemInstruction"), transport.PathOf("system_instruction"),
}
