package llmtest

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// route returns the face that a request is made to, or nil if there is none.
func route(r *http.Request) face {
	path := strings.TrimSuffix(r.URL.Path, "/")
	if f := routeGoogle(r, path); f != nil {
		return f
	}
	if f := routeAnthropic(r, path); f != nil {
		return f
	}
	if f := routeAzure(r, path); f != nil {
		return f
	}
	switch r.Method {
	case http.MethodPost:
		switch {
		case strings.HasSuffix(path, "/v1beta/openai/chat/completions"), strings.HasSuffix(path, "/v1beta/chat/completions"):
			return compatChat{google{style: compatStyle}}
		case strings.HasSuffix(path, "/chat/completions") && host(r) == "api.groq.com":
			return groqChat{}
		case strings.HasSuffix(path, "/chat/completions"):
			return openAIChat{}
		case strings.HasSuffix(path, "/responses"):
			return openAIResponses{}
		case strings.HasSuffix(path, "/embeddings"):
			return openAIEmbeddings{}
		}
		if rest, ok := strings.CutSuffix(path, "/cancel"); ok && responseID(rest) != "" {
			return storedResponse{id: responseID(rest), cancel: true}
		}
	case http.MethodGet:
		if id := responseID(path); id != "" {
			return storedResponse{id: id}
		}
	}
	return nil
}

// routeAnthropic returns the face of a path of Anthropic's, or nil.
func routeAnthropic(r *http.Request, path string) face {
	before, counts := strings.CutSuffix(path, "/count_tokens")
	before, ok := strings.CutSuffix(before, "/messages")
	switch {
	case !ok || r.Method != http.MethodPost:
		return nil
	case !strings.HasSuffix(before, "/v1") && host(r) != "api.anthropic.com":
		return nil
	case counts:
		return countMessages{}
	}
	return anthropicMessages{}
}

// routeAzure returns the face of a path of Azure's, or nil. Groq's paths look the
// same.
func routeAzure(r *http.Request, path string) face {
	if host(r) == "api.groq.com" {
		return nil
	}
	var deployment string
	_, rest, ok := strings.Cut(path, "/openai/deployments/")
	if ok {
		deployment, rest, _ = strings.Cut(rest, "/")
		ok = deployment != ""
	} else {
		_, rest, ok = strings.Cut(path, "/openai/v1/")
	}
	if !ok {
		return nil
	}
	post := r.Method == http.MethodPost
	switch {
	case post && rest == "chat/completions":
		return azureChat{azure{deployment: deployment, action: "ChatCompletions_Create"}}
	case post && rest == "embeddings":
		return azureEmbeddings{azure{deployment: deployment, action: "Embeddings_Create"}}
	case deployment != "":
		return nil
	case post && rest == "responses":
		return azureResponses{azure{action: "Responses_Create"}}
	}
	return routeAzureStored(r.Method, "/"+rest)
}

// routeAzureStored returns the face of what becomes of a response, or nil.
func routeAzureStored(method, path string) face {
	before, cancel := strings.CutSuffix(path, "/cancel")
	id := responseID(before)
	if id == "" || cancel != (method == http.MethodPost) || !cancel && method != http.MethodGet {
		return nil
	}
	return azureStored{azure{action: "Responses_Get"}, storedResponse{id: id, cancel: cancel}}
}

// host is the name of the host that the client believes it is talking to.
func host(r *http.Request) string {
	name := r.Host
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	return strings.ToLower(name)
}

// responseID returns the last part of a path that ends in /responses/ID, or "".
func responseID(path string) string {
	rest, id := cutLast(path)
	if strings.HasSuffix(rest, "/responses") {
		return id
	}
	return ""
}

// cutLast cuts a path before its last part.
func cutLast(path string) (rest, last string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// routeGoogle returns the face of a path of Gemini's or Vertex' own, or nil.
func routeGoogle(r *http.Request, path string) face {
	g := googleAt(path)
	if rest, last := cutLast(path); strings.HasSuffix(rest, "/models") {
		model, verb, ok := strings.Cut(last, ":")
		if !ok || r.Method != http.MethodPost {
			return nil
		}
		return modelVerb(g, r, model, verb)
	}
	return cacheRoute(g, r.Method, path)
}

// googleAt says which of Google's two faces a path belongs to. Vertex' paths name
// a project and a location, or the publisher alone.
func googleAt(path string) (g google) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		switch {
		case i == 0 && strings.HasPrefix(part, "v1"):
			g.version = part
		case part == "publishers":
			g.vertex = true
		case part == "projects" && i+3 < len(parts) && parts[i+2] == "locations":
			g.vertex, g.project, g.location = true, parts[i+1], parts[i+3]
		}
	}
	return g
}

// modelVerb returns the face of one method of a model.
func modelVerb(g google, r *http.Request, model, verb string) face {
	query := r.URL.Query()
	ints := numericEnums(r.URL.RawQuery)
	switch verb {
	case "generateContent":
		return generate{google: g, model: model, ints: ints}
	case "streamGenerateContent":
		sse := query.Get("alt") == "sse" || query.Get("$alt") == "sse"
		if !sse {
			g.style = listStyle
		}
		return generate{google: g, model: model, ints: ints, streamed: true, sse: sse}
	case "countTokens":
		return countTokens{google: g, model: model, ints: ints}
	case "embedContent", "batchEmbedContents":
		return embedContent{google: g, model: model, batch: verb == "batchEmbedContents"}
	}
	return nil
}

// numericEnums says whether the query has $alt=json;enum-encoding=int, whose
// semicolon may come escaped or not. url.Query drops it if not.
func numericEnums(query string) bool {
	plain, err := url.QueryUnescape(query)
	return err == nil && strings.Contains(plain, ";enum-encoding=int")
}

// cacheRoute returns the face of a path of cachedContents, or nil.
func cacheRoute(g google, method, path string) face {
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
