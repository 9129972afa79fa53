package price

import "strings"

// ourProviders has our names of the providers that lists call by another. All others keep the list's name.
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

// ourProvider is our name of a list's provider. LiteLLM has a provider for each publisher on Vertex AI.
func ourProvider(name string) string {
	if strings.HasPrefix(name, "vertex_ai-") {
		return "vertex"
	}
	if ours, ok := ourProviders[name]; ok {
		return ours
	}
	return name
}
