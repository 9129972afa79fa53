package transport

import (
	"cmp"
	"mime"
	"net/http"
	"reflect"
	"strings"
)

// The reasons why a body is not edited: see [Body.Skipped].
const (
	SkippedEncoding = "content-encoding"
	SkippedSigned   = "signed request"
	SkippedInvalid  = "not a valid JSON object"
	SkippedType     = "content-type is not JSON"
	SkippedForm     = "multipart form"
	SkippedOnce     = "long body without GetBody"
)

// Headers are what [Body.Inspect] found in a request's headers. Keys match in any case, because some SDKs write lower-case
// keys into the map without [http.Header.Set].
type Headers struct {
	IdempotencyKey bool   // there is an Idempotency-Key, or an X-Idempotency-Key
	RetryCount     string // X-Stainless-Retry-Count: which of its own retries a request of a Stainless SDK is; "0" is the first try
	Credentials    Credentials

	of       http.Header
	length   bool   // a Content-Length stands among them
	fixed    string // why the body may be read but not changed
	skipped  string // why it is not even parsed
	boundary string // of a multipart form
}

// Credentials are the headers by which a provider identifies the account that pays. An empty string is an absent header.
type Credentials struct {
	Authorization string
	APIKey        string // Api-Key
	XAPIKey       string // X-Api-Key
	GoogleKey     string // X-Goog-Api-Key
}

// isOf reports whether h is the map that was inspected, with as many keys as it had then.
func (n *Headers) isOf(h http.Header) bool {
	return n.of != nil && len(n.of) == len(h) && reflect.ValueOf(n.of).Pointer() == reflect.ValueOf(h).Pointer()
}

// inspect reads the headers of a request, once.
func (n *Headers) inspect(h http.Header) {
	*n = Headers{of: h}
	for k, v := range h {
		if len(v) == 0 {
			continue
		}
		for _, known := range inspected[min(len(k), len(inspected)-1)] {
			if isKey(k, known.key) {
				known.note(n, v[0])
				break
			}
		}
	}
	if n.skipped == SkippedEncoding {
		n.boundary = ""
	}
}

// An inspection is a header that matters, and what is noted of it.
type inspection struct {
	key  string
	note func(n *Headers, value string)
}

// inspected has the headers that matter, by their length: the length alone rules out most other headers.
var inspected = byLength(
	inspection{"Content-Type", (*Headers).noteType},
	inspection{"Content-Encoding", (*Headers).noteEncoding},
	inspection{"Content-Length", func(n *Headers, _ string) { n.length = true }},
	inspection{"Authorization", (*Headers).noteAuthorization},
	inspection{"Api-Key", func(n *Headers, v string) { n.Credentials.APIKey = v }},
	inspection{"X-Api-Key", func(n *Headers, v string) { n.Credentials.XAPIKey = v }},
	inspection{"X-Goog-Api-Key", func(n *Headers, v string) { n.Credentials.GoogleKey = v }},
	inspection{"Content-Digest", (*Headers).noteSignature},
	inspection{"Content-Md5", (*Headers).noteSignature},
	inspection{"Digest", (*Headers).noteSignature},
	inspection{"Repr-Digest", (*Headers).noteSignature},
	inspection{"Signature-Input", (*Headers).noteSignature},
	inspection{"Idempotency-Key", func(n *Headers, _ string) { n.IdempotencyKey = true }},
	inspection{"X-Idempotency-Key", func(n *Headers, _ string) { n.IdempotencyKey = true }},
	inspection{"X-Stainless-Retry-Count", func(n *Headers, v string) { n.RetryCount = v }},
)

func byLength(all ...inspection) (lists [32][]inspection) {
	for _, i := range all {
		lists[len(i.key)] = append(lists[len(i.key)], i)
	}
	return lists
}

func (n *Headers) noteType(v string) {
	if v == "application/json" {
		return // as it nearly always is
	}
	switch media, params, _ := mime.ParseMediaType(v); {
	case len(v) >= len("multipart/") && strings.EqualFold(v[:len("multipart/")], "multipart/"):
		n.boundary = params["boundary"]
		n.skipped = cmp.Or(n.skipped, SkippedForm)
	case media != "" && media != "application/json" && !strings.HasSuffix(media, "+json"):
		n.fixed = cmp.Or(n.fixed, SkippedType)
	}
}

func (n *Headers) noteEncoding(v string) {
	if v != "" && !strings.EqualFold(v, "identity") {
		n.skipped = SkippedEncoding
	}
}

func (n *Headers) noteAuthorization(v string) {
	if n.Credentials.Authorization = v; strings.HasPrefix(v, "AWS4-HMAC-SHA256") {
		n.noteSignature(v)
	}
}

// noteSignature notes that the body, or its digest, is signed: the provider would reject another body.
func (n *Headers) noteSignature(string) { n.fixed = SkippedSigned }

// HeaderValue returns the first value of a header, or "" if there is none. The key is given in its canonical form, and
// matches in any case, because some SDKs write lower-case keys into the map without [http.Header.Set].
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
func isKey(k, key string) bool {
	return k == key || len(k) == len(key) && strings.EqualFold(k, key)
}
