package wire

import "github.com/skinflint-go/skinflint/policy"

// bedrock is Amazon Bedrock's API that is compatible with OpenAI's, and with Anthropic's messages. Answers name the tier in
// service_tier: default, flex, priority or reserved. Requests that are signed (SigV4) are not edited, because an edit would
// break the signature. Sources: the AWS page on the bedrock-mantle endpoint, 2026; recorded traffic of 2026.
var bedrock = &provider{
	name:    "bedrock",
	aliases: []string{"aws", "amazon", "amazonbedrock", "awsbedrock", "bedrockmantle"},
	begin:   "bedrock-mantle.", // bedrock-mantle.us-east-1.api.aws
	hosts:   []string{".api.aws"},
	dialects: []Dialect{newAnthropicMessages("bedrock"), &Compatible{
		Provider: "bedrock", AskUsage: true, only: []string{Chat, Responses},
		Tiers:   map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "default", policy.Priority: "priority"},
		tiers:   []policy.Tier{policy.Flex, policy.Standard, policy.Priority},
		aliases: map[string]policy.Tier{"auto": "auto", "standard": policy.Standard},
	}},
}
