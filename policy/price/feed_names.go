package price

import "strings"

// ourProviders maps a list's name of a provider to ours. A provider that is not here has the same name in both.
var ourProviders = map[string]string{
	"aws":                    "bedrock",
	"azure-ai":               "azure",
	"azure-openai":           "azure",
	"azure_ai":               "azure",
	"azure_text":             "azure",
	"bedrock_converse":       "bedrock",
	"cohere_chat":            "cohere",
	"google":                 "gemini",
	"mistral-ai":             "mistral",
	"moonshot":               "moonshotai",
	"perplexity-ai":          "perplexity",
	"text-completion-openai": "openai",
	"vertex-ai":              "vertex",
	"vertex_ai":              "vertex",
	"x-ai":                   "xai",
	"z-ai":                   "zai",
}

// ourProvider returns our name of a list's provider. LiteLLM has one provider for each publisher on Vertex AI.
func ourProvider(name string) string {
	if strings.HasPrefix(name, "vertex_ai-") {
		return "vertex"
	}
	if ours, ok := ourProviders[name]; ok {
		return ours
	}
	return name
}

// feedTier returns the tier by a list's name of it, if a catalog has such a tier. OpenAI's fast mode is what it called priority
// until July 2026.
func feedTier(provider, name string) (tierName, bool) {
	if name == "fast" && provider == "openai" {
		return priority, true
	}
	return tierOf(name)
}
