package llmtest

import (
	"net/http"
	"net/url"
	"strings"
)

// routeGoogle returns the face for the native paths of Gemini and Vertex, or nil.
func routeGoogle(r *http.Request, path string) face {
	if f := routeFiles(r, path); f != nil {
		return f
	}
	g := google{googlePath: parseGooglePath(path)}
	if rest, last := cutLast(path); strings.HasSuffix(rest, "/models") {
		model, method, ok := strings.Cut(last, ":")
		if !ok || r.Method != http.MethodPost {
			return nil
		}
		return routeModel(g, r, model, method)
	}
	return routeCaches(g, r.Method, path)
}

// routeModel returns the face for a method of a model, such as "generateContent", or nil.
func routeModel(g google, r *http.Request, model, method string) face {
	query := r.URL.Query()
	ints := numericEnums(r.URL.RawQuery)
	switch method {
	case "generateContent":
		return generate{google: g, model: model, ints: ints}
	case "streamGenerateContent":
		sse := query.Get("alt") == "sse" || query.Get("$alt") == "sse"
		if !sse {
			g.layout = layoutList
		}
		return generate{google: g, model: model, ints: ints, streamed: true, sse: sse}
	case "countTokens":
		return countTokens{google: g, model: model, ints: ints}
	case "embedContent", "batchEmbedContents":
		return embedContent{google: g, model: model, batch: method == "batchEmbedContents"}
	}
	return nil
}

// numericEnums reports whether the query has $alt=json;enum-encoding=int. The semicolon
// may be escaped or not. url.Query drops the pair if it is not.
func numericEnums(query string) bool {
	plain, err := url.QueryUnescape(query)
	return err == nil && strings.Contains(plain, ";enum-encoding=int")
}

// routeCaches returns the face for a path of cachedContents, or nil.
func routeCaches(g google, method, path string) face {
	rest, last := cutLast(path)
	if last == "cachedContents" {
		switch method {
		case http.MethodPost:
			return createCache{g}
		case http.MethodGet:
			return listCaches{g}
		}
		return nil
	}
	if !strings.HasSuffix(rest, "/cachedContents") {
		return nil
	}
	c := oneCache{google: g, name: g.cacheName(last)}
	switch method {
	case http.MethodGet:
		c.operation = "getCachedContent"
	case http.MethodPatch:
		c.operation = "updateCachedContent"
	case http.MethodDelete:
		c.operation = "deleteCachedContent"
	default:
		return nil
	}
	return c
}
