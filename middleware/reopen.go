package middleware

import (
	"errors"
	"net/http"
)

// again returns a copy of a request whose body can be read without reading that of the request.
func again(req *http.Request) (*http.Request, error) {
	copied := *req
	switch {
	case req.GetBody != nil:
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		copied.Body = body
	case req.Body != nil && req.Body != http.NoBody:
		return nil, errors.New("the request has a body but no GetBody")
	}
	return &copied, nil
}
