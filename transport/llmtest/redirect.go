package llmtest

import "net/http"

// otherHost is the host to which RedirectAway redirects.
const otherHost = "elsewhere.llmtest.invalid"

// isRedirected reports whether the client made the request because of the fault.
func isRedirected(r *http.Request, fault Fault) bool {
	switch fault {
	case RedirectSame:
		return r.URL.Query().Get("redirected") == "1"
	case RedirectAway:
		return hostOf(r) == otherHost
	}
	return false
}

// redirect sends a redirect, as the fault says.
func (x *responder) redirect() {
	to := *x.r.URL
	to.Scheme, to.Host = "", ""
	if x.fault == RedirectAway {
		to.Scheme, to.Host = "http", otherHost
	} else {
		if to.RawQuery != "" {
			to.RawQuery += "&"
		}
		to.RawQuery += "redirected=1"
	}
	x.pause(x.cfg.Latency)
	h := x.w.Header()
	h.Set("Location", to.String())
	h.Set("Content-Length", "0")
	x.begin(http.StatusTemporaryRedirect, "text/plain; charset=utf-8")
}
