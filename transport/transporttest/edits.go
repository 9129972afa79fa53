package transporttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// fourAgree: Body, GetBody, ContentLength and a Content-Length header, in any spelling, agree, whether or not the body was
// edited. Every attempt, also after a redirect, has what the caller sent.
func fourAgree(c *check) {
	if c.via == overFake {
		f := c.fake()
		var before []byte // from GetBody, before the body is read
		f.look = func(n int, req *http.Request) {
			if req.GetBody != nil {
				before = c.bodyAgain(n, req, nil)
			}
		}
		f.respond = func(n int, req *http.Request, body []byte) (*http.Response, error) {
			if req.GetBody != nil && !bytes.Equal(before, body) {
				c.errorf("attempt %d: Body has %s, GetBody %s", n+1, short(body), short(before))
			}
			c.agree(n, req, body)
			return f.status(req, []int{429, 200}[min(n, 1)]), nil
		}
		req := c.chat(chatBody)
		req.Header.Set("Content-Length", strconv.Itoa(len(chatBody)))
		req.Header["content-length"] = []string{strconv.Itoa(len(chatBody))}
		c.send(c.wrap(f), req)
		return
	}
	var w *wire
	w = c.serve(func(n int, rw http.ResponseWriter, r *http.Request) {
		a := w.read(r)
		if a.err != nil {
			c.errorf("request %d arrives incomplete: %v", n+1, a.err)
		}
		if wrong := sent([]byte(chatBody), a.body); wrong != "" {
			c.errorf("request %d: %s", n+1, wrong)
		}
		if a.ContentLength >= 0 && a.ContentLength != int64(len(a.body)) {
			c.errorf("request %d announces %d bytes, and has %d", n+1, a.ContentLength, len(a.body))
		}
		switch n {
		case 0:
			http.Redirect(rw, r, chatPath+"?moved=1", http.StatusTemporaryRedirect)
		case 1:
			reply(rw, http.StatusTooManyRequests)
		default:
			reply(rw, http.StatusOK)
		}
	})
	client := &http.Client{Transport: c.wrap(w.transport)}
	resp, err := client.Do(c.request(http.MethodPost, w.url+chatPath, []byte(chatBody)))
	if err == nil {
		resp.Body.Close()
	}
	if n := len(w.arrived()); n < 2 {
		c.errorf("the redirect was not followed: %d requests", n)
	}
}

// agree checks that GetBody, ContentLength and the header agree with the body of a request at the base.
func (c *check) agree(n int, req *http.Request, body []byte) {
	if req.GetBody == nil {
		c.errorf("attempt %d: GetBody is lost", n+1)
		return
	}
	for range 2 {
		if again := c.bodyAgain(n, req, body); !bytes.Equal(body, again) {
			c.errorf("attempt %d: Body has %s, GetBody %s", n+1, short(body), short(again))
		}
	}
	if wrong := sent([]byte(chatBody), body); wrong != "" {
		c.errorf("attempt %d: %s", n+1, wrong)
	}
	if req.ContentLength > 0 && req.ContentLength != int64(len(body)) {
		c.errorf("attempt %d: ContentLength is %d, the body has %d bytes", n+1, req.ContentLength, len(body))
	}
	for name, values := range req.Header {
		if strings.EqualFold(name, "Content-Length") && !slices.Equal(values, []string{strconv.Itoa(len(body))}) {
			c.errorf("attempt %d: the header %s says %q, the body has %d bytes", n+1, name, values, len(body))
		}
	}
}

// lengthLeftAlone: no body, http.NoBody, and bodies of unknown length (ContentLength -1, or 0 with a body) arrive as they do
// without the RoundTripper. A chunked body stays chunked, and a request without a body gets none.
func lengthLeftAlone(c *check) {
	w := c.wireThatReads()
	rt := c.wrap(w.transport)
	for _, row := range []struct {
		name   string
		body   func() io.ReadCloser
		length int64
	}{
		{"nil", func() io.ReadCloser { return nil }, 0},
		{"http.NoBody", func() io.ReadCloser { return http.NoBody }, 0},
		{"a body and ContentLength 0", newSource, 0},
		{"a body and ContentLength -1", newSource, -1},
		{"a body of known length", newSource, int64(len(chatBody))},
	} {
		var lengths, bodies []string
		for _, via := range []http.RoundTripper{w.transport, rt} {
			req := c.request(http.MethodPost, w.url+chatPath, nil)
			req.Body, req.ContentLength, req.GetBody = row.body(), row.length, nil
			before := len(w.arrived())
			c.must(via, req)
			a := w.arrived()[before]
			form := "without a body"
			switch {
			case a.ContentLength > 0:
				form = "with a length"
			case a.ContentLength < 0:
				form = "without a length"
			}
			lengths = append(lengths, form+" "+strings.Join(a.TransferEncoding, ","))
			bodies = append(bodies, string(a.body))
		}
		if lengths[0] != lengths[1] {
			c.errorf("%s arrives %s; without the RoundTripper it arrives %s", row.name, lengths[1], lengths[0])
		}
		if wrong := sent([]byte(bodies[0]), []byte(bodies[1])); wrong != "" {
			c.errorf("%s: %s", row.name, wrong)
		}
	}
}

// signedBody: a digest or signature matches the body that arrives with it. A signer beneath the RoundTripper sees the body
// that is sent. If the caller has signed the body, it must arrive unchanged or without that digest. The order of signing
// and editing layers is up to the program.
func signedBody(c *check) {
	hash := func(body []byte) string {
		sum := sha256.Sum256(body)
		return hex.EncodeToString(sum[:])
	}
	const digest = "X-Test-Sha256"
	f := c.fake(429, 200)
	f.respond = func(n int, req *http.Request, body []byte) (*http.Response, error) {
		if req.Header.Get(digest) != hash(body) {
			c.errorf("attempt %d: the signer beneath saw another body than the one that arrives", n+1)
		}
		return f.status(req, []int{429, 200}[min(n, 1)]), nil
	}
	c.send(c.wrap(signer{f, func(h http.Header, body []byte) { h.Set(digest, hash(body)) }}), c.chat(chatBody))

	base64Hash := func(body []byte) string {
		sum := sha256.Sum256(body)
		return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	}
	f = c.fake(429, 200)
	f.respond = func(n int, req *http.Request, body []byte) (*http.Response, error) {
		if got := req.Header.Get("X-Amz-Content-Sha256"); got != "" && got != hash(body) {
			c.errorf("attempt %d: the caller's AWS signature is of another body than arrives: %s", n+1, short(body))
		}
		if got := req.Header.Get("Content-Digest"); got != "" && got != base64Hash(body) {
			c.errorf("attempt %d: the caller's Content-Digest is of another body than arrives: %s", n+1, short(body))
		}
		return f.status(req, []int{429, 200}[min(n, 1)]), nil
	}
	req := c.chat(chatBody)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20000101/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-content-sha256, Signature=00")
	req.Header.Set("X-Amz-Content-Sha256", hash([]byte(chatBody)))
	c.send(c.wrap(f), req)
	req = c.chat(chatBody)
	req.Header.Set("Content-Digest", base64Hash([]byte(chatBody)))
	c.send(c.wrap(f), req)
}

// A signer is a RoundTripper that signs what it sends.
type signer struct {
	next http.RoundTripper
	sign func(http.Header, []byte)
}

func (s signer) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	req.Body.Close()
	if err != nil {
		return nil, err
	}
	out := req.Clone(req.Context())
	s.sign(out.Header, body)
	out.Body = io.NopCloser(bytes.NewReader(body))
	return s.next.RoundTrip(out)
}
