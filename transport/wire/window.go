package wire

import (
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// A background response may name a completion window, within which it is to be done, and has prices by it: "2h" or "8h". With
// "soonest", or no window, it has those of its tier. Prices call the windows window_2h and window_8h. Source: OpenAI's guide
// on background responses, November 2026.
//
//	{"model": "gpt-6.2-sol", "background": true, "background_options": {"completion_window": "8h"}, "input": "..."}
const windowPrefix = "window_"

// windowAt returns the window that a member names, as a tier; "" if it names none.
func windowAt(doc *transport.Fields, path transport.Path) policy.Tier {
	switch window := doc.Text(path); window {
	case "", "soonest":
		return ""
	default:
		return policy.Tier(printable(windowPrefix + window))
	}
}

// windowOf returns the window in a call's tier; "" if it has none.
func windowOf(tier policy.Tier) policy.Tier {
	if at := strings.Index(string(tier), windowPrefix); at >= 0 {
		return tier[at:]
	}
	return ""
}

// withWindow returns the tier of a request that names both a tier and a window. What the two cost together is not known,
// unless the tier is the standard one.
func withWindow(tier, window policy.Tier) policy.Tier {
	if tier == "" || tier == policy.Standard || tier == "auto" {
		return window
	}
	return tier + "+" + window
}
