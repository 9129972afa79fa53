package llmtest

import (
	"fmt"
	"net/http"
	"time"
)

// google is what the endpoints of Gemini and Vertex have in common: the names, the errors
// and the headers.
type google struct {
	googlePath
	layout errorLayout
}

// errorLayout is the layout of an error's JSON.
type errorLayout uint8

const (
	layoutObject errorLayout = iota // an indented object
	layoutList                      // the same in an array, for a stream of JSON
	layoutLine                      // on one line, in an array, for the OpenAI-compatible endpoint
)

// googleTier returns the tier that serves a request for a tier, or "" if that does not
// exist. Upper case is not accepted.
func googleTier(tier string) string {
	switch tier {
	case "", "unspecified", "standard":
		return "standard"
	case "flex", "priority":
		return tier
	}
	return ""
}

// readPath sets the params that the path determines.
func (g google) readPath(x *exchange, operation, model string) {
	x.params.provider, x.params.operation, x.params.model = g.provider(), operation, model
	x.params.servedTier = "standard"
}

func (google) vet(*exchange) *apiError { return nil }

// setHeader sets the headers of Google's front end. It sends no rate limits and no request
// ids.
func (g google) setHeader(x *exchange, h http.Header, _ int) {
	if h.Get("Content-Type") == "application/json" {
		h.Set("Content-Type", "application/json; charset=UTF-8")
	}
	h.Set("Server", "scaffolding on HTTPServer2")
	h.Set("Vary", "Origin, Referer, X-Origin")
	h.Set("X-Content-Type-Options", "nosniff")
	if !g.vertex {
		h.Set("Server-Timing", fmt.Sprintf("gfet4t7; dur=%d", max(1, time.Since(x.began).Milliseconds())))
	}
}

// microseconds is the format of Google's times.
const microseconds = "2006-01-02T15:04:05.000000Z07:00"
