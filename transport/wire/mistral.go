package wire

// mistral reports a stream's usage unasked, and the tier within the usage. Source: recorded traffic of 2026.
var mistral = &provider{
	name:    "mistral",
	aliases: []string{"mistralai"},
	hosts:   []string{"api.mistral.ai", "codestral.mistral.ai"},
	dialects: []Dialect{&Compatible{
		Provider: "mistral",
		only:     []string{Chat, Embeddings, Transcription},
	}},
}
