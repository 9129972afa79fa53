package cachedcontent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
)

// NewRequest returns a request that proves who pays as the client's own requests do, for a program that sends it itself. It is
// for the cache with the name or, if that is "", for all caches. A nil body is none.
func (c *Client) NewRequest(ctx context.Context, method, name string, body []byte) (*http.Request, error) {
	resource := c.parent + "cachedContents"
	if name != "" {
		resource = c.parent + "cachedContents/" + lastSegment(name)
	}
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url(resource), r)
	if err != nil {
		return nil, failed("new request", err, nil)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := c.auth(ctx, req.Header); err != nil {
		return nil, failed("new request", fmt.Errorf("credentials: %w", err), req.Header)
	}
	return req, nil
}
