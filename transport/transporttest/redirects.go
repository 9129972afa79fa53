package transporttest

import (
	"io"
	"net/http"
	"strings"
)

// otherOrigin: after a cross-host redirect nothing is added to the body. Additions are meant for the first host only.
func otherOrigin(c *check) {
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		f := &fake{}
		f.respond = func(_ int, req *http.Request, body []byte) (*http.Response, error) {
			if req.URL.Host == "elsewhere.invalid" {
				if string(body) != chatBody {
					c.errorf("after a cross-host redirect the body is %s, but %s was sent", short(body), short([]byte(chatBody)))
				}
				return f.status(req, http.StatusOK), nil
			}
			resp := f.status(req, status)
			resp.Header.Set("Location", "https://elsewhere.invalid"+chatPath)
			return resp, nil
		}
		c.follow(f)
	}
}

// redirectToSelf: http.Client takes the body for a redirect from the caller's own GetBody. What the RoundTripper adds to it
// is added once to each request.
func redirectToSelf(c *check) {
	f := &fake{}
	redirects := 0
	f.respond = func(_ int, req *http.Request, body []byte) (*http.Response, error) {
		if wrong := sent([]byte(chatBody), body); wrong != "" {
			c.errorf("request %d: %s", redirects+1, wrong)
		}
		if redirects++; redirects > 2 {
			return f.status(req, http.StatusOK), nil
		}
		resp := f.status(req, http.StatusTemporaryRedirect)
		resp.Header.Set("Location", chatPath+"?n="+strings.Repeat("x", redirects))
		return resp, nil
	}
	c.follow(f)
	if redirects == 0 {
		c.errorf("nothing was sent")
	}
}

// follow makes a call through an http.Client over the RoundTripper. A RoundTripper may refuse to be redirected.
func (c *check) follow(f *fake) {
	resp, err := (&http.Client{Transport: c.wrap(f)}).Do(c.chat(chatBody))
	if err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
