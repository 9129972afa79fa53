package cachedcontent

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A Kind is what an [Error] is about, as far as a program decides on it.
type Kind string

// The kinds of errors. "" is any other.
const (
	Dead        Kind = "dead"        // the cache does not exist any more, or never did, or is another key's
	NotFound    Kind = "not_found"   // there is no such file, or it is another key's
	TooSmall    Kind = "too_small"   // the content is below the model's minimum: see [Error].Minimum
	Unsupported Kind = "unsupported" // the model has no explicit caching
	FreeTier    Kind = "free_tier"   // the key's tier has no caches: their limit is 0, and no wait helps
	Quota       Kind = "quota"       // a limit is reached that a wait does not free, such as the tokens stored at once
	Rate        Kind = "rate"        // too many requests: see [Error].RetryAfter
	Denied      Kind = "denied"      // the key is wrong, or may not do this
	Invalid     Kind = "invalid"     // the request is wrong in another way
	Unavailable Kind = "unavailable" // the provider failed. It may work later
	Refused     Kind = "refused"     // the program's own policy refused the request: nothing was sent
	Redirected  Kind = "redirected"  // the host redirects the request, which is not followed
	Unreadable  Kind = "unreadable"  // the answer does not say what it should. What was asked for may be done
	Cancelled   Kind = "cancelled"   // the provider ended the upload
	FileFailed  Kind = "file_failed" // the provider could not process the file
)

// An Error is an answer that is no success.
type Error struct {
	Op     string // what was asked for, such as "create cache"
	Status int    // the HTTP status
	Code   string // the provider's word for it, such as "INVALID_ARGUMENT"; "" if it has none
	Kind   Kind

	// Message is the provider's text, of at most 2 KB, without the client's secrets. It may quote the content, so it is not
	// part of the error's text, and is not for a log.
	Message string

	Tokens  int64 // TooSmall: how many tokens the content has; 0 if the provider did not say
	Minimum int64 // TooSmall: how many it must have; 0 if the provider did not say

	// RetryAfter is how long the provider asks to wait; 0 if it does not say.
	RetryAfter time.Duration

	Err error // why an answer is unreadable; nil otherwise
}

