package llmtest

import (
	"net/http"
	"strings"
)

// routes return the face for a request, or nil if it is none of the provider's. path has
// no slash at its end. The first route that returns a face wins: the paths of OpenAI,
// which are matched by their ends, come last, because Azure, Groq and Gemini have longer
// ones that end in the same way.
var routes = []func(r *http.Request, path string) face{
	routeGoogle,
	routeAnthropic,
	routeAzure,
	routeCompat,
	routeGroq,
	routeOpenAI,
}

// route returns the face for a request, or nil if there is none.
func route(r *http.Request) face {
	path := strings.TrimSuffix(r.URL.Path, "/")
	for _, route := range routes {
		if f := route(r, path); f != nil {
			return f
		}
	}
	return nil
}
