package transport

import (
	"cmp"
	"mime"
	"net/http"
	"reflect"
	"strings"
)

// First is [http.Header.Get] for a key that is in its canonical form.
func First(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Noted is what one look over a request's headers has found. Keys may stand in any case: some SDKs write theirs in lower
// case, past [http.Header.Set].
type Noted struct {
	Idempotency bool   // there is an Idempotency-Key, or X-Idempotency-Key
	Retry       string // X-Stainless-Retry-Count
	Credentials Credentials

	of       http.Header
	length   bool   // a Content-Length stands among them
	fixed    string // why the body may be read but not changed
	skipped  string // why it is not even read
	boundary string // of a multipart form
}

// Credentials are the headers by which a provider knows who pays.
type Credentials struct{ Authorization, APIKey, XAPIKey, GoogleKey string }

// Of reports whether it is what has been found in h.
func (n *Noted) Of(h http.Header) bool {
	return n.of != nil && len(n.of) == len(h) && reflect.ValueOf(n.of).Pointer() == reflect.ValueOf(h).Pointer()
}

// Note looks over the headers of a request.
func Note(h http.Header) (n Noted) {
	n.of = h
	for k, v := range h {
		if len(v) > 0 {
			n.note(k, v[0])
		}
	}
	if n.skipped == SkippedEncoding {
		n.boundary = ""
	}
	return n
}

// note notes a header, if it is one of those that matter; most are told from them by their length.
func (n *Noted) note(k, v string) {
	switch len(k) {
	case len("Content-Type"):
		if v != "application/json" && isKey(k, "Content-Type") { // as it nearly always is
			n.noteType(v)
		}
	case len("Content-Encoding"):
		if isKey(k, "Content-Encoding") && v != "" && !strings.EqualFold(v, "identity") {
			n.skipped = SkippedEncoding
		}
	case len("Authorization"):
		if isKey(k, "Authorization") {
			if n.Credentials.Authorization = v; strings.HasPrefix(v, "AWS4-HMAC-SHA256") {
				n.fixed = SkippedSigned
			}
		}
	case len("Api-Key"):
		if isKey(k, "Api-Key") {
			n.Credentials.APIKey = v
		}
	case len("X-Api-Key"):
		if isKey(k, "X-Api-Key") {
			n.Credentials.XAPIKey = v
		}
	case len("Content-Length"):
		n.length = n.length || isKey(k, "Content-Length")
		if isKey(k, "Content-Digest") {
			n.fixed = SkippedSigned
		}
		if isKey(k, "X-Goog-Api-Key") {
			n.Credentials.GoogleKey = v
		}
	case len("Digest"), len("Repr-Digest"), len("Signature-Input"):
		if isKey(k, "Repr-Digest") || isKey(k, "Digest") || isKey(k, "Content-Md5") || isKey(k, "Signature-Input") {
			n.fixed = SkippedSigned
		}
		n.Idempotency = n.Idempotency || isKey(k, "Idempotency-Key")
	case len("X-Idempotency-Key"):
		n.Idempotency = n.Idempotency || isKey(k, "X-Idempotency-Key")
	case len("X-Stainless-Retry-Count"):
		if isKey(k, "X-Stainless-Retry-Count") {
			n.Retry = v
		}
	}
}

func (n *Noted) noteType(v string) {
	switch media, params, _ := mime.ParseMediaType(v); {
	case len(v) >= len("multipart/") && strings.EqualFold(v[:len("multipart/")], "multipart/"):
		n.boundary = params["boundary"]
		n.skipped = cmp.Or(n.skipped, SkippedForm)
	case media != "" && media != "application/json" && !strings.HasSuffix(media, "+json"):
		n.fixed = cmp.Or(n.fixed, SkippedType)
	}
}

// HeaderValue returns the first value of a header, "" if there is none. The key, given in its canonical form, may stand
// among h in any case: some SDKs write theirs in lower case, past [http.Header.Set].
func HeaderValue(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	for k, v := range h {
		if isKey(k, key) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// isKey reports whether k is the key, in any case.
func isKey(k, key string) bool { return len(k) == len(key) && strings.EqualFold(k, key) }
