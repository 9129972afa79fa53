package wire

import (
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// On Google's OpenAI-compatible APIs, a request names its context cache deep within a member:
//
//	{"model": ..., "extra_body": {"google": {"cached_content": "cachedContents/ID"}}}
var (
	googleMember        = memberPathOf("google")
	cachedContentMember = memberPathOf("cached_content")
	toolsMember         = memberPathOf("tools")
)

// extraBodyCache returns the context cache that the body names, and whether it names one.
func extraBodyCache(body *transport.Fields) (string, bool) {
	extra, ok := body.Get(atExtraBody)
	if !ok {
		return "", false
	}
	google, ok := googleMember.in(extra)
	if !ok {
		return "", false
	}
	raw, ok := cachedContentMember.in(google)
	name, _ := jsontext.Unquote(raw)
	return printable(name), ok && name != ""
}

// extraBodyTools reports whether the body names tools there, which Google's compatible APIs do not describe.
func extraBodyTools(body *transport.Fields) bool {
	extra, ok := body.Get(atExtraBody)
	if !ok {
		return body.Has(atExtraBody) // too long to be read
	}
	google, ok := googleMember.in(extra)
	if !ok {
		return false
	}
	_, ok = toolsMember.in(google)
	return ok
}

// editExtraBodyCache names a context cache, and keeps what else is in the members around it.
func editExtraBodyCache(c *Call, body *transport.Fields, name string, e *Edits) {
	if !c.Caches {
		return
	}
	name, ok := cacheName(c, name, e)
	if !ok {
		return
	}
	inner := `{"cached_content":` + quoted(name) + `}`
	value := `{"google":` + inner + `}`
	if extra, ok := body.Get(atExtraBody); ok && string(extra) != "null" {
		if google, ok := googleMember.in(extra); ok && string(google) != "null" {
			inner, ok = cachedContentMember.setIn(google, quoted(name))
			if !ok {
				e.Problem = "extra_body.google of the request is no object"
				return
			}
		}
		if value, ok = googleMember.setIn(extra, inner); !ok {
			e.Problem = "extra_body of the request is no object"
			return
		}
	} else if !ok && body.Has(atExtraBody) {
		e.Problem = "extra_body of the request is too long to put a context cache into"
		return
	}
	e.Body = append(e.Body, transport.Edit{Path: "extra_body", Value: value})
}
