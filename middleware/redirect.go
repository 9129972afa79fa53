package middleware

import (
	"github.com/skinflint-go/skinflint/transport/wire"

	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// astray returns the error for an answer that sends the call to another host: to follow would replay the prompt, and
// show the new host the key, unless it stands in a header that http.Client knows.
func (a *attempt) astray(out *http.Request, resp *http.Response) error {
	r := a.r
	if !slices.Contains(redirects, resp.StatusCode) || r.call.Kind == wire.Free || r.call.Kind == wire.Poll {
		return nil
	}
	where, err := out.URL.Parse(resp.Header.Get("Location"))
	if err != nil || sameHost(out.URL, where) {
		return nil // without a Location, http.Client does not follow it
	}
	return a.strayed(fmt.Sprintf("%s answers %d, and", out.URL.Host, resp.StatusCode), where.Host)
}

// redirects are the statuses that http.Client follows.
var redirects = []int{301, 302, 303, 307, 308}

func (a *attempt) strayed(who, where string) *Error {
	return &Error{
		Kind: ErrRedirect, Provider: a.r.call.Provider, Model: a.r.call.Model, Attempts: a.r.attempts,
		Detail: fmt.Sprintf("%s sends it to %s", who, where),
		Hint:   "if that place is to be trusted, make it the base URL",
	}
}

// sameHost reports whether a request may go from one URL to another: to the same host and port, and not from TLS to none.
func sameHost(from, to *url.URL) bool {
	port := func(u *url.URL) string {
		if p := u.Port(); p != "" {
			return p
		}
		return map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	if !strings.EqualFold(from.Hostname(), to.Hostname()) || strings.EqualFold(from.Scheme, "https") && !strings.EqualFold(to.Scheme, "https") {
		return false
	}
	return port(from) == port(to) || strings.EqualFold(from.Scheme, "http") && port(from) == "80" && port(to) == "443"
}
