package wire

// vercel has the models of others. Reasoning is neither in its count of the output nor in its total, and its stated costs agree
// with that. Source: recorded traffic of 2026.
var vercel = &provider{
	name:    "vercel",
	aliases: []string{"vercelai", "vercelaigateway", "aigateway"},
	hosts:   []string{"ai-gateway.vercel.sh"},
	dialects: []Dialect{newAnthropicMessages("vercel"), &Compatible{
		Provider: "vercel", AskUsage: true, reasoningApart: true,
	}},
}
