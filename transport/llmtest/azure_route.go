package llmtest

import (
	"net/http"
	"strings"
)

// routeAzure returns the face for Azure's paths, or nil. Some of Groq's paths look the
// same and differ only in the host.
func routeAzure(r *http.Request, path string) face {
	if hostOf(r) == groqHost {
		return nil
	}
	if _, rest, ok := strings.Cut(path, "/openai/deployments/"); ok {
		deployment, operation, _ := strings.Cut(rest, "/")
		if deployment == "" {
			return nil
		}
		return routeAzureModel(r.Method, deployment, operation)
	}
	_, operation, ok := strings.Cut(path, "/openai/v1/")
	if !ok {
		return nil
	}
	if f := routeAzureModel(r.Method, "", operation); f != nil {
		return f
	}
	if r.Method == http.MethodPost && operation == "responses" {
		return azureResponses{azure{action: "Responses_Create"}}
	}
	if stored, ok := routeStored(r.Method, "/"+operation); ok {
		return azureStored{azure{action: "Responses_Get"}, stored}
	}
	return nil
}

// routeAzureModel returns the face for an operation that all of Azure's API versions have,
// or nil. The deployment is "" if the body names it.
func routeAzureModel(method, deployment, operation string) face {
	switch {
	case method != http.MethodPost:
		return nil
	case operation == "chat/completions":
		return azureChat{azure{deployment: deployment, action: "ChatCompletions_Create"}}
	case operation == "embeddings":
		return azureEmbeddings{azure{deployment: deployment, action: "Embeddings_Create"}}
	}
	return nil
}
