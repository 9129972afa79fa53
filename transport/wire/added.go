package wire

// addedBy says how many tokens of its own a provider adds to a request at most, if that is less than 1,024. In recorded
// traffic of 2026, no request of these has more tokens than bytes. xAI and OpenRouter add up to about 150 and 450, and
// Anthropic's page on tools has up to about 700.
var addedBy = map[string]int64{
	"openai": 128, "azure": 128, "gemini": 128, "vertex": 128, "groq": 128, "deepseek": 128, "mistral": 128, "perplexity": 128,
	"xai": 512,
}
