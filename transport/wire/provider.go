package wire

import (
	"slices"
	"strings"
)

// A provider is what its hosts have in common.
type provider struct {
	name     string
	hosts    []string // one that begins with a dot or a dash is the end of a host's name
	begin    string   // what the names of its hosts begin with; "" is anything
	aliases  []string // what else people call it, in lower case and without spaces and punctuation: see providerNamed
	dialects []Dialect
	free     []string // segments of paths, in addition to freeSegments, by which a POST costs nothing
}

// freeSegments are segments of paths by which a POST to any known provider costs nothing when it is answered: it manages
// something, or counts. Sources: the providers' API references.
var freeSegments = []string{
	"files", "uploads", "upload", "batches", "batch", "moderations", "models", "cancel", "tokenize", "count_tokens", "keys", "auth",
}

// freeVerbs are the same in Google's paths, after a colon: of batches, of files, and of long-running operations.
var freeVerbs = []string{
	"cancel", "delete", "register", "fetchPredictOperation", "wait",
}

// isFree reports whether a POST to a path that no dialect understands is known to cost nothing.
func (p *provider) isFree(path string) bool { return isFree(path, p.free...) }

// isFree is the same for a provider with further segments that are free.
func isFree(path string, segmentsToo ...string) bool {
	segments := strings.Split(path, "/")
	last := segments[len(segments)-1]
	switch {
	case submits(path):
		return false
	case last == "runs", last == "submit_tool_outputs", slices.Contains(segments, "agents"):
		return false // the assistant, the model or the agent answers
	}
	if _, verb, ok := strings.Cut(last, ":"); ok {
		return slices.Contains(freeVerbs, verb)
	}
	for _, s := range segments {
		if slices.Contains(freeSegments, s) || slices.Contains(segmentsToo, s) {
			return true
		}
	}
	return false
}

// submits reports whether a POST to a path submits work that is charged for when it is done: to submit it twice is to pay
// for it twice.
func submits(path string) bool {
	for _, end := range []string{
		"/batches", "/batch/jobs", "/fine_tuning/jobs", "/graders/run", ":batchGenerateContent", ":asyncBatchEmbedContent",
		"/tunedModels", "/batchPredictionJobs", "/tuningJobs", "/realtime/calls",
	} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return strings.HasSuffix(path, "/resume") && strings.Contains(path, "/fine_tuning/jobs/") ||
		strings.HasSuffix(path, "/accept") && strings.Contains(path, "/realtime/calls/")
}
