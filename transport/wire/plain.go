package wire

import "strings"

// Providers whose APIs are compatible with OpenAI's, and with Anthropic's messages, and have nothing of their own.
// Sources: the providers' documentation of these endpoints.
var (
	deepSeek = plainProvider("deepseek", "deepseekai", true, []string{Chat, Completions, Responses}, "api.deepseek.com")
	cerebras = plainProvider("cerebras", "cerebrasai", true, []string{Chat, Completions}, "api.cerebras.ai")
	moonshot = plainProvider("moonshotai", "moonshot kimi", true, []string{Chat}, "api.moonshot.ai", "api.moonshot.cn")
	zai      = plainProvider("zai", "zhipu zhipuai bigmodel glm", false, []string{Chat}, "api.z.ai", "open.bigmodel.cn") // reports a stream's usage unasked
)

// plainProvider returns such a provider. aliases are separated by spaces; operations are those of OpenAI's API that it has.
func plainProvider(name, aliases string, askUsage bool, operations []string, hosts ...string) *provider {
	return &provider{name: name, aliases: strings.Fields(aliases), hosts: hosts, dialects: []Dialect{
		&Compatible{Provider: name, AskUsage: askUsage, only: operations}, newAnthropicMessages(name),
	}}
}