// Error says what was asked for, the status and what it means. It quotes neither the content nor the provider's message.
func (e *Error) Error() string {
	text := "cachedcontent: " + e.Op + ": status " + strconv.Itoa(e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if meaning := meanings[e.Kind]; meaning != "" {
		text += ": " + meaning
	}
	if e.Tokens > 0 {
		text += fmt.Sprintf(": it has %d tokens", e.Tokens)
	}
	if e.Minimum > 0 {
		text += fmt.Sprintf(": the minimum is %d tokens", e.Minimum)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

var meanings = map[Kind]string{
	Dead:        "the cache does not exist any more, or is not this key's",
	NotFound:    "there is no such file, or it is not this key's",
	TooSmall:    "the content is too small for a cache",
	Unsupported: "the model has no explicit caching",
	FreeTier:    "the key's tier has no caches",
	Quota:       "a quota is used up",
	Rate:        "too many requests",
	Denied:      "the key is not accepted, or may not do this",
	Invalid:     "the provider rejects the request",
	Unavailable: "the provider failed",
	Refused:     "the program's own policy refused the request",
	Redirected:  "the host redirects, which is not followed",
	Unreadable:  "the answer cannot be read",
	Cancelled:   "the provider ended the upload",
	FileFailed:  "the provider could not process the file",
}

// KindOf returns the Kind of the first [Error] in err's tree; "" if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// retryAfter returns how long the provider asks to wait; 0 if it does not say.
func retryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// IsDead reports whether err says that a cache does not exist any more.
func IsDead(err error) bool { return KindOf(err) == Dead }

// unreadable returns the error for an answer of 2xx that cannot be used.
func unreadable(r *request, err error) error {
	return &Error{Op: r.op, Status: http.StatusOK, Kind: Unreadable, Err: err}
}

// failed returns the error of a request without an answer.
func failed(op string, err error, secrets http.Header) error {
	var u *url.Error
	if errors.As(err, &u) && u.Err != nil {
		err = u.Err // its URL may be an upload's, which is a secret
	}
	text := err.Error()
	if clean := withoutSecrets(text, secrets); clean != text {
		err = &cleaned{err, clean}
	}
	return fmt.Errorf("cachedcontent: %s: %w", op, err)
}

// withoutSecrets returns a text without the values of the headers that prove who pays.
func withoutSecrets(text string, secrets http.Header) string {
	const shortest = 6 // a shorter one may stand in a text by chance
	for _, values := range secrets {
		for _, v := range values {
			if _, token, ok := strings.Cut(v, " "); ok {
				v = token // after "Bearer"
			}
			if len(v) >= shortest {
				text = strings.ReplaceAll(text, v, "***")
			}
		}
	}
	return text
}

// A cleaned error is an error without the secrets of its text.
type cleaned struct {
	error
	text string
}

func (c *cleaned) Error() string { return c.text }
func (c *cleaned) Unwrap() error { return c.error }

// The dialects read errors by the call that got them. Each is the deletion of a cache, of which both providers' dialects
// know every error that a cache can have.
var dialects = map[string]struct {
	dialect wire.Dialect
	call    wire.Call
}{
	geminiProvider: dialectOf("https://" + geminiHost + "/" + geminiVersion + "/cachedContents/x"),
	vertexProvider: dialectOf("https://aiplatform.googleapis.com/" + vertexVersion + "/projects/p/locations/global/cachedContents/x"),
}

func dialectOf(resource string) (d struct {
	dialect wire.Dialect
	call    wire.Call
}) {
	u, err := url.Parse(resource)
	if err == nil {
		d.dialect, d.call, _ = new(wire.Router).Recognise(http.MethodDelete, u)
	}
	return d
}

// refusalHeader is on the responses by which package middleware refuses a request.
const refusalHeader = "Skinflint-Refusal"

// rejection reads the error of a response outside of 2xx, in any of the shapes that Google has for it.
func (c *Client) rejection(r *request, resp *http.Response) error {
	known := dialects[c.provider]
	message := wire.ErrorMessage(resp)
	rejected := wire.ReadRejection(known.dialect, &known.call, resp, "", &wire.Edits{})
	e := &Error{Op: r.op, Status: resp.StatusCode, Code: rejected.Code, Message: message, RetryAfter: rejected.RetryAfter}
	e.Kind = kindOf(r.op, resp, rejected, message)
	if e.Kind == TooSmall {
		e.Tokens, e.Minimum = sizes(message)
	}
	e.Message = withoutSecrets(e.Message, r.secrets)
	return e
}

// kindOf returns what a response outside of 2xx is about. Sources: recorded traffic and public reports of 2025 and 2026.
func kindOf(op string, resp *http.Response, rejected wire.Rejection, message string) Kind {
	switch {
	case resp.Header.Get(refusalHeader) != "":
		return Refused
	case resp.StatusCode < 400:
		return Redirected
	case rejected.Reason == policy.CacheDead:
		return Dead
	case strings.Contains(message, "min_total_token_count"), strings.Contains(message, "ached content is too small"):
		return TooSmall
	case resp.StatusCode == http.StatusTooManyRequests:
		return kindOf429(rejected.Reason, message)
	case isUnsupported(message):
		return Unsupported
	case strings.Contains(message, "access the File"):
		return NotFound // "You do not have permission to access the File x or it may not exist.", 403
	}
	return kindOfStatus(op, resp.StatusCode, rejected.Code, message)
}

// kindOf429 returns what a 429 is about.
func kindOf429(reason policy.Reason, message string) Kind {
	switch {
	case strings.Contains(message, "CachedContent") && hasLimitZero(message):
		return FreeTier
	case reason == policy.Quota:
		return Quota
	}
	return Rate
}

// hasLimitZero reports whether a message names a limit of 0: "limit=0, requested=116563", "limit: 0".
func hasLimitZero(message string) bool {
	for {
		_, after, ok := strings.Cut(message, "limit")
		if !ok {
			return false
		}
		message = after
		value := strings.TrimLeft(after, "=: ")
		if zero, ok := strings.CutPrefix(value, "0"); ok && len(value) < len(after) && (zero == "" || zero[0] < '0' || zero[0] > '9') {
			return true
		}
	}
}

// kindOfStatus returns what an error is about whose words are not known.
func kindOfStatus(op string, status int, code, message string) Kind {
	switch {
	case status == http.StatusNotFound && strings.HasSuffix(op, " file"):
		return NotFound
	case status == http.StatusNotFound && code == "NOT_FOUND" && (op == getOp || op == updateOp || op == deleteOp):
		return Dead // the request named nothing but the cache
	case status == http.StatusUnauthorized, status == http.StatusForbidden, isBadKey(message):
		return Denied
	case status >= 500, status == http.StatusRequestTimeout, status == 499: // 499 is Google's own, of a request it gave up
		return Unavailable
	}
	return Invalid
}

// isUnsupported reports whether a message says that the model cannot have caches: "models/x is not found for API version
// v1beta, or is not supported for createCachedContent."
func isUnsupported(message string) bool {
	text := strings.ToLower(message)
	about := strings.Contains(text, "createcachedcontent") || strings.Contains(text, "caching") || strings.Contains(text, "cached content")
	return about && (strings.Contains(text, "not support") || strings.Contains(text, "unsupported") || strings.Contains(text, "not available"))
}

// isBadKey reports whether a message of the status 400 is about the key: "API key not valid. Please pass a valid API key."
func isBadKey(message string) bool {
	return strings.HasPrefix(message, "API key not valid") || strings.HasPrefix(message, "API key expired")
}

// sizes reads "Cached content is too small. total_token_count=16, min_total_token_count=1024".
func sizes(message string) (tokens, minimum int64) {
	minimum = numberAfter(message, "min_total_token_count=")
	// Both names end in the same words.
	tokens = numberAfter(strings.ReplaceAll(message, "min_total_token_count", ""), "total_token_count=")
	return tokens, minimum
}

// numberAfter returns the number after a name; 0 if there is none.
func numberAfter(text, name string) int64 {
	_, after, _ := strings.Cut(text, name)
	end := strings.IndexFunc(after, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(after)
	}
	n, err := strconv.ParseInt(after[:end], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
