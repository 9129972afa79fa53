package main

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// A service is a provider's API.
type service struct {
	name  string
	url   string
	env   string // the variable that has the key
	where string // keys are made
	auth  func(http.Header, string)
}

var (
	openAI = &service{
		name: "OpenAI", url: "https://api.openai.com", env: "OPENAI_API_KEY", where: "https://platform.openai.com/api-keys",
		auth: func(h http.Header, key string) { h.Set("Authorization", "Bearer "+key) },
	}
	gemini = &service{
		name: "Gemini", url: "https://generativelanguage.googleapis.com", env: "GEMINI_API_KEY", where: "https://aistudio.google.com/apikey",
		auth: func(h http.Header, key string) { h.Set("X-Goog-Api-Key", key) },
	}
	geminiCompatible = &service{name: gemini.name, url: gemini.url, env: gemini.env, where: gemini.where, auth: openAI.auth}

	anthropic = &service{
		name: "Anthropic", url: "https://api.anthropic.com", env: "ANTHROPIC_API_KEY", where: "https://platform.claude.com/settings/keys",
		auth: func(h http.Header, key string) {
			h.Set("X-Api-Key", key)
			h.Set("Anthropic-Version", "2023-06-01")
		},
	}
)

// serviceFor returns the service that has a path.
func serviceFor(path string) *service {
	switch {
	case strings.HasPrefix(path, "/v1beta/openai/"):
		return geminiCompatible
	case strings.Contains(path, ":generateContent"), strings.HasPrefix(path, "/v1beta/"):
		return gemini
	case strings.HasPrefix(path, "/v1/messages"):
		return anthropic
	}
	return openAI
}

// base returns the URL before the path.
func (s *service) base(set *settings) string {
	return strings.TrimSuffix(cmp.Or(set.url, s.url), "/")
}

// key returns the key for the service.
func (s *service) key(set *settings) (string, error) {
	if !set.live {
		return "not-needed", nil
	}
	name := cmp.Or(set.keyFrom, s.env)
	key := os.Getenv(name)
	if key == "" {
		return "", fmt.Errorf("-live needs a key for %s in the environment variable %s: create one at %s", s.name, name, s.where)
	}
	return key, nil
}
