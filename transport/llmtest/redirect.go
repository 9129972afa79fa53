package llmtest

import "net/http"

// elsewhere is the other host that RedirectAway sends clients to.
const elsewhere = "elsewhere.llmtest.invalid"

// redirected says whether the request is one that a client made because fault told
// it to.
func redirected(r *http.Request, fault Fault) bool {
	switch fault {
	case RedirectSame:
		return r.URL.Query().Get("redirected") == "1"
	case RedirectAway:
		return host(r) == elsewhere
	}
	return false
}

// redirect sends the client away without an answer.
func (x *exchange) redirect() {
	to := *x.r.URL
	to.Scheme, to.Host = "", ""
	if x.fault == RedirectAway {
		to.Scheme, to.Host = "http", elsewhere
	} else {
		if to.RawQuery != "" {
			to.RawQuery += "&"
		}
		to.RawQuery += "redirected=1"
	}
	x.pause(x.s.cfg.Latency)
	h := x.w.Header()
	h.Set("Location", to.String())
	h.Set("Content-Length", "0")
	x.begin(http.StatusTemporaryRedirect, "text/plain; charset=utf-8")
}
