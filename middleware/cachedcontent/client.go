package cachedcontent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

const (
	geminiProvider = "gemini"
	vertexProvider = "vertex"

	geminiHost    = "generativelanguage.googleapis.com"
	geminiVersion = "v1beta"
	vertexVersion = "v1beta1"
)

// A Client creates, reads, changes and deletes context caches, and uploads files to put into them. Make one with [NewGemini]
// or [NewVertex]. Its methods may be called concurrently. They end when their context does.
//
// The Client itself never repeats a request, except for the chunks of an upload: see [Client.Upload]. It follows no
// redirect, because that could show the key to another host.
type Client struct {
	http     http.Client
	provider string
	base     string // URL without the version, and without a slash at the end
	version  string
	parent   string // "projects/P/locations/L/" on Vertex AI
	auth     func(context.Context, http.Header) error
	pageSize int
}

// An Option changes a [Client].
type Option func(*Client) error

// WithBaseURL sends requests to another server: a gateway, or a test server. The path of a request, such as
// /v1beta/cachedContents, is added to the URL's.
func WithBaseURL(base string) Option {
	return func(c *Client) error {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
			return invalid("WithBaseURL", "no such URL", "want http:// or https://, a host, and no user or query")
		}
		c.base = strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/")
		return nil
	}
}

// WithHeader sets the headers by which requests prove who pays, instead of the client's own: x-goog-api-key on the Gemini
// API, Authorization on Vertex AI. f is called for every request, perhaps concurrently. Its error ends the method.
func WithHeader(f func(ctx context.Context, h http.Header) error) Option {
	return func(c *Client) error {
		if f == nil {
			return invalid("WithHeader", "nil", "want a func")
		}
		c.auth = f
		return nil
	}
}

// NewGemini returns a Client for the Gemini API. hc sends its requests; nil means [http.DefaultClient]. Its Timeout, if it has
// one, also ends a creation or a chunk that takes longer. apiKey may be "" only with [WithHeader].
func NewGemini(hc *http.Client, apiKey string, options ...Option) (*Client, error) {
	c := newClient(hc, geminiProvider, geminiVersion, "https://"+geminiHost)
	if apiKey != "" {
		if !isHeaderValue(apiKey) {
			return nil, invalid("apiKey", "a secret", "it is no value of a header")
		}
		c.auth = func(_ context.Context, h http.Header) error {
			h.Set("X-Goog-Api-Key", apiKey)
			return nil
		}
	}
	if err := c.apply(options); err != nil {
		return nil, err
	}
	if c.auth == nil {
		return nil, invalid("apiKey", `""`, "want a key, or WithHeader")
	}
	return c, nil
}

// NewVertex returns a Client for Vertex AI. hc sends its requests; nil means [http.DefaultClient]. project is the project's
// id or number, and location is "global", "us", "eu" or a region such as "europe-west4". token returns an OAuth access token
// for each request; it may be nil only with [WithHeader]. It may be called concurrently, so it should keep its token.
//
// The names of caches that come back have the project's number, even if project is its id. Both name the same cache.
func NewVertex(hc *http.Client, project, location string, token func(context.Context) (string, error), options ...Option) (*Client, error) {
	switch {
	case project == "" || !plain(project, "-.:_"):
		return nil, invalid("project", fmt.Sprintf("%q", shortened(project)), "want the id or the number of a project")
	case location == "" || !plain(location, "-"):
		return nil, invalid("location", fmt.Sprintf("%q", shortened(location)), "want global or a region, such as europe-west4")
	}
	c := newClient(hc, vertexProvider, vertexVersion, "https://"+vertexHost(location))
	c.parent = "projects/" + project + "/locations/" + location + "/"
	if token != nil {
		c.auth = func(ctx context.Context, h http.Header) error {
			t, err := token(ctx)
			switch {
			case err != nil:
				return err
			case t == "" || !isHeaderValue(t):
				return errors.New("the token is empty, or is no value of a header")
			}
			h.Set("Authorization", "Bearer "+t)
			return nil
		}
	}
	if err := c.apply(options); err != nil {
		return nil, err
	}
	if c.auth == nil {
		return nil, invalid("token", "nil", "want a func, or WithHeader")
	}
	return c, nil
}

func newClient(hc *http.Client, provider, version, base string) *Client {
	if hc == nil {
		hc = http.DefaultClient
	}
	c := &Client{http: *hc, provider: provider, version: version, base: base, pageSize: 100}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

func (c *Client) apply(options []Option) error {
	for _, o := range options {
		if err := o(c); err != nil {
			return err
		}
	}
	return nil
}

// vertexHost returns the host of a location. Source: docs.cloud.google.com, pages on locations and on global endpoints.
func vertexHost(location string) string {
	switch location = strings.ToLower(location); location {
	case "global":
		return "aiplatform.googleapis.com"
	case "us", "eu":
		return "aiplatform." + location + ".rep.googleapis.com"
	}
	return location + "-aiplatform.googleapis.com"
}

// Provider returns "gemini" or "vertex".
func (c *Client) Provider() string { return c.provider }

// url returns the URL of a resource.
func (c *Client) url(resource string) string { return c.base + "/" + c.version + "/" + resource }

// A request is one exchange with the provider.
type request struct {
	op          string // "create cache", for errors
	method, url string
	header      http.Header // nil: none of its own
	body        []byte      // nil: none. It is JSON if header names no other type
	open        bool        // without the key
	once        bool        // the transport must not be able to send the body again

	secrets http.Header // the headers with the key, once it is sent
}

// send sends a request. Any response is returned, with its body open. An error has no secret and no URL in it.
func (c *Client) send(ctx context.Context, r *request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, nil)
	if err != nil {
		return nil, failed(r.op, err, nil)
	}
	maps.Copy(req.Header, r.header)
	if !r.open {
		r.secrets = http.Header{}
		if err := c.auth(ctx, r.secrets); err != nil {
			return nil, failed(r.op, fmt.Errorf("credentials: %w", err), r.secrets)
		}
		maps.Copy(req.Header, r.secrets)
	}
	if r.body != nil {
		if req.Header.Get("Content-Type") == "" {
			req.Header.Set("Content-Type", "application/json")
		}
		req.ContentLength = int64(len(r.body))
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
		if req.Body, _ = open(); len(r.body) == 0 {
			req.Body = http.NoBody
		}
		if !r.once {
			req.GetBody = open
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, failed(r.op, err, r.secrets)
	}
	return resp, nil
}

// do sends a request and returns the body of its answer, which has a 2xx status; any other is an *Error.
func (c *Client) do(ctx context.Context, r *request) ([]byte, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, c.rejection(r, resp)
	}
	return c.read(r, resp)
}

// isHeaderValue reports whether a secret can stand in a header.
func isHeaderValue(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}
