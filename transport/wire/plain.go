package wire

// Providers whose APIs are compatible with OpenAI's, and with Anthropic's messages, and have nothing of their own.
// Sources: the providers' documentation of these endpoints.
var (
	deepSeek = plainProvider("deepseek", true, []string{Chat, Completions, Responses}, "api.deepseek.com")
	cerebras = plainProvider("cerebras", true, []string{Chat, Completions}, "api.cerebras.ai")
	moonshot = plainProvider("moonshotai", true, []string{Chat}, "api.moonshot.ai", "api.moonshot.cn")
	zai      = plainProvider("zai", false, []string{Chat}, "api.z.ai", "open.bigmodel.cn") // reports a stream's usage unasked
)

// plainProvider returns such a provider. operations are those of OpenAI's API that it has.
func plainProvider(name string, askUsage bool, operations []string, hosts ...string) *provider {
	return &provider{name: name, hosts: hosts, dialects: []Dialect{
		&Compatible{Provider: name, AskUsage: askUsage, only: operations}, newAnthropicMessages(name),
	}}
}
