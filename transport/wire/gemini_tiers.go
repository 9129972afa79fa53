package wire

import (
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

var (
	geminiTiers = []policy.Tier{policy.Flex, policy.Standard, policy.Priority}
	// A flex request is never served on another tier (page on flex inference).
	geminiStrict = []policy.Tier{policy.Flex}
)

// geminiTier returns the policy's name of one of Gemini's tiers. Early clients wrote SERVICE_TIER_FLEX.
func geminiTier(name string) policy.Tier {
	switch name {
	case "":
		return ""
	case "flex":
		return policy.Flex
	case "standard":
		return policy.Standard
	case "priority":
		return policy.Priority
	}
	name = strings.TrimPrefix(strings.ToLower(printable(name)), "service_tier_")
	if name == "unspecified" {
		return ""
	}
	return policy.Tier(name)
}

// trafficTier returns the tier of a type of traffic, as Vertex AI names it.
func trafficTier(traffic string) policy.Tier {
	switch traffic {
	case "":
		return ""
	case "ON_DEMAND":
		return policy.Standard
	case "ON_DEMAND_FLEX":
		return policy.Flex
	case "ON_DEMAND_PRIORITY":
		return policy.Priority
	}
	return policy.Tier(strings.ToLower(identifier(traffic)))
}

// tierMember returns the member that names the tier, in the spelling that the body uses. Protocol buffers allow two.
func tierMember(body *transport.Fields) transport.Path {
	if body.Has(atServiceTierCamel) && !body.Has(atServiceTier) {
		return atServiceTierCamel
	}
	return atServiceTier
}

// geminiHeaders reads the tier that serves.
func geminiHeaders(h http.Header, a *Answer) {
	if tier := h.Get("X-Gemini-Service-Tier"); tier != "" {
		a.Tier = geminiTier(tier)
	}
}
