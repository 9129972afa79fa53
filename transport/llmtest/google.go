package llmtest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// google is what the endpoints of Gemini and of Vertex have in common: their
// names, words and headers.
type google struct {
	version           string // of the path, such as v1beta
	vertex            bool
	project, location string // Vertex alone
	style             errorStyle
}

// errorStyle is how an error is laid out.
type errorStyle uint8

const (
	objectStyle errorStyle = iota // pretty
	listStyle                     // the same in an array, where a stream of JSON was asked for
	compatStyle                   // on one line, in an array, at the OpenAI-compatible endpoint
)

func (g google) provider() string {
	if g.vertex {
		return "vertex"
	}
	return "gemini"
}

// regional says whether it is one of Vertex' regional endpoints, which know one
// tier only and serve every request by it, without a word.
func (g google) regional() bool {
	return g.vertex && g.location != "" && g.location != "global"
}

// parent is the resource that contains g's caches, with its slash, and "" at
// Gemini's. The project is named by its number, whatever the path has.
func (g google) parent() string {
	if !g.vertex {
		return ""
	}
	return "projects/" + projectNumber(g.project) + "/locations/" + g.location + "/"
}

// projectNumber returns the number of a project, which is drawn from its id.
func projectNumber(project string) string {
	if project == "" || strings.Trim(project, "0123456789") == "" {
		return project
	}
	return strconv.FormatUint(100_000_000_000+fold(fingerprint([]byte(project)))%900_000_000_000, 10)
}

// modelName is the full name of a model.
func (g google) modelName(model string) string {
	switch {
	case !g.vertex:
		return "models/" + model
	case g.project == "":
		return "publishers/google/models/" + model
	}
	return "projects/" + g.project + "/locations/" + g.location + "/publishers/google/models/" + model
}

// shortModel is the last part of a model's name.
func shortModel(name string) string {
	_, last := cutLast(name)
	return last
}

// ask notes what g's path says of a request.
func (g google) ask(x *exchange, operation, model string) {
	x.ask.provider, x.ask.operation, x.ask.model = g.provider(), operation, model
	x.ask.served = "standard"
}

func (google) vet(*exchange) *apiError { return nil }

// head adds the headers of Google's front end, which has neither rate limits nor
// request ids among them.
func (g google) head(x *exchange, h http.Header, _ int) {
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
