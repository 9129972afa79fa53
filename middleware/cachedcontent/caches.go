package cachedcontent

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Cache is what the provider says about a context cache. It never says what is in it.
type Cache struct {
	// Name is the resource name: "cachedContents/ID" on the Gemini API, "projects/NUMBER/locations/L/cachedContents/ID" on
	// Vertex AI.
	Name string
	// Model is the resource name of the model, such as "models/gemini-2.5-flash".
	Model       string
	DisplayName string
	Usage       Usage
	// CreateTime, UpdateTime and ExpireTime are by the provider's clock; zero if it did not say.
	CreateTime, UpdateTime, ExpireTime time.Time
}

// A Usage is what a cache holds. Only Tokens is always known; the others are 0 where the provider does not say.
type Usage struct {
	Tokens       int64 // the tokens that are stored, and that each use reads
	TextTokens   int64 // Vertex AI calls it textCount
	Images       int64
	VideoSeconds int64
	AudioSeconds int64
}

const (
	createOp = "create cache"
	listOp   = "list caches"
	getOp    = "get cache"
	updateOp = "update cache"
	deleteOp = "delete cache"
)

// Create creates a cache. It costs the content's tokens (as input, or as a write: the provider's pages differ) and storage
// until the cache ends.
//
// If the content is invalid, the error is a [*FieldError] and nothing was sent. If it is an [*Error] with a status of 400 or
// more, there is no new cache. After any other error, such as a lost connection, there may be one: its name is not known,
// it can be found by its DisplayName in [Client.List], and it ends by its TTL.
func (c *Client) Create(ctx context.Context, content Content) (Cache, error) {
	body, err := c.body(&content)
	if err != nil {
		return Cache{}, err
	}
	r := &request{op: createOp, method: http.MethodPost, url: c.url(c.parent + "cachedContents"), body: body}
	return c.cache(ctx, r)
}

// body returns the body of the request that creates a cache.
func (c *Client) body(content *Content) ([]byte, error) {
	if err := content.Validate(c.provider); err != nil {
		return nil, err
	}
	body, err := content.marshal(c.modelName(content.Model))
	if err != nil {
		return nil, fmt.Errorf("cachedcontent: create cache: %w", err)
	}
	most, instead := MaxBody, "upload the data first"
	if c.provider == vertexProvider {
		most, instead = maxVertexBody, "put the data into Cloud Storage"
	}
	if len(body) > most {
		return nil, invalid("Turns", fmt.Sprintf("%d bytes as a request", len(body)), fmt.Sprintf("want at most %d: %s", most, instead))
	}
	return body, nil
}

// modelName returns the resource name of a model.
func (c *Client) modelName(model string) string {
	switch {
	case c.provider != vertexProvider && !strings.Contains(model, "/"):
		return "models/" + model
	case c.provider != vertexProvider, strings.HasPrefix(model, "projects/"):
		return model
	}
	model = strings.TrimPrefix(strings.TrimPrefix(model, "publishers/google/"), "models/")
	return c.parent + "publishers/google/models/" + model
}

// Get returns what the provider says about a cache. One that is dead is an [*Error] of the kind [Dead].
func (c *Client) Get(ctx context.Context, name string) (Cache, error) {
	full, err := c.cacheName(name)
	if err != nil {
		return Cache{}, err
	}
	return c.cache(ctx, &request{op: getOp, method: http.MethodGet, url: c.url(full)})
}

// An Expiry is when a cache is to end: after a time to live from now, or at a time. Exactly one must be set.
type Expiry struct {
	TTL        time.Duration
	ExpireTime time.Time
}

// Update sets when a cache ends, earlier or later than before. Nothing else of a cache can change.
func (c *Client) Update(ctx context.Context, name string, e Expiry) (Cache, error) {
	full, err := c.cacheName(name)
	if err != nil {
		return Cache{}, err
	}
	if err := checkExpiry(e.TTL, e.ExpireTime); err != nil {
		return Cache{}, err
	}
	body, err := encode(expiryOf(e.TTL, e.ExpireTime))
	if err != nil {
		return Cache{}, fmt.Errorf("cachedcontent: update cache: %w", err)
	}
	return c.cache(ctx, &request{op: updateOp, method: http.MethodPatch, url: c.url(full), body: body})
}

// Delete deletes a cache, which ends its storage. One that is dead already is an [*Error] of the kind [Dead].
func (c *Client) Delete(ctx context.Context, name string) error {
	full, err := c.cacheName(name)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, &request{op: deleteOp, method: http.MethodDelete, url: c.url(full)})
	return err
}

// List returns the caches that are alive, of all processes that use the key or the project, in the provider's order. It asks
// for them page by page, as they are needed. An error ends it.
func (c *Client) List(ctx context.Context) iter.Seq2[Cache, error] {
	return func(yield func(Cache, error) bool) {
		query := url.Values{"pageSize": {strconv.Itoa(c.pageSize)}}
		for {
			r := &request{op: listOp, method: http.MethodGet, url: c.url(c.parent+"cachedContents") + "?" + query.Encode()}
			page, err := c.page(ctx, r)
			if err != nil {
				yield(Cache{}, err)
				return
			}
			for _, one := range page.Caches {
				if !yield(one.cache(), nil) {
					return
				}
			}
			switch page.Next {
			case "":
				return
			case query.Get("pageToken"):
				yield(Cache{}, &Error{Op: r.op, Status: http.StatusOK, Kind: Unreadable, Err: errors.New("the provider repeats a page")})
				return
			}
			query.Set("pageToken", page.Next)
		}
	}
}

// cacheName returns the full name of a cache, which Vertex AI's may be given without its project and location.
func (c *Client) cacheName(name string) (string, error) {
	want := c.parent + "cachedContents/ID"
	parent, id := "", ""
	if at := strings.LastIndex(name, "cachedContents/"); at >= 0 {
		parent, id = name[:at], name[at+len("cachedContents/"):]
	}
	switch {
	case id == "" || !plain(id, "-_"):
		return "", invalid("name", strconv.Quote(shortened(name)), "want "+want)
	case parent == "":
		return c.parent + name, nil
	case c.provider != vertexProvider:
		return "", invalid("name", strconv.Quote(shortened(name)), "it is a name of Vertex AI; want "+want)
	}
	// The project may be given by its number although the client has its id.
	segments := strings.Split(parent, "/")
	_, location, _ := strings.Cut(c.parent, "/locations/")
	if len(segments) != 5 || segments[0] != "projects" || segments[1] == "" || !plain(segments[1], "-.:_") || segments[2] != "locations" {
		return "", invalid("name", strconv.Quote(shortened(name)), "want "+want)
	}
	if segments[3]+"/" != location {
		return "", invalid("name", strconv.Quote(shortened(name)), "it is at another location; want "+want)
	}
	return name, nil
}
