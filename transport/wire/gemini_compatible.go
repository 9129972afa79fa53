package wire

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// geminiFace is the face of the Gemini API that is compatible with OpenAI's: /v1beta/openai/chat/completions, and
// /v1beta/chat/completions. It has flex and priority; the standard tier is to name none. What the model thought is in the
// total only. Source: ai.google.dev, the page on OpenAI compatibility, 2026; recorded traffic.
var geminiFace Dialect = faceDialect{googleFace("gemini", func(c *Call, r *Response, _ *apiError, f *Refusal) {
	*f = geminiDialect{}.Refusal(c, r)
})}

func googleFace(provider string, refusal func(*Call, *Response, *apiError, *Refusal)) *Compatible {
	return &Compatible{
		Provider: provider, AskUsage: true, Caches: true, running: true, only: []string{Chat, Embeddings},
		Tiers:   map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "", policy.Priority: "priority"},
		tiers:   geminiTiers,
		strict:  geminiStrict,
		aliases: map[string]policy.Tier{"standard": policy.Standard, "default": policy.Standard, "auto": "auto"},
		headers: func(h http.Header, a *Answer) { geminiDialect{}.Headers(nil, h, a) },
		answer: func(_ *Call, doc *transport.Fields, a *Answer) {
			if tier := trafficTier(doc.Text(atUsageExtraPropertiesGoogleTrafficType)); tier != "" {
				a.Tier = tier
			}
		},
		refusal: refusal,
	}
}

type faceDialect struct{ *Compatible }

// Recognise takes the two base paths.
func (d faceDialect) Recognise(method string, u *url.URL) (Call, bool) {
	if !strings.HasPrefix(u.Path, "/v1beta/") {
		return Call{}, false
	}
	return d.Compatible.Recognise(method, u)
}

// What leads to the name of a context cache: {"extra_body": {"google": {"cached_content": NAME}}}.
var (
	googlePath        = transport.MustPaths("google")
	cachedContentPath = transport.MustPaths("cached_content")
)

// nestedCache returns the context cache that the body names.
func nestedCache(body *transport.Fields) (string, bool) {
	extra, ok := body.Get(atExtraBody)
	if !ok {
		return "", false
	}
	google, ok := member(extra, googlePath, "google")
	if !ok {
		return "", false
	}
	raw, ok := member(google, cachedContentPath, "cached_content")
	name, _ := jsontext.Unquote(raw)
	return printable(name), ok && name != ""
}

// editNestedCache names a context cache, beside whatever else stands there.
func editNestedCache(c *Call, body *transport.Fields, name string, e *Edits) {
	if !c.Caches {
		return
	}
	name, ok := c.cacheName(name, e)
	if !ok {
		return
	}
	inner := `{"cached_content":` + quoted(name) + `}`
	value := `{"google":` + inner + `}`
	if extra, ok := body.Get(atExtraBody); ok && string(extra) != "null" {
		if google, ok := member(extra, googlePath, "google"); ok && string(google) != "null" {
			inner, ok = setMember(google, cachedContentPath, "cached_content", quoted(name))
			if !ok {
				e.Problem = "extra_body.google of the request is no object"
				return
			}
		}
		if value, ok = setMember(extra, googlePath, "google", inner); !ok {
			e.Problem = "extra_body of the request is no object"
			return
		}
	} else if !ok && body.Has(atExtraBody) {
		e.Problem = "extra_body of the request is too long to put a context cache into"
		return
	}
	e.Body = append(e.Body, transport.Edit{Path: "extra_body", Value: value})
}
