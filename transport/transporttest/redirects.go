package transporttest

import (
	"io"
	"net/http"
	"strings"
)

// otherOrigin: a body that a redirect takes to another host gains nothing there: what was added was meant for the first.
func otherOrigin(c *check) {
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		f := &fake{}
		f.answer = func(_ int, req *http.Request, body []byte) (*http.Response, error) {
			if req.URL.Host == "elsewhere.invalid" {
				if string(body) != chatBody {
					c.errorf("after a redirect to another host the body is %s, sent was %s", short(body), short([]byte(chatBody)))
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

// redirectToSelf: http.Client takes the body for a redirect from the caller's own GetBody. What is added to it is added
// once, and at each hop alike.
func redirectToSelf(c *check) {
	f := &fake{}
	hops := 0
	f.answer = func(_ int, req *http.Request, body []byte) (*http.Response, error) {
		if wrong := sent([]byte(chatBody), body); wrong != "" {
			c.errorf("hop %d: %s", hops+1, wrong)
		}
		if hops++; hops > 2 {
			return f.status(req, http.StatusOK), nil
		}
		resp := f.status(req, http.StatusTemporaryRedirect)
		resp.Header.Set("Location", chatPath+"?hop="+strings.Repeat("x", hops))
		return resp, nil
	}
	c.follow(f)
	if hops == 0 {
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
