package llmtest

import (
	"net/http"
	"strings"
)

// routeAnthropic returns the face for Anthropic's paths, or nil. The /v1 may be missing
// under Anthropic's own host.
func routeAnthropic(r *http.Request, path string) face {
	path, counts := strings.CutSuffix(path, "/count_tokens")
	path, ok := strings.CutSuffix(path, "/messages")
	switch {
	case !ok || r.Method != http.MethodPost:
		return nil
	case !strings.HasSuffix(path, "/v1") && hostOf(r) != "api.anthropic.com":
		return nil
	case counts:
		return countMessages{}
	}
	return anthropicMessages{}
}
