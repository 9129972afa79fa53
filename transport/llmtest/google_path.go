package llmtest

import (
	"strconv"
	"strings"
)

// googlePath is what the path of a Google URL says: which of the two APIs it belongs to,
// and the project and location. It forms the full names of models and caches.
type googlePath struct {
	version           string // such as v1beta
	vertex            bool   // Vertex, not Gemini
	project, location string // Vertex only
}

// parseGooglePath parses a URL path, or a resource name. Paths of Vertex name a project
// and a location, or only the publisher:
//
//	v1beta/models/gemini-2.5-flash:generateContent
//	v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent
func parseGooglePath(path string) (g googlePath) {
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

// provider returns the name of the API's provider.
func (g googlePath) provider() string {
	if g.vertex {
		return "vertex"
	}
	return "gemini"
}

// regional reports whether this is a regional endpoint of Vertex. Those have only the
// standard tier, and use it for every request without an error.
func (g googlePath) regional() bool {
	return g.vertex && g.location != "" && g.location != "global"
}

// cacheParent returns the prefix of the names of caches, "" for Gemini. It contains the
// number of the project even if the path has its id.
func (g googlePath) cacheParent() string {
	if !g.vertex {
		return ""
	}
	return "projects/" + projectNumber(g.project) + "/locations/" + g.location + "/"
}

// cacheName returns the full name of a cache.
func (g googlePath) cacheName(id string) string { return g.cacheParent() + "cachedContents/" + id }

// projectNumber returns the number of a project, which depends only on its id.
func projectNumber(project string) string {
	if project == "" || strings.Trim(project, "0123456789") == "" {
		return project
	}
	return strconv.FormatUint(100_000_000_000+fold(fingerprint([]byte(project)))%900_000_000_000, 10)
}

// modelName returns the full name of a model.
func (g googlePath) modelName(model string) string {
	switch {
	case !g.vertex:
		return "models/" + model
	case g.project == "":
		return "publishers/google/models/" + model
	}
	return "projects/" + g.project + "/locations/" + g.location + "/publishers/google/models/" + model
}

// shortName returns the last part of a resource name.
func shortName(name string) string {
	_, last := cutLast(name)
	return last
}
